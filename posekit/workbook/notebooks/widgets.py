"""Live views for JupyterLab that leave a working plot in the static report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
import plotly.graph_objects as go
from IPython.display import display
from numpy.typing import ArrayLike

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures import TradeOff, error_per_joint, motion_viewer, trade_off
from posekit.workbook.figures.style import PLOTLY_MIME, as_array
from posekit.workbook.figures.trade_offs import COSTS, host_of

Motion = tuple[ArrayLike, ArrayLike]


def motion_browser(clips: Mapping[str, Motion], skeleton: Skeleton) -> ipywidgets.VBox:
    """A viewer of several clips: choose one, play or step through it, turn it, read the errors.

    The plot itself plays, steps and turns in the browser; the widgets choose the clip, the
    direction of the view, and what the plot shows.

    Args:
        clips: clip name -> (prediction, target), each (frames, joints, 3), metres.
        skeleton: its bones.

    Raises:
        InvalidData: no clips, or shapes that do not agree.
    """
    if not clips:
        raise InvalidData("no clips to show; give at least one (prediction, target).")
    clip = ipywidgets.Dropdown(options=list(clips), description="clip")
    content = ipywidgets.ToggleButtons(
        options=[("motion", "motion"), ("error per joint", "joints")]
    )
    turn = ipywidgets.IntSlider(
        value=-60, min=-180, max=180, step=15, description="view (°)", continuous_update=False
    )

    def drawn() -> go.Figure:
        prediction, target = clips[clip.value]
        if content.value == "motion":
            return motion_viewer(prediction, target, skeleton, title=clip.value, azimuth=turn.value)
        return error_per_joint({clip.value: mean_errors(prediction, target, skeleton)}, skeleton)

    return controlled((clip, content, turn), drawn)


def controlled(
    controls: Sequence[ipywidgets.Widget],
    drawn: Callable[[], go.Figure],
    *between: ipywidgets.Widget,
) -> ipywidgets.VBox:
    """Controls in a row, and below them what ``drawn`` gives, anew whenever one of them moves."""
    screen = ipywidgets.Output()

    def redraw(_: object = None) -> None:
        # Assigned at once: `with screen:` would wait for ever under papermill, and flickers.
        data = {PLOTLY_MIME: json.loads(drawn().to_json())}
        screen.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)

    for control in controls:
        control.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([ipywidgets.HBox(list(controls)), *between, screen])


def mean_errors(prediction: ArrayLike, target: ArrayLike, skeleton: Skeleton) -> dict[str, float]:
    """Joint name -> mean distance over the frames, millimetres."""
    distances = ((as_array(prediction) - as_array(target)) ** 2).sum(axis=-1) ** 0.5
    return dict(zip(skeleton.joint_names, 1000 * distances.mean(axis=0), strict=True))


def live_or_static(widget: ipywidgets.DOMWidget, figure: go.Figure, *, alt: str) -> None:
    """Show ``widget`` where a kernel is running, and the plot ``figure`` in the report.

    Both travel in one output: JupyterLab picks the widget, the report builder the plot.

    Args:
        widget: the live view.
        figure: what stands in its place in static HTML.
        alt: one sentence that states what the plot shows.
    """
    bundle = dict(widget._repr_mimebundle_())
    bundle[PLOTLY_MIME] = json.loads(figure.to_json())
    bundle["text/plain"] = alt
    display(bundle, metadata={PLOTLY_MIME: {"alt": alt}}, raw=True)


def view_clips(clips: Mapping[str, Motion], skeleton: Skeleton, *, alt: str) -> None:
    """The viewer of ``clips`` in JupyterLab, an animation of the first one in the report."""
    name, (prediction, target) = next(iter(clips.items()))
    still = motion_viewer(prediction, target, skeleton, title=name)
    live_or_static(motion_browser(clips, skeleton), still, alt=alt)


def trade_off_explorer(points: Sequence[TradeOff]) -> ipywidgets.VBox:
    """Error against cost: choose n and f, read what the choice saves and what it costs.

    Args:
        points: the host and each way to prune it that was run.

    Raises:
        InvalidData: not exactly one of the points is the host.
    """
    host = host_of(points)
    pruned = {(point.prune_at, point.tokens): point for point in points if point is not host}
    steps = ipywidgets.SelectionSlider(
        options=sorted({point.prune_at for point in pruned.values()}), description="n"
    )
    kept = ipywidgets.SelectionSlider(
        options=sorted({point.tokens for point in pruned.values()}), description="f"
    )
    axis = ipywidgets.Dropdown(
        options=[(label, cost) for cost, (label, *_) in COSTS.items()], description="against"
    )
    said = ipywidgets.Label()

    def drawn() -> go.Figure:
        point = pruned.get((steps.value, kept.value))
        if point is None:
            others = sorted(tokens for n, tokens in pruned if n == steps.value)
            said.value = (
                f"n = {steps.value}, f = {kept.value} was not run; with n = {steps.value} "
                f"there is f = {', '.join(map(str, others))}."
            )
        else:
            said.value = point.compared(host)
        return trade_off(points, cost=axis.value, chosen=point, controls=False)

    return controlled((steps, kept, axis), drawn, said)


def explore_trade_off(points: Sequence[TradeOff], *, alt: str) -> None:
    """The explorer of ``points`` in JupyterLab, a plot with buttons and a slider in the report.

    Without a host and something to compare it with, as where a checkpoint is examined and nothing
    was trained, a line says so.
    """
    if len(points) < 2 or all(point.prune_at is not None for point in points):
        print(
            "Nothing to draw: a host and a way to prune it have to be run here and to have learned."
        )
        return
    live_or_static(trade_off_explorer(points), trade_off(points), alt=alt)
