"""Drawings of a network's graphs: the skeleton, chains and pyramids of frames, topologies."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    SIDE_COLOURS,
    as_array,
    rounded,
    styled,
)

# Where a joint stands relative to its parent in the drawing: a word in the joint's name, a word in
# its parent's name ("" for any), and the step for the left side; the right side is mirrored.
# Seen from the front, so that the person's left is on the right.
_STEPS = (
    ("hip", "shoulder", (-0.15, -1.45)),
    ("hip", "thorax", (0.45, -1.5)),
    ("hip", "neck", (0.45, -1.5)),
    ("hip", "", (0.45, -0.25)),
    ("knee", "", (0.08, -1.0)),
    ("ankle", "", (0.05, -0.95)),
    ("foot", "ankle", (0.15, -0.25)),
    ("foot", "", (0.05, -0.95)),
    ("toe", "", (0.3, -0.2)),
    ("collar", "", (0.25, 0.2)),
    ("shoulder", "nose", (0.6, -0.5)),
    ("shoulder", "", (0.6, -0.05)),
    ("elbow", "", (0.35, -0.7)),
    ("wrist", "", (0.2, -0.65)),
    ("hand", "", (0.12, -0.3)),
    ("head top", "neck", (0.0, 1.0)),
    ("eye", "", (0.2, 0.2)),
    ("ear", "", (0.2, -0.05)),
)
_UPWARDS = (0.0, 0.62)


def skeleton_graph(skeleton: Skeleton, adjacency: ArrayLike | None = None) -> go.Figure:
    """The joints and bones of ``skeleton``, and the links that ``adjacency`` adds to them.

    Args:
        skeleton: drawn as a front view, left limbs in one colour and right limbs in another.
        adjacency: (joints, joints); its weight stands beside every bone, each non-zero pair that
            is no bone is drawn as a dotted arc, and a bone that it lacks is drawn thin.

    Raises:
        InvalidData: the adjacency has another size.
    """
    places = joint_places(skeleton)
    bones = {tuple(sorted(bone)) for bone in skeleton.bones}
    links = dict.fromkeys(bones, 1.0) if adjacency is None else _links(adjacency, skeleton)
    largest = max(links.values(), default=1.0)
    figure = go.Figure()
    for child, parent in skeleton.bones:
        linked = tuple(sorted((child, parent))) in links
        figure.add_scatter(
            **_segment(places[child], places[parent]),
            line={"width": 5 if linked else 1, "color": SIDE_COLOURS[side(skeleton, child)]},
        )
    for first, second in links.keys() - bones:
        figure.add_scatter(
            **_segment(places[first], places[second], bend=0.2),
            line={
                "width": 1 + 2 * links[first, second] / largest,
                "color": ORANGE,
                "dash": "dot",
                "shape": "spline",
            },
        )
    if adjacency is not None:
        figure.add_scatter(**_bone_weights(skeleton, places, links))
    colours = [SIDE_COLOURS[side(skeleton, joint)] for joint in range(skeleton.joints)]
    figure.add_scatter(
        x=rounded(places[:, 0], 3),
        y=rounded(places[:, 1], 3),
        mode="markers+text",
        marker={"size": 13, "color": colours, "line": {"width": 1.5, "color": "white"}},
        text=[str(joint) for joint in range(skeleton.joints)],
        textposition=[
            "middle left" if joint in skeleton.right else "middle right"
            for joint in range(skeleton.joints)
        ],
        customdata=list(skeleton.joint_names),
        hovertemplate="%{text}: %{customdata}<extra></extra>",
        showlegend=False,
    )
    hidden = {"visible": False}
    return styled(
        figure,
        height=560,
        title=f"Skeleton {skeleton.name}: {skeleton.joints} joints",
        xaxis=hidden,
        yaxis={**hidden, "scaleanchor": "x"},
        margin={"l": 10, "r": 10, "t": 50, "b": 10},
    )


def frame_chain(frames: int, *, shown: int = 9) -> go.Figure:
    """The frames of a window as a chain in which each is linked with the one before and after.

    Args:
        frames: length of the window; windows longer than ``shown`` are drawn with a gap.
        shown: how many frames are drawn.
    """
    if frames <= shown:
        labels = [str(frame) for frame in range(frames)]
    else:
        ends = shown // 2
        labels = [str(frame) for frame in range(ends + 1)] + ["…"]
        labels += [str(frames - frame) for frame in range(ends, 0, -1)]
    places = list(range(len(labels)))
    figure = go.Figure()
    figure.add_scatter(
        x=places,
        y=[0] * len(places),
        mode="lines",
        line={"width": 4, "color": GREY},
        hoverinfo="skip",
        showlegend=False,
    )
    gap = [label == "…" for label in labels]
    figure.add_scatter(
        x=places,
        y=[0] * len(places),
        mode="markers+text",
        marker={
            "size": [0 if hidden else 22 for hidden in gap],
            "opacity": 1,
            "color": BLUE,
            "line": {"width": 1.5, "color": "white"},
        },
        text=labels,
        textposition="bottom center",
        hovertemplate="frame %{text}<extra></extra>",
        showlegend=False,
    )
    hidden = {"visible": False}
    return styled(
        figure,
        height=170,
        title=f"Chain of {frames} frames",
        xaxis=hidden,
        yaxis={**hidden, "range": [-1.2, 0.8]},
        margin={"l": 10, "r": 10, "t": 50, "b": 10},
    )


def strided_pyramid(frames: int, *, width: int = 3) -> go.Figure:
    """How strided stages shrink a window to one frame, stage by stage.

    Every frame of a stage hangs on the ``width`` frames below that it stands for; the link to the
    middle one, which a shortcut takes, is drawn strong.

    Args:
        frames: length of the window.
        width: frames that one stage turns into one.

    Raises:
        InvalidData: the window is no power of the width.
    """
    lengths = [frames]
    while lengths[-1] > 1 and lengths[-1] % width == 0:
        lengths.append(lengths[-1] // width)
    if lengths[-1] != 1:
        raise InvalidData(f"frames is {frames}; expected a power of {width}.")
    places = [(np.arange(length) + 0.5) * frames / length - 0.5 for length in lengths]
    links: dict[bool, list[tuple[float, float, float, float]]] = {False: [], True: []}
    for stage, (below, above) in enumerate(itertools.pairwise(places)):
        for frame, x in enumerate(below):
            middle = frame % width == width // 2
            links[middle].append((x, above[frame // width], stage, stage + 1))
    figure = go.Figure()
    for middle, ends in links.items():
        figure.add_scatter(
            x=[value for start, end, _, _ in ends for value in (float(start), float(end), None)],
            y=[value for _, _, low, high in ends for value in (low, high, None)],
            mode="lines",
            line={"width": 2 if middle else 0.7, "color": RED if middle else GREY},
            hoverinfo="skip",
            name="middle frame of three (the shortcut)" if middle else "its neighbours",
        )
    for stage, (length, xs) in enumerate(zip(lengths, places, strict=True)):
        figure.add_scatter(
            x=rounded(xs, 2),
            y=[stage] * length,
            mode="markers",
            marker={"size": 3 + 2 * stage, "color": BLUE},
            hovertemplate=f"frame %{{pointNumber}} of {length}<extra></extra>",
            showlegend=False,
        )
    ticks = [f"{length} frame{'s' * (length > 1)}" for length in lengths]
    return styled(
        figure,
        height=380,
        title=f"From {frames} frames to 1",
        xaxis={"visible": False},
        yaxis={
            "tickvals": list(range(len(lengths))),
            "ticktext": ticks,
            "showgrid": False,
            "zeroline": False,
        },
        margin={"l": 10, "r": 10, "t": 70, "b": 10},
    )


def heat_map_grid(
    columns: Mapping[str, ArrayLike], rows: Sequence[str], labels: Sequence[str], *, title: str = ""
) -> go.Figure:
    """Several square matrices side by side, small; every column has a colour scale of its own.

    The largest absolute value of a column stands over it: the colours of two columns do not
    compare. Names of joints or frames show under the pointer.

    Args:
        columns: heading -> (rows, n, n); headings break at commas.
        rows: names of the rows.
        labels: n names.
        title: over the figure.

    Raises:
        InvalidData: matrices of another size.
    """
    shape = (len(rows), len(labels), len(labels))
    figure = make_subplots(
        rows=len(rows),
        cols=len(columns),
        column_titles=[
            f"{heading.replace(', ', '<br>')}<br>up to {np.abs(as_array(stack)).max():.2g}"
            for heading, stack in columns.items()
        ],
        row_titles=list(rows),
        horizontal_spacing=0.02,
        vertical_spacing=0.02,
    )
    for column, (heading, stack) in enumerate(columns.items(), start=1):
        values = as_array(stack)
        if values.shape != shape:
            raise InvalidData(f"{heading} has shape {values.shape}; expected {shape}.")
        for row, matrix in enumerate(values, start=1):
            figure.add_heatmap(
                z=rounded(matrix, 5),
                x=list(labels),
                y=list(labels),
                **_colour_scale(values),
                showscale=False,
                hovertemplate="from %{y}<br>to %{x}<br>%{z:.3g}<extra></extra>",
                row=row,
                col=column,
            )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    figure.update_annotations(font={"size": 11})
    return styled(
        figure,
        height=150 * len(rows) + 110,
        title=title,
        margin={"l": 10, "r": 30, "t": 100 if title else 70, "b": 10},
    )


def topology_heat_map(matrix: ArrayLike, labels: Sequence[str], *, title: str = "") -> go.Figure:
    """A square matrix of weights between joints or frames, as colours.

    Args:
        matrix: (n, n). Non-negative weights go from dark to light; with negative ones the colour
            scale is symmetric about zero.
        labels: n names.
        title: over the figure.

    Raises:
        InvalidData: the matrix is not (n, n).
    """
    values = as_array(matrix)
    if values.shape != (len(labels), len(labels)):
        raise InvalidData(
            f"topology has shape {values.shape}; expected one row and one column for each of the "
            f"{len(labels)} labels."
        )
    figure = go.Figure(
        go.Heatmap(
            z=rounded(values, 4),
            x=list(labels),
            y=list(labels),
            **_colour_scale(values),
            colorbar={"thickness": 12, "outlinewidth": 0},
            hovertemplate="from %{x}<br>to %{y}<br>weight %{z:.3f}<extra></extra>",
        )
    )
    return styled(
        figure,
        height=520,
        title=title,
        xaxis={"tickangle": -60, "constrain": "domain", "showgrid": False},
        yaxis={
            "autorange": "reversed",
            "scaleanchor": "x",
            "constrain": "domain",
            "showgrid": False,
        },
    )


def _colour_scale(values: np.ndarray) -> dict:
    """Heat map arguments: dark to light, or with negative values symmetric about zero."""
    limit = float(np.abs(values).max())
    if (values < 0).any():
        return {"colorscale": "RdBu", "zmin": -limit, "zmax": limit}
    return {"colorscale": "Cividis", "zmin": 0.0, "zmax": limit}


def side(skeleton: Skeleton, joint: int) -> str:
    """ "left", "right" or "middle"."""
    if joint in skeleton.left:
        return "left"
    return "right" if joint in skeleton.right else "middle"


def joint_places(skeleton: Skeleton) -> np.ndarray:
    """Where the joints stand in a drawing, (joints, 2), x to the right and y up."""
    places = np.zeros((skeleton.joints, 2))
    done = {skeleton.root}
    while len(done) < skeleton.joints:
        for child, parent in skeleton.bones:
            if parent in done and child not in done:
                places[child] = places[parent] + _step(skeleton, child)
                done.add(child)
    return places


def _step(skeleton: Skeleton, joint: int) -> np.ndarray:
    name = skeleton.joint_names[joint].lower()
    parent = skeleton.joint_names[skeleton.parents[joint]].lower()
    fitting = (step for word, before, step in _STEPS if word in name and before in parent)
    step = next(fitting, _UPWARDS)
    sign = {"left": 1, "right": -1, "middle": 0}[side(skeleton, joint)]
    return np.array([sign * step[0], step[1]])


def _links(adjacency: ArrayLike, skeleton: Skeleton) -> dict[tuple[int, int], float]:
    """Pairs of linked joints, the smaller first, with the size of their weights."""
    weights = np.abs(as_array(adjacency))
    if weights.shape != (skeleton.joints, skeleton.joints):
        raise InvalidData(
            f"adjacency has shape {weights.shape}; expected "
            f"({skeleton.joints}, {skeleton.joints}) for skeleton {skeleton.name}."
        )
    weights = np.maximum(weights, weights.T)
    np.fill_diagonal(weights, 0)
    pairs = np.argwhere(np.triu(weights) > 0)
    return {(int(a), int(b)): float(weights[a, b]) for a, b in pairs}


def _bone_weights(
    skeleton: Skeleton, places: np.ndarray, links: dict[tuple[int, int], float]
) -> dict:
    """Scatter arguments of the weights, each beside the middle of its bone."""
    bones = [bone for bone in skeleton.bones if tuple(sorted(bone)) in links]
    ends = places[np.array(bones)]
    along = ends[:, 0] - ends[:, 1]
    across = np.stack([along[:, 1], -along[:, 0]], axis=1)
    across *= 0.16 / np.linalg.norm(across, axis=1, keepdims=True)
    # Towards the middle of the body, where no joint numbers stand; above the horizontal bones.
    inwards = np.sign(across[:, 0]) != np.sign(ends[:, :, 0].mean(1))
    inwards = np.where(np.abs(along[:, 0]) > np.abs(along[:, 1]), across[:, 1] > 0, inwards)
    middles = ends.mean(1) + np.where(inwards, 1, -1)[:, None] * across
    return {
        "x": rounded(middles[:, 0], 3),
        "y": rounded(middles[:, 1], 3),
        "mode": "text",
        "text": [f"{links[tuple(sorted(bone))]:.3g}" for bone in bones],
        "textposition": "middle center",
        "textfont": {"size": 11},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _segment(start: np.ndarray, end: np.ndarray, bend: float = 0.0) -> dict:
    """Scatter arguments of a line, bent sideways so that it does not hide behind a bone."""
    middle = (start + end) / 2 + bend * np.array([end[1] - start[1], start[0] - end[0]])
    points = np.stack([start, middle, end]) if bend else np.stack([start, end])
    return {
        "x": rounded(points[:, 0], 3),
        "y": rounded(points[:, 1], 3),
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
    }
