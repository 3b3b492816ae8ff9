"""Published | official code, run here | reference run | this run: what the project is about."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
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
    ratio,
    signed,
    titled,
)
from posekit.workbook.tables.ran import Ran, what_was_run
from posekit.workbook.tables.rows import (
    COLUMNS,
    RUNS,
    Measured,
    Row,
    comparable,
    figure,
    heading,
    metric_name,
    same_input,
)
from posekit.workbook.templates import render

_ABSENT = {"published": NOT_AVAILABLE, "official": "-"}  # else it was not run
ORACLE_MARK = "†"
ORACLE_LEGEND = "† oracle: picked with the help of the truth; never part of a verdict."
RAN_MARK = "ran"
MOST_SIDE_BY_SIDE = 2  # columns beside the name of the row on a telephone; more of them stack
NOT_LEARNED = "not learned"
NOT_LEARNED_LEGEND = (
    f"{NOT_LEARNED}: not clearly better than a linear map of the input and the mean pose, see the "
    "foot of the table; such a row enters no comparison."
)


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
    """A figure with what is said of it, or why there is none.

    ``label`` names its column where the head of the table cannot be seen; ``first`` is the first
    column of a metric.
    """

    label: str
    first: bool
    text: str = ""
    source: _Source | None = None
    difference: str = ""
    notes: tuple[str, ...] = ()
    ran: str = ""
    absent: str = ""
    reason: str = ""


@dataclass(frozen=True, repr=False)
class ComparisonTable(Shown):
    """What is published beside what was run, with differences from one named row.

    Figures of different data or scale do not compare in absolute terms; the differences between
    rows do, and stand beside each figure; costs, which are counted, compare as ratios. A table
    without any measured figure shows no columns of runs, and one of which nothing is known at all
    is a sentence.

    Attributes:
        title: caption.
        units: metric -> unit; the metrics shown, in order.
        rows: the rows.
        baseline: name of the row that the differences are taken from; "" for none.
        evidence: kind of data behind the measured figures.
        protocol: the protocol card.
        note: one sentence under the table.
        trivial: what learns next to nothing, on the same data: the foot of the table.
        counted: metrics that are counted and not trained for.
        unprinted: why this run's errors say nothing, "" where they do; given, the table shows that
            its rows ran instead of their errors.
    """

    title: str
    units: Mapping[str, str]
    rows: Sequence[Row]
    baseline: str = ""
    evidence: str = ""
    protocol: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    trivial: Sequence[Row] = ()
    counted: Collection[str] = ()
    unprinted: str = ""

    def to_html(self) -> Markup:
        if not self.metrics:
            return render("tables/nothing.html.j2", said=self._nothing())
        sources = self._sources()
        shown = self._shown()
        return render(
            "tables/comparison.html.j2",
            table=self,
            metrics=[
                (heading(metric, self.units[metric]), columns) for metric, columns in shown.items()
            ],
            stacks=_stacks([len(columns) for columns in shown.values()]),
            headings=COLUMNS,
            rows=[(row, self._cells(row, sources)) for row in self.rows],
            trivial=[(_trivial_name(row), self._cells(row, sources)) for row in self.trivial],
            legend=self._legend(),
            ran=self._ran(),
            sources=sources.values(),
            protocol=Card("Protocol", self.protocol, folded=True) if self.protocol else None,
            oracle_mark=ORACLE_MARK,
        )

    def to_text(self) -> str:
        if not self.metrics:
            return self._nothing()
        places = [
            (metric, column) for metric, columns in self._shown().items() for column in columns
        ]
        names = [f"{metric} ({self.units[metric]}) {COLUMNS[column]}" for metric, column in places]
        named = [(row.name + (f" {ORACLE_MARK}" if row.oracle else ""), row) for row in self.rows]
        named += [(_trivial_name(row), row) for row in self.trivial]
        rows = [
            [name, *(self._text(row, metric, column) for metric, column in places)]
            for name, row in named
        ]
        lines = markdown(["row", *names], rows)
        ran = [line for part in self._ran() for line in part.lines]
        return "\n".join([titled(self.title, self.evidence), *lines, *self._legend(), *ran])

    @property
    def metrics(self) -> list[str]:
        """The metrics of which any figure is known."""
        return [
            metric
            for metric in self.units
            if any(
                figure(row, metric, column) is not None for row in self.rows for column in COLUMNS
            )
        ]

    def columns(self, metric: str) -> list[str]:
        """The columns of a metric: those that hold a figure, and this run beside a reference."""
        known = {
            column: any(figure(row, metric, column) is not None for row in self.rows)
            for column in COLUMNS
        }
        shown = {**known, "published": True, "measured": any(known[column] for column in RUNS)}
        return [column for column in COLUMNS if shown[column]]

    def differences(self, metric: str, column: str) -> dict[str, float]:
        """Row name -> difference from the baseline row, where both have figures that compare.

        Figures that are not printed have no differences.
        """
        baseline = next((row for row in self.rows if row.name == self.baseline), None)
        base = None if baseline is None else figure(baseline, metric, column)
        if baseline is None or base is None or self._hidden(metric, column):
            return {}
        return {
            row.name: value - base
            for row in self.rows
            if row is not baseline
            and comparable(row, baseline, metric, column)
            and (value := figure(row, metric, column)) is not None
        }

    def _shown(self) -> dict[str, list[str]]:
        return {metric: self.columns(metric) for metric in self.metrics}

    def _hidden(self, metric: str, column: str) -> bool:
        """Whether a column says only that its rows ran."""
        return bool(self.unprinted) and column == "measured" and metric not in self.counted

    def _cells(self, row: Row, sources: Mapping[str, _Source]) -> list[_Cell]:
        return [
            self._cell(row, metric, column, sources)
            for metric, columns in self._shown().items()
            for column in columns
        ]

    def _cell(self, row: Row, metric: str, column: str, sources: Mapping[str, _Source]) -> _Cell:
        first = column == "published"
        before = f"{heading(metric, self.units[metric])}, " if first else ""
        named = {"label": before + COLUMNS[column], "first": first}
        value = figure(row, metric, column)
        hidden = self._hidden(metric, column)
        trivial = any(row is other for other in self.trivial)
        if trivial and (value is None or hidden):
            return _Cell(**named, absent="-")
        if value is None:
            if column in row.collapsed:
                return _Cell(**named, absent=row.collapsed[column])
            # Reasons are long and stand below the table, under a letter.
            reason = self._reasons().get(row.not_run, "") if column in RUNS else ""
            return _Cell(**named, absent=_ABSENT.get(column, "not run"), reason=reason)
        if column == "published":
            return _Cell(
                **named,
                text=format_value(value),
                source=sources.get(row.source),
                difference=self._difference(row, metric, column),
                notes=_filled(row.remarks.get(metric, "")),
            )
        if column == "official":
            difference = self._difference(row, metric, column)
            return _Cell(**named, text=format_value(value), difference=difference)
        run = getattr(row, column)[metric]
        spread = "" if run.spread is None else f" ± {run.spread:.{decimals(value)}f}"
        return _Cell(
            **named,
            text=RAN_MARK if hidden else format_value(value) + spread,
            difference=self._difference(row, metric, column),
            notes=_filled(
                "" if hidden or run.learned is not False else NOT_LEARNED,
                f"same run as {run.same_as}" if run.same_as else "",
                run.left_out,
            ),
            ran=run.ran,
        )

    def _difference(self, row: Row, metric: str, column: str) -> str:
        difference = self.differences(metric, column).get(row.name)
        if difference is None:
            return ""
        if metric not in self.counted:
            return signed(difference)
        value = figure(row, metric, column)
        assert value is not None
        return ratio(value, value - difference) if value != difference else ""

    def _text(self, row: Row, metric: str, column: str) -> str:
        cell = self._cell(row, metric, column, {})
        if cell.absent:
            told = column in RUNS and row.not_run and column not in row.collapsed
            why = f": {row.not_run}" if told else ""
            return cell.absent + why
        return ", ".join([cell.text, *cell.notes])

    def _nothing(self) -> str:
        reasons = {row.not_run for row in self.rows}
        why = f" ({reasons.pop()})" if len(reasons) == 1 and all(reasons) else ""
        return (
            f"{self.title}: no published figure is known, and none of its rows has run here{why}."
        )

    def _reasons(self) -> dict[str, str]:
        reasons = dict.fromkeys(row.not_run for row in self.rows if row.not_run)
        return dict(zip(reasons, ascii_lowercase, strict=False))

    def _legend(self) -> list[str]:
        lines = [self.note] if self.note else []
        cells = [cell for row in self.rows for cell in self._cells(row, {})]
        if any(cell.text == RAN_MARK for cell in cells):
            lines.append(f"{RAN_MARK}: {self.unprinted}.")
        if self.baseline:
            counted = (
                " For costs: the ratio to it." if set(self.metrics) & set(self.counted) else ""
            )
            lines.append(
                f"Small figures: difference from the row {self.baseline}, same column.{counted}"
            )
            lines += self._not_compared()
        figures = self._figures()
        if any(run.spread is not None for run in figures):
            lines.append("±: standard deviation over seeds.")
        if any(NOT_LEARNED in cell.notes for cell in cells):
            lines.append(NOT_LEARNED_LEGEND)
        if any(row.oracle for row in self.rows):
            lines.append(ORACLE_LEGEND)
        if reasons := self._reasons():
            lettered = any(cell.reason for cell in cells)
            listed = [f"{name}: {why}" if lettered else why for why, name in reasons.items()]
            lines.append(f"Not run: {'; '.join(listed)}.")
        without = [metric_name(metric) for metric in self.units if metric not in self.metrics]
        if without:
            lines.append(f"Of {', '.join(without)} no figure is known.")
        return lines

    def _figures(self) -> list[Measured]:
        return [run for row in self.rows for name in RUNS for run in getattr(row, name).values()]

    def _ran(self) -> list[Ran]:
        """What was run, of each column of runs that has any."""
        found = []
        for column in RUNS:
            said = {
                row.name: text
                for row in self.rows
                if (text := next((run.ran for run in getattr(row, column).values() if run.ran), ""))
            }
            if said:
                found.append(what_was_run(COLUMNS[column], said))
        return found

    def _not_compared(self) -> list[str]:
        """Why some figures stand without a difference."""
        baseline = next(row for row in self.rows if row.name == self.baseline)
        lines = []
        if any(row.oracle != baseline.oracle for row in self.rows):
            lines.append("No difference stands between an oracle and what is none.")
        others = {row.input_2d for row in self.rows if not same_input(row, baseline)}
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


def _stacks(columns: Sequence[int]) -> int:
    """How many figures stand side by side where rows stack, 0 where columns need no stacking."""
    return max(columns) if sum(columns) > MOST_SIDE_BY_SIDE else 0


def _trivial_name(row: Row) -> str:
    return f"{row.name} ({row.input_2d})" if row.input_2d else row.name


def _filled(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _has_published(row: Row, units: Mapping[str, str]) -> bool:
    return any(row.published.get(metric) is not None for metric in units)


def _split(source: str) -> tuple[str, str, str]:
    """What stands before an address, the address ("" for none), and what stands after it."""
    found = re.search(r"https?://[^\s;,)]+", source)
    if found is None:
        return source, "", ""
    return source[: found.start()], found.group(), source[found.end() :]
