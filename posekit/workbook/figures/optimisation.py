"""Test-time optimisation, iteration by iteration: the pose, its errors, the terms of the loss."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from posekit.evaluation.optimisation import TRACE_TERMS
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.motion import (
    AZIMUTH,
    body_traces,
    checked_poses,
    error_axes,
    error_bars,
    frame_name,
    moved,
    play_button,
    scene_around,
    slider,
    to_display,
    truth_trace,
)
from posekit.workbook.figures.style import GREEN, PURPLE, checked, rounded, styled

ITERATION_MILLISECONDS = 500
# Title, columns of the trace, axes and domain of the two charts of terms.
_CHARTS = (
    ("projection (screen units)", (2, 3), "2", (0.06, 0.45)),
    ("uncertainty term", (0, 1), "3", (0.63, 1.0)),
)
_HALVES = (("plain half", GREEN, "solid"), ("mirrored half", PURPLE, "dash"))


def optimisation_viewer(
    poses: ArrayLike,
    trace: ArrayLike,
    target: ArrayLike | None,
    skeleton: Skeleton,
    *,
    title: str = "",
) -> go.Figure:
    """An animation over the iterations: skeletons above, terms of the loss and errors below.

    Args:
        poses: (iterations + 1, joints, 3), camera axes, metres: one frame of ``Optimised.poses``.
        trace: (iterations, 5), ``Optimised.trace`` of that frame: the loss before every step. That
            of the last pose is not evaluated any more.
        target: the true pose (joints, 3), drawn dashed; None draws the prediction alone.
        skeleton: its bones.
        title: over the plot.

    Raises:
        InvalidData: shapes that do not agree with each other or with the skeleton.
    """
    predicted = checked_poses(poses, skeleton, "poses")
    expected = (len(predicted) - 1, len(TRACE_TERMS))
    terms = checked("trace", trace, expected, f", one row less than the {len(predicted)} poses")
    one_pose = f", one pose of skeleton {skeleton.name}"
    true = None if target is None else checked("target", target, (skeleton.joints, 3), one_pose)
    errors = None if true is None else 1000 * np.linalg.norm(predicted - true, axis=-1)
    frames = []
    for iteration, pose in enumerate(predicted):
        moving = body_traces(pose, skeleton) + _places(terms, iteration)
        if true is not None:
            moving += [truth_trace(true, skeleton), error_bars(errors[iteration], skeleton)]
        if not frames:
            figure = go.Figure(data=moving + _lines(terms))
        name = frame_name(iteration, errors)
        frames.append(go.Frame(name=name, data=moved(moving), traces=list(range(len(moving)))))
    figure.frames = frames
    everything = to_display(predicted if true is None else np.concatenate([predicted, true[None]]))
    bottom = 0.2 if true is None else 0.37
    return styled(
        figure,
        height=680 if true is None else 900,
        title=title,
        margin={"l": 10, "r": 10, "t": 95, "b": 10},
        scene=scene_around(everything, AZIMUTH, bottom=bottom + 0.02),
        legend={"y": 1.0, "itemsizing": "constant"},
        updatemenus=[play_button(ITERATION_MILLISECONDS)],
        sliders=[slider([frame.name for frame in frames], prefix="iteration ")],
        **_chart_axes(terms, (bottom - 0.13, bottom)),
        **({} if errors is None else error_axes(float(errors.max()), 0.11)),
    )


def _lines(terms: NDArray[np.float64]) -> list[go.Scatter]:
    """The terms of both halves over the iterations."""
    return [
        go.Scatter(
            x=list(range(len(terms))),
            y=rounded(terms[:, column], 6),
            mode="lines",
            line={"width": 2, "color": colour, "dash": dash},
            name=half,
            legendgroup=half,
            showlegend=axis == "2",
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
            hovertemplate=f"{half}, iteration %{{x}}: %{{y:.4f}}<extra>{title}</extra>",
        )
        for title, columns, axis, _ in _CHARTS
        for column, (half, colour, dash) in zip(columns, _HALVES, strict=True)
    ]


def _places(terms: NDArray[np.float64], iteration: int) -> list[go.Scatter]:
    """Where the iteration stands on the lines of each chart; nowhere after the last step."""
    shown = terms[iteration : iteration + 1]
    return [
        go.Scatter(
            x=[iteration] * (len(columns) * len(shown)),
            y=rounded(shown[:, list(columns)].ravel(), 6),
            mode="markers",
            marker={"size": 10, "color": [colour for _, colour, _ in _HALVES]},
            name=f"now, {title}",
            showlegend=False,
            hoverinfo="skip",
            xaxis=f"x{axis}",
            yaxis=f"y{axis}",
        )
        for title, columns, axis, _ in _CHARTS
    ]


def _chart_axes(terms: NDArray[np.float64], height: tuple[float, float]) -> dict:
    """Axes of both charts of terms, with room for every iteration."""
    axes = {}
    for title, _, axis, width in _CHARTS:
        axes[f"xaxis{axis}"] = {
            "domain": width,
            "anchor": f"y{axis}",
            "range": [-0.3, len(terms) + 0.3],
            "title": {"text": "iteration", "standoff": 4},
            "dtick": max(1, len(terms) // 6),
        }
        axes[f"yaxis{axis}"] = {
            "domain": height,
            "anchor": f"x{axis}",
            "title": {"text": title, "font": {"size": 12}},
            "nticks": 4,
        }
    return axes
