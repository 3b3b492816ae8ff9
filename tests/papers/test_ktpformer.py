"""KTPFormer's paper as data: figures as published, rows that run, claims that compare."""

import pytest

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.training import LiftingRecipe
from posekit.workbook.papers import load_paper
from posekit.workbook.tasks.lifting import Settings


@pytest.fixture(scope="module")
def paper():
    return load_paper("ktpformer")


def test_published_figures_of_the_headline_rows(paper):
    assert paper.row("h36m-cpn/ktpformer-243").published == {"mpjpe": 40.1, "p_mpjpe": 31.9}
    assert paper.row("h36m-cpn/mixste-243").published == {
        "mpjpe": 40.9,
        "p_mpjpe": 32.6,
        "mpjve": 2.3,
    }
    assert paper.row("h36m-gt/ktpformer").published["mpjpe"] == 19.0
    assert paper.row("h36m-diffusion/ktpformer-in-d3dp").published["mpjpe"] == 33.0
    assert paper.row("mpi-inf-3dhp/ktpformer").published == {
        "pck": 98.9,
        "auc": 85.9,
        "mpjpe": 16.7,
    }


def test_an_unverified_figure_is_absent_and_never_zero(paper):
    assert paper.row("kpa-tpa/neither").published == {"mpjpe": None}


def test_every_row_has_a_source_and_runs_or_says_why_not(paper):
    for row in paper.rows:
        assert row.source
        assert (row.run is None) == bool(row.not_run), row.path


def test_every_run_builds_and_trains_as_published(paper):
    networks = {}
    for row in (row for row in paper.rows if row.run):
        options = Settings.of(row.run).options
        networks.setdefault((row.run.model, str(sorted(options.items()))), options)
        LiftingRecipe(**{k: v for k, v in row.run.recipe.items() if k != "frames_per_step"})
    for (model, _), options in networks.items():
        small = {**options, "embed_dim": 8, "frames": 3, "heads": 1}
        assert build(model, skeleton=HUMAN36M_17, **small).frames == 3


def test_rows_of_different_tables_share_the_published_configuration(paper):
    same = ("h36m-cpn/ktpformer-243", "kpa-tpa/both", "topology/local-and-global", "frames/243")
    assert len({str(paper.row(path).run) for path in same}) == 1


def test_aggregation_rows_are_readings_of_one_run(paper):
    runs = [row.run for row in paper.table("d3dp-3dhp-aggregation").rows]
    assert len(runs) == 20
    trained = {str((run.model, {**run.settings, "iteration": None})) for run in runs}
    assert len(trained) == 1
    assert {run.estimate for run in runs if run.oracle} == {"j_best", "p_best", "j_agg"}


def test_published_figures_are_oracles_too(paper):
    marked = {row.path for row in paper.rows if row.oracle and row.run is None}
    assert "h36m-gt-diffusion/ddhpose-p-best-20-10" in marked
    assert "h36m-gt-diffusion/ddhpose-p-best-1-1" not in marked  # one hypothesis: nothing to pick
    assert not paper.row("h36m-cpn/ktpformer-243").oracle


def test_every_headline_claim_is_there_with_a_comparison_or_a_reason(paper):
    claims = {claim.id: claim for claim in paper.claims}
    assert {"beats-mixste-cpn", "plug-and-play", "small-overhead"} <= set(claims)
    assert "licensed" in claims["best-on-three-data-sets"].not_assessed
    for claim in claims.values():
        assert bool(claim.comparison) != bool(claim.not_assessed)


def test_differences_are_taken_from_the_network_without_priors(paper):
    baselines = {table.id: table.baseline for table in paper.tables}
    assert baselines["h36m-cpn"] == baselines["h36m-gt"] == "mixste-243"
    assert baselines["kpa-tpa"] == "neither"
    assert baselines["mpi-inf-3dhp"] is None
