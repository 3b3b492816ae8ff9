"""Verdicts: what the runs of a paper say about its claims.

A claim is a list of conditions ``lower < than``, each in one metric, which all have to hold. It is
decided in this order, and the first that applies is the verdict:

1. Nothing to compare, or a row that cannot be run here: *not assessed*.
2. Counted figures (parameters, MACs) are exact. One that breaks the claim: *implementation check
   failed*. If there is nothing but counts and all hold: *implementation check passed*.
3. A condition whose rows are one and the same run at this scale: *not testable*, "same run as".
4. Runs that are missing, one seed or one take, a figure that is no number: *not assessed*.
5. A gate that is closed or not known (``gates``: learned, controls, converged, power): *not
   testable at this scale*, with the gate. So neither word below is said of runs that could not
   have said the other.
6. The effect, relative to ``than``, and its p value (``statistics``: paired over seeds, persons and
   takes; a Satterthwaite t). With a margin ("without loss") it is tested against the margin
   instead of zero. The p value of a claim is that of its worst condition where all effects lie on
   the claimed side, else that of the clearest condition on the other side times the number of
   conditions; Holm corrects it for all sampled claims of the paper that have one.
   - all conditions on the claimed side, adjusted p below 5 %: *supports*, if every effect is 0.5
     to 2 times the published one (gate "size"), else *same direction, other size*;
   - a condition on the other side, adjusted p below 5 %: *against*;
   - else *inconclusive*.

With the published schedule on the published data the words are *reproduced*, *contradicted* and
*inconclusive*; gates "converged" and "power" do not apply there, and a closed one of the others
makes it inconclusive. Oracle figures are refused when a paper is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from posekit.errors import InvalidData
from posekit.workbook.evidence import gates
from posekit.workbook.evidence.comparisons import Comparison, Evidence, compare, count, same_run
from posekit.workbook.evidence.gates import Gate
from posekit.workbook.evidence.statistics import LEVEL, holm, least_effect
from posekit.workbook.papers import Claim, Condition, Paper, Term

REPRODUCED, CONTRADICTED = "reproduced", "contradicted"
SUPPORTS, AGAINST, INCONCLUSIVE = "supports", "against", "inconclusive"
OTHER_SIZE = "same direction, other size"
NOT_TESTABLE = "not testable at this scale"
CHECK_PASSED, CHECK_FAILED = "implementation check passed", "implementation check failed"
NOT_ASSESSED = "not assessed"
VERDICTS = (
    REPRODUCED,
    CONTRADICTED,
    SUPPORTS,
    AGAINST,
    OTHER_SIZE,
    INCONCLUSIVE,
    NOT_TESTABLE,
    CHECK_PASSED,
    CHECK_FAILED,
    NOT_ASSESSED,
)

ORACLE, RECONSTRUCTION, ONE_SEED = "oracle", "reconstruction", "one seed"
COUNTED = "counted at the published size"


@dataclass(frozen=True)
class ConditionResult:
    """One condition of a claim; None for what is not known.

    Attributes:
        metric: what is compared.
        lower, than: rows, ratios of rows or numbers.
        difference: ``lower - than`` in the unit of the metric.
        effect: ``lower / than - 1`` (a share: -0.02 is -2 %), or the difference of correlations.
        low, high: its 95 % interval; equal for counted figures.
        published: the same effect by the published figures.
        margin: what "without loss" allows, None where the effect has to lie below zero.
        least_effect: the smallest that the runs would see with a power of 80 %.
        p: two-sided, against zero or the margin.
        adjusted_p: by Holm, for the claims of the paper.
        degrees_of_freedom: of the interval.
        verdict: one of ``VERDICTS``.
    """

    metric: str
    lower: Term
    than: Term
    difference: float
    effect: float
    low: float | None
    high: float | None
    published: float | None
    margin: float | None
    least_effect: float | None
    p: float | None
    adjusted_p: float | None
    degrees_of_freedom: float | None
    verdict: str


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Attributes:
        claim: its id.
        verdict: one of ``VERDICTS``.
        reason: one sentence: what decided.
        conditions: the comparisons behind it.
        gates: those that were asked, in their order.
        basis: which runs it is for: data set, profile, seeds.
        tags: "oracle", "reconstruction", "one seed".
    """

    claim: str
    verdict: str
    reason: str
    conditions: tuple[ConditionResult, ...] = ()
    gates: tuple[Gate, ...] = ()
    basis: str = ""
    tags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain containers."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Verdict:
        """The verdict that ``to_json`` wrote."""
        conditions = tuple(
            ConditionResult(**{**item, "lower": _term(item["lower"]), "than": _term(item["than"])})
            for item in content["conditions"]
        )
        passed = tuple(Gate(**gate) for gate in content["gates"])
        tags = tuple(content["tags"])
        return cls(**{**content, "conditions": conditions, "gates": passed, "tags": tags})


