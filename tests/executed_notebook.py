"""A small executed notebook with every kind of output, made without a kernel."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook import figures
from posekit.workbook.figures.style import PLOTLY_MIME
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.reports.cells import WIDGET_MIME
from posekit.workbook.tables import (
    Answer,
    ComparisonTable,
    Effect,
    JudgedClaim,
    Lamp,
    Measured,
    Row,
)

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGA"
    "hKmMIQAAAABJRU5ErkJggg=="
)
ANSWER = Answer(
    claim="Both priors together are best.",
    claims=(
        JudgedClaim(
            "Both priors lower the error of the host.",
            "supports",
            "for",
            "all gates passed",
            "synthetic, standard, 10 seeds",
            effects=(Effect("both against neither", -0.021, -0.03, -0.012, -0.02),),
            lamps=(Lamp("learned", True), Lamp("controls", True)),
            tags=("oracle",),
        ),
    ),
    finding="With a fitted root about half of it is left.",
)
RESULTS = {
    "paper": "demo",
    "dataset": "synthetic",
    "profile": "smoke",
    "evidence": "synthetic",
    "title": "Demo <paper>",
    "headline": "Both priors together are best.",
    "answer": ANSWER.to_json(),
    "picture": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"></svg>',
}
PROSE = """# Demo report

The error is $e = \\lVert x - \\hat{y} \\rVert$, see `cost $5$`.

$$E = \\frac{1}{N} \\sum_i e_i$$

## Results

## Results

| a | b |
|---|---|
| 1 | 2 |
"""


def comparison() -> ComparisonTable:
    """A wide table with every kind of cell."""
    source = "https://example.org/paper (Table 1)"
    ran, wide = "27 frames, 2 seeds", "27 frames, width 8, 2 seeds"
    rows = (
        Row(
            "ours",
            {"mpjpe": 40.1, "params": 35.0},
            {"mpjpe": Measured(52.3, 0.4, ran), "params": Measured(35.0)},
            source=source,
            official={"params": 35.2},
            remarks={"mpjpe": "about"},
        ),
        Row(
            "base",
            {"mpjpe": 40.9, "p_mpjpe": 32.1, "params": 33.65},
            {
                "mpjpe": Measured(53.0, ran=wide),
                "p_mpjpe": Measured(42.0),
                "params": Measured(34.0),
            },
            {"mpjpe": Measured(60.0)},
            source,
        ),
        Row("twin", {"mpjpe": 41.0}, {"mpjpe": Measured(53.0, ran=wide, same_as="base")}),
        Row("guesses", {"mpjpe": 43.0}, {"mpjpe": Measured(199.0, ran=wide, learned=False)}),
        Row("best of 20", {"mpjpe": None}, not_run="oracle <only>", oracle=True),
    )
    units = {"mpjpe": "mm", "p_mpjpe": "mm", "mpjve": "mm", "params": "M"}
    return ComparisonTable(
        "Main table",
        units,
        rows,
        baseline="base",
        evidence="STAND-IN",
        protocol={"root": "zeroed"},
        trivial=(Row("linear", {}, {"mpjpe": Measured(73.1)}, input_2d="cpn"),),
        counted=("params",),
    )


def executed_notebook() -> NotebookNode:
    """Prose, code, and outputs as papermill leaves them."""
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(4, 17, 3, generator=generator) * 0.3
    viewer = json.loads(figures.motion_viewer(target + 0.02, target, HUMAN36M_17).to_json())
    hostile = "</script><!--<script>"
    bars = json.loads(figures.effect_bars({hostile: 1.0}, start=hostile).to_json())
    alts = {PLOTLY_MIME: {"alt": 'Prediction beside "truth".'}}
    answer, place = ANSWER._repr_mimebundle_()
    outputs = [
        new_output("stream", name="stdout", text="epoch 1\r"),
        new_output("stream", name="stdout", text="epoch 2: \x1b[31m<50> mm\x1b[0m\n"),
        new_output("display_data", {PLOTLY_MIME: viewer, WIDGET_MIME: {}}, metadata=alts),
        new_output("display_data", {PLOTLY_MIME: bars, "text/plain": "bars"}),
        new_output("display_data", {"text/html": comparison()._repr_html_()}),
        new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "A dot."}}),
        new_output("display_data", {WIDGET_MIME: {}}),
        new_output("display_data", {"text/latex": "$a_1$"}),
        new_output("display_data", dict(answer), metadata=place),
        new_output("display_data", {RESULTS_MIME: RESULTS, "text/html": "<p>written</p>"}),
    ]
    cells = [
        new_markdown_cell(PROSE, id="demo-title"),
        new_code_cell("print('<b>')", id="demo-folded", execution_count=1, outputs=outputs),
        new_code_cell("x = 1", id="demo-hidden", metadata={"tags": ["hide-input"]}),
        new_code_cell("y = 2", id="demo-shown", metadata={"tags": ["show-input"]}),
    ]
    run = {
        "parameters": {"dataset": "synthetic"},
        "start_time": "2026-11-20T12:00:00.123",
        "duration": 12.3,
        "exception": None,
    }
    return new_notebook(cells=cells, metadata={"papermill": run, "widgets": {"state": {}}})


def write_executed(folder: Path, name: str = "demo-synthetic") -> Path:
    """The notebook on disk."""
    path = folder / f"{name}.ipynb"
    nbformat.write(executed_notebook(), path)
    return path


def failed_notebook(folder: Path) -> Path:
    """One that ended with an error, on disk."""
    notebook = executed_notebook()
    error = new_output("error", ename="InvalidData", evalue="a <bad> file.", traceback=["a <bad>"])
    notebook.cells[2].outputs = [error]
    notebook.cells[1].outputs = []
    nbformat.write(notebook, folder / "demo-cmu.ipynb")
    return folder / "demo-cmu.ipynb"
