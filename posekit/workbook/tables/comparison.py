"""Published | reference run | this run: the table that the project is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

from markupsafe import Markup

from posekit.workbook.tables.grids import (
    NOT_AVAILABLE,
    Card,
    Shown,
    decimals,
    format_value,
    markdown,
    signed,
    titled,
)
from posekit.workbook.templates import render

# Attribute of a row -> heading.
COLUMNS = {"published": "published", "reference": "reference run", "measured": "this run"}
ORACLE_MARK = "†"
ORACLE_LEGEND = "† oracle: picked with the help of the truth; never part of a verdict."


@dataclass(frozen=True)
class Measured:
    """One measured figure: value, standard deviation over seeds if known, what was run."""

    value: float
    spread: float | None = None
    ran: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a paper's table.

    Attributes:
        name: as the paper names it.
        published: metric -> figure, None where nobody could verify it.
        reference: metric -> the stored larger run's figure.
        measured: metric -> this run's figure.
        source: where the published figures stand, with an address if there is one.
        not_run: why this row has no measured figures; "" if it has.
        oracle: figures are picked with the help of the truth.
        input_2d: keypoints behind the published figures, "" where the whole table has one kind.
    """

    name: str
    published: Mapping[str, float | None]
    reference: Mapping[str, Measured] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    source: str = ""
    not_run: str = ""
    oracle: bool = False
    input_2d: str = ""


@dataclass(frozen=True)
class _Source:
    """Where published figures stand: its number in the table, and its text around an address."""

    number: int
    text: str
    before: str
    address: str
    after: str


@dataclass(frozen=True)
class _Cell:
    """A figure with what is said of it, or why there is none."""

    text: str = ""
    source: _Source | None = None
    difference: str = ""
    ran: str = ""
    absent: str = ""
    reason: str = ""


