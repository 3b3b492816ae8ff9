"""Verdicts: does a claim of a paper hold in what was measured?

The rule. A claim is a list of conditions ``lower < than``, each about one metric. For every
condition the difference ``lower - than`` gets a 95 % interval from a two-level bootstrap:

1. Every row was trained with the same seeds and scored on the same takes. One resample draws
   seeds with replacement and takes with replacement, the same draw for all rows, so that the
   difference is paired over both.
2. A take is one recording with all its cameras: views of one motion are not independent, and
   neither are the frames of a clip. Takes weigh so that the figure is the mean over actions of
   the frame mean within each action, as in the tables.
3. A bootstrap over n seeds is too narrow by the factor sqrt((n - 1) / n); the deviations of the
   seeds from their mean are widened by the inverse before resampling.
4. The generator is seeded, so the same runs give the same interval.

A condition is *reproduced* if its interval lies below zero, *contradicted* if it lies above zero
and *undecided* otherwise. A claim is reproduced if all its conditions are, contradicted if any
is, undecided otherwise. It is *not assessed* without a comparison that can be made here, without
the runs, with a single seed, or at the profile ``smoke``. Costs (parameters, MACs) are counted,
not sampled, and compared exactly. Oracle figures are refused when a paper is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from posekit.errors import InvalidData
from posekit.workbook.papers import COST_METRICS, Claim, Condition, Term

REPRODUCED, CONTRADICTED = "reproduced", "contradicted"
UNDECIDED, NOT_ASSESSED = "undecided", "not assessed"
VERDICTS = (REPRODUCED, CONTRADICTED, UNDECIDED, NOT_ASSESSED)

RESAMPLES = 4000
LEVEL = 0.95


@dataclass(frozen=True)
class PairedErrors:
    """One metric of one row, take by take and seed by seed.

    Attributes:
        values: (seeds, takes).
        weights: (takes,), the share of each take in the table's figure; they sum to 1.
        takes: names of the takes.
        seeds: the training seeds.
    """

    values: np.ndarray
    weights: np.ndarray
    takes: tuple[str, ...]
    seeds: tuple[int, ...]


# What a condition reads: per-take errors of a metric, or a counted cost.
Reader = Callable[[str, str], PairedErrors | float]


@dataclass(frozen=True)
class ConditionResult:
    """One condition: the difference ``lower - than`` with its interval, and what it says."""

    metric: str
    lower: Term
    than: Term
    difference: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Attributes:
        claim: its id.
        verdict: one of ``VERDICTS``.
        reason: one sentence: why it was not assessed, or what decided.
        conditions: the comparisons behind it.
        basis: which runs it is for: data set, profile, seeds.
    """

    claim: str
    verdict: str
    reason: str
    conditions: tuple[ConditionResult, ...] = ()
    basis: str = ""

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
        return cls(**{**content, "conditions": conditions})


def not_assessed(claim: Claim, reason: str, basis: str = "") -> Verdict:
    """The verdict of a claim that nothing here can settle."""
    return Verdict(claim.id, NOT_ASSESSED, reason, basis=basis)


def judge(claim: Claim, read: Reader, basis: str = "") -> Verdict:
    """The verdict on a claim that has a comparison.

    Args:
        claim: its conditions name rows as ``table/row``.
        read: gives, for a row and a metric, errors per seed and take, or a counted cost.
        basis: which runs the figures come from, for print.
    """
    results = tuple(_judge_condition(condition, read) for condition in claim.comparison)
    verdicts = {result.verdict for result in results}
    verdict = CONTRADICTED if CONTRADICTED in verdicts else UNDECIDED
    if verdicts == {REPRODUCED}:
        verdict = REPRODUCED
    if NOT_ASSESSED in verdicts:
        if not all(math.isfinite(result.low + result.high) for result in results):
            return Verdict(claim.id, NOT_ASSESSED, "a figure is not a number", (), basis)
        return Verdict(
            claim.id, NOT_ASSESSED, "one seed or one take gives no interval", results, basis
        )
    reason = {
        REPRODUCED: "every interval lies on the claimed side of zero",
        CONTRADICTED: "an interval lies on the other side of zero",
        UNDECIDED: "an interval holds zero",
    }[verdict]
    return Verdict(claim.id, verdict, reason, results, basis)


