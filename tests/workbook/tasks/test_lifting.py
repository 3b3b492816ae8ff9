"""Lifting: rows as configurations, by the same rules for every row, and what they say."""

from dataclasses import replace

import pytest

from posekit.workbook.papers import RowRun, load_paper
from posekit.workbook.papers.profiles import PROFILES, resolve_profile
from posekit.workbook.tasks.lifting import TASK, Settings

PAPER = load_paper("ktpformer")
SCHEDULE = ("max_steps", "learning_rate", "schedule", "decay", "warm_up", "betas")
SCALED = [name for name in PROFILES if name != "paper"]


def configuration(profile, path):
    return scaled(PROFILES[profile], PAPER.row(path).run)


def scaled(profile, run):
    return TASK.configuration(run, "synthetic", profile)


def test_the_paper_profile_keeps_the_published_configuration():
    config = configuration("paper", "h36m-cpn/ktpformer-243")
    assert config["size"] == "full"
    assert config["options"] == Settings.of(PAPER.row("h36m-cpn/ktpformer-243").run).options
    recipe = config["recipe"]
    assert (recipe["epochs"], recipe["batch_size"]) == (200, 8)
    assert (recipe["learning_rate"], recipe["decay"]) == (8e-5, 0.99)
    assert configuration("paper", "h36m-cpn/mixste-243")["recipe"]["batch_size"] == 4


@pytest.mark.parametrize("profile", SCALED)
def test_rows_of_a_table_keep_their_order(profile):
    frames = [configuration(profile, f"frames/{n}")["options"]["frames"] for n in (27, 81, 243)]
    assert frames == sorted(set(frames))
    depths = [
        configuration(profile, f"depth-width/depth-{n}-width-512")["options"]["depth"]
        for n in (6, 8, 10)
    ]
    # A quarter of 6 and of 8 pairs is 2: these rows share a run, and the table says so.
    assert depths == sorted(depths)
    assert depths[0] < depths[-1]


@pytest.mark.parametrize("profile", PROFILES)
def test_both_networks_have_equally_many_blocks(profile):
    ktpformer = configuration(profile, "h36m-cpn/ktpformer-243")["options"]["depth"]
    mixste = configuration(profile, "h36m-cpn/mixste-243")["options"]["depth"]
    assert ktpformer + 1 == mixste


@pytest.mark.parametrize("profile", SCALED)
def test_all_rows_get_the_same_budget(profile):
    configs = [scaled(PROFILES[profile], row.run) for row in PAPER.rows if row.run]
    schedules = {
        (*(c["recipe"][name] for name in SCHEDULE), c["size"], c["one_frame_in"]) for c in configs
    }
    assert len(schedules) == 1
    longest = PROFILES[profile].frames_per_step
    for config in configs:
        frames = config["recipe"]["batch_size"] * config["options"]["frames"]
        assert 0.5 * longest < frames <= max(longest, config["options"]["frames"])


@pytest.mark.parametrize("profile", PROFILES)
def test_heads_divide_the_width(profile):
    for row in (row for row in PAPER.rows if row.run):
        options = scaled(PROFILES[profile], row.run)["options"]
        assert options["embed_dim"] % options["heads"] == 0


def test_the_whole_paper_is_about_35_runs():
    quick = PROFILES["quick"]
    rows = PAPER.on_dataset("synthetic").rows
    assert len({str(scaled(quick, row.run)) for row in rows if row.run}) == 32


def test_iterations_of_a_diffusion_row_scale_with_the_sampling():
    profile = PROFILES["standard"]
    rows = [PAPER.row(f"d3dp-3dhp-aggregation/j-agg-iteration-{n}").run for n in (1, 10)]
    estimates = [TASK.estimate(run, profile) for run in rows]
    assert estimates == ["j_agg@1", f"j_agg@{profile.iterations}"]
    assert TASK.estimate(PAPER.row("frames/27").run, profile) == "prediction"


def test_loss_terms_survive_scaling():
    plain = configuration("quick", "mixste-loss/mpjpe")["recipe"]
    assert (plain["joint_weighting"], plain["consistency"], plain["velocity"]) == (False, 0, 0)
    assert configuration("quick", "mixste-loss/weighted-plus-velocity")["recipe"]["velocity"] == 2


