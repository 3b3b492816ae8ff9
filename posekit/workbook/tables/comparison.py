"""Published | reference run | this run: the table that the project is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import ascii_lowercase

from posekit.workbook.tables.grids import (
    NOT_AVAILABLE,
    Card,
    Shown,
    decimals,
    format_value,
    signed,
    table_html,
    titled,
)

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

    def to_html(self) -> str:
        sources = self._sources()
        body = "".join(self._row_html(row, sources) for row in self.rows)
        return (
            table_html(self.title, self.evidence, self._head_html(), body, grouped=True)
            + "".join(f'<p class="pk-small">{escape(line)}</p>' for line in self._legend())
            + self._sources_html(sources)
            + (Card("Protocol", self.protocol, folded=True).to_html() if self.protocol else "")
        )

    def to_text(self) -> str:
        names = ["row"]
        for metric, unit in self.units.items():
            names += [f"{metric} ({unit}) {COLUMNS[column]}" for column in self.columns]
        lines = [names, ["---"] * len(names)]
        for row in self.rows:
            cells = [row.name + (f" {ORACLE_MARK}" if row.oracle else "")]
            cells += [
                _text(row, metric, column) for metric in self.units for column in self.columns
            ]
            lines.append(cells)
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n".join([titled(self.title, self.evidence), table, *self._legend()])

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

    def _head_html(self) -> str:
        groups = "".join(
            f'<th scope="colgroup" colspan="{len(self.columns)}">'
            f"{escape(_heading(metric, unit))}</th>"
            for metric, unit in self.units.items()
        )
        columns = "".join(
            f'<th scope="col" class="pk-n">{COLUMNS[column]}</th>'
            for _ in self.units
            for column in self.columns
        )
        return f'<tr><th scope="col" rowspan="2">row</th>{groups}</tr><tr>{columns}</tr>'

    def _row_html(self, row: Row, sources: Mapping[str, int]) -> str:
        link = _source_link(row.source, sources.get(row.source))
        cells = [
            self._cell(row, metric, column, link if column == "published" else "")
            for metric in self.units
            for column in self.columns
        ]
        base = ' class="pk-base"' if row.name == self.baseline else ""
        mark = f" {ORACLE_MARK}" if row.oracle else ""
        return f'<tr{base}><th scope="row">{escape(row.name)}{mark}</th>{"".join(cells)}</tr>'

    def _cell(self, row: Row, metric: str, column: str, link: str = "") -> str:
        value = _figure(row, metric, column)
        if value is None:
            return f'<td class="pk-n"><span class="pk-none">{self._absent(row, column)}</span></td>'
        run = {"reference": row.reference, "measured": row.measured}.get(column, {}).get(metric)
        spread = ""
        if run and run.spread is not None:
            spread = f" ± {run.spread:.{decimals(value)}f}"
        ran = f' title="{escape(run.ran)}"' if run and run.ran else ""
        delta = ""
        if self.baseline:
            difference = self.differences(metric, column).get(row.name)
            shown = "" if difference is None else signed(difference)
            delta = f'<span class="pk-delta">{shown}</span>'
        return f'<td class="pk-n"{ran}>{format_value(value)}{spread}{link} {delta}</td>'

    def _absent(self, row: Row, column: str) -> str:
        """Why a cell is empty: reasons are long and stand below the table, under a letter."""
        if column == "published":
            return NOT_AVAILABLE
        letter = self._reasons().get(row.not_run, "")
        return f"not run<sup>{letter}</sup>" if letter else "not run"

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

    def _sources(self) -> dict[str, int]:
        shown = (row.source for row in self.rows if row.source and _has_published(row, self.units))
        return {source: number for number, source in enumerate(dict.fromkeys(shown), start=1)}

    def _sources_html(self, sources: Mapping[str, int]) -> str:
        if not sources:
            return ""
        items = "".join(f"<li>{_linked(source)}</li>" for source in sources)
        return f"<details><summary>Sources of published figures</summary><ol>{items}</ol></details>"


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
    if column == "published":
        return row.published.get(metric)
    run = (row.reference if column == "reference" else row.measured).get(metric)
    return None if run is None else run.value


def _text(row: Row, metric: str, column: str) -> str:
    value = _figure(row, metric, column)
    if value is not None:
        return format_value(value)
    if column == "published":
        return NOT_AVAILABLE
    return f"not run: {row.not_run}" if row.not_run else "not run"


def _has_published(row: Row, units: Mapping[str, str]) -> bool:
    return any(row.published.get(metric) is not None for metric in units)


def _address(source: str) -> str:
    found = re.search(r"https?://[^\s;,)]+", source)
    return found.group() if found else ""


def _source_link(source: str, number: int | None) -> str:
    if number is None:
        return ""
    address = _address(source)
    text = f"[{number}]"
    if address:
        text = f'<a href="{escape(address)}" title="{escape(source)}">{text}</a>'
    return f"<sup>{text}</sup>"


def _linked(source: str) -> str:
    address = _address(source)
    before, found, after = source.partition(address) if address else (source, "", "")
    link = f'<a href="{escape(found)}">{escape(found)}</a>' if found else ""
    return f"{escape(before)}{link}{escape(after)}"