def paired_errors(
    clips: Sequence[str],
    actions: Sequence[str],
    frames: Sequence[float],
    values: np.ndarray,
    seeds: Sequence[int],
) -> PairedErrors:
    """Errors per clip gathered into takes.

    Args:
        clips: names ``subject/take/camera``.
        actions: the action of each clip.
        frames: scored frames of each clip.
        values: (seeds, clips) mean error of each clip.
        seeds: the training seeds, one per row of ``values``.

    Raises:
        InvalidData: a clip without scored frames.
    """
    counts = np.asarray(frames, dtype=np.float64)
    if (counts <= 0).any():
        raise InvalidData(f"clip {clips[int(np.argmin(counts))]} has no scored frame.")
    names = [clip.rpartition("/")[0] for clip in clips]
    takes = tuple(dict.fromkeys(names))
    member = np.array([[name == take for name in names] for take in takes], dtype=np.float64)
    share = member * counts
    action_of = dict(zip(names, actions, strict=True))
    totals = {action: counts[np.asarray(actions) == action].sum() for action in set(actions)}
    weights = share.sum(1) / np.array([totals[action_of[take]] for take in takes]) / len(totals)
    by_take = np.asarray(values, dtype=np.float64) @ (share / share.sum(1, keepdims=True)).T
    return PairedErrors(by_take, weights, takes, tuple(seeds))


def _judge_condition(condition: Condition, read: Reader) -> ConditionResult:
    if condition.metric in COST_METRICS:
        difference = low = high = _exact(condition.lower, condition.metric, read) - _exact(
            condition.than, condition.metric, read
        )
        sampled = True
    else:
        errors = {path: read(path, condition.metric) for path in condition.rows}
        seeds, takes = next(iter(errors.values())).values.shape
        sampled = seeds > 1 and takes > 1
        resampled = {path: _resampled_means(error) for path, error in errors.items()}
        means = {path: error.values.mean(0) @ error.weights for path, error in errors.items()}
        difference = float(_value(condition.lower, means) - _value(condition.than, means))
        spread = _value(condition.lower, resampled) - _value(condition.than, resampled)
        tail = 100 * (1 - LEVEL) / 2
        low, high = (float(value) for value in np.percentile(spread, (tail, 100 - tail)))
    return ConditionResult(
        condition.metric,
        condition.lower,
        condition.than,
        float(difference),
        float(low),
        float(high),
        _side(low, high) if sampled and math.isfinite(low + high) else NOT_ASSESSED,
    )


def _resampled_means(errors: PairedErrors) -> np.ndarray:
    """(RESAMPLES,) figures of one row; rows of equal shape see the same draws."""
    seeds, takes = errors.values.shape
    generator = np.random.default_rng(20240331)
    drawn_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    drawn_takes = generator.multinomial(takes, np.full(takes, 1 / takes), RESAMPLES)
    shares = drawn_takes * errors.weights
    shares = shares / shares.sum(1, keepdims=True)
    mean = errors.values.mean(0)
    widening = np.sqrt(seeds / max(1, seeds - 1))
    values = mean + widening * (errors.values - mean)
    return np.einsum("rs,st,rt->r", drawn_seeds, values, shares, optimize=True)


def _value(term: Term, figures: Mapping[str, Any]) -> Any:
    if isinstance(term, tuple):
        return figures[term[0]] / figures[term[1]]
    return figures[term] if isinstance(term, str) else term


def _exact(term: Term, metric: str, read: Reader) -> float:
    paths = term if isinstance(term, tuple) else (term,) if isinstance(term, str) else ()
    return float(_value(term, {path: read(path, metric) for path in paths}))


def _side(low: float, high: float) -> str:
    if high < 0:
        return REPRODUCED
    return CONTRADICTED if low > 0 else UNDECIDED


def _term(content: Any) -> Term:
    return tuple(content) if isinstance(content, list) else content
