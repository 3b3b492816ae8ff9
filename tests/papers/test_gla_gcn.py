"""GLA-GCN's tables: figures as published, reconstructions that are called so, runs that fit."""

import pytest
import torch

from posekit.checkpoints import load
from posekit.evaluation.protocols import HOT_SEQUENCE, MHFORMER, MIXSTE, VIDEOPOSE3D
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.models import build
from posekit.profiling.counting import size_of
from posekit.training.recipes import LiftingRecipe
from posekit.workbook.notebooks.checkpoint_report import (
    _published,
    checkpoint_table,
    lifter_to_examine,
)
from posekit.workbook.papers import load_paper
from posekit.workbook.papers.profiles import resolve_profile
from posekit.workbook.studies import Study
from posekit.workbook.tasks.lifting import TASK, Settings

PAPER = load_paper("gla_gcn")
RUNS = [row for row in PAPER.rows if row.run]
PROFILES = ("smoke", "quick", "standard", "paper")


def test_published_figures_of_the_headline_rows():
    figures = {row.path: row.published for row in PAPER.rows}
    assert figures["table-h36m-cpn-p1/gla-gcn"] == {
        **{"mpjpe": 44.4, "p_mpjpe": 34.8},
        **{"params": 1.3, "macs": 1556},
    }
    assert figures["table-h36m-gt/with-reconstruction"] == {"mpjpe": 21.0}
    assert figures["table-h36m-gt/without-reconstruction"] == {"mpjpe": 28.5}
    assert figures["table-3dhp/gla-gcn"] == {"pck": 98.5, "auc": 79.1, "mpjpe": 27.7}


@pytest.mark.parametrize(
    ("path", "metric", "published"),
    [
        ("table-h36m-cpn-p1/gla-gcn", "mpjpe", 44.4),
        ("table-h36m-cpn-p1/gla-gcn", "p_mpjpe", 34.8),
        ("table-h36m-gt/without-reconstruction", "mpjpe", 28.5),
    ],
)
def test_actions_average_to_the_published_figure(path, metric, published):
    actions = PAPER.row(path).per_action[metric]
    assert len(actions) == 15
    assert sum(actions.values()) / 15 == pytest.approx(published, abs=0.1)


def test_no_ablation_has_an_error_that_nobody_saw():
    for table in ("table-head", "table-strided", "table-adjacency", "table-frames"):
        assert all(row.published["mpjpe"] is None for row in PAPER.table(table).rows)


def test_every_row_has_a_source_and_runs_or_says_why_not():
    for row in PAPER.rows:
        assert row.source
        assert (row.run is None) == bool(row.not_run), row.path


def test_rows_with_the_global_branch_call_it_our_reconstruction():
    for row in RUNS:
        options = Settings.of(row.run).options
        branch = options.get("global_layers") or options.get("global_head")
        assert ("our reconstruction of the unpublished branch" in row.name) == bool(branch), (
            row.path
        )


def test_counted_costs_are_those_measured_on_the_release():
    rows = [row for row in RUNS if "own measurement" in row.source]
    assert len(rows) == 8
    for row in rows:
        size = size_of(row.run.model, **Settings.of(row.run).options)
        assert size.parameters == round(1e6 * row.official["params"])
        assert size.product_macs / 1e6 == pytest.approx(row.official["macs"], abs=0.06)


@pytest.mark.parametrize("name", PROFILES)
def test_every_row_can_be_run_at_every_scale(name):
    profile = resolve_profile(name, "synthetic", "cpu", PAPER.scaling)
    for row in RUNS:
        config = TASK.configuration(row.run, "synthetic", profile)
        LiftingRecipe(**config["recipe"])
        assert "pairs of blocks" in TASK.describe(config) or row.run.model == "gla_gcn"
        if name != "paper":
            skeleton = HUMANEVA_15 if row.only_on == "humaneva" else HUMAN36M_17
            network = build(config["model"], skeleton=skeleton, **config["options"])
            assert (
                network.frames == Settings.of(row.run).options["frames"] // profile.frames_divisor
            )


def test_rows_of_the_paper_take_512_windows_a_step():
    profile = resolve_profile("paper", "h36m", "cuda", PAPER.scaling)
    for frames in ("27", "81", "243"):
        run = PAPER.row(f"table-frames/{frames}").run
        assert TASK.configuration(run, "synthetic", profile)["recipe"]["batch_size"] == 512