@dataclass(frozen=True, repr=False)
class ComparisonTable(Shown):
    """Published | reference run | this run, with differences from one named row.

    Figures of different data or scale do not compare in absolute terms; the differences between
    rows do, and stand beside each figure. A table without any measured figure shows the published
    column alone.

    Attributes:
        title: caption.
        units: metric -> unit; the metrics shown, in order.
        rows: the rows.
        baseline: name of the row that the differences are taken from; "" for none.
        evidence: kind of data behind the measured figures.
        protocol: the protocol card.
        note: one sentence under the table.
    """

    title: str
    units: Mapping[str, str]
    rows: Sequence[Row]
    baseline: str = ""
    evidence: str = ""
    protocol: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def to_html(self) -> Markup:
        sources = self._sources()
        return render(
            "tables/comparison.html.j2",
            table=self,
            headings=[_heading(metric, unit) for metric, unit in self.units.items()],
            columns=[COLUMNS[column] for column in self.columns],
            rows=[(row, self._cells(row, sources)) for row in self.rows],
            legend=self._legend(),
            sources=sources.values(),
            protocol=Card("Protocol", self.protocol, folded=True) if self.protocol else None,
            oracle_mark=ORACLE_MARK,
        )

    def to_text(self) -> str:
        places = [(metric, column) for metric in self.units for column in self.columns]
        names = [f"{metric} ({self.units[metric]}) {COLUMNS[column]}" for metric, column in places]
        rows = [
            [row.name + (f" {ORACLE_MARK}" if row.oracle else "")]
            + [_text(row, metric, column) for metric, column in places]
            for row in self.rows
        ]
        lines = markdown(["row", *names], rows)
        return "\n".join([titled(self.title, self.evidence), *lines, *self._legend()])

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of every metric."""
        measured = any(figures for row in self.rows for figures in (row.reference, row.measured))
        return tuple(COLUMNS) if measured else ("published",)

    def differences(self, metric: str, column: str) -> dict[str, float]:
        """Row name -> difference from the baseline row, where both have figures that compare.

        An oracle does not compare with what is none, nor a published figure with one on keypoints
        of another detector.
        """
        baseline = next((row for row in self.rows if row.name == self.baseline), None)
        base = None if baseline is None else _figure(baseline, metric, column)
        if baseline is None or base is None:
            return {}
        return {
            row.name: value - base
            for row in self.rows
            if row is not baseline
            and _comparable(row, baseline, column)
            and (value := _figure(row, metric, column)) is not None
        }

    def _cells(self, row: Row, sources: Mapping[str, _Source]) -> list[_Cell]:
        return [
            self._cell(row, metric, column, sources)
            for metric in self.units
            for column in self.columns
        ]

    def _cell(self, row: Row, metric: str, column: str, sources: Mapping[str, _Source]) -> _Cell:
        value = _figure(row, metric, column)
        published = column == "published"
        if value is None:
            # Reasons are long and stand below the table, under a letter.
            reason = "" if published else self._reasons().get(row.not_run, "")
            return _Cell(absent=NOT_AVAILABLE if published else "not run", reason=reason)
        difference = self.differences(metric, column).get(row.name)
        run = Measured(value) if published else getattr(row, column)[metric]
        spread = "" if run.spread is None else f" ± {run.spread:.{decimals(value)}f}"
        return _Cell(
            text=format_value(value) + spread,
            source=sources.get(row.source) if published else None,
            difference="" if difference is None else signed(difference),
            ran=run.ran,
        )

    def _reasons(self) -> dict[str, str]:
        reasons = dict.fromkeys(row.not_run for row in self.rows if row.not_run)
        return dict(zip(reasons, ascii_lowercase, strict=False))

    def _legend(self) -> list[str]:
        lines = [self.note] if self.note else []
        if self.baseline:
            lines.append(f"Small figures: difference from the row {self.baseline}, same column.")
            lines += self._not_compared()
        figures = [
            run for row in self.rows for run in (*row.reference.values(), *row.measured.values())
        ]
        if any(run.spread is not None for run in figures):
            lines.append("±: standard deviation over seeds.")
        if any(row.oracle for row in self.rows):
            lines.append(ORACLE_LEGEND)
        reasons = self._reasons()
        if reasons:
            listed = "; ".join(f"{letter}: {reason}" for reason, letter in reasons.items())
            lines.append(f"Not run: {listed}.")
        ran = dict.fromkeys(run.ran for run in figures if run.ran)
        if ran:
            lines.append(f"What was run: {'; '.join(ran)}.")
        return lines

    def _not_compared(self) -> list[str]:
        """Why some figures stand without a difference."""
        baseline = next(row for row in self.rows if row.name == self.baseline)
        lines = []
        if any(row.oracle != baseline.oracle for row in self.rows):
            lines.append("No difference stands between an oracle and what is none.")
        others = {row.input_2d for row in self.rows if not _same_input(row, baseline)}
        if others:
            lines.append(
                f"Published figures on {', '.join(sorted(others))} keypoints are not set against "
                f"those on {baseline.input_2d}."
            )
        return lines

    def _sources(self) -> dict[str, _Source]:
        shown = (row.source for row in self.rows if row.source and _has_published(row, self.units))
        unique = enumerate(dict.fromkeys(shown), start=1)
        return {source: _Source(number, source, *_split(source)) for number, source in unique}


def metric_name(metric: str) -> str:
    """A metric's key as the field writes it: ``p_mpjpe`` -> ``P-MPJPE``."""
    names = {
        "params": "parameters",
        "macs": "MACs, all products",
        "macs_linear": "MACs, linear layers",
        "acc_err": "acceleration error",
        "rank_correlation": "rank correlation",
        "flops": "FLOPs",
        "flops_all": "FLOPs, all products",
        "flops_thop": "FLOPs by thop",
    }
    return names.get(metric, metric.replace("_", "-").upper())


def _heading(metric: str, unit: str) -> str:
    return metric_name(metric) if unit == "1" else f"{metric_name(metric)} ({unit})"


def _comparable(row: Row, baseline: Row, column: str) -> bool:
    return row.oracle == baseline.oracle and (column != "published" or _same_input(row, baseline))


def _same_input(row: Row, baseline: Row) -> bool:
    return row.input_2d in ("", baseline.input_2d) or not baseline.input_2d


def _figure(row: Row, metric: str, column: str) -> float | None:
    found = getattr(row, column).get(metric)
    return found.value if isinstance(found, Measured) else found


def _text(row: Row, metric: str, column: str) -> str:
    value = _figure(row, metric, column)
    if value is not None:
        return format_value(value)
    if column == "published":
        return NOT_AVAILABLE
    return f"not run: {row.not_run}" if row.not_run else "not run"


def _has_published(row: Row, units: Mapping[str, str]) -> bool:
    return any(row.published.get(metric) is not None for metric in units)


def _split(source: str) -> tuple[str, str, str]:
    """What stands before an address, the address ("" for none), and what stands after it."""
    found = re.search(r"https?://[^\s;,)]+", source)
    if found is None:
        return source, "", ""
    return source[: found.start()], found.group(), source[found.end() :]
