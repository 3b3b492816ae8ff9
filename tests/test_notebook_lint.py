"""Notebooks in git follow the rules, and each rule finds what it is for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebook_rules import (
    KERNEL,
    ORDER,
    SHARED,
    SHARED_BY_LIFTERS,
    order_problems,
    problems,
    shared_text,
)

from posekit.workbook.papers import load_paper

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
LIFTERS = [
    path
    for path in NOTEBOOKS
    if not any(row.run and row.run.task == "image_to_body" for row in load_paper(path.stem).rows)
]

PARAMETERS_CELL = """\
dataset = "synthetic"  # type: str, data set
profile = "auto"  # type: str, how much to run
claims = "auto"  # type: str, rows to run
rows = ""  # type: str, rows to run besides
seeds = 0  # type: int, seeds per row
checkpoint = ""  # type: str, file to evaluate
heads = 0  # type: int, attention heads of the file
device = "auto"  # type: str, where to compute
output_dir = ""  # type: str, folder of results"""


def sound_notebook() -> NotebookNode:
    cells = [
        new_markdown_cell("# Title\n\nThe error is $e = |x - y|$.", id="demo-title"),
        new_code_cell(PARAMETERS_CELL, id="demo-parameters", metadata={"tags": ["parameters"]}),
        new_code_cell("print(dataset)", id="demo-print"),
    ]
    return new_notebook(cells=cells, metadata={"kernelspec": dict(KERNEL)})


def written(notebook: NotebookNode, folder: Path) -> Path:
    path = folder / "demo.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_follows_the_rules(path: Path) -> None:
    assert problems(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_prose_that_is_the_same_on_purpose_is_the_same(path: Path) -> None:
    assert shared_text(path) == shared_text(NOTEBOOKS[0])


@pytest.mark.parametrize("path", LIFTERS, ids=lambda path: path.stem)
def test_lifters_state_one_protocol(path: Path) -> None:
    assert shared_text(path, SHARED_BY_LIFTERS) == shared_text(LIFTERS[0], SHARED_BY_LIFTERS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_answer_comes_first_and_settings_last(path: Path) -> None:
    assert order_problems(path) == []


def test_another_order_and_a_missing_cell_are_found(tmp_path: Path) -> None:
    cells = [new_markdown_cell("Text.", id=f"demo-{name}") for name in ORDER]
    cells[3], cells[4] = cells[4], cells[3]
    found = order_problems(written(new_notebook(cells=cells), tmp_path))
    assert found == ["answer stands before answer-about"]
    assert order_problems(written(new_notebook(cells=cells[1:]), tmp_path)) == ["no cell title"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_table_of_the_paper_is_shown_once(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    shown = re.findall(r'comparison_table\(study, "([^"]+)"\)', code)
    assert sorted(shown) == sorted(table.id for table in load_paper(path.stem).tables)


def test_shared_prose_is_there_and_leaves_out_key_and_times() -> None:
    texts = shared_text(NOTEBOOKS[0])
    assert set(texts) == set(SHARED)
    assert "no such cell" not in texts.values()
    assert "papermill notebooks/paper.ipynb" in texts["settings"]
    assert "minute" not in texts["settings"]


def test_another_word_in_shared_prose_is_found(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    path = tmp_path / NOTEBOOKS[0].name
    cell = next(cell for cell in notebook.cells if cell.id.endswith("-verdicts-about"))
    cell.source += "\nA remark of the paper's own."
    nbformat.write(notebook, path)
    assert shared_text(path) == shared_text(NOTEBOOKS[0])
    assert "95 %" in cell.source
    cell.source = cell.source.replace("95 %", "90 %")
    nbformat.write(notebook, path)
    assert shared_text(path) != shared_text(NOTEBOOKS[0])


def test_there_is_a_notebook() -> None:
    assert "ktpformer" in [path.stem for path in NOTEBOOKS]


def test_a_sound_notebook_has_no_problems(tmp_path: Path) -> None:
    assert problems(written(sound_notebook(), tmp_path)) == []


BREACHES: dict[str, Callable[[NotebookNode], object]] = {
    "kernelspec": lambda nb: nb.metadata.kernelspec.update(name="ml"),
    "editor": lambda nb: nb.metadata.update(papermill={}),
    "outputs": lambda nb: nb.cells[2].update(execution_count=1),
    "magic": lambda nb: nb.cells[2].update(source="%matplotlib inline"),
    "shell": lambda nb: nb.cells[2].update(source="!pip install torch"),
    "a path: '../data": lambda nb: nb.cells[2].update(source="open('../data/x')"),
    "a path: '/root": lambda nb: nb.cells[2].update(source="open('/root/x')"),
    "at most 5 names": lambda nb: nb.cells[2].update(
        source="import math\nfrom math import sin, cos, tan, exp, log as ln"
    ),
    "longer than": lambda nb: nb.cells[2].update(source="x = 1\n" * 21),
    "level 1": lambda nb: nb.cells[0].update(source="## Title"),
    "unknown tags": lambda nb: nb.cells[2].metadata.update(tags=["hide_input"]),
    "the id": lambda nb: nb.cells[2].update(id="1f3b5c7d"),
    "dollar": lambda nb: nb.cells[0].update(source="# Title\n\ncosts $5 and more"),
    "cannot be converted": lambda nb: nb.cells[0].update(source="# Title\n\n$\\left( x$"),
    "tagged parameters": lambda nb: nb.cells[1].metadata.update(tags=[]),
    "not: name = literal": lambda nb: nb.cells[1].update(
        source=PARAMETERS_CELL.replace("  # type: int, seeds per row", "")
    ),
    "seeds is not 0": lambda nb: nb.cells[1].update(
        source=PARAMETERS_CELL.replace("seeds = 0", "seeds = 3")
    ),
    "parameters are": lambda nb: nb.cells[1].update(
        source=PARAMETERS_CELL.replace("seeds", "seed", 1)
    ),
    "explain more": lambda nb: nb.cells.extend(
        new_code_cell("x = 1", id=f"demo-cell-{number}") for number in range(3)
    ),
}


@pytest.mark.parametrize("expected", BREACHES)
def test_each_rule_finds_its_breach(expected: str, tmp_path: Path) -> None:
    notebook = sound_notebook()
    BREACHES[expected](notebook)
    found = problems(written(notebook, tmp_path))
    word = {"shell": "magic"}.get(expected, expected)
    assert any(word in problem for problem in found), found