@dataclass(frozen=True)
class _Case:
    """A claim that its runs can settle: what was counted, what was measured, its p value."""

    claim: Claim
    counted: tuple[ConditionResult, ...]
    comparisons: tuple[Comparison, ...]
    tags: tuple[str, ...]

    @property
    def p(self) -> float:
        return _joint_p(self.comparisons)


def judge_paper(paper: Paper, evidence: Evidence) -> tuple[Verdict, ...]:
    """The verdict on every claim of a paper, in its order."""
    cases = [_prepare(paper, claim, evidence) for claim in paper.claims]
    sampled = [case for case in cases if isinstance(case, _Case)]
    controls = gates.controls(paper, evidence) if sampled else None
    return tuple(
        _decide(case, [other.p for other in sampled if other is not case], controls, evidence)
        if isinstance(case, _Case)
        else case
        for case in cases
    )


def not_assessed(claim: Claim, reason: str, basis: str = "") -> Verdict:
    """The verdict of a claim that nothing here can settle."""
    return Verdict(claim.id, NOT_ASSESSED, reason, basis=basis)


def _prepare(paper: Paper, claim: Claim, evidence: Evidence) -> Verdict | _Case:
    """Steps 1 to 4: a verdict where they give one, else what the others need."""
    tags = _tags(paper, claim)

    def verdict(word: str, reason: str, basis: str = evidence.basis, **rest: Any) -> Verdict:
        return Verdict(claim.id, word, reason, basis=basis, **{"tags": tags, **rest})

    if not claim.comparison:
        return verdict(NOT_ASSESSED, claim.not_assessed, "")
    for row in map(paper.row, claim.rows):
        if row.run is None:
            return verdict(NOT_ASSESSED, f"{row.path} {row.not_run}", "")
    counted = tuple(_counted(count(item, evidence)) for item in claim.comparison if item.counted)
    broken = [item for item in counted if item.verdict == CHECK_FAILED]
    if broken:
        reason = f"{broken[0].metric} is on the other side of what is claimed"
        return verdict(CHECK_FAILED, reason, COUNTED, conditions=counted)
    if claim.counted:
        return verdict(CHECK_PASSED, "every count is as claimed", COUNTED, conditions=counted)

    sampled = [item for item in claim.comparison if not item.counted]
    same = same_run(sampled, evidence)
    if same:
        return verdict(NOT_TESTABLE, f"{same} at this scale", conditions=counted)
    missing = [path for path in _rows(sampled) if not evidence.available(path)]
    if missing:
        return verdict(NOT_ASSESSED, f"the runs of {missing[0]} are missing", conditions=counted)
    try:
        comparisons = tuple(compare(item, evidence) for item in sampled)
    except InvalidData as error:
        return verdict(NOT_ASSESSED, str(error), conditions=counted)
    if any(item.interval.p is None for item in comparisons):
        results = (*counted, *(_result(item, NOT_ASSESSED) for item in comparisons))
        if _one_seed(sampled[0], evidence):
            said = {"conditions": results, "tags": (*tags, ONE_SEED)}
            return verdict(NOT_ASSESSED, "one seed: no verdict", **said)
        return verdict(NOT_ASSESSED, "one take: no verdict", conditions=results)
    return _Case(claim, counted, comparisons, tags)


