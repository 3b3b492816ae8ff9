"""Bad input at the front door: one line with cause and remedy, an exit code, nothing half-written.

Each part refuses its own bad input in its own tests; here whole commands are run as a person runs
them, and stopped as a person stops them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from posekit import cli
from posekit.geometry.skeletons import HUMANEVA_15
from posekit.models import build
from posekit.workbook.studies.runs import RunStore

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "ktpformer.ipynb"
PAPERMILL = ("papermill", str(NOTEBOOK), "out.ipynb", "--no-progress-bar")
LIMIT = 120  # seconds


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    """A command in a process group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, "POSEKIT_RUNS": str(folder / "runs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def last_line(process: subprocess.Popen[str]) -> str:
    """What a command says at its end, and that it says it without a traceback."""
    printed, _ = process.communicate(timeout=LIMIT)
    assert "Traceback" not in printed
    return printed.strip().splitlines()[-1]


def interrupt_once_there(process: subprocess.Popen[str], pattern: str, folder: Path) -> None:
    """Ctrl-C for the command and its children as soon as a file of that name exists."""
    began = time.monotonic()
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < LIMIT
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)


def test_a_checkpoint_of_other_joints_is_refused_before_it_is_scored(tmp_path: Path) -> None:
    lifter = build("mixste", skeleton=HUMANEVA_15, frames=9, embed_dim=16, depth=1)
    torch.save({"model_pos": lifter.state_dict()}, tmp_path / "humaneva.bin")
    process = start(
        tmp_path,
        *(*PAPERMILL, "-p", "profile", "smoke"),
        *("-p", "checkpoint", str(tmp_path / "humaneva.bin")),
    )
    told = last_line(process)
    assert process.returncode == 1
    assert told.startswith("posekit: humaneva.bin: takes 15 joints")
    assert "choose a checkpoint that was trained on h36m-17" in told
    assert not list((tmp_path / "runs").glob("*.json"))


def test_papermill_is_stopped_in_one_line_and_leaves_whole_runs_only(tmp_path: Path) -> None:
    process = start(tmp_path, *PAPERMILL, "-p", "profile", "quick")
    interrupt_once_there(process, "runs/.locks/*.lock", tmp_path)
    assert last_line(process) == "Aborted!"
    assert process.returncode == 1
    store = RunStore(tmp_path / "runs")
    visible = [path.name for path in store.root.iterdir() if not path.name.startswith(".")]
    assert None not in [store.load(run) for run in visible]


def test_a_command_is_stopped_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "posekit", "data", "standin", "h36m", "--root", "data")
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)
    assert last_line(process) == "posekit: stopped; the same command goes on where it was."
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["a file", "/proc/posekit", "x" * 300])
def test_a_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("POSEKIT_RUNS", str(tmp_path / place))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["plan", "ktpformer", "--profile", "smoke"])
    assert stopped.value.code == cli.MISTAKE
    told = capsys.readouterr().err
    assert told.startswith(f"posekit: cannot write {tmp_path / place}")
    assert told.endswith("choose another folder.\n")
    assert told.count("\n") == 1
