"""Five gates that runs pass before they carry a verdict; tables show them as lamps.

a. learned: every row that is compared beats linear least squares, its host also 5 neighbours; a
   row that is compared on other data than its network was trained for does so on its own;
b. controls: what everybody knows to hold does hold at this scale and on these data;
c. converged: the curves are flat, or twice the steps would not change the answer;
d. power: the runs can see the smallest effect of interest;
e. size: the effect is about as large as the published one.

A gate that cannot be known (no curve, no twice the steps, no control) is not passed. At the
published scale the schedule is the paper's and the interval tells its own width: (c) and (d) do
not apply there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posekit.errors import InvalidData
from posekit.workbook.evidence.comparisons import (
    Comparison,
    Evidence,
    Learning,
    compare,
    doubled_effects,
    hosts,
    same_run,
)
from posekit.workbook.evidence.statistics import LEVEL, least_effect
from posekit.workbook.papers import Claim, Control, Paper

LEAST_GAIN = 0.20  # over linear: what a network gains by more than a rescaled average of its input
STEEPEST_SLOPE = 0.10  # twice the steps would lower the loss by less than 7 %
DOUBLING_SHARE = 0.5  # of the smallest effect: what moves by less cannot hide one or feign one
SMALLEST_RATIO, LARGEST_RATIO = 0.5, 2.0  # ours to the published effect: the same order


@dataclass(frozen=True)
class Gate:
    """One gate of one claim.

    Attributes:
        name: "learned", "controls", "converged", "power" or "size".
        passed: None where it is not known, or does not apply.
        detail: why, in a few words.
        applies: whether it has to be passed.
    """

    name: str
    passed: bool | None
    detail: str
    applies: bool = True

    @property
    def blocks(self) -> bool:
        """Whether it stands between the runs and a verdict."""
        return self.applies and self.passed is not True


def learned(claim: Claim, rows: Sequence[str], evidence: Evidence) -> Gate:
    """Gate (a), of the sampled rows of a claim."""
    sampled = [item for item in claim.comparison if not item.counted]
    needed = (claim.host,) if claim.host else {host for item in sampled for host in hosts(item)}
    findings = [finding for path in rows for finding in _learned(path, path in needed, evidence)]
    if not findings:
        return Gate(
            "learned", None, "does not apply: the task has no trivial baselines", applies=False
        )
    passed = f"every row beats linear by {100 * LEAST_GAIN:.0f} %, the host also 5 neighbours"
    return _all("learned", findings, passed)


def controls(paper: Paper, evidence: Evidence) -> Gate:
    """Gate (b), the same for all claims of a paper."""
    if not paper.controls:
        return Gate("controls", None, "the paper has no positive control")
    findings = [_control(control, paper, evidence) for control in paper.controls]
    return _all("controls", findings, f"all {len(findings)} positive controls hold")


def converged(comparisons: Sequence[Comparison], evidence: Evidence) -> Gate:
    """Gate (c)."""
    if evidence.at_published_scale:
        return Gate(
            "converged", None, "does not apply: the schedule is the published one", applies=False
        )
    findings = [_converged(comparison, evidence) for comparison in comparisons]
    return _all("converged", findings, "; ".join(dict.fromkeys(text for _, text in findings)))


def power(comparisons: Sequence[Comparison], evidence: Evidence) -> Gate:
    """Gate (d)."""
    if evidence.at_published_scale:
        return Gate(
            "power", None, "does not apply: the interval tells what was seen", applies=False
        )
    findings = []
    for comparison in comparisons:
        least = least_effect(comparison.interval)
        if least is None:
            findings.append((None, "no interval"))
            continue
        seen = comparison.shown(least).removeprefix("+")
        wanted = comparison.shown(comparison.interest).removeprefix("+")
        findings.append((least <= comparison.interest, f"sees {seen}, has to see {wanted}"))
    return _all("power", findings, "; ".join(dict.fromkeys(text for _, text in findings)))


def size(comparisons: Sequence[Comparison]) -> Gate:
    """Gate (e)."""
    findings = [finding for item in comparisons if (finding := size_of(item)) is not None]
    if not findings:
        return Gate(
            "size", None, "does not apply: no published effect to compare with", applies=False
        )
    return _all("size", findings, "; ".join(dict.fromkeys(text for _, text in findings)))


def size_of(comparison: Comparison) -> tuple[bool, str] | None:
    """Whether an effect is about as large as the published one; None where that is not asked.

    It is not where nothing is published, and where a claim says "without loss" and the published
    effect lies within the margin.
    """
    published, margin = comparison.published, comparison.condition.margin
    if published is None or (margin is not None and abs(published) <= margin):
        return None
    ours = comparison.interval.value
    text = f"{comparison.shown(ours)}, published {comparison.shown(published)}"
    if published == 0:
        return False, text
    ratio = ours / published
    return SMALLEST_RATIO <= ratio <= LARGEST_RATIO, f"{text} ({ratio:.1f} times)"


def _all(name: str, findings: Sequence[tuple[bool | None, str]], passed: str) -> Gate:
    """A gate that is passed if every finding is; else what keeps it closed."""
    for outcome in (False, None):
        closed = [text for found, text in findings if found is outcome]
        if closed:
            return Gate(name, outcome, "; ".join(dict.fromkeys(closed)))
    return Gate(name, True, passed)


def _learned(path: str, host: bool, evidence: Evidence) -> list[tuple[bool | None, str]]:
    shown = evidence.learning(path)
    if shown is None:
        return []
    findings = [_below(path, shown, name, 1 - LEAST_GAIN) for name in shown.floors]
    if host:
        findings.append(_below(path, shown, "neighbours", 1.0))
    return findings


def _below(path: str, shown: Learning, name: str, share: float) -> tuple[bool | None, str]:
    if name not in shown.baselines:
        return None, f"{path}{shown.where}: {name} was not measured"
    mpjpe, baseline = shown.mpjpe, shown.baselines[name]
    below = mpjpe <= share * baseline if share < 1 else mpjpe < baseline
    told = f"{mpjpe:.1f} mm, {name} {baseline:.1f} mm"
    return below, f"{path}{shown.where} has not learned: {told}"


def _control(control: Control, paper: Paper, evidence: Evidence) -> tuple[bool | None, str]:
    absent = [
        path for path in control.rows if paper.row(path).run is None or not evidence.available(path)
    ]
    if absent:
        return None, f"{control.id}: {absent[0]} was not run"
    same = same_run(control.comparison, evidence)
    if same:
        return None, f"{control.id}: {same}"
    for condition in control.comparison:
        # The row on the right may be as poor as it likes: that is what a control is for.
        rows = condition.lower if isinstance(condition.lower, tuple) else (condition.lower,)
        for path in (path for path in rows if isinstance(path, str)):
            for found, text in _learned(path, False, evidence):
                if not found:
                    return None, f"{control.id}: {text}"
        try:
            comparison = compare(condition, evidence)
        except InvalidData as error:
            return None, f"{control.id}: {error}"
        if not comparison.favourable:
            effect = comparison.shown(comparison.interval.value)
            return False, f"{control.id} does not hold ({effect})"
        p = comparison.interval.p
        if p is None or p >= 1 - LEVEL:
            return None, f"{control.id} is not settled"
    return True, ""


def _converged(comparison: Comparison, evidence: Evidence) -> tuple[bool | None, str]:
    condition = comparison.condition
    slopes = [evidence.slope(path) for path in condition.rows]
    known = [slope for slope in slopes if slope is not None]
    steepest = max(known, default=None)
    if steepest is not None and len(known) == len(slopes) and steepest <= STEEPEST_SLOPE:
        return True, f"slope {steepest:.2f}"
    effects = doubled_effects(condition, evidence)
    if effects is not None:
        once, twice = effects
        text = f"twice the steps: {comparison.shown(once)} becomes {comparison.shown(twice)}"
        sign_kept = (once < comparison.threshold) == (twice < comparison.threshold)
        return sign_kept and abs(twice - once) < DOUBLING_SHARE * comparison.interest, text
    if steepest is not None and steepest > STEEPEST_SLOPE:
        return False, f"slope {steepest:.2f}, twice the steps were not run"
    return None, "no curve, and twice the steps were not run"
