"""How far a difference between rows of a table can be trusted.

The data. Every row is trained with the same seeds and scored on the same takes, so a difference
between rows is paired over both. An effect (the logarithm of a ratio of errors) is linearised:
each seed s and take t contributes z[s, t], and the effect is the mean over seeds of
sum_t w[t] z[s, t], whose weights w make the figure of the table: the mean over actions of the
mean over frames.

The model. Actions are the table's own and therefore fixed: takes are stratified by action. Random
are seeds, persons, what a person does in an action (the unit; several takes of one person in one
action resemble one another and are one unit) and the residual seed x unit:

    z = action + seed + person + unit + residual.

The variance of the effect is put together from mean squares:

    V = V(seeds) + V(persons and units) - V(residual),

as the residual is in both. V(seeds) is the variance over seeds of the weighted mean, over the
number of seeds; the others come from the sums of squares of the mean over seeds, in the order
action, person, unit. A component that is estimated negative counts as zero. The interval is
Student's t with Satterthwaite's degrees of freedom, V^2 / sum(part^2 / its degrees of freedom).

Few persons. Two persons (S9 and S11 of Human3.6M) have one degree of freedom, and an interval that
always rests on it (t = 12.7) is useless. So persons are a component of their own where they are
told apart from units, by an F test at the level of 0.25 that is usual for this decision (Bancroft,
Analysis and inference for incompletely specified models, Biometrics 20, 1964); otherwise they are
pooled with the units. Where persons dominate, the test finds them and the interval is as wide as
their number demands. By the simulation in the tests 95 % intervals hold the truth in 94 to 96 % of
cases from five persons on; with two persons in 96 % where persons do not matter (a quarter of the
intervals is then wide for nothing), in 86 % at worst, where persons vary about three times as
much as the mean of their units does, and in 93 % or more where they dominate. Where there is
nothing but the residual, intervals are wide (98 %). With one person they are for that one alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit

from posekit.errors import InvalidData
from posekit.workbook.papers import Term

LEVEL = 0.95
POWER = 0.80
POOLING_LEVEL = 0.25  # persons are told apart from units below it

ABSOLUTE_METRICS = ("rank_correlation",)  # of either sign, so that ratios say nothing


@dataclass(frozen=True)
class PairedErrors:
    """One metric of one row, take by take and seed by seed.

    Attributes:
        values: (seeds, takes), in the unit of the metric.
        weights: (takes,), the share of each take in the table's figure; they sum to 1.
        takes: (takes,) names of the takes.
        seeds: (seeds,) the training seeds.
        persons: (takes,) who is seen in each take.
        actions: (takes,) what they do.
    """

    values: np.ndarray
    weights: np.ndarray
    takes: tuple[str, ...]
    seeds: tuple[int, ...]
    persons: tuple[str, ...]
    actions: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The row's figure: its weighted mean over takes, and over seeds."""
        return float(self.values.mean(0) @ self.weights)

    def of_seeds(self, seeds: Sequence[int]) -> PairedErrors:
        """The errors with these seeds alone, in this order."""
        chosen = [self.seeds.index(seed) for seed in seeds]
        return PairedErrors(
            self.values[chosen],
            self.weights,
            self.takes,
            tuple(seeds),
            self.persons,
            self.actions,
        )


@dataclass(frozen=True)
class Interval:
    """An effect with its two-sided 95 % interval; None for what one seed or one take cannot tell.

    Attributes:
        value: the effect.
        low, high: ends of the interval.
        standard_error: of the effect, on the scale on which it is tested (of its logarithm where
            it is relative).
        degrees_of_freedom: Satterthwaite's.
        p: two-sided, of the hypothesis that the effect equals the threshold that it was tested
            against.
    """

    value: float
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    degrees_of_freedom: float | None = None
    p: float | None = None


