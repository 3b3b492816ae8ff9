"""The box below a report's title: what the paper claims and what was found, in ten seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from pydantic import TypeAdapter, ValidationError

from posekit.errors import InvalidData
from posekit.workbook.tables.forest import Effect, Scale, axis, strip
from posekit.workbook.tables.grids import Shown
from posekit.workbook.tables.verdicts import JudgedClaim
from posekit.workbook.templates import render

PLACE = "below the title"
"""Under ``place`` in an output's metadata: where a page shows it, wherever its cell stands."""


@dataclass(frozen=True, repr=False)
class Answer(Shown):
    """What the paper claims in one sentence, and for every headline claim what was found.

    Attributes:
        claim: of the paper, one sentence.
        claims: the headline claims.
        finding: what has to be known before anything else, "" for nothing.
    """

    claim: str
    claims: tuple[JudgedClaim, ...]
    finding: str = ""

    def to_html(self) -> Markup:
        return self._rendered(brief=False)

    def brief(self) -> Markup:
        """The same plots and words without gates and reasons, with their style, for the index."""
        return render("tables/shown.html.j2", body=self._rendered(brief=True))

    def to_text(self) -> str:
        lines = [f"The paper claims: {self.claim}"]
        if self.finding:
            lines.append(self.finding)
        for claim in self.claims:
            lines.append(f"- {claim.text} {claim.words.capitalize()}: {claim.reason}")
            lines += [f"  {said}" for said in claim.figures]
            if claim.lamps:
                lamps = ", ".join(f"{lamp.name} {lamp.mark}" for lamp in claim.lamps)
                lines.append(f"  gates: {lamps}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """The box as plain containers, for the index page."""
        return _ADAPTER.dump_python(self, mode="json")

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Answer:
        """The box that ``to_json`` wrote.

        Raises:
            InvalidData: the content is another.
        """
        try:
            return _ADAPTER.validate_python(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidData(
                f"answer box, {place}: {first['msg']}; run the notebook anew."
            ) from None

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        content = {"text/html": self._repr_html_(), "text/plain": self.to_text()}
        return content, {"text/html": {"place": PLACE}}

    def _rendered(self, *, brief: bool) -> Markup:
        claims = [(claim, _plots(claim)) for claim in self.claims]
        return render(
            "tables/answer.html.j2", box=self, claims=claims, brief=brief, strip=strip, axis=axis
        )


def _plots(claim: JudgedClaim) -> list[tuple[Scale, list[Effect]]]:
    """The effects of a claim on a scale of their own, relative ones and differences apart."""
    kinds = {effect.relative: None for effect in claim.effects}
    return [
        (Scale.over(claim.effects, relative=kind), [e for e in claim.effects if e.relative == kind])
        for kind in kinds
    ]


_ADAPTER = TypeAdapter(Answer)
