"""Bars of errors: per joint, and by choice of protocol."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import (
    BLUE,
    GREY,
    RED,
    SERIES,
    by_joint,
    joint_colours,
    rounded,
    styled,
)
from posekit.workbook.tables.grids import signed

# Patterns beside colours: a reader who cannot tell the colours apart tells the series apart.
_HATCHES = ("", "/", "x", ".", "\\", "+")


def error_per_joint(errors: Mapping[str, Mapping[str, float]], skeleton: Skeleton) -> go.Figure:
    """Mean error of every joint, one group of bars for each model.

    Args:
        errors: model name -> joint name -> millimetres, in any order of the joints.
        skeleton: its joints and the order in which they stand.

    Raises:
        InvalidData: errors of other joints than the skeleton's.
    """
    figure = go.Figure()
    for number, (name, values) in enumerate(errors.items()):
        heights = by_joint(f"error of {name}", values, skeleton)
        colour = SERIES[number % len(SERIES)]
        figure.add_bar(
            x=list(skeleton.joint_names),
            y=rounded(heights, 2),
            name=name,
            marker={
                "color": joint_colours(skeleton) if len(errors) == 1 else colour,
                "pattern": {"shape": _HATCHES[number % len(_HATCHES)]},
            },
        )
    return styled(
        figure,
        height=380,
        title="Error per joint",
        xaxis={"tickangle": -45},
        yaxis={"title": {"text": "error (mm)"}, "rangemode": "tozero"},
        barmode="group",
        showlegend=len(errors) > 1,
    )


def effect_bars(effects: Mapping[str, float], *, start: str) -> go.Figure:
    """What each choice of protocol does to the error of one and the same prediction.

    Args:
        effects: choice -> MPJPE under it, millimetres. The entry ``start`` is the protocol that
            the others differ from in one thing each.
        start: its name.

    Raises:
        InvalidData: ``start`` is not among the effects.
    """
    if start not in effects:
        raise InvalidData(f"no effect is called {start!r}; expected one of: {', '.join(effects)}.")
    names = list(effects)
    # As printed: a difference that rounds to nothing has neither sign nor colour.
    differences = {name: round(effects[name] - effects[start], 1) for name in names}
    labels = [
        f"{name}: {effects[name]:.1f} mm"
        + ("" if name == start else f" ({signed(differences[name])})")
        for name in names
    ]
    colours = [
        GREY if not differences[name] else (RED if differences[name] > 0 else BLUE)
        for name in names
    ]
    figure = go.Figure(
        go.Bar(
            x=rounded([effects[name] for name in names], 2),
            y=names,
            orientation="h",
            width=0.4,
            marker={"color": colours},
            customdata=labels,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )
    # Above the bars and not beside them: a telephone has no room for both.
    for row, label in enumerate(labels):
        figure.add_annotation(
            x=0, y=row - 0.2, text=label, showarrow=False, xanchor="left", yanchor="bottom"
        )
    figure.add_vline(x=effects[start], line={"dash": "dot", "color": GREY})
    return styled(
        figure,
        height=140 + 48 * len(names),
        title="What moves this number",
        margin={"l": 20},
        xaxis={"title": {"text": "MPJPE (mm)"}, "rangemode": "tozero"},
        yaxis={"range": [len(names) - 0.5, -0.8], "showticklabels": False},
        showlegend=False,
    )
