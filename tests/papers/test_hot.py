"""HoT's paper as data: figures, runs at every scale, and the savings it claims."""

import pytest
import torch

from posekit.evaluation.protocols import PROTOCOLS
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.profiling.counting import size_of
from posekit.training.recipes import LiftingRecipe
from posekit.workbook.papers import load_paper
from posekit.workbook.papers.profiles import PROFILES, resolve_profile
from posekit.workbook.tasks.lifting import TASK, Settings


@pytest.fixture(scope="module")
def paper():
    return load_paper("hot")


def test_published_figures(paper):
    main = {row.id: row.published for row in paper.table("table-main-h36m").rows}
    errors = {name: figures["mpjpe"] for name, figures in main.items() if figures["mpjpe"]}
    assert errors == {
        **{"mhformer": 43.0, "mixste": 40.9, "hot-w-mixste": 41.0, "tpc-w-mixste": 39.9},
        **{"motionbert": 39.8, "hot-w-motionbert": 39.8, "tpc-w-motionbert": 39.0},
        **{"poseformer": 44.3, "strided-transformer": 43.7, "p-stmo": 42.8},
    }
    assert main["tpc-w-mhformer"] == {"mpjpe": None, "params": None, "flops": None, "fps": None}
    assert len(paper.claims) == 10
    assert len(paper.tables) == 10


def test_every_row_runs_or_says_why_not(paper):
    for row in paper.rows:
        assert row.source
        assert (row.run is None) == bool(row.not_run), row.path
        if row.run is not None:
            assert Settings.of(row.run).protocol in PROTOCOLS


@pytest.mark.parametrize("table", ["table-efficiency-measured", "table-n-f-measured"])
def test_counted_costs_are_those_measured_on_the_released_code(paper, table):
    for row in paper.table(table).rows:
        size = size_of(row.run.model, **Settings.of(row.run).options)
        counted = {
            "params": size.parameters / 1e6,
            "flops": 2 * size.layer_macs / 1e9,
            "flops_all": 2 * size.product_macs / 1e9,
        }
        for metric in counted.keys() & row.published.keys():
            assert counted[metric] == pytest.approx(row.published[metric], abs=0.0006), row.path


def test_hosts_own_costs(paper):
    for row in paper.table("table-hosts-own-figures").rows:
        if row.run is None or row.published["params"] is None:
            continue
        size = size_of(row.run.model, **Settings.of(row.run).options)
        # Of these a later paper prints the size: 30.9 M where the released code has 31.5 M.
        later = row.id in ("mhformer", "motionbert-from-scratch")
        tolerance = {"rel": 0.03} if later else {"abs": 0.05}
        assert size.parameters / 1e6 == pytest.approx(row.published["params"], **tolerance)
        assert size.layer_macs / 1e9 == pytest.approx(row.published["macs"], rel=0.03)


@pytest.mark.parametrize("name", PROFILES)
def test_every_run_builds_and_trains_at_every_scale(paper, name):
    profile = resolve_profile(name, "synthetic", "cpu", paper.scaling)
    for row in (row for row in paper.rows if row.run):
        configuration = TASK.configuration(row.run, "synthetic", profile)
        LiftingRecipe(**configuration["recipe"])
        with torch.device("meta"):
            network = build(
                configuration["model"], skeleton=HUMAN36M_17, **configuration["options"]
            )
        if row.run.model == "hot":
            assert 1 <= network.tokens < network.frames, row.path


def test_strategies_share_everything_else(paper):
    for table, option in [
        ("table-pruning-strategy", "prune"),
        ("table-recovery-strategy", "recover"),
    ]:
        runs = [row.run for row in paper.table(table).rows]
        assert len({Settings.of(run).options[option] for run in runs}) == len(runs)
        assert len({str({**Settings.of(run).options, option: None}) for run in runs}) == 1


@pytest.mark.parametrize("name", ["smoke", "quick", "standard"])
def test_scaled_rows_of_n_and_f_stay_apart(paper, name):
    profile = resolve_profile(name, "synthetic", "cpu", paper.scaling)
    rows = paper.table("table-n-f-measured").rows
    options = [TASK.configuration(row.run, "synthetic", profile)["options"] for row in rows]
    assert {option["prune_at"] for option in options} == set(range(1, options[0]["depth"]))
    published = {row.variant["token_num"] for row in rows}
    assert len({option["tokens"] for option in options}) == len(published)
