"""A cross-data-set matrix as a table, as heat maps, as one HTML page and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from posekit.machine.provenance import environment, environment_entries
from posekit.machine.storage import write_json
from posekit.workbook.evidence import LEAST_GAIN
from posekit.workbook.figures import transfer_heat_map
from posekit.workbook.figures.style import PLOTLY_MIME
from posekit.workbook.reports.cells import cell_html
from posekit.workbook.reports.page import write_report
from posekit.workbook.studies.matrix import Cell, Matrix
from posekit.workbook.tables import Card, MatrixCell, MatrixTable, Shown, format_value

PARTS = {False: "as it is", True: "matched to the target"}
RAN, NO_FIGURE = "ran", "no figure"
NOT_LEARNED, NOT_BEATEN = "has not learned", "does not beat linear"
ABOUT = (
    "Every cell is one lifter, trained on one data set and tested on another; the diagonal is the "
    "error within a data set. **As it is**: the source's own 2D. **Matched to the target**: the "
    "source's poses are moved so that root position and size of their projections are those of "
    "the target's training keypoints (PoseDA's global position alignment, whose pairing of poses "
    "is a reconstruction); no 3D of the target is used."
)


@dataclass(frozen=True)
class HeatMap:
    """One of a matrix's heat maps, with a text for readers who cannot see it."""

    figure: go.Figure
    alt: str


def matrix_table(matrix: Matrix) -> MatrixTable:
    """All cells in one table: MPJPE with its spread, the linear map's below it."""
    cells = matrix.cells.values()
    return MatrixTable(
        title=f"{matrix.network}: MPJPE (mm), trained on the row, tested on the column",
        datasets=matrix.datasets,
        parts={
            PARTS[matched]: {
                (cell.source, cell.target): _table_cell(cell, matrix)
                for cell in cells
                if cell.matched == matched
            }
            for matched in matrix.matchings
        },
        label=", ".join(dict.fromkeys(cell.evidence for cell in cells)),
        legend=tuple(_legend(matrix)),
    )


def heat_maps(matrix: Matrix) -> list[HeatMap]:
    """A heat map of each matrix, all in one scale of colours.

    A cell that has not learned has no colour and no figure.
    """
    table = matrix_table(matrix)
    entries = {key: _entry(cell, matrix) for key, cell in matrix.cells.items()}
    errors = [entry for entry in entries.values() if isinstance(entry, float)]
    span = (min(errors, default=0.0), max(errors, default=1.0))
    return [
        HeatMap(
            figure=transfer_heat_map(
                {pair: entries[*pair, matched] for pair in table.parts[PARTS[matched]]},
                matrix.datasets,
                span=span,
                title=f"2D of the training {PARTS[matched]}",
                hover={
                    pair: "; ".join((*cell.beside, table.in_short(cell)))
                    for pair, cell in table.parts[PARTS[matched]].items()
                },
            ),
            alt=_alt(matrix, matched),
        )
        for matched in matrix.matchings
    ]


def matrix_json(matrix: Matrix) -> dict[str, Any]:
    """All of a matrix as plain values; what cannot be measured is null."""
    return {
        "network": matrix.network,
        "datasets": list(matrix.datasets),
        "keypoints": matrix.keypoints,
        "profile": matrix.profile,
        "measures": matrix.measures,
        "seeds": list(matrix.seeds),
        "cells": [_cell_json(cell) for cell in matrix.cells.values()],
    }


def write_matrix(matrix: Matrix, folder: Path) -> tuple[Path, Path]:
    """Write ``matrix-<network>.html`` and the same as JSON beside it.

    Args:
        matrix: what to write.
        folder: where they go.

    Raises:
        InvalidData: posekit is installed without its repository, where the template stands.
        StorageError: the folder cannot be written.
    """
    page = folder / f"matrix-{matrix.network}.html"
    maps = Markup().join(
        cell_html(_drawing(number, drawn)) for number, drawn in enumerate(heat_maps(matrix))
    )
    provenance = Card("Machine and code", environment_entries(), folded=True)
    write_report(
        [
            cell_html(new_markdown_cell(f"# {matrix.network} across data sets\n\n{ABOUT}")),
            cell_html(_shown(matrix_table(matrix))),
            Markup('<div class="beside">{}</div>').format(maps),
            cell_html(_shown(provenance)),
        ],
        page,
        name=page.stem,
        origin="from the runs of posekit evaluate",
        facts={
            "2D input": matrix.keypoints,
            "profile": matrix.profile,
            "seeds": str(len(matrix.seeds)),
        },
    )
    data = page.with_suffix(".json")
    write_json(data, {**matrix_json(matrix), "environment": environment()})
    return page, data


