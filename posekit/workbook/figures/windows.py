"""The frames of a window: as a chain, and as the pyramid that strided stages make of it."""

from __future__ import annotations

import itertools

import numpy as np
import plotly.graph_objects as go

from posekit.errors import InvalidData
from posekit.workbook.figures.style import BLUE, GREY, HIDDEN_AXIS, RED, rounded, styled

MOST_IN_CHAIN = 9


def frame_chain(frames: int) -> go.Figure:
    """The frames of a window as a chain in which each is linked with the one before and after.

    Args:
        frames: length of the window; windows of more than nine are drawn with a gap.
    """
    if frames <= MOST_IN_CHAIN:
        labels = [str(frame) for frame in range(frames)]
    else:
        ends = MOST_IN_CHAIN // 2
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
    return styled(
        figure,
        height=170,
        title=f"Chain of {frames} frames",
        xaxis=HIDDEN_AXIS,
        yaxis={**HIDDEN_AXIS, "range": [-1.2, 0.8]},
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
