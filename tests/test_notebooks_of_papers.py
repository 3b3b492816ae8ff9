"""Every other notebook on another data set than the last: papermill runs and what they wrote."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from papermill_runs import NOTEBOOKS, smoke_run

from posekit.workbook.papers import load_paper
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.reports.page import results

# Which notebook runs on which made-up files; together they read every format with tables.
RUNS = {
    **{"convformer": "humaneva", "dsr": "cmu", "gla_gcn": "mpi_inf_3dhp", "hot": "cmu"},
    **{"ktpformer": "humaneva", "perspose": "cmu", "poseda": "cmu", "uao": "poseaug_3dhp"},
}


@pytest.fixture(scope="module", params=RUNS, ids=lambda paper: f"{paper}-{RUNS[paper]}")
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """One papermill run per paper at profile smoke."""
    return smoke_run(request.param, tmp_path_factory.mktemp(request.param), RUNS[request.param])


def test_every_notebook_is_run() -> None:
    assert set(RUNS) == {path.stem for path in NOTEBOOKS.glob("*.ipynb")}


def test_results_stand_in_the_file_and_in_the_notebook(finished: SimpleNamespace) -> None:
    assert results(finished.notebook) == finished.results
    assert finished.results["dataset"] == finished.dataset


def test_every_table_and_claim_of_the_paper_is_there(finished: SimpleNamespace) -> None:
    paper = load_paper(finished.paper)
    assert set(finished.results["tables"]) == {table.id for table in paper.tables}
    assert [verdict["claim"] for verdict in finished.results["verdicts"]] == [
        claim.id for claim in paper.claims
    ]


def test_each_row_that_can_be_run_has_a_sound_figure(finished: SimpleNamespace) -> None:
    errors = []
    for table, rows in finished.results["tables"].items():
        for row in rows:
            assert bool(row["measured"]) != bool(row["not_run"]), (table, row["row"])
            errors += row["measured"].get("mpjpe", [])
    assert len(errors) > 5
    assert all(math.isfinite(error) and 5 < error < 1500 for error in errors)


def test_published_figures_are_those_of_the_paper(finished: SimpleNamespace) -> None:
    for table in load_paper(finished.paper).tables:
        for row, shown in zip(table.rows, finished.results["tables"][table.id], strict=True):
            assert shown["published"] == dict(row.published), (table.id, row.id)


def test_notebook_shows_figures_a_viewer_and_no_warnings(finished: SimpleNamespace) -> None:
    outputs = [output for cell in finished.notebook.cells for output in cell.get("outputs", [])]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("application/vnd.plotly.v1+json") >= 6
    assert kinds.count("application/vnd.jupyter.widget-view+json") >= 1
    assert kinds.count(RESULTS_MIME) == 1
    assert [output for output in outputs if output.get("name") == "stderr"] == []
