"""The index page: one card per executed notebook, what is missing, data status, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from posekit.datasets import DATASETS
from posekit.datasets.status import data_status
from posekit.errors import InvalidData
from posekit.machine.provenance import environment_entries
from posekit.machine.storage import atomic_path
from posekit.workbook.reports.page import failure, read_notebook, render, report_facts, results
from posekit.workbook.reports.running import available_notebooks
from posekit.workbook.tables import Answer, Card, Grid


def build_index(executed: Path, target: Path) -> Path:
    """Write the index page over the executed notebooks in a folder.

    Args:
        executed: holds ``<paper>-<dataset>.ipynb``; the reports stand beside ``target`` under the
            same names.
        target: the HTML file; cross-data-set matrices beside it are linked.

    Raises:
        StorageError: the target cannot be written.
    """
    notebooks = sorted(path for path in executed.glob("*.ipynb") if not path.name.startswith("."))
    run = {path.stem.rpartition("-")[0] for path in notebooks}
    missing = [
        f"{name}: no run yet; run posekit report {name}"
        for name in available_notebooks()
        if name not in run
    ]
    page = render(
        "index.html.j2",
        title="Reports",
        cards=[_card(path) for path in notebooks],
        missing=missing,
        matrices=sorted(path.name for path in target.parent.glob("matrix-*.html")),
        data_status=data_table()._repr_html_(),
        provenance=Card("Machine and code", environment_entries())._repr_html_(),
    )
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def data_table() -> Grid:
    """Which data sets are on this machine, and what to do about the others.

    Folders are left out: reports are published.
    """
    rows = [
        # What is wrong with damaged files names their folder.
        (
            row.title,
            row.state,
            "-" if row.state == "damaged" else row.contents or "-",
            row.licence,
            row.page or "-",
        )
        for row in data_status()
    ]
    note = "posekit data status tells which files are missing and how to get them."
    return Grid("Data sets", ("data set", "state", "contents", "licence", "page"), rows, note=note)


def _card(path: Path) -> dict[str, Any]:
    """What the index shows of one executed notebook."""
    notebook = read_notebook(path)
    found = results(notebook)
    facts = report_facts(notebook)
    dataset = facts.get("data set", "")
    if dataset in DATASETS:
        facts["data set"] = DATASETS[dataset].title
    answer, problem = _answer(found)
    return {
        "page": f"{path.stem}.html",
        "title": found.get("title") or path.stem,
        "headline": found.get("headline", ""),
        "picture": Markup(found.get("picture", "")),  # drawn by the notebook's own code
        "answer": answer,
        "facts": facts,
        "failure": failure(notebook) or problem,
    }


def _answer(found: Mapping[str, Any]) -> tuple[str, str]:
    """The box of a run's results, "" for none, and what is wrong with it: no card stops a page."""
    if "answer" not in found:
        return "", ""
    try:
        return Answer.from_json(found["answer"]).brief(), ""
    except InvalidData as error:
        return "", str(error)
