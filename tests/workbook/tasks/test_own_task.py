"""A toy image task goes through study, cache, kill and resume, tables and verdicts.

Its module and its YAML stand in a folder of ``POSEKIT_PAPERS``; nothing of posekit knows of it.
Another trains two networks with an optimizer each.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAPERS = ("stick_figures", "adversaries")
OWN = [str(Path(__file__).parents[2] / "own_papers" / name) for name in PAPERS]

STUDY = """
import json, sys
from dataclasses import replace
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study
from posekit.workbook.studies.execution import execute

PROFILES["tiny"] = replace(
    PROFILES["smoke"], name="tiny", seed_count=2, verdicts=True, measures=True,
    steps=int(sys.argv[3]), learning_rate=1e-3,
)
study = Study(sys.argv[4], "synthetic", "tiny", runs=sys.argv[2], device="cpu")
if sys.argv[1] == "execute":
    job = study.job(study.paper.row("width/wide"), 0)
    print(execute(replace(job, snapshot_seconds=0.0)).folder)
else:
    from posekit.workbook.notebooks.judged_claims import verdict_table
    from posekit.workbook.notebooks.paper_tables import comparison_table
    before = len(study.plan().missing)
    study.run_all(workers=1)
    table = comparison_table(study, "width")
    print(json.dumps({
        "missing": [before, len(study.plan().missing)],
        "table": table.to_text(),
        "html": table.to_html(),
        "differences": table.differences("pixel_error", "measured"),
        "verdicts": [claim.verdict for claim in verdict_table(study).claims],
        "runs": [run.job.id for run in study.plan().runs],
    }))
"""


def start(
    mode: str, runs: Path, steps: int = 60, paper: str = "stick_figures"
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STUDY, mode, str(runs), str(steps), paper],
        env={**os.environ, "POSEKIT_PAPERS": os.pathsep.join(OWN)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def test_rows_are_run_cached_shown_and_judged(runs: Path) -> None:
    first, again = (json.loads(finish(start("study", runs))) for _ in range(2))
    assert first["missing"] == [4, 0]
    assert again["missing"] == [0, 0]
    assert all(name.startswith("synthetic-joint_regressor-4c-s") for name in first["runs"])
    assert "pixel_error (px) this run" in first["table"]
    assert "Hardly trained" in first["html"]
    assert first["differences"]["Wide"] < -1.0  # the trained network is pixels better
    (verdict,) = first["verdicts"]
    assert verdict == "not testable at this scale"  # the toy paper names no positive control
    assert again["differences"] == first["differences"]


@pytest.mark.parametrize("paper", PAPERS)
def test_a_killed_run_ends_with_the_same_numbers(tmp_path: Path, paper: str) -> None:
    whole = Path(finish(start("execute", tmp_path / "whole", 400, paper)))
    broken = tmp_path / "broken"
    process = start("execute", broken, 400, paper)
    while not list(broken.rglob("snapshot.pt")) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert list(broken.rglob("snapshot.pt"))
    resumed = Path(finish(start("execute", broken, 400, paper)))
    for name in ("metrics.json", "per_clip.npz", "weights.safetensors"):
        assert (whole / name).read_bytes() == (resumed / name).read_bytes()
    curves = [csv.DictReader((run / "log.csv").open()) for run in (whole, resumed)]
    first, second = ([(row["step"], row["total"]) for row in curve] for curve in curves)
    assert first == second
    assert len(first) == 200


def test_an_unknown_task_is_one_line() -> None:
    code = "from posekit.workbook.tasks import find_task; find_task('juggling')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "unknown task 'juggling'; it needs a module juggling.py" in done.stderr
