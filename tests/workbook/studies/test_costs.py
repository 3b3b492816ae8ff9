"""Costs: counted at the published size, without a run, and remembered."""

import pytest

from posekit.workbook.papers import load_paper
from posekit.workbook.studies import Study
from posekit.workbook.studies.costs import published_costs
from posekit.workbook.tasks import find_task


def test_tables_of_costs_are_counted_without_runs(runs, monkeypatch):
    study = Study("uao", "synthetic", "tiny", claims="all", runs=runs, device="cpu")
    monkeypatch.setattr(study, "run", None)
    assert study.plan(["table-efficiency"]).runs == ()
    paths = {path for planned in study.plan().runs for path in planned.rows}
    assert "table-h36m-readme/gumlp" in paths
    assert not any(path.startswith("table-efficiency/") for path in paths)
    found = study.results("table-efficiency")
    assert [row.measured["params"].value for row in found.rows] == pytest.approx(
        [row.row.official["params"] for row in found.rows]
    )
    assert (found.evidence, found.protocol) == ("", {})


def test_costs_are_remembered_and_a_torn_memory_is_counted_anew(tmp_path, monkeypatch):
    run = load_paper("uao").row("table-h36m-readme/gumlp").run
    found = published_costs(run, tmp_path)
    assert (found["flops"], found["flops_all"]) == (2 * found["macs_linear"], 2 * found["macs"])
    (memory,) = (tmp_path / ".costs").iterdir()
    memory.write_text('{"params": 1')
    assert published_costs(run, tmp_path) == found
    monkeypatch.setattr(type(find_task(run.task)), "size", None)
    assert published_costs(run, tmp_path) == found
