"""Profiles scale published configurations by the same rules for every row."""

from dataclasses import replace

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.papers import RowRun, load_paper
from posekit.workbook.papers.profiles import PROFILES, describe, resolve_profile

PAPER = load_paper("ktpformer")
SCHEDULE = ("max_steps", "learning_rate", "schedule", "decay", "warm_up", "betas")
SCALED = [name for name in PROFILES if name != "paper"]


def configuration(profile, path):
    return PROFILES[profile].configuration(PAPER.row(path).run)


def test_the_paper_profile_keeps_the_published_configuration():
    config = configuration("paper", "h36m-cpn/ktpformer-243")
    assert config["size"] == "full"
    assert config["options"] == PAPER.row("h36m-cpn/ktpformer-243").run.options
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
    configs = [PROFILES[profile].configuration(row.run) for row in PAPER.rows if row.run]
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
        options = PROFILES[profile].configuration(row.run)["options"]
        assert options["embed_dim"] % options["heads"] == 0


def test_the_whole_paper_is_about_35_runs():
    quick = PROFILES["quick"]
    rows = PAPER.on_dataset("synthetic").rows
    assert len({str(quick.configuration(row.run)) for row in rows if row.run}) == 32


def test_iterations_of_a_diffusion_row_scale_with_the_sampling():
    profile = PROFILES["standard"]
    rows = [PAPER.row(f"d3dp-3dhp-aggregation/j-agg-iteration-{n}").run for n in (1, 10)]
    assert [profile.iteration(run) for run in rows] == [1, profile.iterations]
    assert profile.iteration(PAPER.row("frames/27").run) is None


def test_loss_terms_survive_scaling():
    plain = configuration("quick", "mixste-loss/mpjpe")["recipe"]
    assert (plain["joint_weighting"], plain["consistency"], plain["velocity"]) == (False, 0, 0)
    assert configuration("quick", "mixste-loss/weighted-plus-velocity")["recipe"]["velocity"] == 2


def test_what_was_run_is_said():
    text = describe(configuration("quick", "h36m-diffusion/d3dp-j-agg"))
    for part in ("9 frames", "width 32", "2 pairs", "cpn keypoints", "hypotheses"):
        assert part in text


@pytest.mark.parametrize(
    ("dataset", "device", "expected"),
    [
        ("synthetic", "cpu", "smoke"),
        ("cmu", "cuda", "smoke"),
        ("h36m", "cpu", "quick"),
        ("h36m", "cuda", "paper"),
    ],
)
def test_auto_depends_on_data_and_device(dataset, device, expected):
    assert resolve_profile("auto", dataset, device).name == expected


def test_an_unknown_profile_lists_the_known_ones():
    with pytest.raises(InvalidParameter, match="auto, smoke, quick, standard, paper"):
        resolve_profile("fast", "synthetic", "cpu")


def test_a_paper_may_scale_otherwise():
    scaling = {"quick": {"frames_divisor": 9, "steps": 50}}
    profile = resolve_profile("quick", "synthetic", "cpu", scaling)
    config = profile.configuration(PAPER.row("h36m-cpn/ktpformer-243").run)
    assert config["options"]["frames"] == 27
    assert config["recipe"]["max_steps"] == 50
    assert resolve_profile("standard", "synthetic", "cpu", scaling) == PROFILES["standard"]


def hourglass(**options):
    recipe = {"learning_rate": 4e-5, "decay": 0.99, "epochs": 1, "frames_per_step": 972}
    published = {"host": "mixste", "frames": 243, "embed_dim": 512, "depth": 8, "heads": 8}
    return RowRun("hot", "cpn", {**published, **options}, recipe)


def test_kept_tokens_scale_with_frames_and_the_pruned_block_with_depth():
    profile = replace(PROFILES["standard"], frames_divisor=9, depth_factor=0.5)
    for tokens, prune_at, expected in ((81, 3, (9, 2)), (61, 7, (7, 3)), (1, 1, (1, 1))):
        options = profile.configuration(hourglass(tokens=tokens, prune_at=prune_at))["options"]
        assert (options["frames"], options["depth"]) == (27, 4)
        assert (options["tokens"], options["prune_at"]) == expected
    shallow = PROFILES["standard"].configuration(hourglass(tokens=81, prune_at=7))["options"]
    assert shallow["prune_at"] == shallow["depth"] - 1


def test_small_initial_weights_grow_as_the_width_shrinks():
    run = load_paper("hot").row("table-main-h36m/motionbert").run
    scaled = PROFILES["quick"].configuration(run)["options"]
    assert (run.options["embed_dim"], run.options["initial_std"]) == (256, 0.02)
    assert scaled["embed_dim"] == 16
    assert scaled["initial_std"] == pytest.approx(0.08)


@pytest.mark.parametrize("profile", SCALED)
def test_windows_of_mhformer_fit_its_nine_heads(profile):
    run = hourglass(host="mhformer", frames=351, tokens=117, prune_at=1)
    for divisor in (PROFILES[profile].frames_divisor, 9):  # 39 frames become 27: 36 have no middle
        scaled = replace(PROFILES[profile], frames_divisor=divisor)
        assert scaled.configuration(run)["options"]["frames"] % 18 == 9


def test_networks_without_depth_or_heads_are_scaled():
    recipe = {"learning_rate": 1e-2, "decay": 1.0, "epochs": 80, "frames_per_step": 124416}
    run = RowRun("gla_gcn", "gt", {"frames": 243, "embed_dim": 96}, recipe, protocol="videopose3d")
    config = PROFILES["standard"].configuration(run)
    assert config["options"] == {"frames": 9, "embed_dim": 6}
    assert config["evaluation"]["protocol"] == "videopose3d"
    paper = PROFILES["paper"].configuration(run)
    assert paper["recipe"]["batch_size"] == 512


def test_rows_scored_on_the_centre_frame_can_see_equally_many_windows():
    profile = replace(PROFILES["standard"], windows_per_step=32)
    recipe = {"learning_rate": 1e-2, "decay": 1.0, "epochs": 80, "frames_per_step": 124416}
    for protocol, frames, windows in (
        *(("videopose3d", frames, 32) for frames in (27, 81, 243)),
        *(("mhformer", frames, 32) for frames in (27, 243)),
        *(("mixste", 27, 108), ("mixste", 81, 36), ("mixste", 243, 12)),
    ):
        run = RowRun("any", "gt", {"frames": frames, "embed_dim": 96}, recipe, protocol=protocol)
        assert profile.configuration(run)["recipe"]["batch_size"] == windows


def test_the_paper_profile_has_no_windows_of_its_own():
    assert PROFILES["paper"].windows_per_step is None
