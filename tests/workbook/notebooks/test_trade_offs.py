"""Error against cost of rows that a study has run."""

import pytest

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.profiling.timing import latency
from posekit.workbook.notebooks import trade_offs
from posekit.workbook.studies.study import Study

SMALL = {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2}
PATHS = [
    f"table-{row}" for row in ("main-h36m/mixste", "n-f-measured/n-1-f-81", "n-f-measured/n-3-f-81")
]


@pytest.fixture
def study(tmp_path):
    return Study("hot", dataset="synthetic", profile="smoke", runs=tmp_path, device="cpu")


def test_no_run_no_point(study):
    assert trade_offs.error_against_cost(study, PATHS) == []


def test_a_point_is_what_ran_at_the_size_at_which_it_ran(study, monkeypatch):
    monkeypatch.setattr(
        trade_offs, "latency", lambda model, **_: {"mixste": 2.0, "hot": 1.0}[model]
    )
    for path in PATHS[:2]:
        study.run(path)
    host, pruned = trade_offs.error_against_cost(study, PATHS)
    options = study.configuration(study.paper.row(PATHS[1]).run)["options"]
    assert (host.prune_at, host.tokens, host.seconds) == (None, options["frames"], 2.0)
    assert (pruned.prune_at, pruned.tokens) == (options["prune_at"], options["tokens"])
    assert 0 < pruned.flops < host.flops < 0.1
    aggregate = study.run(PATHS[1])[0].metrics["estimates"]["prediction"]["aggregate"]
    assert pruned.error == aggregate["mpjpe"]


def test_a_row_that_has_not_learned_is_no_point(study, monkeypatch, measured):
    for path in PATHS[:2]:
        study.run(path)
    monkeypatch.setattr(trade_offs, "latency", lambda model, **_: 1.0)
    learned = {PATHS[0]: measured(50.0), PATHS[1]: measured(79.0)}
    monkeypatch.setattr(study.measured, "evidence", lambda row: learned.get(row.path))
    (point,) = trade_offs.error_against_cost(study, PATHS)
    assert point.prune_at is None


def test_latency_is_that_of_a_pass(monkeypatch):
    monkeypatch.setattr("posekit.profiling.timing.SECONDS_PER_LATENCY", 0.0)
    assert 0 < latency("mixste", device="cpu", **SMALL) < 10
    assert 0 < latency(build("mixste", skeleton=HUMAN36M_17, **SMALL), device="cpu") < 10