def paired_errors(
    clips: Sequence[str],
    actions: Sequence[str],
    frames: Sequence[float] | np.ndarray,
    values: np.ndarray,
    seeds: Sequence[int],
) -> PairedErrors:
    """Errors per clip gathered into takes: a take is one recording with all its cameras.

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
    action_of = dict(zip(names, actions, strict=True))
    share = _membership(names, takes).T * counts
    totals = {action: counts[np.asarray(actions) == action].sum() for action in set(actions)}
    weights = share.sum(1) / np.array([totals[action_of[take]] for take in takes]) / len(totals)
    by_take = np.asarray(values, dtype=np.float64) @ (share / share.sum(1, keepdims=True)).T
    return PairedErrors(
        by_take,
        weights,
        takes,
        tuple(seeds),
        persons=tuple(take.partition("/")[0] for take in takes),
        actions=tuple(action_of[take] for take in takes),
    )


def is_absolute(metric: str, lower: Term, than: Term) -> bool:
    """Whether terms are compared by their difference, as ratios of them say nothing."""
    return metric in ABSOLUTE_METRICS or 0 in (lower, than)


def effect_of_figures(metric: str, lower: Term, than: Term, figures: Mapping[str, float]) -> float:
    """What ``effect`` estimates, of figures of the rows: ``lower / than - 1`` or ``lower - than``.

    Args:
        figures: path of every row of the terms -> its figure, positive where a ratio is taken.
    """
    first, second = term_value(lower, figures), term_value(than, figures)
    return first - second if is_absolute(metric, lower, than) else first / second - 1


def term_value(term: Term, figures: Mapping[str, float]) -> float:
    """A row's figure, the ratio of two, or the number itself."""
    if isinstance(term, tuple):
        return figures[term[0]] / figures[term[1]]
    return figures[term] if isinstance(term, str) else float(term)


def effect(
    metric: str,
    lower: Term,
    than: Term,
    errors: Mapping[str, PairedErrors],
    threshold: float = 0.0,
) -> Interval:
    """The effect ``lower / than - 1``, or ``lower - than`` (see ``is_absolute``).

    Args:
        metric: name of what is compared.
        lower, than: a row, a ratio of two rows or a number.
        errors: path of every row of the terms -> its errors.
        threshold: what the effect is tested against: 0, or a margin.

    Raises:
        InvalidData: rows with other takes or seeds than the first, or a figure that is no
            (positive) number.
    """
    aligned = _aligned(errors)
    absolute = is_absolute(metric, lower, than)
    gradient = _gradient(lower, aligned, absolute)
    for path, slope in _gradient(than, aligned, absolute).items():
        gradient[path] = gradient.get(path, 0.0) - slope
    value = effect_of_figures(metric, lower, than, {path: e.mean for path, e in aligned.items()})
    first = next(iter(aligned.values()))
    weights = np.mean([aligned[path].weights for path in gradient], axis=0)
    contributions = sum(
        slope * aligned[path].values * (aligned[path].weights / weights)
        for path, slope in gradient.items()
    )
    seeds, takes = np.shape(contributions)
    if seeds < 2 or takes < 2:
        return Interval(value)
    variance, degrees = variance_of_mean(contributions, weights, first.persons, first.actions)
    error, degrees = math.sqrt(variance), float(degrees)
    centre = value if absolute else math.log1p(value)
    tested = centre - (threshold if absolute else math.log1p(threshold))
    half = float(stdtrit(degrees, (1 + LEVEL) / 2)) * error
    ends = (centre - half, centre + half)
    return Interval(
        value,
        *(ends if absolute else (math.expm1(end) for end in ends)),
        standard_error=error,
        degrees_of_freedom=degrees,
        p=float(two_sided_p(tested / error, degrees)) if error > 0 else float(tested == 0),
    )


