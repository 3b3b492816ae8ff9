"""What is known about the rows of a paper at one scale, and a condition measured on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from posekit.workbook.evidence.statistics import (
    Interval,
    PairedErrors,
    effect,
    effect_of_figures,
    is_absolute,
    term_value,
)
from posekit.workbook.papers import Condition, Term

LEAST_INTEREST = 0.01  # 1 %: half a millimetre of 50, what a table's last digit can show
LEAST_CORRELATION = 0.1  # a small correlation (Cohen, Statistical power analysis, 1988)
PUBLISHED_SHARE = 0.5  # half of what is published would still be a finding


@dataclass(frozen=True)
class Learning:
    """The errors by which it is told whether a network has learned.

    Attributes:
        mpjpe: of the network in mm, mean over seeds.
        baselines: "mean pose", "linear", "neighbours" -> MPJPE in mm with the row's input.
        where: on which data, for print after the row's name; "" for those of the comparison.
    """

    mpjpe: float
    baselines: Mapping[str, float]
    where: str = ""

    @property
    def floors(self) -> tuple[str, ...]:
        """Those that have to be beaten by ``LEAST_GAIN``.

        A linear map that was fitted elsewhere can be worse than the mean pose.
        """
        return ("linear", "mean pose") if "mean pose" in self.baselines else ("linear",)


@dataclass(frozen=True)
class Evidence:
    """What verdicts rest on: how to ask for it, row by row (``table/row``).

    Attributes:
        read: errors of a row in a metric per seed and take, or a counted cost.
        available: whether the runs of a row are stored.
        learning: by what it is told whether the network of a row has learned; None where the task
            has no baselines.
        slope: see ``learning_slope``, of the worst seed; None if unknown.
        doubled: errors of the row trained for twice the steps; None if it was not.
        same_run: whether two rows are one and the same run at this scale.
        published: the figure that the paper prints for a row in a metric.
        at_published_scale: whether this is the published schedule on the published data.
        basis: data set, profile and seeds, for print.
    """

    read: Callable[[str, str], PairedErrors | float]
    available: Callable[[str], bool]
    learning: Callable[[str], Learning | None]
    slope: Callable[[str], float | None]
    doubled: Callable[[str, str], PairedErrors | None]
    same_run: Callable[[str, str], bool]
    published: Callable[[str, str], float | None]
    at_published_scale: bool
    basis: str


@dataclass(frozen=True)
class Comparison:
    """A condition as measured.

    Attributes:
        condition: what is compared.
        difference: ``lower - than`` in the unit of the metric (of ratios: without unit).
        interval: the effect, relative unless ``absolute``, tested against ``threshold``.
        published: the effect by the published figures.
    """

    condition: Condition
    difference: float
    interval: Interval
    published: float | None

    @property
    def absolute(self) -> bool:
        """Whether the effect is a difference and not a share."""
        return is_absolute(self.condition.metric, self.condition.lower, self.condition.than)

    @property
    def threshold(self) -> float:
        """What the effect has to lie below: 0, or the margin of non-inferiority."""
        return self.condition.margin or 0.0

    @property
    def favourable(self) -> bool:
        """Whether the effect lies on the side that is claimed."""
        return self.interval.value < self.threshold

    @property
    def interest(self) -> float:
        """The smallest effect of interest."""
        if self.condition.margin is not None:
            return self.condition.margin
        least = LEAST_CORRELATION if self.absolute else LEAST_INTEREST
        return max(least, PUBLISHED_SHARE * abs(self.published or 0.0))

    def shown(self, effect: float) -> str:
        """An effect for print."""
        return f"{effect:+.3f}" if self.absolute else f"{100 * effect:+.1f} %"


def compare(condition: Condition, evidence: Evidence) -> Comparison:
    """A sampled condition with its interval, by the seeds that all its rows have.

    Of a row whose training collapsed with a seed there is nothing to compare with that seed.

    Raises:
        InvalidData: see ``effect``; rows without a seed in common are refused there.
    """
    errors = {path: evidence.read(path, condition.metric) for path in condition.rows}
    if seeds := _in_common(errors.values()):
        errors = {path: error.of_seeds(seeds) for path, error in errors.items()}
    return _comparison(
        condition,
        {path: error.mean for path, error in errors.items()},
        effect(condition.metric, condition.lower, condition.than, errors, condition.margin or 0.0),
        evidence,
    )


def count(condition: Condition, evidence: Evidence) -> Comparison:
    """A condition on counted costs, which have no uncertainty."""
    costs = {path: evidence.read(path, condition.metric) for path in condition.rows}
    value = effect_of_figures(condition.metric, condition.lower, condition.than, costs)
    return _comparison(condition, costs, Interval(value, value, value), evidence)


def doubled_effects(condition: Condition, evidence: Evidence) -> tuple[float, float] | None:
    """The effect at N and at 2 N steps by the seeds that both have; None without such seeds."""
    doubled = {path: evidence.doubled(path, condition.metric) for path in condition.rows}
    if any(errors is None for errors in doubled.values()):
        return None
    once = {path: evidence.read(path, condition.metric) for path in condition.rows}
    seeds = _in_common((*once.values(), *doubled.values()))
    if not seeds:
        return None
    return tuple(
        effect_of_figures(
            condition.metric,
            condition.lower,
            condition.than,
            {path: error.of_seeds(seeds).mean for path, error in errors.items()},
        )
        for errors in (once, doubled)
    )


def _in_common(errors: Iterable[PairedErrors]) -> list[int]:
    """The seeds that all errors have."""
    return sorted(set.intersection(*(set(error.seeds) for error in errors)))


def same_run(conditions: Sequence[Condition], evidence: Evidence) -> str:
    """What says that a condition compares a run with itself; "" where none does."""
    for condition in conditions:
        lower, than = _paths(condition.lower), _paths(condition.than)
        pairs = [pair for pair in (lower, than) if len(pair) == 2]
        if len(lower) == len(than) and all(
            _one_run(*both, evidence) for both in zip(lower, than, strict=True)
        ):
            return f"{lower[0]} is the same run as {than[0]}"
        for first, second in pairs:
            if _one_run(first, second, evidence):
                return f"{first} is the same run as {second}"
    return ""


def hosts(condition: Condition) -> tuple[str, ...]:
    """The rows that a condition starts from: on its right, and what a ratio is taken of."""
    sides = [_paths(condition.than)] if not isinstance(condition.lower, tuple) else []
    if isinstance(condition.lower, tuple):
        sides = [_paths(condition.lower), _paths(condition.than)]
    return tuple(dict.fromkeys(side[-1] for side in sides if side))


def _comparison(
    condition: Condition, figures: Mapping[str, float], interval: Interval, evidence: Evidence
) -> Comparison:
    difference = term_value(condition.lower, figures) - term_value(condition.than, figures)
    return Comparison(
        condition, difference, interval, published_effect(condition, evidence.published)
    )


def published_effect(
    condition: Condition, published: Callable[[str, str], float | None]
) -> float | None:
    """The effect as the authors print it, or by the published figures of (row, metric)."""
    if condition.published is not None:
        return condition.published
    figures = {path: published(path, condition.metric) for path in condition.rows}
    if not all(figures.values()):  # unknown, or nothing that a share can be taken of
        return None
    return effect_of_figures(condition.metric, condition.lower, condition.than, figures)


def _one_run(first: str, second: str, evidence: Evidence) -> bool:
    return first == second or evidence.same_run(first, second)


def _paths(term: Term) -> tuple[str, ...]:
    return term if isinstance(term, tuple) else (term,) if isinstance(term, str) else ()
