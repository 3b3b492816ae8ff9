"""Claims with what became of them: verdict, effects, and the gates that were passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from posekit.workbook.tables.forest import Effect
from posekit.workbook.tables.grids import Shown, format_value, markdown, ratio
from posekit.workbook.templates import render

AUTHORS = "Claims of the authors"
QUESTIONS = "Questions of this workbook"
PASSED, FAILED, NOT_KNOWN = "passed", "failed", "not known"
_MARKS = {PASSED: "\N{CHECK MARK}", FAILED: "\N{MULTIPLICATION SIGN}", NOT_KNOWN: "?"}


@dataclass(frozen=True)
class Lamp:
    """One gate before a verdict.

    Attributes:
        name: one word, "learned".
        passed: None where it is not known.
        detail: what was found, one sentence.
    """

    name: str
    passed: bool | None
    detail: str = ""

    @property
    def state(self) -> str:
        """Passed, failed or not known."""
        return {True: PASSED, False: FAILED, None: NOT_KNOWN}[self.passed]

    @property
    def mark(self) -> str:
        """The state as one sign, which needs no colour."""
        return _MARKS[self.state]

    @property
    def said(self) -> str:
        """The lamp in words."""
        return f"{self.name}: {self.state}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Counted:
    """A cost of a row beside that of another; it is counted, so that it has no interval.

    Attributes:
        label: what is compared, "parameters, both priors against neither".
        value, than: the cost of the row and what it is set against, both in ``unit``.
        unit: "M" or "G".
        published: the ratio as the authors print it, None where they do not.
        bound: the ratio that the claim allows, None where it says lower.
    """

    label: str
    value: float
    than: float
    unit: str
    published: float | None = None
    bound: float | None = None

    @property
    def measured(self) -> str:
        """Cost and ratio: ``35.0 M = 1.04 x``."""
        cost = f"{format_value(self.value)} {self.unit}".strip()
        return f"{cost} = {ratio(self.value, self.than)}" if self.than else cost

    @property
    def rest(self) -> str:
        """What is published and what the claim asks for, "" for neither."""
        found = (("published {}", self.published), ("at most {} allowed", self.bound))
        return ", ".join(text.format(ratio(is_, 1)) for text, is_ in found if is_ is not None)

    @property
    def said(self) -> str:
        """All of it in one line."""
        return f"{self.label}: {self.measured}" + (f", {self.rest}" if self.rest else "")


@dataclass(frozen=True)
class JudgedClaim:
    """A claim and what became of it.

    Attributes:
        text: the claim, with what of it is judged here.
        verdict: its word.
        tone: whether the word speaks for the claim, against it, or leaves it open.
        reason: why, one sentence.
        basis: the scale: data set, profile, seeds.
        effects: its sampled conditions.
        costs: its counted ones.
        lamps: the gates, in order; none for a claim that has none.
        tags: "oracle", "reconstruction", "one seed".
    """

    text: str
    verdict: str
    tone: Literal["for", "against", "open"] = "open"
    reason: str = ""
    basis: str = ""
    effects: tuple[Effect, ...] = ()
    costs: tuple[Counted, ...] = ()
    lamps: tuple[Lamp, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The verdict with its tags."""
        return self.verdict + (f" ({', '.join(self.tags)})" if self.tags else "")

    @property
    def figures(self) -> list[str]:
        """Every condition in one line."""
        return [condition.said for condition in (*self.effects, *self.costs)]


@dataclass(frozen=True, repr=False)
class VerdictTable(Shown):
    """What the authors claim and what this workbook asks, each with its verdict, in two tables.

    Attributes:
        claims: of the authors.
        questions: of this workbook.
    """

    claims: Sequence[JudgedClaim]
    questions: Sequence[JudgedClaim] = ()

    @property
    def parts(self) -> list[tuple[str, Sequence[JudgedClaim]]]:
        """Caption and rows of the tables that have any."""
        parts = ((AUTHORS, self.claims), (QUESTIONS, self.questions))
        return [(caption, judged) for caption, judged in parts if judged]

    def to_html(self) -> Markup:
        sampled = any(claim.effects for _, part in self.parts for claim in part)
        return render("tables/verdicts.html.j2", judged_parts=self.parts, sampled=sampled)

    def to_text(self) -> str:
        lines = []
        for caption, judged in self.parts:
            rows = [
                (
                    claim.text,
                    claim.words,
                    "; ".join(claim.figures) or "-",
                    ", ".join(f"{lamp.name} {lamp.mark}" for lamp in claim.lamps) or "-",
                    ": ".join(part for part in (claim.basis, claim.reason) if part),
                )
                for claim in judged
            ]
            columns = ("claim", "verdict", "effect", "gates", "from, and why")
            lines += [caption, *markdown(columns, rows)]
        return "\n".join(lines)
