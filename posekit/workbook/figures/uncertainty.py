"""Drawings of uncertainty-aware optimisation: its idea, and what a lifter knows of its errors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import (
    BLUE,
    GREEN,
    GREY,
    HIDDEN_AXIS,
    RED,
    SIDE_COLOURS,
    as_array,
    by_joint,
    rounded,
    side,
    styled,
)

# Of the schematic, seen from the side: (depth, height), the camera at (0, 0), the screen at 1.
SCREEN = 1.0
KEYPOINT = 0.30
MOVED_INPUT = 0.12
FIRST_PREDICTION = (3.0, 1.29)
EXPECTED_ERROR = 0.55
_HELD = {"left": "left joint", "right": "right joint", "middle": "torso"}


def optimisation_idea() -> go.Figure:
    """A schematic of one joint, from the side: its keypoint, first prediction and moved input.

    The joint of the first prediction lies off the ray of its keypoint. The input is moved until
    the joint that the network makes of it lies on the ray, near the first prediction.
    """
    first = np.array(FIRST_PREDICTION)
    along = np.array([SCREEN, KEYPOINT]) / np.hypot(SCREEN, KEYPOINT)
    answer = along * (first @ along)  # the nearest place on the ray
    turn = np.linspace(0, 2 * np.pi, 73)
    circle = first[:, None] + EXPECTED_ERROR * np.stack([np.cos(turn), np.sin(turn)])
    missed = first / first[0] * SCREEN
    far = along * 3.9
    figure = go.Figure(
        [
            _line([(0, 0), first], RED, "dot", "where the first prediction projects"),
            _line([(0, 0), far], GREEN, "solid", "ray of the keypoint"),
            _line([(SCREEN, 0), (SCREEN, 0.6)], GREY, "solid", "screen", width=4),
            _line(circle.T, GREY, "dash", "how far off the network expects to be"),
            _point((SCREEN, KEYPOINT), GREEN, "circle", "keypoint, given"),
            _point((SCREEN, missed[1]), RED, "x", "first projection, misses it"),
            _point((SCREEN, MOVED_INPUT), BLUE, "diamond", "input of the network, moved"),
            _point(first, RED, "circle", "joint, first prediction"),
            _point(answer, BLUE, "circle", "joint, optimised"),
            _point((0, 0), GREY, "square", "camera"),
        ]
    )
    figure.add_annotation(**_arrow((SCREEN, KEYPOINT), (SCREEN, MOVED_INPUT)))
    figure.add_annotation(**_arrow(first, answer))
    return styled(
        figure,
        height=520,
        title="One joint, seen from the side",
        xaxis={**HIDDEN_AXIS, "range": [-0.2, 4.0]},
        yaxis={**HIDDEN_AXIS, "scaleanchor": "x"},
        legend={"y": -0.02, "yanchor": "top", "itemsizing": "constant"},
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
    )


def scale_against_error(
    scale: Mapping[str, float], errors: Mapping[str, float], skeleton: Skeleton
) -> go.Figure:
    """Every joint by the error that a lifter expects of it and the error that it makes.

    Args:
        scale: joint name -> the predicted scale, millimetres.
        errors: joint name -> millimetres.
        skeleton: names of the joints; the root, whose error is 0 by definition, is left out.

    Raises:
        InvalidData: values of other joints than the skeleton's.
    """
    expected = by_joint("scale", scale, skeleton)
    made = by_joint("errors", errors, skeleton)
    limit = 1.1 * float(max(expected.max(), made.max()))
    figure = go.Figure(_line([(0, 0), (limit, limit)], GREY, "dash", "expected = made", width=1))
    for view, marker in (("left", "circle"), ("right", "square"), ("middle", "diamond")):
        joints = [
            joint
            for joint in range(skeleton.joints)
            if side(skeleton, joint) == view and joint != skeleton.root
        ]
        figure.add_scatter(
            x=rounded(expected[joints], 2),
            y=rounded(made[joints], 2),
            mode="markers",
            marker={"size": 11, "symbol": marker, "color": SIDE_COLOURS[view]},
            name=_HELD[view],
            text=[skeleton.joint_names[joint] for joint in joints],
            hovertemplate="%{text}<br>expected %{x} mm<br>made %{y} mm<extra></extra>",
        )
    return styled(
        figure,
        height=480,
        title="Does the network know where it errs?",
        legend={"y": -0.2, "yanchor": "top"},
        xaxis={"title": {"text": "predicted scale, mean (mm)"}, "range": [0, limit]},
        yaxis={"title": {"text": "error, mean (mm)"}, "range": [0, limit]},
    )


def _line(points: ArrayLike, colour: str, dash: str, name: str, *, width: float = 2) -> go.Scatter:
    places = np.asarray(points, dtype=np.float64)
    return go.Scatter(
        x=rounded(places[:, 0], 4),
        y=rounded(places[:, 1], 4),
        mode="lines",
        line={"width": width, "color": colour, "dash": dash},
        name=name,
        hoverinfo="skip",
    )


def _point(place: ArrayLike, colour: str, symbol: str, name: str) -> go.Scatter:
    x, y = np.asarray(place, dtype=np.float64)
    return go.Scatter(
        x=[round(float(x), 4)],
        y=[round(float(y), 4)],
        mode="markers",
        marker={"size": 13, "color": colour, "symbol": symbol},
        name=name,
        hovertemplate=f"{name}<extra></extra>",
    )


def _arrow(start: ArrayLike, end: ArrayLike) -> dict:
    (from_x, from_y), (x, y) = as_array(start), as_array(end)
    return {
        **{"x": float(x), "y": float(y), "ax": float(from_x), "ay": float(from_y)},
        **{"xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": ""},
        **{"arrowhead": 2, "arrowwidth": 2, "arrowcolor": BLUE, "standoff": 7},
    }
