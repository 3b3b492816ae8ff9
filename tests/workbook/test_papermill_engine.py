"""papermill with posekit's notebooks, and untouched with anybody else's."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from posekit.workbook import papermill_engine
from posekit.workbook.papermill_engine import forget_abandoned_cells, runs_posekit

OURS = "from posekit.errors import InvalidData\nraise InvalidData('broken; mend it.')"
THEIRS = "class InvalidData(Exception): pass\nraise InvalidData('# import posekit')"


def written(folder: Path, source: str, name: str = "notebook.ipynb") -> Path:
    """A notebook of one Markdown cell about posekit and one code cell."""
    v4 = nbformat.v4
    cells = [v4.new_markdown_cell("import posekit"), v4.new_code_cell(source)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / name)
    return folder / name


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def papermill(notebook: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = ("-m", "papermill", notebook.name, "out.ipynb", "--no-progress-bar", *more)
    return python(notebook.parent, *words)


def test_an_error_of_posekit_is_told_in_one_line(tmp_path: Path) -> None:
    done = papermill(written(tmp_path, OURS))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "posekit: broken; mend it."


@pytest.mark.parametrize(
    "source", [THEIRS, "import posekit\n1 / 0"], ids=["another project", "an error of Python"]
)
def test_anything_else_ends_as_papermill_ends_it(tmp_path: Path, source: str) -> None:
    done = papermill(written(tmp_path, source))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "papermill.exceptions.PapermillExecutionError" in done.stderr
    assert "posekit: " not in done.stderr


def test_the_engine_can_be_asked_for_by_name(tmp_path: Path) -> None:
    done = papermill(written(tmp_path, "print(6 * 7)"), "--engine", "posekit")
    assert done.returncode == 0, done.stderr
    assert nbformat.read(tmp_path / "out.ipynb", 4).cells[1].outputs[0].text == "42\n"


@pytest.mark.parametrize(
    "first", ["papermill", "posekit.workbook.papermill_engine"], ids=["theirs", "ours"]
)
def test_loading_papermill_changes_nothing(tmp_path: Path, first: str) -> None:
    # The notebook's name is on the command line, but papermill is not the command.
    written(tmp_path, OURS)
    code = (
        f"import logging, sys, {first}, papermill\n"
        "assert sys.excepthook is sys.__excepthook__\n"
        "assert logging.getLogger('asyncio').filters == []\n"
        "assert 'posekit.workbook.papermill_engine' in sys.modules\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = python(tmp_path, "-c", code, "notebook.ipynb")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        (("python", "-m", "papermill", "ours.ipynb", "out.ipynb", "-p", "seeds", "3"), True),
        (("/venv/bin/python", "/venv/bin/papermill", "-p", "seeds", "3", "ours.ipynb"), True),
        (("python", "papermill.exe", "ours.ipynb", "theirs.ipynb"), True),
        (("python", "-m", "papermill", "theirs.ipynb", "ours.ipynb"), False),
        (("python", "-m", "papermill", "broken.ipynb", "out.ipynb"), False),
        (("python", "-m", "papermill", "missing.ipynb", "out.ipynb"), False),
        (("python", "-m", "papermill", "--help"), False),
        (("python", "-m", "pytest", "ours.ipynb", "papermill"), False),
        (("papermill",), False),
        ((), False),
    ],
    ids=str,
)
def test_the_command_tells_whose_notebook_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], ours: bool
) -> None:
    written(tmp_path, OURS, "ours.ipynb")
    written(tmp_path, THEIRS, "theirs.ipynb")
    (tmp_path / "broken.ipynb").write_text('{"cells": [3]}')
    monkeypatch.chdir(tmp_path)
    assert runs_posekit(command) is ours


def test_only_cells_that_nobody_waits_for_are_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("asyncio")
    before = list(logger.filters)
    try:
        forget_abandoned_cells()
        for error in (CellExecutionError("traceback", "name", "value"), ValueError("told")):
            logger.error("Task exception was never retrieved", exc_info=error)
    finally:
        logger.filters[:] = before
    assert [record.exc_info[0] for record in caplog.records] == [ValueError]


def test_the_engine_is_the_only_name_made_late() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Motor'"):
        _ = papermill_engine.Motor
