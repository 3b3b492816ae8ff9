"""A study's verdicts in the form in which notebooks show them: the answer box, the tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from posekit.errors import InvalidParameter
from posekit.evaluation.scoring import PERCENTAGES
from posekit.workbook.evidence import (
    AGAINST,
    CHECK_FAILED,
    CHECK_PASSED,
    CONTRADICTED,
    REPRODUCED,
    SUPPORTS,
    ConditionResult,
    Gate,
    Verdict,
)
from posekit.workbook.evidence.comparisons import published_effect
from posekit.workbook.evidence.statistics import is_absolute
from posekit.workbook.papers import COST_METRICS, Claim, Condition, Paper, Term
from posekit.workbook.studies import Study
from posekit.workbook.tables import Answer, Counted, Effect, JudgedClaim, Lamp, VerdictTable
from posekit.workbook.tables.grids import ratio
from posekit.workbook.tables.rows import metric_name

SPEAKS_FOR = (REPRODUCED, SUPPORTS, CHECK_PASSED)
SPEAKS_AGAINST = (CONTRADICTED, AGAINST, CHECK_FAILED)
COST_UNITS = {name: "M" if name == "params" else "G" for name in COST_METRICS}


def answer(study: Study, finding: str = "") -> Answer:
    """What the paper claims and what was found for every headline claim, in ten seconds.

    Args:
        study: whose verdicts are shown, or those of the reference run.
        finding: what has to be known before anything else, "" for nothing.
    """
    headline = [item for item in study.paper.claims if item.headline]
    return Answer(study.paper.sentence, judged_claims(study, headline), finding)


def verdict_table(study: Study) -> VerdictTable:
    """Every claim of the authors and every question of the workbook with its verdict."""
    claims = study.paper.claims
    return VerdictTable(
        judged_claims(study, [claim for claim in claims if claim.asked_by == "authors"]),
        judged_claims(study, [claim for claim in claims if claim.asked_by == "workbook"]),
    )


def judged_claims(study: Study, claims: Iterable[Claim]) -> tuple[JudgedClaim, ...]:
    """Claims with their verdicts, as plain values."""
    verdicts = {verdict.claim: verdict for verdict in study.verdicts()}
    return tuple(_judged(study, claim, verdicts[claim.id]) for claim in claims)


def claim_text(claim: Claim) -> str:
    """A claim with what of it is judged here, where that is not all of it."""
    return f"{claim.text} Judged here: {claim.scope}" if claim.scope else claim.text


def _judged(study: Study, claim: Claim, verdict: Verdict) -> JudgedClaim:
    counted = [item for item in verdict.conditions if item.metric in COST_METRICS]
    sampled = [item for item in verdict.conditions if item.metric not in COST_METRICS]
    return JudgedClaim(
        text=claim_text(claim),
        verdict=verdict.verdict,
        tone=_tone(verdict.verdict),
        reason=verdict.reason,
        basis=verdict.basis,
        effects=tuple(_effect(study.paper, item) for item in sampled)
        or tuple(_published_effects(study.paper, claim)),
        costs=tuple(_cost(study, item) for item in counted),
        lamps=tuple(_lamp(gate) for gate in verdict.gates),
        tags=verdict.tags,
    )


def _tone(word: str) -> Literal["for", "against", "open"]:
    if word in SPEAKS_FOR:
        return "for"
    return "against" if word in SPEAKS_AGAINST else "open"


def _effect(paper: Paper, item: ConditionResult) -> Effect:
    return Effect(
        label=_compared(paper, item),
        value=item.effect,
        low=item.low,
        high=item.high,
        published=item.published,
        margin=item.margin,
        difference=item.difference if _is_row(item.lower) and _is_row(item.than) else None,
        unit="points" if item.metric in PERCENTAGES else "mm",
        least=item.least_effect,
        relative=not is_absolute(item.metric, item.lower, item.than),
    )


def _published_effects(paper: Paper, claim: Claim) -> Iterator[Effect]:
    """What the authors print of a claim that was not measured here."""
    for item in claim.comparison:
        if item.counted:
            continue
        printed = published_effect(item, lambda path, metric: paper.row(path).published.get(metric))
        if printed is not None:
            yield Effect(
                label=_compared(paper, item),
                published=printed,
                margin=item.margin,
                relative=not is_absolute(item.metric, item.lower, item.than),
            )


def _compared(paper: Paper, item: Condition | ConditionResult) -> str:
    sides = f"{_named(paper, item.lower)} against {_named(paper, item.than)}"
    return f"{sides}, {metric_name(item.metric)}"


def _cost(study: Study, item: ConditionResult) -> Counted:
    """A counted condition: one row beside another, or a ratio or a row beside its bound."""
    paper, name = study.paper, metric_name(item.metric)
    pair, bound, side = _pair_and_bound(item)
    label = f"{name}, {' against '.join(_named(paper, path) for path in pair)}"
    costs = [_count(study, path, item.metric) for path in pair]
    printed = [paper.row(path).published.get(item.metric) for path in pair]
    known = len(pair) == 2 and None not in printed
    return Counted(
        label=label if side == "at most" else f"{label}, {side} {_shown(bound, pair, item)}",
        value=costs[0],
        than=costs[1] if len(pair) == 2 else bound or 0.0,
        unit=COST_UNITS[item.metric],
        published=printed[0] / printed[1] if known else None,
        bound=bound if side == "at most" else None,
    )


def _shown(bound: float, pair: Sequence[str], item: ConditionResult) -> str:
    """A bound of a ratio, or of the cost of one row in its unit."""
    return ratio(bound, 1) if len(pair) == 2 else f"{bound:g} {COST_UNITS[item.metric]}"


def _pair_and_bound(item: ConditionResult) -> tuple[tuple[str, ...], float | None, str]:
    """The one or two rows of a counted condition, its bound, and on which side they lie of it."""
    if isinstance(item.lower, tuple) and not isinstance(item.than, tuple | str):
        return item.lower, item.than, "at most"
    if isinstance(item.than, tuple) and not isinstance(item.lower, tuple | str):
        return item.than, item.lower, "at least"
    if isinstance(item.lower, str) and isinstance(item.than, str):
        return (item.lower, item.than), None, "at most"
    if isinstance(item.lower, str) and not isinstance(item.than, tuple):
        return (item.lower,), item.than, "below"
    if isinstance(item.than, str) and not isinstance(item.lower, tuple):
        return (item.than,), item.lower, "above"
    raise InvalidParameter(
        f"a claim compares {item.metric} of {item.lower} with {item.than}; compare a row or a "
        "ratio of two rows with a number, or two rows."
    )


def _count(study: Study, path: str, metric: str) -> float:
    run = study.paper.row(path).run
    assert run is not None
    return study.measured.costs(run)[metric]


def _lamp(gate: Gate) -> Lamp:
    # A gate that does not apply stands in no way.
    return Lamp(gate.name, gate.passed if gate.applies else True, gate.detail)


def _is_row(term: Term) -> bool:
    return isinstance(term, str)


def _named(paper: Paper, term: Term) -> str:
    """Rows by their names, a ratio by both."""
    if isinstance(term, tuple):
        return " : ".join(_named(paper, part) for part in term)
    return paper.row(term).name if isinstance(term, str) else f"{term:g}"
