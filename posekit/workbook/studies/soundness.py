"""Seeds whose training diverged or collapsed: they are reported and never averaged in.

A task that judges its trainings says so in the protocol card of a run, under "Training"
(``posekit.training.health``); runs of other tasks say nothing and are sound. What the card calls
well is judged once more by the run's log, by the rule that came later.
"""

from __future__ import annotations

from collections.abc import Sequence

from posekit.training.health import outdone, went_wrong
from posekit.workbook.studies.runs import StoredRun

ENTRY = "Training"


def sound(runs: Sequence[StoredRun]) -> tuple[StoredRun, ...]:
    """The runs whose training went well."""
    return tuple(run for run in runs if not went_wrong(judgement(run)))


def left_out(runs: Sequence[StoredRun]) -> str:
    """How many of a row's runs are left out, such as "1 of 5 seeds collapsed"; "" for none."""
    return counted(len(runs) - len(sound(runs)), len(runs))


def counted(wrong: int, seeds: int) -> str:
    """The same by numbers."""
    if not wrong:
        return ""
    return f"{wrong} of {seeds} seed{'s' * (seeds > 1)} collapsed"


def why_left_out(runs: Sequence[StoredRun]) -> str:
    """What the trainings that are left out say of themselves, seed by seed."""
    wrong = [run for run in runs if went_wrong(judgement(run))]
    return "; ".join(f"seed {run.config['seed']} {judgement(run)}" for run in wrong)


def judgement(run: StoredRun) -> str:
    """What became of a run's training, in words; "" where its task does not say."""
    said = run.metrics["card"].get(ENTRY, "")
    if not said or went_wrong(said):
        return said
    rows = [
        dict(zip(run.log, values, strict=True)) for values in zip(*run.log.values(), strict=True)
    ]
    return outdone(rows) or said
