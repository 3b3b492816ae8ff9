"""Tables that people read: published beside measured, with sources, differences and labels.

Every table here is shown by JupyterLab and kept by the report as real HTML (caption, scope), and
prints as text elsewhere. They take plain values, so that anything can fill them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

NOT_AVAILABLE = "not available"
ORACLE_MARK = "†"
ORACLE_LEGEND = "† oracle: picked with the help of the truth; never part of a verdict."
MINUS = "\N{MINUS SIGN}"

STYLE = """<style>
.pk{font-variant-numeric:tabular-nums;line-height:1.45;max-width:100%}
.pk-scroll{overflow-x:auto}
.pk table{border-collapse:collapse;font-size:.9em;margin:.2em 0;text-align:left}
.pk caption{text-align:left;font-weight:600;padding:.3em 0;caption-side:top;color:inherit}
.pk th,.pk td{padding:.32em .8em;text-align:left!important;vertical-align:baseline;\
border-bottom:1px solid rgba(128,136,148,.3);background:none;white-space:nowrap}
.pk td.pk-n,.pk th.pk-n{text-align:right!important}
.pk td.pk-text{white-space:normal;min-width:14em}
.pk thead th{border-bottom:1.5px solid currentColor;font-weight:600}
.pk tbody th{font-weight:400}
.pk tr.pk-base th::after{content:" (baseline)";opacity:.7}
.pk .pk-delta{display:inline-block;min-width:3.6em;opacity:.75;font-size:.88em}
.pk .pk-none{opacity:.7;font-style:italic;font-size:.9em}
.pk .pk-small{font-size:.85em;opacity:.85;margin:.3em 0;max-width:75ch}
.pk .pk-label{display:inline-block;border:1px solid currentColor;border-radius:3px;\
padding:0 .45em;font-size:.78em;font-weight:600;margin-left:.6em;white-space:nowrap}
.pk .pk-stand-in{background:#d55e00;border-color:#d55e00;color:#fff}
.pk details{margin:.35em 0}
.pk summary{cursor:pointer}
.pk dl{display:grid;grid-template-columns:max-content 1fr;gap:.15em 1.2em;margin:.4em 0 .6em 1em;\
font-size:.9em}
.pk dt{opacity:.75;font-weight:400}
.pk dd{margin:0;overflow-wrap:anywhere}
.pk ol{font-size:.85em;margin:.3em 0;padding-left:1.6em;overflow-wrap:anywhere}
</style>"""


class Shown:
    """Something that JupyterLab shows as HTML and a terminal as text."""

    def to_html(self) -> str:
        """The body, without the style sheet."""
        raise NotImplementedError

    def to_text(self) -> str:
        """The same content as plain text, tables in Markdown."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return f'{STYLE}<div class="pk">{self.to_html()}</div>'

    def __repr__(self) -> str:
        return self.to_text()


@dataclass(frozen=True, repr=False)
class Card(Shown):
    """A foldable list of facts: data status, protocol, provenance."""

    title: str
    entries: Mapping[str, str]
    label: str = ""
    folded: bool = False

    def to_html(self) -> str:
        entries = "".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>"
            for name, text in self.entries.items()
        )
        state = "" if self.folded else " open"
        return (
            f"<details{state}><summary><strong>{escape(self.title)}</strong>"
            f"{_label(self.label)}</summary><dl>{entries}</dl></details>"
        )

    def to_text(self) -> str:
        label = f" [{self.label}]" if self.label else ""
        lines = [f"{name}: {text}" for name, text in self.entries.items()]
        return "\n".join([f"{self.title}{label}", *lines])


def card(title: str, entries: Mapping[str, str], *, label: str = "", folded: bool = False) -> Card:
    """A foldable list of facts; ``label`` names the evidence ("synthetic", "STAND-IN"...)."""
    return Card(title, entries, label, folded)


