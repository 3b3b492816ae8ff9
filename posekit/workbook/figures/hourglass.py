"""HoT in pictures: frames through depth, and the frames that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from posekit.errors import InvalidData
from posekit.workbook.figures.style import (
    BLUE,
    GREEN,
    GREY,
    MARKERS,
    ORANGE,
    SERIES,
    checked,
    rounded,
    styled,
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
    frames = len(density)
    rho = checked("density", density, (frames,))
    delta = checked("distance", distance, (frames,))
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
                "symbol": MARKERS[number % len(MARKERS)],
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
