"""Notebooks run by papermill from a foreign folder, and the values that they wrote.

That every cell runs with the defaults is also what ``make test`` asks of nbval. Runs are kept in
one folder for the whole module, so that each data set is trained once.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from papermill_runs import NOTEBOOKS, execute, smoke_run

from posekit.errors import DatasetNotFound
from posekit.workbook.evidence import CHECK_PASSED, NOT_ASSESSED
from posekit.workbook.notebooks.settings import PARAMETERS
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.reports.page import results
from posekit.workbook.tables import Answer
from posekit.workbook.tables.answer import PLACE

EVIDENCE = {"synthetic": "synthetic", "cmu": "motion capture", "h36m": "STAND-IN"}


@pytest.fixture(scope="module", params=["synthetic", "cmu", "h36m"])
def finished(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """One papermill run per data set at profile smoke."""
    return smoke_run("ktpformer", tmp_path_factory.mktemp(request.param), request.param)


def test_results_stand_in_the_file_and_in_the_notebook(finished: SimpleNamespace) -> None:
    assert results(finished.notebook) == finished.results
    assert finished.results["dataset"] == finished.dataset
    assert finished.results["evidence"] == EVIDENCE[finished.dataset]


def test_each_row_that_can_be_run_has_a_sound_figure(finished: SimpleNamespace) -> None:
    measured = {}
    for table, rows in finished.results["tables"].items():
        for row in rows:
            assert bool(row["measured"]) != bool(row["not_run"]), (table, row["row"])
            measured[table, row["row"]] = row["measured"].get("mpjpe")
    errors = [value for values in measured.values() if values for value in values]
    assert len(errors) > 20
    assert all(math.isfinite(error) and 5 < error < 1000 for error in errors)


def test_figures_are_those_of_the_stored_runs(finished: SimpleNamespace) -> None:
    rows = {row["row"]: row for row in finished.results["tables"]["kpa-tpa"]}
    stored = [
        json.loads(path.read_text())["estimates"]["prediction"]["aggregate"]["mpjpe"]
        for path in (finished.folder / "results").glob("*/metrics.json")
        if "prediction" in json.loads(path.read_text())["estimates"]
    ]
    for name in ("neither", "kpa-only", "tpa-only", "both"):
        assert rows[name]["measured"]["mpjpe"][0] in stored
    assert len({rows[name]["measured"]["mpjpe"][0] for name in rows}) == len(rows)


def test_published_figures_are_those_of_the_sources(finished: SimpleNamespace) -> None:
    rows = {row["row"]: row for row in finished.results["tables"]["h36m-cpn"]}
    assert rows["ktpformer-243"]["published"]["mpjpe"] == 40.1
    assert rows["mixste-243"]["published"]["mpjpe"] == 40.9


def test_oracle_rows_are_marked(finished: SimpleNamespace) -> None:
    rows = {row["row"]: row for row in finished.results["tables"]["h36m-diffusion"]}
    assert rows["d3dp-j-best"]["oracle"]
    assert rows["d3dp-j-agg"]["oracle"]  # it is told where the root is
    rows = {row["row"]: row for row in finished.results["tables"]["plug-in"]}
    assert not rows["d3dp-p-agg-baseline"]["oracle"]


def test_smoke_carries_no_verdict_of_its_own(finished: SimpleNamespace) -> None:
    for verdict in finished.results["verdicts"]:
        if verdict["verdict"] not in (NOT_ASSESSED, CHECK_PASSED):
            assert "smoke" not in verdict["basis"]


def test_smoke_prints_no_errors_of_its_networks(finished: SimpleNamespace) -> None:
    shown = [
        output.data["text/plain"]
        for cell in finished.notebook.cells
        for output in cell.get("outputs", [])
        if "pk-scroll" in output.get("data", {}).get("text/html", "")
    ]
    for rows in finished.results["tables"].values():
        for value in (value for row in rows for value in row["measured"].get("mpjpe", [])):
            assert not any(f"{value:.1f} |" in text for text in shown)


def test_the_answer_box_stands_in_the_notebook_and_in_the_results(
    finished: SimpleNamespace,
) -> None:
    placed = [
        output
        for cell in finished.notebook.cells
        for output in cell.get("outputs", [])
        if output.get("metadata", {}).get("text/html", {}).get("place") == PLACE
    ]
    box = Answer.from_json(finished.results["answer"])
    assert [output.data["text/plain"] for output in placed] == [box.to_text()]
    assert len(box.claims) > 1


def test_every_table_is_labelled_with_its_evidence(finished: SimpleNamespace) -> None:
    shown = [
        output.data["text/html"]
        for cell in finished.notebook.cells
        for output in cell.get("outputs", [])
        if "pk-scroll" in output.get("data", {}).get("text/html", "")
    ]
    assert len(shown) > 10
    label = EVIDENCE[finished.dataset]
    assert sum(f">{label}</span>" in html for html in shown) > 10


def test_notebook_shows_figures_a_viewer_and_no_warnings(finished: SimpleNamespace) -> None:
    outputs = [output for cell in finished.notebook.cells for output in cell.get("outputs", [])]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("application/vnd.plotly.v1+json") >= 6
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    assert kinds.count(RESULTS_MIME) == 1
    assert [output for output in outputs if output.get("name") == "stderr"] == []


def test_missing_data_ends_quickly_with_a_line_to_act_on(tmp_path: Path) -> None:
    done = execute("ktpformer", tmp_path, "h36m", POSEKIT_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("posekit: Human3.6M")
    for word in ("data_3d_h36m.npz", "POSEKIT_DATA", "vision.imar.ro", "synthetic", "standin"):
        assert word in last
    assert not list((tmp_path / "results").glob("*.json"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-p", "profil", "quick"), "unknown parameter 'profil'; did you mean 'profile'?"),
        (("-p", "seeds", "false"), "parameter 'seeds' is 'false' of type str; expected int."),
    ],
    ids=["unknown name", "wrong type"],
)
def test_papermill_tells_mistakes_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = execute("ktpformer", tmp_path, "synthetic", *arguments)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"posekit: {message}")


def test_papermill_explains_the_parameters() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "papermill", "--help-notebook", str(NOTEBOOKS / "ktpformer.ipynb")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name, (kind, _) in PARAMETERS.items():
        assert re.search(rf"{name}: {kind.__name__}", text), name


def test_errors_show_no_traceback_in_a_notebook() -> None:
    error = DatasetNotFound("nothing here.")
    assert error._render_traceback_() == ["DatasetNotFound: nothing here."]