@pytest.mark.parametrize("name", PROFILES)
def test_every_length_of_window_gets_equally_many_poses(name):
    profile = resolve_profile(name, "synthetic", "cpu", PAPER.scaling)
    runs = [row.run for row in PAPER.table("table-frames").rows]
    assert (
        len({TASK.configuration(run, "synthetic", profile)["recipe"]["batch_size"] for run in runs})
        == 1
    )


def test_measured_costs_are_in_the_unit_of_their_table(tmp_path):
    study = Study("gla_gcn", profile="smoke", runs=tmp_path, device="cpu")
    row = PAPER.row("table-efficiency/measured")
    assert study.figures(row)["macs"].value == pytest.approx(row.official["macs"], abs=0.06)
    assert study.figures(row)["params"].value == pytest.approx(row.official["params"])


def test_a_checkpoint_is_set_beside_the_figure_of_its_own_network(tmp_path):
    study = Study("gla_gcn", dataset="h36m", profile="paper", runs=tmp_path, device="cpu")
    for layers, published in ((0, 28.5), (1, 21.0)):
        network = build("gla_gcn", skeleton=HUMAN36M_17, global_layers=layers)
        path = tmp_path / f"96_gt_243_{layers}.bin"
        torch.save({"model_pos": network.state_dict()}, path)
        loaded = load(path)
        assert _published(loaded.identity, study, "gt") == published
        assert lifter_to_examine(study, loaded, "table-h36m-gt/mixste")[1] == VIDEOPOSE3D
    assert _published(loaded.identity, study, "cpn") is None


@pytest.mark.parametrize(("frames", "told"), [(27, False), (243, True)])
def test_a_checkpoint_with_a_longer_window_than_the_clips_says_so(tmp_path, frames, told):
    study = Study("ktpformer", profile="smoke", runs=tmp_path, device="cpu")
    network = build("mixste", skeleton=HUMAN36M_17, frames=frames, embed_dim=16, depth=1)
    path = tmp_path / "mixste.bin"
    torch.save({"model_pos": network.state_dict()}, path)
    note = checkpoint_table(load(path), study).note
    clips = len(study.load("test", "gt").clips)
    said = f"{clips} of {clips} clips are shorter than the window of 243 frames"
    assert (said in note) is told
    assert ("shorter" in note) is told


@pytest.mark.parametrize(
    ("model", "options", "protocol"),
    [
        ("mixste", {}, MIXSTE),
        ("mhformer", {}, MHFORMER),
        ("hot", {"prune_at": 3, "tokens": 3}, HOT_SEQUENCE),
    ],
)
def test_a_checkpoint_is_scored_as_its_release_scores(tmp_path, model, options, protocol):
    study = Study("hot", profile="smoke", runs=tmp_path, device="cpu")
    size = {"frames": 9, "embed_dim": 16, **({} if model == "mhformer" else {"depth": 5})}
    network = build(model, skeleton=HUMAN36M_17, **size, **options)
    path = tmp_path / "released.pth"
    torch.save(network.state_dict(), path)
    loaded = load(path, model=model)
    assert lifter_to_examine(study, loaded, "table-main-h36m/hot-w-mixste")[1] == protocol


def test_channels_keep_their_order_at_every_scale():
    for name in PROFILES:
        profile = resolve_profile(name, "synthetic", "cpu", PAPER.scaling)
        rows = PAPER.table("table-channels").rows
        widths = [
            TASK.configuration(row.run, "synthetic", profile)["options"]["embed_dim"]
            for row in rows
        ]
        assert widths == sorted(widths)


def test_a_run_of_graph_units_can_be_planned():
    profile = resolve_profile("quick", "synthetic", "cpu", PAPER.scaling)
    config = TASK.configuration(
        PAPER.row("table-h36m-gt/without-reconstruction").run, "synthetic", profile
    )
    short = {**config["recipe"], "max_steps": 200, "batch_size": 32}
    assert 5 < _estimate({**config, "recipe": short}) < 20
    # As published: an epoch has one window for every frame, not one for every 243.
    whole = resolve_profile("paper", "h36m", "cpu", PAPER.scaling)
    full = TASK.configuration(
        PAPER.row("table-h36m-gt/without-reconstruction").run, "synthetic", whole
    )
    steps = 80 * 1_560_000 // 512  # without mirrored copies, 512 windows a step
    once = {**full, "recipe": {**full["recipe"], "max_steps": 1}}
    ratio = _estimate(full) / _estimate(once)
    assert ratio == pytest.approx(steps, rel=0.01)


def _estimate(config):
    return TASK.seconds(config, torch.device("cpu"))