def _decide(
    case: _Case, other_claims: Sequence[float], controls: Gate | None, evidence: Evidence
) -> Verdict:
    """Steps 5 and 6."""
    claim, comparisons = case.claim, case.comparisons
    assert controls is not None
    asked = (
        gates.learned(claim, _rows([item.condition for item in comparisons]), evidence),
        controls,
        gates.converged(comparisons, evidence),
        gates.power(comparisons, evidence),
        gates.size(comparisons),
    )
    closed = next((gate for gate in asked[:-1] if gate.blocks), None)
    adjusted = [_adjusted_p(item, len(comparisons), other_claims) for item in comparisons]
    if closed is not None:
        word = INCONCLUSIVE if evidence.at_published_scale else NOT_TESTABLE
        words = [word] * len(comparisons)
        reason = f"gate {closed.name}: {closed.detail}"
    else:
        words = [
            _word(item, p, evidence.at_published_scale)
            for item, p in zip(comparisons, adjusted, strict=True)
        ]
        word, reason = _sum_up(words, asked[-1])
    results = (_result(*parts) for parts in zip(comparisons, words, adjusted, strict=True))
    return Verdict(
        claim.id, word, reason, (*case.counted, *results), asked, evidence.basis, case.tags
    )


def _joint_p(comparisons: Sequence[Comparison]) -> float:
    other_side = [item.interval.p for item in comparisons if not item.favourable]
    if other_side:
        return min(1.0, len(comparisons) * min(other_side))
    return max(item.interval.p for item in comparisons)


def _adjusted_p(comparison: Comparison, conditions: int, other_claims: Sequence[float]) -> float:
    """What Holm would make of the claim if this condition alone decided it."""
    p = comparison.interval.p * (1 if comparison.favourable else conditions)
    return holm([*other_claims, min(1.0, p)])[-1]


def _word(comparison: Comparison, adjusted_p: float, at_published_scale: bool) -> str:
    if adjusted_p >= 1 - LEVEL:
        return INCONCLUSIVE
    if not comparison.favourable:
        return CONTRADICTED if at_published_scale else AGAINST
    found = gates.size_of(comparison)
    if found is not None and not found[0]:
        return OTHER_SIZE
    return REPRODUCED if at_published_scale else SUPPORTS


def _sum_up(words: Sequence[str], size: Gate) -> tuple[str, str]:
    """The word for all conditions, and what decided."""
    for word in (AGAINST, CONTRADICTED):
        if word in words:
            return word, "an effect lies clearly on the other side"
    if INCONCLUSIVE in words:
        return INCONCLUSIVE, "an effect is not clear of chance, corrected for all claims"
    if OTHER_SIZE in words:
        return OTHER_SIZE, size.detail
    return words[0], "every effect lies clearly on the claimed side"


def _counted(comparison: Comparison) -> ConditionResult:
    return _result(comparison, CHECK_PASSED if comparison.favourable else CHECK_FAILED)


def _result(
    comparison: Comparison, verdict: str, adjusted_p: float | None = None
) -> ConditionResult:
    condition, interval = comparison.condition, comparison.interval
    return ConditionResult(
        condition.metric,
        condition.lower,
        condition.than,
        comparison.difference,
        interval.value,
        interval.low,
        interval.high,
        comparison.published,
        condition.margin,
        least_effect(interval),
        interval.p,
        adjusted_p,
        interval.degrees_of_freedom,
        verdict,
    )


def _one_seed(condition: Condition, evidence: Evidence) -> bool:
    return len(evidence.read(condition.rows[0], condition.metric).seeds) == 1


def _rows(conditions: Sequence[Condition]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for item in conditions for path in item.rows))


def _tags(paper: Paper, claim: Claim) -> tuple[str, ...]:
    rows = map(paper.row, claim.rows) if claim.comparison else paper.table(claim.table).rows
    tags = {ORACLE: any(row.oracle for row in rows), RECONSTRUCTION: claim.reconstruction}
    return tuple(tag for tag, holds in tags.items() if holds)


def _term(content: Any) -> Term:
    return tuple(content) if isinstance(content, list) else content
