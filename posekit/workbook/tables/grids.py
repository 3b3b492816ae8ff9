"""Cards and plain tables, as HTML for notebooks and reports and as text elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

NOT_AVAILABLE = "not available"
MINUS = "\N{MINUS SIGN}"

STYLE = """<style>
.pk{font-variant-numeric:tabular-nums;line-height:1.45;max-width:100%}
.pk-scroll{overflow-x:auto}
.pk table{border-collapse:collapse;font-size:.9em;margin:.2em 0;text-align:left}
.pk caption{text-align:left;font-weight:600;padding:.3em 0;caption-side:top;color:inherit}
.pk th,.pk td{padding:.32em .6em;text-align:left!important;vertical-align:baseline;\
border-bottom:1px solid rgba(128,136,148,.3);background:none;white-space:nowrap}
.pk td.pk-n,.pk th.pk-n{text-align:right!important}
.pk td.pk-text,.pk tbody th{white-space:normal;min-width:11em}
.pk th.pk-text{min-width:18em}
.pk thead th{border-bottom:1.5px solid currentColor;font-weight:600}
.pk tbody th{font-weight:400}
.pk tr.pk-base th::after{content:" (baseline)";opacity:.7}
.pk .pk-delta{display:inline-block;min-width:3.2em;opacity:.75;font-size:.88em}
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
            f"{label_html(self.label)}</summary><dl>{entries}</dl></details>"
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
        return table_html(self.caption, self.label, head, body) + note

    def _row_html(self, row: Sequence[str | float | None], numeric: Sequence[bool]) -> str:
        first, *others = row
        cells = "".join(
            f"<td{_numeric(number) if number else _wide(value)}>{_plain(value)}</td>"
            for value, number in zip(others, numeric[1:], strict=True)
        )
        return f'<tr><th scope="row"{_wide(first)}>{_plain(first)}</th>{cells}</tr>'

    def to_text(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns)]
        lines += [[format_value(value) for value in row] for row in self.rows]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return "\n".join(
            part for part in (titled(self.caption, self.label), table, self.note) if part
        )


def decimals(value: float) -> int:
    """Digits behind the point: one for large figures, three significant digits for small ones."""
    size = abs(value)
    return 0 if size >= 10_000 else 1 if size >= 10 else 2 if size >= 1 else 3


def format_value(value: str | float | None) -> str:
    """A cell's text, to the digits of ``decimals``; 2.30 reads 2.3, as most sources print it."""
    if value is None:
        return NOT_AVAILABLE
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    digits = decimals(value)
    text = f"{value:,.{digits}f}".replace("-", MINUS)
    return text.removesuffix("0") if digits == 2 else text


def signed(value: float) -> str:
    """A difference with its sign; one that rounds to nothing has none."""
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def table_html(caption: str, label: str, head: str, body: str, grouped: bool = False) -> str:
    rows = head if grouped else f"<tr>{head}</tr>"
    return (
        f'<div class="pk-scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}{label_html(label)}</caption>"
        f"<thead>{rows}</thead><tbody>{body}</tbody></table></div>"
    )


def label_html(label: str) -> str:
    if not label or label == "licensed":
        return ""
    kind = "pk-label pk-stand-in" if label == "STAND-IN" else "pk-label"
    return f'<span class="{kind}">{escape(label)}</span>'


def titled(caption: str, label: str) -> str:
    return f"{caption} [{label}]" if label else caption


def _plain(value: str | float | None) -> str:
    text = escape(format_value(value))
    return f'<span class="pk-none">{text}</span>' if value is None else text


def _numeric(number: bool) -> str:
    return ' class="pk-n"' if number else ""


def _wide(value: str | float | None) -> str:
    return ' class="pk-text"' if isinstance(value, str) and len(value) > 40 else ""
