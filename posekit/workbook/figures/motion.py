"""Moving skeletons: prediction against truth, frame by frame, with the error of every joint."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import (
    BUTTONS,
    GREY,
    SIDE_COLOURS,
    SLIDER,
    as_array,
    joint_colours,
    rounded,
    side,
    styled,
)
from posekit.workbook.templates import render

MOST_FRAMES = 60
STRIP_POSES = 5
AZIMUTH = -60.0  # degrees, of the first view
DECIMALS = 4  # metres: 0.1 mm
CONTROLS = -0.18  # height of the slider and the buttons, below the joints' names
_VIEWS = ("left", "right", "middle")


def to_display(pose: ArrayLike) -> NDArray[np.float64]:
    """Camera axes (x right, y down, z forward) to plotly's (x right, y away, z up), metres."""
    camera = as_array(pose)
    return np.stack([camera[..., 0], camera[..., 2], -camera[..., 1]], axis=-1)


def motion_viewer(
    prediction: ArrayLike,
    target: ArrayLike | None,
    skeleton: Skeleton,
    *,
    title: str = "",
    azimuth: float = AZIMUTH,
) -> go.Figure:
    """An animation to rotate and step through: skeletons above, error per joint below.

    Args:
        prediction: (frames, joints, 3), camera axes, metres. Longer clips are thinned out evenly
            to 60 frames.
        target: the truth in the same shape, drawn dashed; None draws the prediction alone.
        skeleton: its bones.
        title: over the plot.
        azimuth: direction of the first view in degrees; 0 looks along the camera's x axis, -90
            along its z axis.

    Raises:
        InvalidData: shapes that do not agree with each other or with the skeleton.
    """
    predicted = checked_poses(prediction, skeleton, "prediction")
    true = None if target is None else checked_poses(target, skeleton, "target")
    if true is not None and true.shape != predicted.shape:
        raise InvalidData(
            f"prediction {predicted.shape} and target {true.shape} differ; "
            "give the same frames and joints of both."
        )
    chosen = np.unique(
        np.linspace(0, len(predicted) - 1, min(MOST_FRAMES, len(predicted))).round().astype(int)
    )
    errors = None if true is None else 1000 * np.linalg.norm(predicted - true, axis=-1)
    frames = []
    for frame in chosen:
        traces = body_traces(predicted[frame], skeleton)
        if true is not None:
            traces += [truth_trace(true[frame], skeleton), error_bars(errors[frame], skeleton)]
        if not frames:
            figure = go.Figure(data=traces)
        frames.append(go.Frame(name=frame_name(frame, errors), data=moved(traces)))
    figure.frames = frames
    everything = to_display(predicted if true is None else np.concatenate([predicted, true]))
    highest = 1.0 if errors is None else float(errors[chosen].max())
    return styled(
        figure,
        height=520 if errors is None else 700,
        title=title,
        margin={"l": 10, "r": 10, "t": 70, "b": 10},
        scene=scene_around(everything, azimuth, bottom=0.02 if errors is None else 0.27),
        legend={"y": 1.0, "itemsizing": "constant"},
        updatemenus=[play_button()],
        sliders=[slider([frame.name for frame in frames])],
        **error_axes(highest, 0.16),
    )


def pose_strip(prediction: ArrayLike, skeleton: Skeleton) -> str:
    """A small SVG of five poses side by side, seen by the camera, for the report's index card.

    Args:
        prediction: (frames, joints, 3), camera axes, metres; the poses are evenly spaced in time.
        skeleton: its bones.

    Raises:
        InvalidData: another shape.
    """
    predicted = checked_poses(prediction, skeleton, "prediction")
    chosen = np.linspace(0, len(predicted) - 1, STRIP_POSES).round().astype(int)
    poses = predicted[chosen][..., :2]
    low, high = poses.min(axis=(0, 1)), poses.max(axis=(0, 1))
    width, height = 100.0, 150.0
    scale = min(0.9 * width / (high[0] - low[0]), 0.9 * height / (high[1] - low[1]))
    bones = []
    for place, pose in enumerate(poses):
        points = [width * (place + 0.5), height / 2] + scale * (pose - (low + high) / 2)
        bones += [
            (points[child], points[parent], SIDE_COLOURS[side(skeleton, child)])
            for child, parent in skeleton.bones
        ]
    size = {"width": STRIP_POSES * width, "height": height}
    return str(render("figures/pose_strip.svg.j2", bones=bones, poses=STRIP_POSES, **size))


def checked_poses(pose: ArrayLike, skeleton: Skeleton, name: str) -> NDArray[np.float64]:
    """The poses as an array.

    Raises:
        InvalidData: they are not (frames, joints, 3), or none.
    """
    values = as_array(pose)
    if values.ndim != 3 or values.shape[1:] != (skeleton.joints, 3) or not len(values):
        raise InvalidData(
            f"{name} has shape {values.shape}; expected (frames, {skeleton.joints}, 3) for "
            f"skeleton {skeleton.name}."
        )
    return values


def frame_name(frame: int, errors: NDArray[np.float64] | None) -> str:
    """The number of a frame, and its mean error where the truth is known."""
    return str(frame) if errors is None else f"{frame} · {errors[frame].mean():.1f} mm"


def _bone_lines(points: NDArray[np.float64], bones: list[tuple[int, int]]) -> dict[str, list]:
    """Coordinates of separate segments, with None between them."""
    axes: dict[str, list] = {"x": [], "y": [], "z": []}
    for child, parent in bones:
        for axis, start, end in zip("xyz", points[parent], points[child], strict=True):
            axes[axis] += [round(float(start), DECIMALS), round(float(end), DECIMALS), None]
    return axes


