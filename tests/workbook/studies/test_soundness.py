"""Seeds that collapsed: counted, told, left out."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from posekit.training.adaptation_steps import TERMS
from posekit.training.health import OUTDONE, STRAYED, WELL, went_wrong
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.studies.soundness import counted, judgement, left_out, sound, why_left_out


def run(folder: Path, seed: int, training: str | None, *, loss: float = 0.2) -> StoredRun:
    """A run with what its card says and a log in which the 2D discriminator ends at a loss."""
    folder = folder / f"run-{seed}"
    folder.mkdir()
    end = dict.fromkeys(TERMS, 1.0) | {"d2": loss, "phase": 3, "lifter": 1.1 * STRAYED}
    with (folder / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ("step", *TERMS))
        writer.writeheader()
        writer.writerows([{"step": 1, **end, "phase": 1, "lifter": 1}, {"step": 2, **end}])
    card = {} if training is None else {"Training": training}
    return StoredRun(folder.name, folder, {"seed": seed}, {"card": card}, {})


def test_what_went_wrong_is_left_out_and_what_says_nothing_stays(tmp_path: Path) -> None:
    well = run(tmp_path, 0, WELL)
    silent = run(tmp_path, 1, None, loss=0.01)
    diverged = run(tmp_path, 2, "diverged: a loss was not finite")
    collapsed = run(tmp_path, 3, "collapsed: one pose for all", loss=0.01)
    runs = (well, silent, diverged, collapsed)
    assert sound(runs) == (well, silent)
    assert left_out(runs) == "2 of 4 seeds collapsed"
    assert why_left_out(runs) == (
        "seed 2 diverged: a loss was not finite; seed 3 collapsed: one pose for all"
    )
    assert judgement(silent) == ""


@pytest.mark.parametrize(("loss", "wrong"), [(OUTDONE * 0.99, True), (OUTDONE * 1.01, False)])
def test_a_run_that_its_card_calls_well_is_judged_by_its_log(
    tmp_path: Path, loss: float, wrong: bool
) -> None:
    judged = run(tmp_path, 0, WELL, loss=loss)
    assert sound((judged,)) == (() if wrong else (judged,))
    assert left_out((judged,)) == ("1 of 1 seed collapsed" if wrong else "")
    assert judgement(judged).startswith("collapsed: the 2D discriminator has won") == wrong
    assert went_wrong(judgement(judged)) == wrong


def test_of_sound_runs_nothing_is_said(tmp_path: Path) -> None:
    runs = (run(tmp_path, 0, WELL), run(tmp_path, 1, None))
    assert left_out(runs) == why_left_out(runs) == left_out(()) == ""


@pytest.mark.parametrize(
    ("wrong", "seeds", "said"),
    [(0, 3, ""), (1, 1, "1 of 1 seed collapsed"), (3, 3, "3 of 3 seeds collapsed")],
)
def test_seeds_are_counted(wrong: int, seeds: int, said: str) -> None:
    assert counted(wrong, seeds) == said
