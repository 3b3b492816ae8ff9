"""Cards and plain tables, as HTML for notebooks and reports and as text elsewhere."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from posekit.workbook.templates import render

NOT_AVAILABLE = "not available"
MINUS = "\N{MINUS SIGN}"


class Shown(ABC):
    """Something that JupyterLab shows as HTML and a terminal as text."""

    @abstractmethod
    def to_html(self) -> Markup:
        """The body, without the style sheet."""

    @abstractmethod
    def to_text(self) -> str:
        """The same content as plain text, tables in Markdown."""

    def _repr_html_(self) -> str:
        return render("tables/shown.html.j2", body=self.to_html())

    def __repr__(self) -> str:
        return self.to_text()


@dataclass(frozen=True, repr=False)
class Card(Shown):
    """A foldable list of facts; ``label`` names the evidence ("synthetic", "STAND-IN"...)."""

    title: str
    entries: Mapping[str, str]
    label: str = ""
    folded: bool = False

    def to_html(self) -> Markup:
        return render("tables/card.html.j2", card=self)

    def to_text(self) -> str:
        label = f" [{self.label}]" if self.label else ""
        lines = [f"{name}: {text}" for name, text in self.entries.items()]
        return "\n".join([f"{self.title}{label}", *lines])


@dataclass(frozen=True, repr=False)
class Grid(Shown):
    """A plain table: every cell a text or a number, the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    label: str = ""
    note: str = ""

    def to_html(self) -> Markup:
        numeric = [
            any(isinstance(row[place], int | float) for row in self.rows)
            for place in range(len(self.columns))
        ]
        return render("tables/grid.html.j2", grid=self, numeric=numeric, show=format_value)

    def to_text(self) -> str:
        rows = [[format_value(value) for value in row] for row in self.rows]
        lines = [titled(self.caption, self.label), *markdown(self.columns, rows), self.note]
        return "\n".join(line for line in lines if line)


def decimals(value: float) -> int:
    """Digits behind the point: one for large figures, three significant digits for small ones."""
    size = abs(value)
    return 0 if size >= 10_000 else 1 if size >= 10 else 2 if size >= 1 else 3


def format_value(value: str | float | None) -> str:
    """A cell's text, to the digits of ``decimals``.

    2.30 reads 2.3 and 0.900 reads 0.9: more digits than that, most sources do not print.
    """
    if value is None:
        return NOT_AVAILABLE
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    digits = decimals(value)
    text = without_minus_zero(f"{value:,.{digits}f}".replace("-", MINUS))
    return re.sub(r"(\.\d+?)0+$", r"\1", text)


def signed(value: float) -> str:
    """A difference with its sign; one that rounds to nothing has none."""
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def without_minus_zero(text: str) -> str:
    """A printed number; one that was rounded to zero has no sign."""
    zero = "0" in text and not any(digit in text for digit in "123456789")
    return text.removeprefix(MINUS) if zero else text


def ratio(value: float, than: float) -> str:
    """How many times as large, ``1.04 x``; with a third digit where it tells the two apart."""
    times = value / than
    digits = 3 if 0.0005 <= abs(times - 1) < 0.005 else 2
    return f"{times:.{digits}f}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}"


def titled(caption: str, label: str) -> str:
    return f"{caption} [{label}]" if label else caption


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows)]