def test_what_was_run_is_said():
    text = TASK.describe(configuration("quick", "h36m-diffusion/d3dp-j-agg"))
    for part in ("9 frames", "width 32", "2 pairs", "cpn keypoints", "hypotheses"):
        assert part in text


def test_a_paper_may_scale_otherwise():
    scaling = {"quick": {"frames_divisor": 9, "steps": 50}}
    profile = resolve_profile("quick", "synthetic", "cpu", scaling)
    config = scaled(profile, PAPER.row("h36m-cpn/ktpformer-243").run)
    assert config["options"]["frames"] == 27
    assert config["recipe"]["max_steps"] == 50
    assert resolve_profile("standard", "synthetic", "cpu", scaling) == PROFILES["standard"]


def hourglass(**options):
    recipe = {"learning_rate": 4e-5, "decay": 0.99, "epochs": 1, "frames_per_step": 972}
    published = {"host": "mixste", "frames": 243, "embed_dim": 512, "depth": 8, "heads": 8}
    settings = {"keypoints": "cpn", **published, **options}
    return RowRun(model="hot", recipe=recipe, settings=settings)


def test_kept_tokens_scale_with_frames_and_the_pruned_block_with_depth():
    profile = replace(PROFILES["standard"], frames_divisor=9, depth_factor=0.5)
    for tokens, prune_at, expected in ((81, 3, (9, 2)), (61, 7, (7, 3)), (1, 1, (1, 1))):
        options = scaled(profile, hourglass(tokens=tokens, prune_at=prune_at))["options"]
        assert (options["frames"], options["depth"]) == (27, 4)
        assert (options["tokens"], options["prune_at"]) == expected
    shallow = scaled(PROFILES["standard"], hourglass(tokens=81, prune_at=7))["options"]
    assert shallow["prune_at"] == shallow["depth"] - 1


def test_small_initial_weights_grow_as_the_width_shrinks():
    run = load_paper("hot").row("table-main-h36m/motionbert").run
    smaller = scaled(PROFILES["quick"], run)["options"]
    assert (run.settings["embed_dim"], run.settings["initial_std"]) == (256, 0.02)
    assert smaller["embed_dim"] == 16
    assert smaller["initial_std"] == pytest.approx(0.08)


@pytest.mark.parametrize("profile", SCALED)
def test_windows_of_mhformer_fit_its_nine_heads(profile):
    run = hourglass(host="mhformer", frames=351, tokens=117, prune_at=1)
    for divisor in (PROFILES[profile].frames_divisor, 9):  # 39 frames become 27: 36 have no middle
        narrower = replace(PROFILES[profile], frames_divisor=divisor)
        assert scaled(narrower, run)["options"]["frames"] % 18 == 9


def test_networks_without_depth_or_heads_are_scaled():
    recipe = {"learning_rate": 1e-2, "decay": 1.0, "epochs": 80, "frames_per_step": 124416}
    settings = {"keypoints": "gt", "frames": 243, "embed_dim": 96, "protocol": "VideoPose3D"}
    run = RowRun(model="gla_gcn", recipe=recipe, settings=settings)
    config = scaled(PROFILES["standard"], run)
    assert config["options"] == {"frames": 9, "embed_dim": 6}
    assert config["evaluation"]["protocol"] == "VideoPose3D"
    paper = scaled(PROFILES["paper"], run)
    assert paper["recipe"]["batch_size"] == 512


def test_rows_scored_on_the_centre_frame_can_see_equally_many_windows():
    profile = replace(PROFILES["standard"], windows_per_step=32)
    recipe = {"learning_rate": 1e-2, "decay": 1.0, "epochs": 80, "frames_per_step": 124416}
    for protocol, frames, windows in (
        *(("VideoPose3D", frames, 32) for frames in (27, 81, 243)),
        *(("MHFormer", frames, 32) for frames in (27, 243)),
        *(("MixSTE", 27, 108), ("MixSTE", 81, 36), ("MixSTE", 243, 12)),
    ):
        settings = {"keypoints": "gt", "frames": frames, "embed_dim": 96, "protocol": protocol}
        run = RowRun(model="mixste", recipe=recipe, settings=settings)
        assert scaled(profile, run)["recipe"]["batch_size"] == windows