def variance_of_mean(
    values: np.ndarray, weights: np.ndarray, persons: Sequence[str], actions: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The variance of a weighted mean over seeds, persons and takes, and its degrees of freedom.

    Args:
        values: (..., seeds, takes) contributions, at least two of each.
        weights: (takes,) that sum to 1.
        persons: (takes,) who is seen in each.
        actions: (takes,) what they do.

    Returns:
        Two arrays of shape (...), see the head of this module.
    """
    values, weights, persons, actions = _units(values, weights, persons, actions)
    seeds, units = values.shape[-2:]
    square = float(weights @ weights)
    stratum = _membership(actions, tuple(dict.fromkeys(actions)))
    if len(set(actions)) == units:  # no action is seen twice: actions vary as units do
        stratum = np.ones((units, 1))
    person = _membership(persons, tuple(dict.fromkeys(persons)))
    without_actions, of_actions = _residual_maker(stratum)
    without_both, of_both = _residual_maker(np.hstack([stratum, person]))
    unit_degrees, person_degrees = units - of_both, of_both - of_actions

    mean = values.mean(-2)
    all_squares = _squares(mean @ without_actions)
    if unit_degrees and person_degrees:
        unit_squares = _squares(mean @ without_both)
        from_units, unit_parts = _persons_and_units(
            (all_squares - unit_squares) / person_degrees,
            unit_squares / unit_degrees,
            person_degrees,
            unit_degrees,
            square,
            float(np.square(weights @ person).sum())
            * person_degrees
            / float(np.trace(person.T @ without_actions @ person)),
        )
        residual_maker, residual_degrees = without_both, unit_degrees
    else:
        residual_maker, residual_degrees = without_actions, units - of_actions
        from_units = square * all_squares / residual_degrees
        unit_parts = from_units**2 / residual_degrees

    from_seeds = (values @ weights).var(-1, ddof=1) / seeds
    deviations = (values - mean[..., None, :]) @ residual_maker
    degrees = (seeds - 1) * residual_degrees
    residual = square * _squares(deviations.reshape(*mean.shape[:-1], -1)) / degrees / seeds

    seeds_vary, units_vary = from_seeds > residual, from_units > residual
    variance = (
        residual
        + np.where(seeds_vary, from_seeds - residual, 0)
        + np.where(units_vary, from_units - residual, 0)
    )
    # The residual cancels where exactly one component stands beside it.
    parts = (
        np.where(seeds_vary, from_seeds**2 / (seeds - 1), 0)
        + np.where(units_vary, unit_parts, 0)
        + np.where(seeds_vary == units_vary, residual**2 / degrees, 0)
    )
    with np.errstate(invalid="ignore"):
        freedom = np.where(parts > 0, variance**2 / parts, seeds - 1)
    return variance, np.maximum(freedom, 1.0)


def least_effect(interval: Interval) -> float | None:
    """The smallest effect that such a run sees with a power of 80 %; None without an interval.

    The 5 % point and the 80 % point of t, in standard errors.
    """
    if interval.standard_error is None or interval.degrees_of_freedom is None:
        return None
    degrees = interval.degrees_of_freedom
    steps = float(stdtrit(degrees, (1 + LEVEL) / 2) + stdtrit(degrees, POWER))
    return steps * interval.standard_error


def two_sided_p(t: np.ndarray | float, degrees: np.ndarray | float) -> np.ndarray:
    """The probability that Student's t lies farther from zero, of numbers or arrays."""
    return 2 * stdtr(degrees, -np.abs(t))


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, highest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _persons_and_units(
    person_mean_square: np.ndarray,
    unit_mean_square: np.ndarray,
    person_degrees: int,
    unit_degrees: int,
    square: float,
    person_factor: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The variance due to persons and units, and its square over its degrees of freedom.

    Args:
        person_mean_square, unit_mean_square: of the mean over seeds, (...).
        person_degrees, unit_degrees: their degrees of freedom.
        square: sum of the squared weights of units.
        person_factor: what the variance holds of the mean square of persons.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.nan_to_num(person_mean_square / unit_mean_square, nan=0.0, posinf=1e300)
    told_apart = fdtrc(person_degrees, unit_degrees, ratio) < POOLING_LEVEL
    degrees = person_degrees + unit_degrees
    pooled = square * (
        (person_degrees * person_mean_square + unit_degrees * unit_mean_square) / degrees
    )
    of_persons = person_factor * person_mean_square
    of_units = (square - person_factor) * unit_mean_square
    variance = np.where(told_apart, of_persons + of_units, pooled)
    parts = np.where(
        told_apart,
        of_persons**2 / person_degrees + of_units**2 / unit_degrees,
        pooled**2 / degrees,
    )
    return variance, parts


def _units(
    values: np.ndarray, weights: np.ndarray, persons: Sequence[str], actions: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, Sequence[str], Sequence[str]]:
    """Takes of one person in one action as one; with a single person takes are all there is."""
    if len(set(persons)) == 1:
        return values, weights, persons, actions
    pairs = list(zip(persons, actions, strict=True))
    units = tuple(dict.fromkeys(pairs))
    member = _membership(pairs, units)
    total = weights @ member
    merged = (values * weights) @ member / total
    return merged, total, [unit[0] for unit in units], [unit[1] for unit in units]


def _aligned(errors: Mapping[str, PairedErrors]) -> dict[str, PairedErrors]:
    """The errors of all rows with the seeds and the takes of the first, in its order."""
    first_path, first = next(iter(errors.items()))
    aligned = {}
    for path, error in errors.items():
        for kind, own, others in (
            ("seeds", error.seeds, first.seeds),
            ("takes", error.takes, first.takes),
        ):
            if set(own) != set(others):
                raise InvalidData(f"{path} has other {kind} than {first_path}; run both again.")
        seeds = [error.seeds.index(seed) for seed in first.seeds]
        place = {take: index for index, take in enumerate(error.takes)}
        takes = [place[take] for take in first.takes]
        aligned[path] = PairedErrors(
            error.values[np.ix_(seeds, takes)],
            error.weights[takes],
            first.takes,
            first.seeds,
            first.persons,
            first.actions,
        )
    return aligned


def _gradient(term: Term, errors: Mapping[str, PairedErrors], absolute: bool) -> dict[str, float]:
    """Row -> how much a term, or its logarithm, changes with the figure of the row.

    Raises:
        InvalidData: a figure that is no number, or not positive where a ratio is taken.
    """
    paths = term if isinstance(term, tuple) else (term,) if isinstance(term, str) else ()
    signs = dict(zip(paths, (1.0, -1.0), strict=False))
    gradient = {}
    for path, sign in signs.items():
        mean = errors[path].mean
        needs_sign = not absolute or isinstance(term, tuple)
        if not math.isfinite(mean) or (needs_sign and mean <= 0):
            raise InvalidData(
                f"the figure of {path} is {mean}, expected a positive number; run it again."
            )
        gradient[path] = sign / mean if needs_sign else sign
    if absolute and isinstance(term, tuple):
        ratio = errors[term[0]].mean / errors[term[1]].mean
        gradient = {path: ratio * slope for path, slope in gradient.items()}
    return gradient


def _membership(names: Sequence[object], groups: Sequence[object]) -> np.ndarray:
    """(names, groups), 1 where a name is of a group."""
    return np.array([[name == group for group in groups] for name in names], dtype=np.float64)


def _residual_maker(design: np.ndarray) -> tuple[np.ndarray, int]:
    """(n, n) symmetric, what takes the columns of a design (n, k) out; and the design's rank."""
    left, sizes, _ = np.linalg.svd(design, full_matrices=False)
    basis = left[:, sizes > 1e-9 * sizes[0]]
    return np.eye(len(design)) - basis @ basis.T, basis.shape[1]


def _squares(values: np.ndarray) -> np.ndarray:
    return np.square(values).sum(-1)