def body_traces(pose: NDArray[np.float64], skeleton: Skeleton) -> list[go.Scatter3d]:
    """One trace of bones for each side, and one of joints."""
    points = to_display(pose)
    traces = []
    for view in _VIEWS:
        bones = [bone for bone in skeleton.bones if side(skeleton, bone[0]) == view]
        traces.append(
            go.Scatter3d(
                **_bone_lines(points, bones),
                mode="lines",
                line={"width": 7, "color": SIDE_COLOURS[view]},
                name={"left": "left", "right": "right", "middle": "torso"}[view],
                hoverinfo="skip",
            )
        )
    x, y, z = rounded(points.T, DECIMALS)
    traces.append(
        go.Scatter3d(
            x=x,
            y=y,
            z=z,
            mode="markers",
            marker={"size": 4, "color": joint_colours(skeleton)},
            text=list(skeleton.joint_names),
            hovertemplate="%{text}<extra>prediction</extra>",
            name="joints",
            showlegend=False,
        )
    )
    return traces


def moved(traces: list[go.Scatter3d | go.Scatter | go.Bar]) -> list[dict]:
    """What changes from frame to frame; the rest would only make the file bigger."""
    axes = {"scatter3d": "xyz", "scatter": "xy", "bar": "y"}
    return [
        {"type": trace.type, **{axis: trace[axis] for axis in axes[trace.type]}} for trace in traces
    ]


def truth_trace(pose: NDArray[np.float64], skeleton: Skeleton) -> go.Scatter3d:
    """All bones of the true pose, dashed."""
    return go.Scatter3d(
        **_bone_lines(to_display(pose), list(skeleton.bones)),
        mode="lines",
        line={"width": 4, "color": GREY, "dash": "dash"},
        name="truth",
        hoverinfo="skip",
    )


def error_bars(errors: NDArray[np.float64], skeleton: Skeleton) -> go.Bar:
    """A bar for the error of every joint, millimetres."""
    return go.Bar(
        x=list(skeleton.joint_names),
        y=rounded(errors, 1),
        marker={"color": joint_colours(skeleton)},
        hovertemplate="%{x}: %{y} mm<extra></extra>",
        name="error",
        showlegend=False,
    )


def error_axes(highest: float, height: float) -> dict:
    """Axes of the bars, as a share of the plot's height, which hold the largest error."""
    return {
        "xaxis": {"domain": [0.06, 1], "tickangle": -45, "tickfont": {"size": 10}},
        "yaxis": {
            "domain": [0, height],
            "range": [0, round(1.05 * highest, 1)],
            "title": {"text": "error (mm)"},
        },
    }


def scene_around(points: NDArray[np.float64], azimuth: float, bottom: float) -> dict:
    """Axes whose ranges hold every frame, so that nothing jumps while it plays."""
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    # Room around the body: a box as deep and wide as 0.7 of its longest side can be turned.
    missing = np.maximum(0, 0.7 * (high - low).max() - (high - low)) / 2 + 0.05
    low, high = low - missing, high + missing
    axis = {
        "showbackground": False,
        "gridcolor": "#9aa2ab",
        "linecolor": "#9aa2ab",
        "nticks": 5,
        "zeroline": False,
    }
    names = ("x: right (m)", "y: away (m)", "z: up (m)")
    ranges = zip("xyz", names, low, high, strict=True)
    # plotly scales the box to volume 1; a tall box needs a camera that stands further off.
    tallest = float((high - low).max() / np.prod(high - low) ** (1 / 3))
    distance = 2.3 * tallest**2
    angle = np.deg2rad(azimuth)
    return {
        **{
            f"{letter}axis": {**axis, "title": {"text": name}, "range": rounded([start, end], 3)}
            for letter, name, start, end in ranges
        },
        "aspectmode": "data",
        "domain": {"x": [0, 1], "y": [bottom, 1]},
        "camera": {
            "eye": {
                "x": round(distance * float(np.cos(angle)), 3),
                "y": round(distance * float(np.sin(angle)), 3),
                "z": 0.35,
            }
        },
    }


def _animation(duration: int) -> dict:
    # 3D traces are not redrawn by plotly's animation unless it is asked to.
    frame = {"duration": duration, "redraw": True}
    return {"mode": "immediate", "frame": frame, "transition": {"duration": 0}}


def play_button(duration: int = 60) -> dict:
    """Buttons that play and hold the frames, each shown for ``duration`` milliseconds."""
    play = {**_animation(duration), "fromcurrent": True}
    return {
        **BUTTONS,
        "direction": "left",
        "x": 1,
        "y": CONTROLS,
        "xanchor": "right",
        "pad": {"t": 0, "r": 0},
        "buttons": [
            {"label": "▶", "method": "animate", "args": [None, play]},
            {"label": "❚❚", "method": "animate", "args": [[None], _animation(0)]},
        ],
    }


def slider(names: list[str], *, prefix: str = "frame ") -> dict:
    """A slider over the frames of those names."""
    return {
        **SLIDER,
        "y": CONTROLS,
        "pad": {"t": 4},
        "currentvalue": {"prefix": prefix, "xanchor": "left", "font": {"color": GREY}},
        "steps": [
            {"label": name, "method": "animate", "args": [[name], _animation(0)]} for name in names
        ],
    }
