"""A paper is one YAML file, one notebook, one module and one of figures.

README's example is written into a folder with a notebook and a figure.
Nothing else is changed, and posekit lists, plans, runs and reports it like its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
CELLS = {
    "title": "# Wide lifters",
    "parameters": """\
dataset = "synthetic"  # type: str, data set
profile = "auto"  # type: str, how much to run
claims = "auto"  # type: str, rows to run
rows = ""  # type: str, rows to run besides
seeds = 0  # type: int, training seeds per row
checkpoint = ""  # type: str, file of the authors
heads = 0  # type: int, attention heads of the file
device = "auto"  # type: str, where to compute
output_dir = ""  # type: str, folder of runs and results""",
    "start": """\
from posekit import evaluation
from posekit.workbook import figures, notebooks

settings = notebooks.parameters(globals(), "wide")
study = notebooks.study(settings)
test = study.load("test", "cpn")
notebooks.banner(study, test)""",
    "answer": "print(study.plan())\nstudy.run_all()\nnotebooks.answer(study)",
    "curves": """\
runs = study.runs_of("width")
notebooks.show(study, notebooks.learning_curves(runs), alt="Error over steps.")""",
    "table": 'notebooks.comparison_table(study, "width")',
    "own-figure": """\
from posekit.workbook.figures import bars_of_widths

figures.show(bars_of_widths.draw(study), alt="Error of each width.")""",
    "verdicts": "notebooks.verdict_table(study)",
    "viewer": """\
lifter, protocol = notebooks.lifter_to_examine(study, None, "width/wide")
predictions = evaluation.predict(lifter, test, protocol=protocol, device="cpu")
clips = notebooks.clips_to_view(predictions)
said = notebooks.caption(study, "Skeletons over time.")
notebooks.view_clips(clips, test.skeleton, alt=said)""",
    "provenance": "notebooks.finish(settings, study, clips, test.skeleton)",
}
FIGURES = """\
import plotly.graph_objects as go

def draw(study):
    rows = study.results("width").rows
    errors = [item.measured["mpjpe"].value for item in rows]
    return go.Figure(go.Bar(x=[item.row.name for item in rows], y=errors))
"""
REPORT = """
import json, sys
from pathlib import Path
from posekit.workbook.papers import list_papers
from posekit.workbook.reports.index import build_index
from posekit.workbook.reports.page import build_report
from posekit.workbook.reports.running import available_notebooks, run_notebook

folder = Path(sys.argv[1])
values = {"dataset": "synthetic", "profile": "smoke", "output_dir": str(folder / "runs")}
run = run_notebook("wide", values, folder / "executed")
page = build_report(run.notebook, folder / "html" / "wide-synthetic.html")
index = build_index(folder / "executed", folder / "html" / "index.html")
print(json.dumps({
    "error": run.error,
    "papers": list_papers(),
    "notebooks": available_notebooks(),
    "page": page.read_text(),
    "index": index.read_text(),
}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds README's example, its notebook and its figures, and nothing else."""
    folder = tmp_path_factory.mktemp("papers")
    section = README.partition("## Add a paper")[2].partition("\n## ")[0]
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))
    (folder / "wide.yaml").write_text(blocks["yaml"])
    (folder / "perceptron.py").write_text(blocks["python"])
    (folder / "bars_of_widths.py").write_text(FIGURES)
    cells = []
    for name, source in CELLS.items():
        make = nbformat.v4.new_markdown_cell if name == "title" else nbformat.v4.new_code_cell
        tags = {"tags": ["parameters"]} if name == "parameters" else {}
        cells.append(make(source, id=f"wide-{name}", metadata=tags))
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "wide.ipynb")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "POSEKIT_PAPERS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_it_gets_its_report_and_its_card(folder: Path, tmp_path: Path) -> None:
    done = run(folder, "-c", REPORT, str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["error"] == ""
    assert {"wide", "ktpformer"} <= set(found["papers"]) & set(found["notebooks"])
    assert "512 wide" in found["page"]
    assert "Width lowers the error." in found["page"]
    assert "Wide Lifters" in found["index"]
    assert 'href="wide-synthetic.html"' in found["index"]


def test_the_command_line_knows_it(folder: Path, tmp_path: Path) -> None:
    listed = run(folder, "-m", "posekit", "list")
    assert "Wide Lifters" in listed.stdout, listed.stderr
    planned = run(folder, "-m", "posekit", "plan", "wide", "--profile", "smoke")
    assert "perceptron-1f-cpn" in planned.stdout, planned.stderr
    timed = run(folder, "-m", "posekit", "bench", "perceptron", "--help")
    assert timed.returncode == 0


def test_a_change_of_its_network_asks_for_other_runs(folder: Path, tmp_path: Path) -> None:
    ids = []
    source = (folder / "perceptron.py").read_text()
    other = tmp_path / "papers"
    other.mkdir()
    (other / "wide.yaml").write_text((folder / "wide.yaml").read_text())
    for text in (source, f"# a comment\n{source}", source.replace("nn.GELU()", "nn.ReLU()")):
        (other / "perceptron.py").write_text(text)
        done = run(other, "-m", "posekit", "plan", "wide", "--profile", "smoke", "--json")
        assert done.returncode == 0, done.stderr
        ids.append({json.loads(line)["run"] for line in done.stdout.splitlines()})
    assert ids[0] == ids[1]
    assert ids[0].isdisjoint(ids[2])