@dataclass(frozen=True, repr=False)
class Grid(Shown):
    """A plain table: every cell a text or a number, the first column names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    label: str = ""
    note: str = ""

    def to_html(self) -> str:
        numeric = [
            any(isinstance(row[place], int | float) for row in self.rows)
            for place in range(len(self.columns))
        ]
        head = "".join(
            f'<th scope="col"{_numeric(number)}>{escape(name)}</th>'
            for name, number in zip(self.columns, numeric, strict=True)
        )
        body = "".join(self._row_html(row, numeric) for row in self.rows)
        note = f'<p class="pk-small">{escape(self.note)}</p>' if self.note else ""
        return _table_html(self.caption, self.label, head, body) + note

    def _row_html(self, row: Sequence[str | float | None], numeric: Sequence[bool]) -> str:
        first, *others = row
        cells = "".join(
            f"<td{_numeric(number) if number else _wide(value)}>{_plain(value)}</td>"
            for value, number in zip(others, numeric[1:], strict=True)
        )
        return f'<tr><th scope="row">{_plain(first)}</th>{cells}</tr>'

    def to_text(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[format_value(value) for value in row] for row in self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n".join(
            part for part in (_titled(self.caption, self.label), table, self.note) if part
        )


@dataclass(frozen=True)
class Measured:
    """One measured figure: value, half width of its interval if known, what was run."""

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
    """

    name: str
    published: Mapping[str, float | None]
    reference: Mapping[str, Measured] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    source: str = ""
    not_run: str = ""
    oracle: bool = False


@dataclass(frozen=True, repr=False)
class ComparisonTable(Shown):
    """Published | reference run | this run, with differences from one named row.

    Figures of different data or scale do not compare in absolute terms; the differences between
    rows do, and stand beside each figure.

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
            _table_html(self.title, self.evidence, self._head_html(), body, grouped=True)
            + "".join(f'<p class="pk-small">{escape(line)}</p>' for line in self._legend())
            + self._sources_html(sources)
            + (Card("Protocol", self.protocol, folded=True).to_html() if self.protocol else "")
        )

    def to_text(self) -> str:
        names = ["row"]
        for metric, unit in self.units.items():
            names += [
                f"{metric} ({unit}) {column}" for column in ("published", "reference", "here")
            ]
        lines = [names, ["---"] * len(names)]
        for row in self.rows:
            cells = [row.name + (f" {ORACLE_MARK}" if row.oracle else "")]
            for metric in self.units:
                cells.append(format_value(row.published.get(metric)))
                cells += [_measured_text(row, kind.get(metric)) for kind in _runs(row)]
            lines.append(cells)
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n".join([_titled(self.title, self.evidence), table, *self._legend()])

    def differences(self, metric: str, column: str) -> dict[str, float]:
        """Row name -> difference from the baseline row, where both have a figure."""
        figures = {row.name: _figure(row, metric, column) for row in self.rows}
        base = figures.get(self.baseline)
        if base is None:
            return {}
        return {
            name: value - base
            for name, value in figures.items()
            if value is not None and name != self.baseline
        }

    def _head_html(self) -> str:
        groups = "".join(
            f'<th scope="colgroup" colspan="3">{escape(metric_name(metric))} ({escape(unit)})</th>'
            for metric, unit in self.units.items()
        )
        columns = "".join(
            f'<th scope="col" class="pk-n">{name}</th>'
            for _ in self.units
            for name in ("published", "reference run", "this run")
        )
        return f'<tr><th scope="col" rowspan="2">row</th>{groups}</tr><tr>{columns}</tr>'

    def _row_html(self, row: Row, sources: Mapping[str, int]) -> str:
        cells = []
        for metric in self.units:
            number = sources.get(row.source)
            link = _source_link(row.source, number) if row.published.get(metric) is not None else ""
            cells.append(self._cell(row, metric, "published", link))
            cells.append(self._cell(row, metric, "reference"))
            cells.append(self._cell(row, metric, "measured"))
        base = ' class="pk-base"' if row.name == self.baseline else ""
        mark = f" {ORACLE_MARK}" if row.oracle else ""
        return f'<tr{base}><th scope="row">{escape(row.name)}{mark}</th>{"".join(cells)}</tr>'

    def _cell(self, row: Row, metric: str, column: str, link: str = "") -> str:
        value = _figure(row, metric, column)
        if value is None:
            return (
                f'<td class="pk-n"><span class="pk-none">{escape(_absent(row, column))}</span></td>'
            )
        run = {"reference": row.reference, "measured": row.measured}.get(column, {}).get(metric)
        spread = f" ± {run.spread:.1f}" if run and run.spread is not None else ""
        ran = f' title="{escape(run.ran)}"' if run and run.ran else ""
        delta = ""
        if self.baseline:
            difference = self.differences(metric, column).get(row.name)
            delta = f'<span class="pk-delta">{signed(difference)}</span>'
        return f'<td class="pk-n"{ran}>{format_value(value)}{spread}{link} {delta}</td>'

    def _legend(self) -> list[str]:
        lines = [self.note] if self.note else []
        if self.baseline:
            lines.append(f"Small figures: difference from the row {self.baseline}, same column.")
        if any(row.oracle for row in self.rows):
            lines.append(ORACLE_LEGEND)
        ran = {
            run.ran: None
            for row in self.rows
            for kind in _runs(row)
            for run in kind.values()
            if run.ran
        }
        if ran:
            lines.append(f"What was run: {'; '.join(ran)}.")
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
    return {"params": "parameters", "macs": "MACs", "acc_err": "acceleration error"}.get(
        metric, metric.replace("_", "-").upper()
    )


def format_value(value: str | float | None) -> str:
    """A cell's text: one decimal for large figures, three significant digits for small ones."""
    if value is None:
        return NOT_AVAILABLE
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    digits = 0 if abs(value) >= 10_000 else 1 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}".replace("-", MINUS)


