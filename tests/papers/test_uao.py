"""UAO's file of claims and tables: published figures, and settings that can be run."""

import pytest

from posekit.evaluation.optimisation import RELEASED, Optimisation
from posekit.evaluation.protocols import PROTOCOLS
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.training.recipes import LiftingRecipe
from posekit.workbook.papers import load_paper
from posekit.workbook.studies import Study
from posekit.workbook.studies.costs import published_costs
from posekit.workbook.tasks.lifting import Settings


@pytest.fixture(scope="module")
def paper():
    return load_paper("uao")


def test_published_figures(paper):
    assert paper.row("table-h36m-readme/gumlp").published == {"mpjpe": 49.4, "p_mpjpe": None}
    full = paper.row("table-h36m-readme/gumlp-uao")
    assert full.published == {"mpjpe": 46.7, "p_mpjpe": None, "gain": 5.5}
    assert paper.row("table-iterations/iterations-2").published == {"mpjpe": None}


def test_every_row_runs_or_says_why_not(paper):
    for row in paper.rows:
        assert (row.run is None) == bool(row.not_run), row.path
        if row.run is None:
            continue
        assert Settings.of(row.run).protocol in PROTOCOLS
        recipe = dict(row.run.recipe)
        recipe.pop("frames_per_step")
        LiftingRecipe(**recipe)
        Optimisation(**(Settings.of(row.run).optimise or {}))
        small = {**Settings.of(row.run).options, "embed_dim": 16, "depth": 1}
        assert build(row.run.model, skeleton=HUMAN36M_17, **small).frames == small["frames"]


def test_the_full_method_is_the_released_run(paper):
    rows = ("table-h36m-readme/gumlp-uao", "table-loss-terms/both", "table-iterations/iterations-4")
    for path in rows:
        assert Optimisation(**Settings.of(paper.row(path).run).optimise) == RELEASED


def test_rows_of_one_network_differ_in_their_optimisation_alone(paper):
    ablations = ("loss-terms", "uncertainty", "optimise-target", "iterations", "step-size")
    for table in ablations:
        rows = [row.run for row in paper.table(f"table-{table}").rows]
        assert (
            len(
                {
                    str(
                        (run.model, Settings.of(run).options, run.recipe, Settings.of(run).protocol)
                    )
                    for run in rows
                }
            )
            == 1
        )
        assert len({str(Settings.of(run).optimise) for run in rows}) == len(rows)


def test_optimised_and_plain_poses_are_scored_alike(paper):
    """An optimised pose has its root at 0, which no protocol may count as a gain."""
    runs = [row.run for row in paper.rows if row.run]
    assert {PROTOCOLS[Settings.of(run).protocol].root for run in runs} == {"zeroed"}


def test_costs_are_the_published_ones(paper, tmp_path):
    for row in paper.table("table-efficiency").rows:
        costs = published_costs(row.run, tmp_path)
        assert costs["params"] == pytest.approx(row.official["params"])
        assert 1000 * costs["macs"] == pytest.approx(row.official["macs"], abs=0.05)


def test_a_claim_on_rows_of_another_data_set_is_not_assessed(tmp_path):
    study = Study("uao", "synthetic", "standard", runs=tmp_path)
    verdict = {verdict.claim: verdict for verdict in study.verdicts()}["generalises"]
    assert verdict.verdict == "not assessed"
    assert "choose dataset poseaug_3dhp" in verdict.reason
