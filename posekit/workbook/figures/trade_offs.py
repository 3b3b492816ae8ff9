"""Error against cost: what each way to prune a network saves, and what it costs in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from posekit.errors import InvalidData
from posekit.workbook.figures.style import BUTTONS, GREY, MARKERS, SERIES, SLIDER, rounded, styled
from posekit.workbook.tables.grids import signed

Cost = Literal["flops", "seconds"]

COSTS: dict[Cost, tuple[str, str, float]] = {
    "flops": ("FLOPs", "FLOPs of one window (millions)", 1000.0),
    "seconds": ("time", "measured time of one window (ms)", 1000.0),
}
"""What an error is drawn against: on the button, at the axis, and what the axis multiplies by."""


@dataclass(frozen=True)
class TradeOff:
    """What one way to prune costs and how far it is off.

    Attributes:
        prune_at: n, the steps that see all frames; None for the host itself.
        tokens: f, the frames that stay; of the host, all.
        flops: of one window, in billions: twice the multiply-accumulates of linear layers.
        seconds: measured time of one window.
        error: MPJPE, millimetres.
    """

    prune_at: int | None
    tokens: int
    flops: float
    seconds: float
    error: float

    @property
    def name(self) -> str:
        """n and f, as the paper calls them."""
        return "host" if self.prune_at is None else f"n={self.prune_at} f={self.tokens}"

    def compared(self, host: TradeOff) -> str:
        """One line: costs as shares of the host's, and the difference in error."""
        if self.prune_at is None:
            return (
                f"host: {1000 * self.flops:,.4g} MFLOPs, {1000 * self.seconds:.3g} ms, "
                f"{self.error:.1f} mm"
            )
        return (
            f"{self.name}: {self.flops / host.flops:.0%} FLOPs, "
            f"{self.seconds / host.seconds:.0%} time, {signed(self.error - host.error)} mm"
        )


def trade_off(
    points: Sequence[TradeOff],
    *,
    cost: Cost = "flops",
    chosen: TradeOff | None = None,
    controls: bool = True,
) -> go.Figure:
    """Error against cost: one line for every n along f, and the host.

    Args:
        points: the host, and each way to prune it.
        cost: what the horizontal axis shows at first.
        chosen: the point with a ring around it; the host without one.
        controls: buttons that change the axis and a slider that moves the ring through the points,
            which work on a page without a kernel.

    Raises:
        InvalidData: not exactly one of the points is the host.
    """
    host = host_of(points)
    figure = go.Figure()
    for shown in COSTS:
        for trace in _lines(points, shown):
            figure.add_scatter(**trace, visible=shown == cost)
    rings = [len(figure.data), len(figure.data) + 1]
    for shown in COSTS:
        ring = {"size": 20, "symbol": "circle-open", "line": {"width": 2}, "color": GREY}
        figure.add_scatter(
            **_place(chosen or host, shown),
            mode="markers",
            marker=ring,
            showlegend=False,
            hoverinfo="skip",
            visible=shown == cost,
        )
    menus = {}
    if controls:
        ordered = sorted(points, key=lambda point: point.flops, reverse=True)
        menus = {
            "updatemenus": [_buttons(rings[0] // len(COSTS))],
            "sliders": [_slider([_step(point, host, rings) for point in ordered])],
        }
    return styled(
        figure,
        height=520 if controls else 400,
        title="Error against cost",
        xaxis={"title": {"text": COSTS[cost][1]}, "rangemode": "tozero"},
        yaxis={"title": {"text": "MPJPE (mm)"}},
        margin={"l": 60, "r": 20, "t": 90, "b": 50},
        **menus,
    )


def host_of(points: Sequence[TradeOff]) -> TradeOff:
    """The point of the host.

    Raises:
        InvalidData: there is none, or several.
    """
    hosts = [point for point in points if point.prune_at is None]
    if len(hosts) != 1:
        raise InvalidData(f"{len(hosts)} of {len(points)} points are the host; expected one.")
    return hosts[0]


def _lines(points: Sequence[TradeOff], cost: Cost) -> list[dict[str, Any]]:
    """Scatter arguments: the host, then each n."""
    host = host_of(points)
    pruned = sorted(
        (point for point in points if point.prune_at is not None),
        key=lambda point: (point.prune_at, point.tokens),
    )
    lines = [("host", [host])]
    lines += [(f"n = {n}", list(group)) for n, group in groupby(pruned, lambda p: p.prune_at)]
    traces = []
    for number, (name, group) in enumerate(lines):
        hosts = number == 0
        colour = GREY if hosts else SERIES[(number - 1) % len(SERIES)]
        marker = "star" if hosts else MARKERS[(number - 1) % len(MARKERS)]
        traces.append(
            {
                **_place(group, cost),
                "mode": "lines+markers+text",
                "name": name,
                "line": {"width": 1.5, "color": colour},
                "marker": {"size": 10, "symbol": marker},
                "text": ["host" if hosts else f"f {point.tokens}" for point in group],
                "textposition": "top center",
                "textfont": {"size": 10},
                "hovertext": [point.compared(host) for point in group],
                "hovertemplate": "%{hovertext}<extra></extra>",
            }
        )
    return traces


def _place(points: TradeOff | Sequence[TradeOff], cost: Cost) -> dict[str, list[float]]:
    shown = [points] if isinstance(points, TradeOff) else points
    values = np.array([[getattr(point, cost), point.error] for point in shown])
    return {
        "x": [float(f"{COSTS[cost][2] * value:.4g}") for value in values[:, 0]],
        "y": rounded(values[:, 1], 2),
    }


def _buttons(lines: int) -> dict[str, Any]:
    """A button for each cost; it shows that cost's ``lines`` traces and its ring."""
    buttons = []
    for cost, (label, title, _) in COSTS.items():
        ring = [other == cost for other in COSTS]
        traces = [shown for shown in ring for _ in range(lines)]
        args = [{"visible": traces + ring}, {"xaxis.title.text": title}]
        buttons.append({"label": f"against {label}", "method": "update", "args": args})
    place = {"direction": "right", "x": 0, "xanchor": "left", "y": -0.24}
    return {**BUTTONS, **place, "buttons": buttons}


def _slider(steps: list[dict[str, Any]]) -> dict[str, Any]:
    value = {"xanchor": "left", "font": {"color": GREY, "size": 12}}
    return {**SLIDER, "y": -0.36, "currentvalue": value, "steps": steps}


def _step(point: TradeOff, host: TradeOff, rings: list[int]) -> dict[str, Any]:
    """A step of the slider: the rings of both costs move to the point."""
    places = [_place(point, cost) for cost in COSTS]
    moved = {axis: [place[axis] for place in places] for axis in "xy"}
    return {"label": point.compared(host), "method": "restyle", "args": [moved, rings]}
