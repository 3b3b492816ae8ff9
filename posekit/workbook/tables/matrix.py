"""Transfer tables: what was trained on one data set and tested on another, all against all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from posekit.workbook.tables.grids import (
    Card,
    Grid,
    Shown,
    format_value,
    markdown,
    titled,
)
from posekit.workbook.templates import render


@dataclass(frozen=True)
class MatrixCell:
    """One pair of data sets.

    Attributes:
        error: mean over seeds, or the words that stand in its place where none is printed.
        spread: standard deviation over seeds, None where it is not known.
        linear: error of a linear map fitted and tested on the same data, None where not known.
        notes: what is said of the figure below it, such as that it has not learned.
        protocol: how it was measured, label -> value.
    """

    error: float | str
    spread: float | None = None
    linear: float | None = None
    notes: Sequence[str] = ()
    protocol: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The error with its spread."""
        if isinstance(self.error, str):
            return self.error
        spread = "" if self.spread is None else f" ± {format_value(self.spread)}"
        return format_value(self.error) + spread

    @property
    def beside(self) -> tuple[str, ...]:
        """What stands with the error: the linear map's, and notes."""
        linear = () if self.linear is None else (f"linear {format_value(self.linear)}",)
        return (*linear, *self.notes)


Cells = Mapping[tuple[str, str], MatrixCell]


@dataclass(frozen=True, repr=False)
class MatrixTable(Shown):
    """Matrices of errors side by side: trained on the row's data set, tested on the column's.

    Attributes:
        title: of the table.
        datasets: in the order of rows and columns.
        parts: heading of each matrix -> (trained on, tested on) -> cell.
        label: kind of the data, "synthetic", "STAND-IN" ...
        legend: lines below the table.
    """

    title: str
    datasets: Sequence[str]
    parts: Mapping[str, Cells]
    label: str = ""
    legend: Sequence[str] = ()

    @property
    def common(self) -> dict[str, str]:
        """Entries of the protocol that all cells share."""
        (_, first), *others = self._cells()
        return {
            label: value
            for label, value in first.protocol.items()
            if all(cell.protocol.get(label) == value for _, cell in others)
        }

    @property
    def differences(self) -> Grid | None:
        """A row for each cell with what is not the same in all of them, None where all is."""
        common, cells = self.common, dict(self._cells())
        labels = [label for cell in cells.values() for label in cell.protocol]
        differing = tuple(dict.fromkeys(label for label in labels if label not in common))
        if not differing:
            return None
        return Grid(
            "Where the protocols of the cells differ",
            ("trained and tested on", *differing),
            [
                (name, *(cell.protocol.get(label, "-") for label in differing))
                for name, cell in cells.items()
            ],
        )

    def in_short(self, cell: MatrixCell) -> str:
        """What a cell's protocol has of its own, in one line."""
        common = self.common
        own = (item for item in cell.protocol.items() if item[0] not in common)
        return "; ".join(f"{label}: {value}" for label, value in own)

    def to_html(self) -> Markup:
        protocol = Card("Protocol of all cells", self.common, folded=True)
        return render(
            "tables/matrix.html.j2",
            table=self,
            protocol=protocol.to_html(),
            differences=grid.to_html() if (grid := self.differences) else "",
        )

    def to_text(self) -> str:
        """The same, matrices below each other; what protocols have in common in one line."""
        columns = ("trained on", "2D of the training", *self.datasets)
        rows = [
            (source, heading, *(_line(cells[source, target]) for target in self.datasets))
            for heading, cells in self.parts.items()
            for source in self.datasets
        ]
        common = "; ".join(f"{label}: {value}" for label, value in self.common.items())
        return "\n".join(
            [
                titled(self.title, self.label),
                *markdown(columns, rows),
                *self.legend,
                *([f"Protocol of all cells. {common}."] if common else ()),
            ]
        )

    def _cells(self) -> Iterator[tuple[str, MatrixCell]]:
        for heading, cells in self.parts.items():
            part = f", {heading}" if len(self.parts) > 1 else ""
            for source in self.datasets:
                for target in self.datasets:
                    yield f"{source} \N{RIGHTWARDS ARROW} {target}{part}", cells[source, target]


def _line(cell: MatrixCell) -> str:
    """A cell of a text table."""
    return f"{cell.text} ({'; '.join(cell.beside)})" if cell.beside else cell.text
