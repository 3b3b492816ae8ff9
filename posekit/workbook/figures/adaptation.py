"""Drawings of domain adaptation: the idea of the alignment, what a generator makes of poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import (
    BLUE,
    DROPDOWN,
    GREEN,
    GREY,
    HIDDEN_AXIS,
    RED,
    SIDE_COLOURS,
    checked,
    rounded,
    side,
    styled,
)

# Of the schematic, seen from the side: (depth, height) in metres, the camera at (0, 0), the screen
# at depth 1. A person of no depth, so that the alignment is exact.
SCREEN = 1.0
BODY = {"head": 0.75, "hip": 0.0, "feet": -0.9}
SOURCE_HIP = (2.4, -0.35)
TARGET_HIP, TARGET_SIZE = 0.12, 0.375  # on the screen

BETWEEN = 1.5  # metres from one drawn pose to the next


def alignment_idea() -> go.Figure:
    """A schematic of global position alignment, from the side and to scale.

    A labelled person of the source, the 2D of somebody in the target's picture, and the place to
    which the labelled person is moved so that the target's camera sees it at the same size with
    the hip at the same place.
    """
    size = BODY["head"] - BODY["feet"]
    depth = SCREEN * size / TARGET_SIZE
    moved = (depth, TARGET_HIP * depth / SCREEN)
    seen = TARGET_SIZE / size
    target = {name: TARGET_HIP + seen * height for name, height in BODY.items()}
    figure = go.Figure(
        [
            _line([(SCREEN, -0.62), (SCREEN, 0.42)], GREY, 2, "screen of the target's camera"),
            *_rays(SOURCE_HIP, RED),
            *_rays(moved, BLUE),
            _person(SOURCE_HIP, RED, "labelled pose of the source"),
            _person(moved, BLUE, "the same pose, aligned"),
            _line(
                [(SCREEN + 0.05, target["feet"]), (SCREEN + 0.05, target["head"])],
                GREEN,
                9,
                "a 2D pose of the target, no label",
            ),
            go.Scatter(
                x=[0],
                y=[0],
                mode="markers",
                marker={"size": 13, "color": GREY, "symbol": "square"},
                name="camera",
                hoverinfo="skip",
            ),
        ]
    )
    figure.add_annotation(
        **{"x": moved[0], "y": moved[1], "ax": SOURCE_HIP[0], "ay": SOURCE_HIP[1]},
        **{"xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": ""},
        **{"arrowhead": 2, "arrowwidth": 2, "arrowcolor": BLUE, "standoff": 7},
    )
    return styled(
        figure,
        height=430,
        title="One pair, seen from the side",
        xaxis={**HIDDEN_AXIS, "range": [-0.2, 5.0]},
        yaxis={**HIDDEN_AXIS, "scaleanchor": "x"},
        legend={"y": -0.02, "yanchor": "top", "itemsizing": "constant"},
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )


def drawn_poses(
    drawn: Mapping[str, Mapping[str, ArrayLike]], skeleton: Skeleton, *, title: str = ""
) -> go.Figure:
    """Poses side by side as the camera sees them, one set of them at a time.

    The first pose of a set stands behind the others, grey and dashed, root on root.

    Args:
        drawn: name of a set -> name of a pose -> (joints, 3), camera axes, metres; the names of
            poses are the same in every set.
        skeleton: of the poses.
        title: over the plot.

    Raises:
        InvalidData: no set, other names in another set, or another shape.
    """
    names = list(next(iter(drawn.values()), {}))
    if not names:
        raise InvalidData("no pose to draw; expected at least one set with one pose.")
    sets = [_centred(poses, names, skeleton) for poses in drawn.values()]
    figure = go.Figure()
    for number, poses in enumerate(sets):
        for trace in _row_of_bodies(poses, skeleton):
            figure.add_scatter(**trace, visible=number == 0)
    each = len(figure.data) // len(sets)
    buttons = [
        {
            "label": name,
            "method": "update",
            "args": [{"visible": [trace // each == number for trace in range(each * len(sets))]}],
        }
        for number, name in enumerate(drawn)
    ]
    low, high = np.min(sets, axis=(0, 1, 2)), np.max(sets, axis=(0, 1, 2))
    top = float(-low[1]) + 0.15
    for place, name in enumerate(names):
        figure.add_annotation(
            x=BETWEEN * place, y=top, text=name, showarrow=False, font={"size": 11}
        )
    return styled(
        figure,
        height=420,
        title=title,
        xaxis={**HIDDEN_AXIS, "range": [-0.75, BETWEEN * len(names) - 0.75]},
        yaxis={**HIDDEN_AXIS, "scaleanchor": "x", "range": [-float(high[1]) - 0.1, top + 0.15]},
        showlegend=False,
        updatemenus=[{**DROPDOWN, "y": 1.02, "yanchor": "bottom", "buttons": buttons}],
        margin={"l": 10, "r": 10, "t": 90, "b": 10},
    )


def _centred(
    poses: Mapping[str, ArrayLike], names: Sequence[str], skeleton: Skeleton
) -> NDArray[np.float64]:
    """(poses, joints, 3), each with its root at the origin."""
    if list(poses) != list(names):
        raise InvalidData(
            f"a set holds the poses {', '.join(poses)}; expected {', '.join(names)}, as the first."
        )
    shape = (skeleton.joints, 3)
    stacked = np.stack([checked(name, pose, shape) for name, pose in poses.items()])
    return stacked - stacked[:, skeleton.root, None]


def _row_of_bodies(poses: NDArray[np.float64], skeleton: Skeleton) -> list[dict]:
    """Scatter arguments: the first pose behind each of the others, then all poses by sides."""
    behind = [(place, poses[0]) for place in range(1, len(poses))]
    traces = [_bones(behind, list(skeleton.bones), GREY, 2, "dash")]
    bodies = list(enumerate(poses))
    for view, colour in SIDE_COLOURS.items():
        bones = [bone for bone in skeleton.bones if side(skeleton, bone[0]) == view]
        traces.append(_bones(bodies, bones, colour, 4, "solid"))
    return traces


def _bones(
    bodies: Sequence[tuple[int, NDArray[np.float64]]],
    bones: Sequence[tuple[int, int]],
    colour: str,
    width: int,
    dash: str,
) -> dict:
    x: list[float | None] = []
    y: list[float | None] = []
    for place, pose in bodies:
        for child, parent in bones:
            ends = pose[[parent, child], :2]
            x += [*rounded(ends[:, 0] + BETWEEN * place, 3), None]
            y += [*rounded(-ends[:, 1], 3), None]
    line = {"color": colour, "width": width, "dash": dash}
    return {"x": x, "y": y, "mode": "lines", "line": line, "hoverinfo": "skip"}


def _person(hip: tuple[float, float], colour: str, name: str) -> go.Scatter:
    depth, height = hip
    return go.Scatter(
        x=[depth] * len(BODY),
        y=rounded([height + above for above in BODY.values()], 4),
        mode="lines+markers",
        marker={"size": [15, 9, 9], "color": colour},
        line={"width": 5, "color": colour},
        text=list(BODY),
        hovertemplate=f"%{{text}}, {name}<extra></extra>",
        name=name,
    )


def _rays(hip: tuple[float, float], colour: str) -> list[go.Scatter]:
    """From the camera to head and feet."""
    depth, height = hip
    return [
        go.Scatter(
            x=[0, depth],
            y=rounded([0, height + BODY[name]], 4),
            mode="lines",
            line={"width": 1.5, "color": colour, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
        for name in ("head", "feet")
    ]


def _line(points: ArrayLike, colour: str, width: float, name: str) -> go.Scatter:
    places = np.asarray(points, dtype=np.float64)
    return go.Scatter(
        x=rounded(places[:, 0], 4),
        y=rounded(places[:, 1], 4),
        mode="lines",
        line={"width": width, "color": colour},
        name=name,
        hoverinfo="skip",
    )
