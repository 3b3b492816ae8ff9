"""Errors of what was trained on one data set and tested on another, as colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

from posekit.errors import InvalidData
from posekit.workbook.figures.style import GREY, rounded, styled
from posekit.workbook.tables.grids import format_value

COLOURS = "Cividis"
_NO_FIGURE = "rgba(128,136,148,0.22)"
_ROW_PIXELS, _LONGEST_LINE = 62, 11


def transfer_heat_map(
    errors: Mapping[tuple[str, str], float | str],
    datasets: Sequence[str],
    *,
    span: tuple[float, float],
    title: str = "",
    hover: Mapping[tuple[str, str], str] | None = None,
) -> go.Figure:
    """Errors as colours: trained on the row's data set, tested on the column's.

    A frame marks what was tested on the data set that it was trained on.

    Args:
        errors: (trained on, tested on) -> millimetres, or where there is no figure to compare the
            words, in short lines, that stand in the cell instead, which then has no colour.
        datasets: in the order of rows and columns.
        span: errors at the ends of the colour scale, the same for figures that are compared.
        title: over the plot.
        hover: what else stands under the pointer.

    Raises:
        InvalidData: a pair of data sets without an entry.
    """
    pairs = [[(source, target) for target in datasets] for source in datasets]
    missing = [pair for row in pairs for pair in row if pair not in errors]
    if missing:
        raise InvalidData(f"no entry for {' to '.join(missing[0])}; expected every pair.")
    values = np.array(
        [[e if isinstance(e := errors[pair], float) else np.nan for pair in row] for row in pairs]
    )
    names = [_broken(name) for name in datasets]
    told = [[(hover or {}).get(pair, "").replace("; ", "<br>") for pair in row] for row in pairs]
    common = {"x": names, "y": names, "xgap": 2, "ygap": 2}
    figure = go.Figure()
    figure.add_heatmap(
        z=np.where(np.isnan(values), 1.0, np.nan).tolist(),
        colorscale=[[0, _NO_FIGURE], [1, _NO_FIGURE]],
        showscale=False,
        customdata=told,
        hovertemplate="trained on %{y}<br>tested on %{x}<br>%{customdata}<extra></extra>",
        **common,
    )
    figure.add_heatmap(
        z=rounded(values, 2),
        customdata=told,
        colorscale=COLOURS,
        zmin=span[0],
        zmax=span[1],
        colorbar={"thickness": 12, "outlinewidth": 0, "title": {"text": "mm"}},
        hovertemplate="trained on %{y}<br>tested on %{x}<br>%{z:.1f} mm<br>%{customdata}"
        "<extra></extra>",
        **common,
    )
    for place in range(len(names)):
        corners = {"x0": place - 0.5, "x1": place + 0.5, "y0": place - 0.5, "y1": place + 0.5}
        figure.add_shape(type="rect", **corners, line={"color": GREY, "width": 2})
    for row, source in enumerate(names):
        for column, target in enumerate(names):
            figure.add_annotation(
                x=target, y=source, showarrow=False, **_written(errors[pairs[row][column]], span)
            )
    return styled(
        figure,
        height=_ROW_PIXELS * len(datasets) + (150 if title else 110),
        title=title,
        margin={"l": 10, "r": 10, "t": 50 if title else 10, "b": 10},
        xaxis={"title": {"text": "tested on"}, "showgrid": False, "fixedrange": True},
        yaxis={
            "title": {"text": "trained on", "standoff": 4},
            "autorange": "reversed",
            "showgrid": False,
            "fixedrange": True,
        },
    )


def _broken(name: str) -> str:
    """A name in short lines, broken behind underscores."""
    lines = [""]
    for number, part in enumerate(name.split("_")):
        word = part if number == 0 else f"_{part}"
        if lines[-1] and len(lines[-1]) + len(word) > _LONGEST_LINE:
            lines.append(word.removeprefix("_"))
            lines[-2] += "_"
        else:
            lines[-1] += word
    return "<br>".join(lines)


def _written(entry: float | str, span: tuple[float, float]) -> dict:
    """Annotation arguments: the figure in ink that is seen on its colour, or words."""
    if isinstance(entry, str):
        return {"text": entry.replace("\n", "<br>"), "font": {"size": 11}}
    return {"text": format_value(entry), "font": {"size": 13, "color": _ink(entry, span)}}


def _ink(value: float, span: tuple[float, float]) -> str:
    """White on dark colours, black on light ones."""
    low, high = span
    share = 0.5 if high <= low else min(1.0, max(0.0, (value - low) / (high - low)))
    red, green, blue = unlabel_rgb(sample_colorscale(COLOURS, [share])[0])
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else "#FFFFFF"
