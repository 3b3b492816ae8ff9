"""HoT in pictures: frames through depth, the frames that stay, and error against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from posekit.errors import InvalidData
from posekit.workbook.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SERIES,
    as_array,
    rounded,
    styled,
)
from posekit.workbook.tables.grids import signed

Cost = Literal["flops", "seconds"]

COSTS: dict[Cost, tuple[str, str, float]] = {
    "flops": ("FLOPs", "FLOPs of one window (millions)", 1000.0),
    "seconds": ("time", "measured time of one window (ms)", 1000.0),
}
"""What an error is drawn against: on the button, at the axis, and what the axis multiplies by."""

_MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
_BUTTONS = {
    "type": "buttons",
    "direction": "right",
    "x": 0,
    "xanchor": "left",
    "y": -0.24,
    "yanchor": "top",
    "bgcolor": "rgba(128,136,148,0.12)",
    "bordercolor": "rgba(128,136,148,0.5)",
    "showactive": False,
}
_SLIDER = {
    "x": 0,
    "len": 1,
    "y": -0.36,
    "currentvalue": {"xanchor": "left", "font": {"color": GREY, "size": 12}},
    "ticklen": 0,
    "minorticklen": 0,
    "font": {"color": "rgba(0,0,0,0)"},  # the current value tells enough
    "bgcolor": "rgba(128,136,148,0.3)",
}


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


def hourglass(frames: int, tokens: int, depth: int, prune_at: int) -> go.Figure:
    """How many frames each step of a pruned host computes on, as the height of a bar.

    Args:
        frames: F, of a window.
        tokens: f, that stay.
        depth: steps of the host.
        prune_at: n, steps that see all frames.

    Raises:
        InvalidData: more frames stay than there are, or frames leave behind the last step.
    """
    if not (1 <= tokens <= frames and 0 <= prune_at < depth):
        raise InvalidData(
            f"{tokens} of {frames} frames in front of step {prune_at} of {depth}; expected at "
            "most all frames, and a step that the host has."
        )
    names = [f"step {step + 1}" for step in range(depth)]
    parts = (
        (f"all {frames} frames", names[:prune_at], frames, BLUE),
        (f"{tokens} kept frames (TPC)", names[prune_at:], tokens, ORANGE),
        (f"all {frames} again (TRA)", ["recovery"], frames, GREEN),
    )
    figure = go.Figure()
    figure.add_bar(
        x=names[prune_at:],
        y=[frames] * (depth - prune_at),
        base=[-frames / 2] * (depth - prune_at),
        width=0.72,
        marker={"color": "rgba(128,136,148,0.12)", "line": {"color": GREY, "width": 1}},
        name="saved",
        hovertemplate=f"{frames - tokens} frames less<extra></extra>",
    )
    for name, places, height, colour in parts:
        figure.add_bar(
            x=places,
            y=[height] * len(places),
            base=[-height / 2] * len(places),
            width=0.72,
            marker={"color": colour},
            text=[str(height)] * len(places),
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "white"},
            name=name,
            hovertemplate="%{x}: %{text} frames<extra></extra>",
        )
    return styled(
        figure,
        height=340,
        title=f"HoT: {prune_at} of {depth} steps see every frame",
        barmode="overlay",
        xaxis={"categoryorder": "array", "categoryarray": [*names, "recovery"], "tickangle": -45},
        yaxis={"visible": False},
        margin={"l": 10, "r": 10, "t": 90, "b": 50},
        showlegend=True,
    )


def kept_frames(
    density: ArrayLike, distance: ArrayLike, kept: Mapping[str, Sequence[int]]
) -> go.Figure:
    """A window on a time line: what density peaks are made of, and which frames each rule keeps.

    Args:
        density: rho of every frame, (F,).
        distance: delta of every frame, (F,); the score is their product.
        kept: rule -> indices of the frames that it keeps.

    Raises:
        InvalidData: curves that differ in length, or a frame outside of the window.
    """
    rho, delta = as_array(density), as_array(distance)
    frames = len(rho)
    if rho.shape != (frames,) or delta.shape != rho.shape:
        raise InvalidData(f"curves of {rho.shape} and {delta.shape}; expected both (frames,).")
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.06)
    curves = (
        ("density ρ", rho, 1, BLUE, 2),
        ("distance δ to anything denser", delta, 2, "rgba(128,136,148,0.45)", 7),
        ("score ρδ", rho * delta, 2, ORANGE, 2),
    )
    for name, values, row, colour, width in curves:
        figure.add_scatter(
            x=list(range(frames)),
            y=rounded(values, 5),
            mode="lines+markers",
            line={"color": colour, "width": width},
            marker={"size": 4},
            name=name,
            hovertemplate=f"frame %{{x}}: %{{y:.3f}}<extra>{name}</extra>",
            row=row,
            col=1,
        )
    for number, (name, index) in enumerate(kept.items()):
        chosen = [int(frame) for frame in index]
        if not all(0 <= frame < frames for frame in chosen):
            raise InvalidData(f"{name} keeps {chosen}; expected frames 0 to {frames - 1}.")
        figure.add_scatter(
            x=chosen,
            y=[name] * len(chosen),
            mode="markers",
            marker={
                "size": 9,
                "symbol": _MARKERS[number % len(_MARKERS)],
                "color": SERIES[number % len(SERIES)],
            },
            hovertemplate=f"{name} keeps frame %{{x}}<extra></extra>",
            showlegend=False,
            row=3,
            col=1,
        )
    figure.update_xaxes(title={"text": "frame of the window"}, row=3, col=1)
    figure.update_xaxes(range=[-0.5, frames - 0.5])
    figure.update_yaxes(nticks=4, row=1, col=1)
    figure.update_yaxes(rangemode="tozero", nticks=4, row=2, col=1)
    figure.update_yaxes(autorange="reversed", row=3, col=1)
    return styled(figure, height=440, title="Which frames stay")


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
            "updatemenus": [{**_BUTTONS, "buttons": _axis_buttons(rings[0] // len(COSTS))}],
            "sliders": [{**_SLIDER, "steps": [_step(point, host, rings) for point in ordered]}],
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
        traces.append(
            {
                **_place(group, cost),
                "mode": "lines+markers+text",
                "name": name,
                "line": {"width": 1.5, "color": _colour(number)},
                "marker": {"size": 10, "symbol": "star" if not number else _marker(number)},
                "text": ["host" if not number else f"f {point.tokens}" for point in group],
                "textposition": "top center",
                "textfont": {"size": 10},
                "hovertext": [point.compared(host) for point in group],
                "hovertemplate": "%{hovertext}<extra></extra>",
            }
        )
    return traces


def _colour(number: int) -> str:
    return GREY if not number else SERIES[(number - 1) % len(SERIES)]


def _marker(number: int) -> str:
    return _MARKERS[(number - 1) % len(_MARKERS)]


def _place(points: TradeOff | Sequence[TradeOff], cost: Cost) -> dict[str, list[float]]:
    shown = [points] if isinstance(points, TradeOff) else points
    values = np.array([[getattr(point, cost), point.error] for point in shown])
    return {
        "x": [float(f"{COSTS[cost][2] * value:.4g}") for value in values[:, 0]],
        "y": rounded(values[:, 1], 2),
    }


def _axis_buttons(lines: int) -> list[dict[str, Any]]:
    """A button for each cost; it shows that cost's ``lines`` traces and its ring."""
    return [
        {
            "label": f"against {label}",
            "method": "update",
            "args": [
                {"visible": [other == cost for other in COSTS for _ in range(lines)] + ring},
                {"xaxis.title.text": title},
            ],
        }
        for cost, (label, title, _) in COSTS.items()
        for ring in [[other == cost for other in COSTS]]
    ]


def _step(point: TradeOff, host: TradeOff, rings: list[int]) -> dict[str, Any]:
    """A step of the slider: the rings of both costs move to the point."""
    places = [_place(point, cost) for cost in COSTS]
    moved = {axis: [place[axis] for place in places] for axis in "xy"}
    return {"label": point.compared(host), "method": "restyle", "args": [moved, rings]}