def _shown(content: Shown) -> NotebookNode:
    output = new_output("display_data", {"text/html": content._repr_html_()})
    return new_code_cell(outputs=[output])


def _drawing(number: int, drawn: HeatMap) -> NotebookNode:
    plot = {PLOTLY_MIME: json.loads(drawn.figure.to_json())}
    output = new_output("display_data", plot, metadata={PLOTLY_MIME: {"alt": drawn.alt}})
    return new_code_cell(outputs=[output], id=f"heat-map-{number}")


def _table_cell(cell: Cell, matrix: Matrix) -> MatrixCell:
    protocol = {**cell.protocol, "Run": cell.ran}
    if not matrix.measures:
        return MatrixCell(RAN, notes=cell.remarks, protocol=protocol)
    figure = cell.figures.get("mpjpe")
    return MatrixCell(
        error=figure.value if figure else NO_FIGURE,
        spread=figure.spread if figure else None,
        linear=cell.baselines.get("linear", {}).get("mpjpe"),
        notes=(*((judged,) if (judged := _judged(cell, matrix)) else ()), *cell.remarks),
        protocol=protocol,
    )


def _judged(cell: Cell, matrix: Matrix) -> str:
    """What is said of a cell that does not beat the linear map by enough, "" of one that does.

    A lifter that beats it on its own data set has learned, and does not carry it over.
    """
    if cell.learned is not False:
        return ""
    own = matrix.cells[cell.source, cell.source, cell.matched]
    return NOT_LEARNED if own.learned is False else NOT_BEATEN


def _entry(cell: Cell, matrix: Matrix) -> float | str:
    """What stands in a cell of a heat map: its error, or in lines why there is none to compare."""
    if not matrix.measures:
        return RAN
    if "mpjpe" not in cell.figures:
        return NO_FIGURE
    error, judged = cell.figures["mpjpe"].value, _judged(cell, matrix)
    if judged == NOT_LEARNED:
        return "has not\nlearned"
    return f"{format_value(error)}\ndoes not\nbeat linear" if judged else error


def _legend(matrix: Matrix) -> Iterator[str]:
    if not matrix.measures:
        yield (
            f"{RAN}: at profile {matrix.profile} networks take so few steps that their errors "
            "mean nothing."
        )
        return
    if len(matrix.seeds) > 1:
        yield f"\N{PLUS-MINUS SIGN}: standard deviation over {len(matrix.seeds)} seeds."
    yield (
        "linear: least squares from the source's own 2D to its poses, tested on the target. A "
        f"lifter that does not beat it, and the mean pose, by {100 * LEAST_GAIN:.0f} % on its own "
        f"data set "
        f"{NOT_LEARNED}; one that does there {NOT_BEATEN} where it does not here. Neither "
        "figure has a colour."
    )


def _alt(matrix: Matrix, matched: bool) -> str:
    """What a heat map shows, in a sentence or two."""
    cells = [cell for cell in matrix.cells.values() if cell.matched == matched]
    start = (
        f"Errors of {matrix.network}, trained on the row's data set ({PARTS[matched]}) and tested "
        "on the column's; a frame marks the same data set."
    )
    compared = [cell for cell in cells if isinstance(_entry(cell, matrix), float)]
    if not compared:
        return f"{start} No cell has a figure to compare."
    told = [start]
    for kind, chosen in (
        ("Within a data set", [cell for cell in compared if cell.source == cell.target]),
        ("Across data sets", [cell for cell in compared if cell.source != cell.target]),
    ):
        if chosen:
            errors = [cell.figures["mpjpe"].value for cell in chosen]
            ends = dict.fromkeys(f"{end:.1f}" for end in (min(errors), max(errors)))
            told.append(f"{kind} {' to '.join(ends)} mm.")
    if len(compared) < len(cells):
        told.append(
            f"{len(cells) - len(compared)} of {len(cells)} cells have no figure to compare."
        )
    return " ".join(told)


def _cell_json(cell: Cell) -> dict[str, Any]:
    return {
        "trained_on": cell.source,
        "tested_on": cell.target,
        "matched": cell.matched,
        "learned": cell.learned,
        "figures": {
            name: {
                "mean": _finite(figure.value),
                "spread": None if figure.spread is None else _finite(figure.spread),
                "seeds": [_finite(value) for value in figure.values],
            }
            for name, figure in cell.figures.items()
        },
        "baselines": {
            baseline: {name: _finite(value) for name, value in errors.items()}
            for baseline, errors in cell.baselines.items()
        },
        "remarks": list(cell.remarks),
        "ran": cell.ran,
        "protocol": dict(cell.protocol),
        "evidence": cell.evidence,
        "runs": list(cell.runs),
    }


def _finite(value: float) -> float | None:
    """A figure that JSON can carry."""
    return value if math.isfinite(value) else None