def signed(value: float | None) -> str:
    """A difference with its sign, "" for none."""
    return "" if value is None else f"{value:+.1f}".replace("-", MINUS)


def _figure(row: Row, metric: str, column: str) -> float | None:
    if column == "published":
        return row.published.get(metric)
    run = (row.reference if column == "reference" else row.measured).get(metric)
    return None if run is None else run.value


def _absent(row: Row, column: str) -> str:
    if column == "published":
        return NOT_AVAILABLE
    return f"not run: {row.not_run}" if row.not_run else "not run"


def _measured_text(row: Row, run: Measured | None) -> str:
    return _absent(row, "measured") if run is None else format_value(run.value)


def _runs(row: Row) -> tuple[Mapping[str, Measured], Mapping[str, Measured]]:
    return row.reference, row.measured


def _has_published(row: Row, units: Mapping[str, str]) -> bool:
    return any(row.published.get(metric) is not None for metric in units)


def _table_html(caption: str, label: str, head: str, body: str, grouped: bool = False) -> str:
    rows = head if grouped else f"<tr>{head}</tr>"
    return (
        f'<div class="pk-scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}{_label(label)}</caption>"
        f"<thead>{rows}</thead><tbody>{body}</tbody></table></div>"
    )


def _label(label: str) -> str:
    if not label or label == "licensed":
        return ""
    kind = "pk-label pk-stand-in" if label == "STAND-IN" else "pk-label"
    return f'<span class="{kind}">{escape(label)}</span>'


def _titled(caption: str, label: str) -> str:
    return f"{caption} [{label}]" if label else caption


def _plain(value: str | float | None) -> str:
    text = escape(format_value(value))
    return f'<span class="pk-none">{text}</span>' if value is None else text


def _numeric(number: bool) -> str:
    return ' class="pk-n"' if number else ""


def _wide(value: str | float | None) -> str:
    return ' class="pk-text"' if isinstance(value, str) and len(value) > 40 else ""


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
