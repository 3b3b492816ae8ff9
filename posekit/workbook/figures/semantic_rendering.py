"""Bodies over pictures: what clothes tell of them, fits step by step, errors by looseness."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from matplotlib import image as pictures_file
from matplotlib.figure import Figure
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from posekit.bodies.semantic_labels import ID, MINIMAL
from posekit.errors import InvalidData
from posekit.workbook.figures.motion import play_button, slider
from posekit.workbook.figures.style import GREY, HIDDEN_AXIS, SERIES, rounded, styled

ZOOM = 4  # screen pixels of a pixel of a crop, so that outlines are thin
STEP_MILLISECONDS = 400
FOUND, TRUE = (213, 94, 0), (0, 158, 115)
BARE, CLOTHED, EMPTY = (0, 158, 115), (86, 180, 233), (225, 229, 234)


@dataclass(frozen=True)
class WatchedFit:
    """One fit of a body to a picture, as far as it was watched.

    Attributes:
        steps: (K,) numbers of the steps after which was looked.
        found: (K, S, S) bool, where the body is seen.
        rest_errors: (K,) mean vertex error in the rest pose, mm.
        fatter: (K,) by how much the body is too fat, mm.
    """

    steps: Sequence[int]
    found: NDArray[np.bool_]
    rest_errors: Sequence[float]
    fatter: Sequence[float]


def semantic_regions(
    picture: NDArray[np.uint8], labels: NDArray[np.uint8], body: NDArray[np.bool_]
) -> Figure:
    """One picture as a silhouette sees it and as clothing labels do, with the body inside.

    Args:
        picture: (S, S, 3) RGB.
        labels: (S, S) ids of the person's labels.
        body: (S, S), where the naked body is seen.

    Raises:
        InvalidData: sides that differ.
    """
    if picture.shape[:2] != labels.shape or labels.shape != body.shape:
        raise InvalidData(
            f"picture {picture.shape}, labels {labels.shape} and body {body.shape} differ; give "
            "the same crop three times."
        )
    person = labels > 0
    silhouette = _coloured([(person, CLOTHED)], labels.shape)
    bare = np.isin(labels, [ID[name] for name in MINIMAL])
    regions = _coloured([(person, CLOTHED), (bare, BARE)], labels.shape)
    panels = {
        "what the camera sees": _enlarged(picture),
        "silhouette: the body has to fill it": outlined(silhouette, {FOUND: person, TRUE: body}),
        "labels: it fills the bare (green),\nstays inside the clothed (blue)": outlined(
            regions, {TRUE: body}
        ),
    }
    figure = Figure(figsize=(9.6, 3.7), layout="constrained")
    for axis, (title, shown) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        axis.imshow(shown, interpolation="nearest")
        axis.set_title(title, fontsize=10, color=GREY)
        axis.set_axis_off()
    return figure


def channel_sheet(channels: Mapping[str, NDArray[np.float64]], *, columns: int) -> Figure:
    """Rendered probabilities, so many small pictures in a row: name -> (S, S), 0 to 1."""
    rows = -(-len(channels) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.2 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (name, shown) in zip(axes, channels.items(), strict=False):
        axis.imshow(shown, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(name, fontsize=9, color=GREY)
    return figure


def fit_viewer(
    picture: NDArray[np.uint8], true: NDArray[np.bool_], fits: Mapping[str, WatchedFit]
) -> go.Figure:
    """Fits of one body side by side, step by step: outlines above, error of the shape below.

    Args:
        picture: (S, S, 3) RGB, what is fitted to.
        true: (S, S) bool, where the naked body is seen; its outline is green.
        fits: name of the terms -> the fit, all looked at after the same steps.

    Raises:
        InvalidData: no fit, or fits that were looked at after other steps.
    """
    watched = list(fits.values())
    if not watched or any(list(fit.steps) != list(watched[0].steps) for fit in watched):
        raise InvalidData("fits have to be looked at after the same steps; give one or more such.")
    count, steps = len(fits), watched[0].steps
    figure = make_subplots(
        rows=2,
        cols=count,
        row_heights=[0.62, 0.38],
        specs=[[{}] * count, [{"colspan": count}, *[None] * (count - 1)]],
        subplot_titles=list(fits),
        vertical_spacing=0.1,
        horizontal_spacing=0.02,
    )
    moving = [_moving(picture, true, fits, place) for place in range(len(steps))]
    for column, trace in enumerate(moving[0][:count], start=1):
        figure.add_trace(trace, row=1, col=column)
    for trace in moving[0][count:]:
        figure.add_trace(trace, row=2, col=1)
    for fit, colour, name in zip(watched, SERIES, fits, strict=False):
        for values, label, dash in (
            (fit.rest_errors, name, "solid"),
            (fit.fatter, f"{name}: too fat by", "dot"),
        ):
            line = {"color": colour, "width": 2, "dash": dash}
            trace = go.Scatter(
                x=list(steps), y=rounded(values, 2), mode="lines", name=label, line=line
            )
            figure.add_trace(trace, row=2, col=1)
    figure.frames = [
        go.Frame(name=str(step), data=traces, traces=list(range(len(traces))))
        for step, traces in zip(steps, moving, strict=True)
    ]
    for column in range(1, count + 1):
        figure.update_xaxes(**HIDDEN_AXIS, row=1, col=column)
        figure.update_yaxes(**HIDDEN_AXIS, row=1, col=column)
    figure.update_xaxes(title="step", row=2, col=1)
    figure.update_yaxes(title="at rest (mm)", row=2, col=1)
    names = [str(step) for step in steps]
    return styled(
        figure,
        height=700,
        margin={"t": 140, "b": 120},
        legend={"y": 1.07},  # above the titles; on a phone its entries stand below one another
        updatemenus=[play_button(STEP_MILLISECONDS)],
        sliders=[slider(names, prefix="step ")],
    )


def _moving(
    picture: NDArray[np.uint8],
    true: NDArray[np.bool_],
    fits: Mapping[str, WatchedFit],
    place: int,
) -> list[go.BasePlotlyType]:
    """The pictures of a step, then the points on the lines of errors."""
    shown = [
        go.Image(
            source=_embedded(outlined(picture, {TRUE: true, FOUND: fit.found[place]})),
            hoverinfo="skip",
        )
        for fit in fits.values()
    ]
    points = [
        go.Scatter(
            x=[fit.steps[place]],
            y=rounded([fit.rest_errors[place]], 2),
            mode="markers",
            marker={"size": 10, "color": colour},
            showlegend=False,
            hovertemplate=f"{name}: %{{y:.1f}} mm<extra></extra>",
        )
        for (name, fit), colour in zip(fits.items(), SERIES, strict=False)
    ]
    return [*shown, *points]


def error_bins(
    errors: Mapping[str, Mapping[str, float]], *, label: str, over: str, signed: bool = False
) -> go.Figure:
    """Bars by bin of the pictures, a group for each bin and a bar for each row.

    Args:
        errors: name of a row -> name of a bin -> figure, the same bins in the same order.
        label: of the vertical axis, with its unit.
        over: of the horizontal one, the quantity of the bins.
        signed: whether figures lie on both sides of zero, which is then drawn.
    """
    figure = go.Figure(
        [
            go.Bar(
                x=list(by_bin),
                y=rounded(list(by_bin.values()), 2),
                name=name,
                marker={"color": colour},
                hovertemplate=f"{name}, %{{x}}: %{{y:.1f}}<extra></extra>",
            )
            for (name, by_bin), colour in zip(errors.items(), SERIES, strict=False)
        ]
    )
    zero = {"zeroline": True, "zerolinewidth": 2} if signed else {}
    return styled(
        figure,
        barmode="group",
        height=400,
        yaxis={"title": {"text": label}, **zero},
        xaxis={"title": {"text": over}},
    )


def outlined(
    picture: NDArray[np.uint8], masks: Mapping[tuple[int, int, int], NDArray[np.bool_]]
) -> NDArray[np.uint8]:
    """A picture (S, S, 3) enlarged, with the outline of each mask (S, S) in its colour."""
    shown = _enlarged(picture).copy()
    for colour, mask in masks.items():
        large = np.kron(mask, np.ones((ZOOM, ZOOM), dtype=bool))
        inner = large.copy()
        for axis in (0, 1):
            for shift in (-2, 2):
                inner &= np.roll(large, shift, axis)
        shown[large & ~inner] = colour
    return shown


def _enlarged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def _coloured(
    layers: Sequence[tuple[NDArray[np.bool_], tuple[int, int, int]]], size: tuple[int, ...]
) -> NDArray[np.uint8]:
    shown = np.full((*size, 3), EMPTY, dtype=np.uint8)
    for mask, colour in layers:
        shown[mask] = colour
    return shown


def _embedded(picture: NDArray[np.uint8]) -> str:
    """A picture as the address that plotly shows it from."""
    buffer = io.BytesIO()
    pictures_file.imsave(buffer, picture, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
