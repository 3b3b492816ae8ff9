"""Seeds that collapsed: counted, told, left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.studies.soundness import counted, left_out, sound, why_left_out


def run(seed: int, training: str | None) -> StoredRun:
    card = {} if training is None else {"Training": training}
    return StoredRun(f"run-{seed}", Path(), {"seed": seed}, {"card": card}, {})


WELL = run(0, "no part diverged or collapsed")
SILENT = run(1, None)
DIVERGED = run(2, "diverged: a loss was not finite")
COLLAPSED = run(3, "collapsed: one pose for all")


def test_what_went_wrong_is_left_out_and_what_says_nothing_stays() -> None:
    runs = (WELL, SILENT, DIVERGED, COLLAPSED)
    assert sound(runs) == (WELL, SILENT)
    assert left_out(runs) == "2 of 4 seeds collapsed"
    assert why_left_out(runs) == (
        "seed 2 diverged: a loss was not finite; seed 3 collapsed: one pose for all"
    )


def test_of_sound_runs_nothing_is_said() -> None:
    assert left_out((WELL, SILENT)) == why_left_out((WELL, SILENT)) == left_out(()) == ""


@pytest.mark.parametrize(
    ("wrong", "seeds", "said"),
    [(0, 3, ""), (1, 1, "1 of 1 seed collapsed"), (3, 3, "3 of 3 seeds collapsed")],
)
def test_seeds_are_counted(wrong: int, seeds: int, said: str) -> None:
    assert counted(wrong, seeds) == said
