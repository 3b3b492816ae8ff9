"""What README and notebooks say about the package holds: imports and code.

The paper that README adds is run by ``test_own_paper.py``.
"""

from __future__ import annotations

import ast
import importlib
import re
from functools import partial
from pathlib import Path

import nbformat
import pytest
import torch

from posekit.datasets.standins import human36m
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.workbook.studies import matrix

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def section(title: str) -> str:
    """A section of the README, its heading included."""
    text = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert text, f"README has no section {title}"
    return f"## {title}\n{text}".rstrip()


def python_blocks(text: str) -> list[str]:
    """Blocks of Python code in Markdown."""
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def imports(source: str) -> list[tuple[str, str]]:
    """(module, name) of what code imports from posekit; the name is "" for a module itself."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.module or "", alias.name) for alias in node.names]
    return [(module, name) for module, name in found if module.partition(".")[0] == "posekit"]


def documented() -> list[tuple[str, str, str]]:
    """(where, module, name) of every import in README and notebooks."""
    code = {"README": python_blocks(README)}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        code[path.stem] = [cell.source for cell in cells if cell.cell_type == "code"]
    return [
        (where, module, name)
        for where, sources in code.items()
        for source in sources
        for module, name in imports(source)
    ]


@pytest.mark.parametrize(("where", "module", "name"), documented())
def test_documented_imports_work(where: str, module: str, name: str) -> None:
    found = importlib.import_module(module)
    if name and not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")


def test_readme_and_every_notebook_import_posekit() -> None:
    assert {where for where, _, _ in documented()} == {"README", *(path.stem for path in NOTEBOOKS)}


def test_code_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    monkeypatch.setitem(human36m.FRAMES, "smoke", (12, 24))
    human36m.write_standin(tmp_path, size="smoke")
    torch.manual_seed(0)
    lifter = build("ktpformer", skeleton=HUMAN36M_17, frames=9, embed_dim=16, depth=1)
    (source,) = python_blocks(section("The package"))
    (file,) = re.findall(r'checkpoints\.load\("(.+?)"\)', source)
    torch.save({"model_pos": lifter.state_dict()}, file)
    exec(source, {})
    identity, error = capsys.readouterr().out.strip().rsplit("\n", 1)
    assert "ktpformer" in identity
    assert 50 < float(error) < 5000


def test_code_of_the_matrix_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSEKIT_RUNS", str(tmp_path))
    # Runs of no time are not worth processes of their own.
    monkeypatch.setattr(matrix, "execute_all", partial(matrix.execute_all, workers=1))
    (source,) = python_blocks(section("Across data sets"))
    exec(source, {})
    shown = capsys.readouterr().out
    assert 50 < float(next(line for line in shown.splitlines() if line[0].isdigit())) < 5000
    assert "simple_baseline: MPJPE (mm)" in shown


def test_the_way_to_add_a_paper_is_short() -> None:
    assert len(section("Add a paper").splitlines()) <= 40
