"""What was run, for print below a table: the part that all rows share once, then what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    """What the rows of one column ran.

    Attributes:
        column: its heading.
        common: what all rows share, "" for nothing.
        differing: rows -> what they ran besides; empty where all rows are alike.
    """

    column: str
    common: str
    differing: Mapping[str, str]

    @property
    def head(self) -> str:
        """The common part as a sentence."""
        if not self.differing:
            return f"What was run ({self.column}): {self.common}."
        return f"What was run ({self.column}): {self.common or 'nothing is common to all rows'}."

    @property
    def lines(self) -> list[str]:
        """All of it as text."""
        return [self.head, *(f"  {rows}: {parts}" for rows, parts in self.differing.items())]


def what_was_run(column: str, said: Mapping[str, str]) -> Ran:
    """The descriptions of rows, taken apart.

    Args:
        column: heading of the column that the rows stand in.
        said: row name -> what it ran, parts separated by ", ".
    """
    parts = {name: text.split(", ") for name, text in said.items()}
    first, *others = parts.values()
    common = [part for part in first if all(part in other for other in others)]
    groups: dict[str, list[str]] = {}
    for name, own in parts.items():
        rest = ", ".join(part for part in own if part not in common) or "nothing else"
        groups.setdefault(rest, []).append(name)
    alike = len(groups) == 1
    differing = {} if alike else {_listed(names): rest for rest, names in groups.items()}
    return Ran(column, ", ".join(common), differing)


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names)
