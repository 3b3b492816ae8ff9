"""Square matrices of weights between joints or frames, as colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from posekit.workbook.figures.style import as_array, checked, rounded, styled


def heat_map_grid(
    columns: Mapping[str, ArrayLike], rows: Sequence[str], labels: Sequence[str], *, title: str = ""
) -> go.Figure:
    """Several square matrices side by side, small; every column has a colour scale of its own.

    The largest absolute value of a column stands over it: the colours of two columns do not
    compare. Names of joints or frames show under the pointer.

    Args:
        columns: heading -> (rows, n, n); headings break at commas.
        rows: names of the rows.
        labels: n names.
        title: over the plot.

    Raises:
        InvalidData: matrices of another size.
    """
    shape = (len(rows), len(labels), len(labels))
    figure = make_subplots(
        rows=len(rows),
        cols=len(columns),
        column_titles=[
            f"{heading.replace(', ', '<br>')}<br>up to {np.abs(as_array(stack)).max():.2g}"
            for heading, stack in columns.items()
        ],
        row_titles=list(rows),
        horizontal_spacing=0.02,
        vertical_spacing=0.02,
    )
    for column, (heading, stack) in enumerate(columns.items(), start=1):
        values = checked(heading, stack, shape)
        for row, matrix in enumerate(values, start=1):
            figure.add_heatmap(
                z=rounded(matrix, 5),
                x=list(labels),
                y=list(labels),
                **_colour_scale(values),
                showscale=False,
                hovertemplate="from %{y}<br>to %{x}<br>%{z:.3g}<extra></extra>",
                row=row,
                col=column,
            )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed")
    figure.update_annotations(font={"size": 11})
    return styled(
        figure,
        height=150 * len(rows) + 110,
        title=title,
        margin={"l": 10, "r": 30, "t": 100 if title else 70, "b": 10},
    )


def topology_heat_map(matrix: ArrayLike, labels: Sequence[str], *, title: str = "") -> go.Figure:
    """A square matrix of weights between joints or frames, as colours.

    Args:
        matrix: (n, n). Non-negative weights go from dark to light; with negative ones the colour
            scale is symmetric about zero.
        labels: n names.
        title: over the plot.

    Raises:
        InvalidData: the matrix is not (n, n).
    """
    shape = (len(labels), len(labels))
    values = checked("topology", matrix, shape, f" for {len(labels)} labels")
    figure = go.Figure(
        go.Heatmap(
            z=rounded(values, 4),
            x=list(labels),
            y=list(labels),
            **_colour_scale(values),
            colorbar={"thickness": 12, "outlinewidth": 0},
            hovertemplate="from %{x}<br>to %{y}<br>weight %{z:.3f}<extra></extra>",
        )
    )
    return styled(
        figure,
        height=520,
        title=title,
        xaxis={"tickangle": -60, "constrain": "domain", "showgrid": False},
        yaxis={
            "autorange": "reversed",
            "scaleanchor": "x",
            "constrain": "domain",
            "showgrid": False,
        },
    )


def _colour_scale(values: np.ndarray) -> dict:
    """Heat map arguments: dark to light, or with negative values symmetric about zero."""
    limit = float(np.abs(values).max())
    if (values < 0).any():
        return {"colorscale": "RdBu", "zmin": -limit, "zmax": limit}
    return {"colorscale": "Cividis", "zmin": 0.0, "zmax": limit}
