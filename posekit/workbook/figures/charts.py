"""Charts of errors: per joint, over training, by protocol, against published figures."""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
from numpy.typing import ArrayLike

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.graphs import side
from posekit.workbook.figures.style import (
    BLUE,
    GREEN,
    GREY,
    RED,
    SERIES,
    SIDE_COLOURS,
    as_array,
    rounded,
    styled,
)
from posekit.workbook.tables.grids import signed

# Shapes beside colours: a reader who cannot tell the colours apart tells the series apart.
_MARKERS = ("circle", "square", "diamond", "triangle-up", "x", "star")
_HATCHES = ("", "/", "x", ".", "\\", "+")


def error_per_joint(errors: Mapping[str, ArrayLike], skeleton: Skeleton) -> go.Figure:
    """Mean error of every joint, one group of bars for each model.

    Args:
        errors: model name -> (joints,), millimetres.
        skeleton: names of the joints.

    Raises:
        InvalidData: another number of joints.
    """
    figure = go.Figure()
    for number, (name, values) in enumerate(errors.items()):
        heights = as_array(values)
        if heights.shape != (skeleton.joints,):
            raise InvalidData(
                f"errors of {name} have shape {heights.shape}; expected ({skeleton.joints},) for "
                f"skeleton {skeleton.name}."
            )
        colours = [SIDE_COLOURS[side(skeleton, joint)] for joint in range(skeleton.joints)]
        figure.add_bar(
            x=list(skeleton.joint_names),
            y=rounded(heights, 2),
            name=name,
            marker={
                "color": colours if len(errors) == 1 else SERIES[number % len(SERIES)],
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


def protocol_effects(effects: Mapping[str, float], *, start: str) -> go.Figure:
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
            x=rounded(list(effects.values()), 2),
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


def published_vs_measured(
    columns: Mapping[str, Mapping[str, float]], *, baseline: str, unit: str = "mm"
) -> go.Figure:
    """Differences between rows: published beside measured, each from the same baseline row.

    Absolute figures of other data or scale do not compare; the differences do.

    Args:
        columns: "published", "reference run", "this run" -> row name -> difference from the
            baseline row (negative is better for errors).
        baseline: name of the row that the differences are taken from.
        unit: unit of the differences.
    """
    styles = zip(columns.items(), (GREY, BLUE, GREEN), _HATCHES, strict=False)
    figure = go.Figure()
    for (name, differences), colour, hatch in styles:
        figure.add_bar(
            x=list(differences),
            y=rounded(list(differences.values()), 3),
            name=name,
            marker={"color": colour, "pattern": {"shape": hatch}},
        )
    return styled(
        figure,
        height=380,
        title=f"Difference from {baseline}",
        yaxis={"title": {"text": f"difference ({unit})"}},
        barmode="group",
        showlegend=True,
    )
