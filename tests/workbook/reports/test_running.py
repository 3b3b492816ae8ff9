"""Notebooks are found, executed and kept, whether they end well or not."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from posekit.errors import InvalidParameter
from posekit.machine.storage import repository_root
from posekit.workbook.reports import running
from posekit.workbook.reports.running import (
    available_notebooks,
    notebook_files,
    reports_folder,
    run_notebook,
)


@pytest.fixture
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the reader's own, with one notebook."""
    folder = tmp_path / "papers"
    folder.mkdir()
    parameters = new_code_cell('dataset = "synthetic"', metadata={"tags": ["parameters"]})
    work = new_code_cell('print("on", dataset)\nassert dataset != "cmu", "not on cmu"')
    cells = [new_markdown_cell("# Mine"), parameters, work]
    python = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=python), folder / "mine.ipynb")
    monkeypatch.setenv("POSEKIT_PAPERS", str(folder))
    return folder


def test_notebooks_are_those_of_the_repository_and_of_the_readers_folders(papers: Path) -> None:
    stored = {path.stem for path in (repository_root() / "notebooks").glob("*.ipynb")}
    assert set(available_notebooks()) == stored | {"mine"}
    assert list(available_notebooks()) == sorted(available_notebooks())


def test_a_notebook_of_the_repository_goes_before_one_of_the_same_name(papers: Path) -> None:
    (papers / "hot.ipynb").touch()
    assert notebook_files()["hot"] == repository_root() / "notebooks" / "hot.ipynb"


@pytest.mark.parametrize(
    ("dataset", "error"), [("synthetic", ""), ("cmu", "AssertionError: not on cmu")]
)
def test_a_run_is_kept_with_what_went_wrong(
    papers: Path, tmp_path: Path, dataset: str, error: str
) -> None:
    target = tmp_path / "executed" / f"mine-{dataset}.ipynb"
    run = run_notebook("mine", {"dataset": dataset}, target.parent)
    assert (run.paper, run.dataset, run.notebook, run.error) == ("mine", dataset, target, error)
    outputs = nbformat.read(target, 4).cells[-1].outputs
    assert outputs[0].text == f"on {dataset}\n"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_two_runs_of_one_notebook_at_a_time_have_a_file_each(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = tmp_path / "executed"
    written = []

    def execute(source: Path, target: Path, parameters: dict[str, str]) -> str:
        written.append(target)
        target.write_text("half")
        if len(written) == 1:
            second = run_notebook("mine", {}, executed)
            assert second.notebook.read_text() == "whole"
        target.write_text("whole")
        return ""

    monkeypatch.setattr(running, "_execute", execute)
    first = run_notebook("mine", {}, executed)
    assert len(set(written)) == 2
    assert first.notebook.read_text() == "whole"
    assert list(executed.iterdir()) == [first.notebook]


def test_a_run_that_was_stopped_leaves_no_earlier_notebook(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> str:
        raise KeyboardInterrupt

    executed = tmp_path / "executed"
    executed.mkdir()
    (executed / "mine-synthetic.ipynb").write_text("of an earlier run")
    monkeypatch.setattr(running, "_execute", stop)
    with pytest.raises(KeyboardInterrupt):
        run_notebook("mine", {}, executed)
    assert list(executed.iterdir()) == []


def test_a_long_folder_of_temporary_files_is_no_hindrance(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    monkeypatch.setattr(running.tempfile, "tempdir", str(folder))
    assert run_notebook("mine", {}, tmp_path / "executed").error == ""
    assert list(folder.iterdir()) == []


def test_an_unknown_notebook_is_refused(papers: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"unknown paper 'mina'; did you mean 'mine'\?"):
        run_notebook("mina", {}, tmp_path / "executed")
    assert not (tmp_path / "executed").exists()


def test_without_the_repository_there_is_nothing_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "repository_root", lambda: None)
    for ask in (available_notebooks, reports_folder):
        with pytest.raises(InvalidParameter, match="clone it and install with pip install -e"):
            ask()
