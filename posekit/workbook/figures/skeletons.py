"""A skeleton drawn from the front, with the graph that a network adds to its bones."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import (
    HIDDEN_AXIS,
    ORANGE,
    SIDE_COLOURS,
    checked,
    joint_colours,
    rounded,
    side,
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


def skeleton_diagram(skeleton: Skeleton, adjacency: ArrayLike | None = None) -> go.Figure:
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
    figure.add_scatter(
        x=rounded(places[:, 0], 3),
        y=rounded(places[:, 1], 3),
        mode="markers+text",
        marker={
            "size": 13,
            "color": joint_colours(skeleton),
            "line": {"width": 1.5, "color": "white"},
        },
        text=[str(joint) for joint in range(skeleton.joints)],
        textposition=[
            "middle left" if joint in skeleton.right else "middle right"
            for joint in range(skeleton.joints)
        ],
        customdata=list(skeleton.joint_names),
        hovertemplate="%{text}: %{customdata}<extra></extra>",
        showlegend=False,
    )
    return styled(
        figure,
        height=560,
        title=f"Skeleton {skeleton.name}: {skeleton.joints} joints",
        xaxis=HIDDEN_AXIS,
        yaxis={**HIDDEN_AXIS, "scaleanchor": "x"},
        margin={"l": 10, "r": 10, "t": 50, "b": 10},
    )


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
    shape = (skeleton.joints, skeleton.joints)
    weights = np.abs(checked("adjacency", adjacency, shape, f" for skeleton {skeleton.name}"))
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
