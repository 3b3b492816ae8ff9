"""What a crop loses of its camera: the person in the full picture, in its crop, and turned to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.motion import slider
from posekit.workbook.figures.style import (
    GREY,
    HIDDEN_AXIS,
    ORANGE,
    SERIES,
    SIDE_COLOURS,
    checked,
    rounded,
    side,
    styled,
)

WIDEST = 60  # degrees off the camera's axis at the end of the colour scale
_COLOURS = "Viridis"


@dataclass(frozen=True)
class SeenPerson:
    """One person before one camera, in the full picture and in both crops.

    Attributes:
        full: (J, 2) pixels of the full picture.
        box: (4,) x, y, width, height of the plain crop in it.
        picture: width and height of the full picture.
        plain, rotated: (J, 2) pixels of the crops without and with the perspective rotation.
        plain_rays, rotated_rays: (n, n) degrees of the crops' rays off their camera's axis.
        crop_px: side of the crops.
    """

    full: NDArray[np.float64]
    box: NDArray[np.float64]
    picture: tuple[int, int]
    plain: NDArray[np.float64]
    rotated: NDArray[np.float64]
    plain_rays: NDArray[np.float64]
    rotated_rays: NDArray[np.float64]
    crop_px: int


def perspective_idea(
    crops: Mapping[str, NDArray[np.uint8]], rays: Mapping[str, NDArray[np.float64]]
) -> Figure:
    """Crops of one person, and below each how far its rays are off the axis of its camera.

    Args:
        crops: heading -> (S, S, 3) RGB.
        rays: heading -> (n, n) degrees; the same headings.

    Raises:
        InvalidData: headings that differ, or none.
    """
    if not crops or list(crops) != list(rays):
        raise InvalidData(f"crops {list(crops)} and rays {list(rays)} differ; give both of each.")
    figure = Figure(figsize=(3.1 * len(crops) + 0.9, 6.0), layout="constrained")
    axes = figure.subplots(2, len(crops), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for (heading, crop), (above, below) in zip(crops.items(), axes.T, strict=True):
        above.imshow(crop, interpolation="nearest")
        above.set_title(heading, fontsize=10, color=GREY)
        drawn = below.imshow(rays[heading], vmin=0, vmax=WIDEST, cmap=_COLOURS.lower())
    bar = figure.colorbar(drawn, ax=axes[1, :], shrink=0.8)
    bar.set_label("ray off the axis (°)", color=GREY)
    bar.ax.tick_params(colors=GREY)
    return figure


def perspective_viewer(seen: Mapping[str, SeenPerson], skeleton: Skeleton) -> go.Figure:
    """A person in the full picture and in both crops, for each of some cameras (slider).

    Args:
        seen: what the slider says -> the person.
        skeleton: of its joints; left limbs blue, right limbs orange-red.

    Raises:
        InvalidData: nobody, or joints of another skeleton.
    """
    if not seen:
        raise InvalidData("nobody to show; give one person at least.")
    for name, person in seen.items():
        checked(f"{name}: joints", person.full, (skeleton.joints, 2), f" of {skeleton.name}")
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{"colspan": 2}, None], [{}, {}]],
        horizontal_spacing=0.02,
        vertical_spacing=0.08,
        subplot_titles=["picture", "crop, rays", "turned to"],
    )
    first = next(iter(seen.values()))
    drawn = {name: _traces(person, skeleton) for name, person in seen.items()}
    traces = next(iter(drawn.values()))
    places = ((1, 1), (2, 1), (2, 2))
    for (row, column), part in zip(places, traces, strict=True):
        for trace in part:
            figure.add_trace(trace, row=row, col=column)
    figure.frames = [
        go.Frame(name=name, data=[trace for part in parts for trace in part])
        for name, parts in drawn.items()
    ]
    sizes = (first.picture, (first.crop_px, first.crop_px), (first.crop_px, first.crop_px))
    for number, ((row, column), (width, height)) in enumerate(zip(places, sizes, strict=True)):
        figure.update_xaxes(**HIDDEN_AXIS, range=[0, width], row=row, col=column)
        figure.update_yaxes(
            **HIDDEN_AXIS,
            range=[height, 0],
            scaleanchor=f"x{number + 1 if number else ''}",
            row=row,
            col=column,
        )
    figure.update_annotations(font={"size": 13, "color": GREY})
    sliders = [slider(list(seen), prefix="")] if len(seen) > 1 else []
    return styled(figure, height=640, margin={"t": 40, "b": 150}, showlegend=False, sliders=sliders)


def _traces(person: SeenPerson, skeleton: Skeleton) -> tuple[list[go.BasePlotlyType], ...]:
    width, height = person.picture
    x, y, w, h = person.box
    edges = ([0, width, width, 0, 0], [0, 0, height, height, 0])
    box = ([x, x + w, x + w, x, x], [y, y, y + h, y + h, y])
    centre = ([width / 2], [height / 2])
    full = [
        _line(*edges, GREY),
        _line(*box, ORANGE),
        go.Scatter(
            x=centre[0],
            y=centre[1],
            mode="markers",
            marker={"symbol": "cross-thin-open", "size": 12, "color": GREY},
            hovertemplate="optical axis<extra></extra>",
        ),
        *_limbs(person.full, skeleton),
    ]
    crops = [
        [_rays(rays, person.crop_px, bar=place == 1), *_limbs(points, skeleton, light=True)]
        for place, (rays, points) in enumerate(
            ((person.plain_rays, person.plain), (person.rotated_rays, person.rotated))
        )
    ]
    return (full, *crops)


def _rays(rays: NDArray[np.float64], crop_px: int, *, bar: bool) -> go.Heatmap:
    places = (np.arange(len(rays)) + 0.5) * crop_px / len(rays)
    return go.Heatmap(
        z=np.round(rays, 1).tolist(),
        x=rounded(places, 2),
        y=rounded(places, 2),
        zmin=0,
        zmax=WIDEST,
        colorscale=_COLOURS,
        showscale=bar,
        colorbar={
            "title": {"text": "ray off the axis (°)", "side": "bottom", "font": {"size": 13}},
            **{"orientation": "h", "thickness": 10, "len": 0.6},
            **{"x": 0.5, "y": -0.01, "yanchor": "top"},
        },
        hovertemplate="%{z:.0f}° off the axis<extra></extra>",
    )


def _limbs(
    points: NDArray[np.float64], skeleton: Skeleton, *, light: bool = False
) -> list[go.Scatter]:
    """A line for each side of the body, with gaps between bones; on colours a wide white below."""
    found = []
    for name, colour in SIDE_COLOURS.items():
        x: list[float | None] = []
        y: list[float | None] = []
        for child, parent in skeleton.bones:
            if side(skeleton, child) == name:
                ends = points[[child, parent]]
                x += [*rounded(ends[:, 0], 1), None]
                y += [*rounded(ends[:, 1], 1), None]
        if light:
            found.append(_line(x, y, "white", width=6))
        found.append(_line(x, y, colour, width=3))
    return found


def _line(x: list, y: list, colour: str, width: float = 2) -> go.Scatter:
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": colour, "width": width}, hoverinfo="skip"
    )


def focal_error_curve(errors: Mapping[str, Mapping[float, float]]) -> go.Figure:
    """Error over what the focal length is taken for, as a multiple of the true one.

    Args:
        errors: name of the runs -> multiple -> MPJPE in millimetres.

    Raises:
        InvalidData: nothing to draw, or a multiple that is not above zero.
    """
    if not errors or any(factor <= 0 for by_factor in errors.values() for factor in by_factor):
        raise InvalidData("focal lengths are multiples above zero of the true one; give some.")
    figure = go.Figure(
        [
            go.Scatter(
                x=list(by_factor),
                y=rounded(list(by_factor.values()), 2),
                name=name,
                mode="lines+markers",
                line={"color": colour},
                hovertemplate=f"{name}, f x %{{x}}: %{{y:.1f}} mm<extra></extra>",
            )
            for (name, by_factor), colour in zip(errors.items(), SERIES, strict=False)
        ]
    )
    ticks = sorted({factor for by_factor in errors.values() for factor in by_factor})
    axis = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return styled(
        figure,
        height=360,
        yaxis={"title": {"text": "MPJPE (mm)"}},
        xaxis={"title": {"text": "focal length taken / true focal length"}, **axis},
    )
