"""What README and notebooks say about the package holds: imports, code, the paper to copy."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import torch

from posekit.datasets.standins.human36m import write_standin
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def blocks(section: str, language: str) -> list[str]:
    """Code blocks of a language in a section of the README."""
    text = README.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text, f"README has no section {section}"
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


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
    code = {"README": re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)}
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
    write_standin(tmp_path, size="smoke")
    torch.manual_seed(0)
    lifter = build("ktpformer", skeleton=HUMAN36M_17, frames=9, embed_dim=16, depth=1)
    (source,) = blocks("The package", "python")
    (file,) = re.findall(r'checkpoints\.load\("(.+?)"\)', source)
    torch.save({"model_pos": lifter.state_dict()}, file)
    exec(source, {})
    identity, error = capsys.readouterr().out.strip().rsplit("\n", 1)
    assert "ktpformer" in identity
    assert 50 < float(error) < 5000


def test_the_way_to_add_a_paper_is_short() -> None:
    section = README.partition("\n## Add a paper\n")[2].partition("\n## ")[0]
    assert len(section.strip().splitlines()) + 2 <= 40


def posekit(*words: str, **environment: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "posekit", *words]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_paper_of_the_readme_runs_from_a_folder_of_its_own(tmp_path: Path) -> None:
    (paper,), (network,) = blocks("Add a paper", "yaml"), blocks("Add a paper", "python")
    (tmp_path / "wide.yaml").write_text(paper)
    (tmp_path / "perceptron.py").write_text(network)
    own = {"POSEKIT_PAPERS": str(tmp_path), "POSEKIT_RUNS": str(tmp_path / "runs")}
    (tmp_path / "wide.ipynb").touch()
    (line,) = [line for line in posekit("list", **own).splitlines() if line.startswith("wide ")]
    assert line.endswith(str(tmp_path / "wide.ipynb"))
    code = (
        "from posekit.workbook.studies import Study\n"
        "study = Study('wide', 'synthetic', 'smoke', device='cpu')\n"
        "study.run_all(workers=1)\n"
        "for row in study.paper.rows:\n"
        "    print(study.figures(row)['mpjpe'].value)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    errors = [float(line) for line in done.stdout.splitlines()]
    assert len(errors) == 2
    assert all(50 < error < 1000 for error in errors)
    plan = posekit("plan", "wide", "--profile", "smoke", "--json", **own)
    stored = {tuple(run["rows"]): run["stored"] for run in map(json.loads, plan.splitlines())}
    assert stored == {("width/narrow",): True, ("width/wide",): True}
