"""What follows the source: generator, discriminators and lifter; without labels of the target."""

from dataclasses import replace

import pytest
import torch
from adapting import BOTH, CPU, LATER, POSEAUG, adaptation, domain, later_steps

from posekit.geometry import bones
from posekit.training import seed_torch, take_steps
from posekit.training.adaptation import Method, in_picture, made_of, with_other_bones
from posekit.training.adaptation_data import TargetViews
from posekit.training.adaptation_steps import TERMS
from posekit.training.health import WELL, health_of

METHODS = {
    "gpa": Method("full", False),
    "lpa": replace(BOTH, gpa="none"),
    "both": BOTH,
    "mixed": replace(BOTH, mix_source=0.5),
    "without anchors": replace(BOTH, anchor_3d="none", anchor_2d="none"),
    "rotation without anchors": Method("random", True, ("rotation",)),
    "PoseAug": POSEAUG,
}


def train(network, method, folder=None, **changes):
    seed_torch(1)
    steps = later_steps(network, method, **changes)
    log = take_steps(steps, device=CPU, folder=folder, label="later", snapshot_seconds=0.0)
    return steps, log


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def moved(before, after, part):
    names = [name for name in before if name.startswith(f"{part}.") and "weight" in name]
    return any(not torch.equal(before[name], after[name]) for name in names)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_what_a_method_has_is_trained_and_logged(method):
    network = adaptation(method)
    before = weights(network)
    _, log = train(network, method)
    after = weights(network)
    assert moved(before, after, "lifter")
    idle = method.operations == ("rotation",)  # nothing asks anything of a turn without anchors
    assert moved(before, after, "generator") == (method.lpa and not idle)
    assert moved(before, after, "pose_discriminator") == (method.anchor_3d != "none")
    assert moved(before, after, "keypoint_discriminator") == (method.anchor_2d != "none")
    last = log.rows[-1]
    assert last["norm_lifter"] > 0
    assert (last["generator"] > 0) == (method.lpa and not idle)
    assert (last["d3"] > 0, last["d2"] > 0) == (
        method.anchor_3d != "none",
        method.anchor_2d != "none",
    )
    assert (last["diversity"] > 0) == method.lpa


def test_generator_first_then_the_lifter_with_the_generator_frozen():
    network = adaptation()
    steps = later_steps(network)
    generator_steps = steps.turns.generator_steps
    before = weights(network)
    phases = [steps.take(step)[0].item() for step in range(generator_steps)]
    between = weights(network)
    assert not moved(before, between, "lifter")
    phases += [steps.take(step)[0].item() for step in range(generator_steps, steps.steps)]
    assert phases == [2.0] * generator_steps + [3.0] * LATER.steps
    after = weights(network)
    assert moved(between, after, "lifter")
    for part in ("generator", "pose_discriminator", "keypoint_discriminator"):
        assert equal(
            *({n: v for n, v in w.items() if n.startswith(part)} for w in (between, after))
        )


def poisoned(dataset):
    """The same clips with other poses, which are as finite as the true ones."""
    clips = [
        replace(clip, pose=torch.randn_like(clip.pose) * 3 + torch.tensor([0.0, 0.0, 9.0]))
        for clip in dataset.clips
    ]
    return replace(dataset, clips=tuple(clips))


@pytest.mark.parametrize("name", ["gpa", "both", "PoseAug"])
def test_labels_of_the_target_change_nothing(name):
    found = []
    for change in (lambda dataset: dataset, poisoned):
        network = adaptation(METHODS[name])
        train(network, METHODS[name], target=change(domain("synthetic_3dhp_rig")))
        found.append(weights(network))
    assert equal(*found)


def test_keypoints_of_the_target_do():
    found = []
    for target in ("synthetic_3dhp_rig", "synthetic_outdoor_rig"):
        network = adaptation(METHODS["gpa"])
        train(network, METHODS["gpa"], target=domain(target))
        found.append(weights(network))
    assert not equal(*found)


@pytest.mark.parametrize("name", ["both", "PoseAug"])
@pytest.mark.parametrize("stop", [3, 11])
def test_a_stopped_training_goes_on_bit_for_bit(name, stop, tmp_path, monkeypatch):
    method = METHODS[name]
    whole = adaptation(method)
    _, log = train(whole, method)
    broken = adaptation(method)
    steps = later_steps(broken, method)
    seed_torch(1)
    sound = steps.take

    def take(step):
        if step == stop:
            raise KeyboardInterrupt
        return sound(step)

    monkeypatch.setattr(steps, "take", take)
    with pytest.raises(KeyboardInterrupt):
        take_steps(steps, device=CPU, folder=tmp_path, label="later", snapshot_seconds=0.0)
    again = adaptation(method)
    _, resumed = train(again, method, folder=tmp_path)
    assert equal(weights(whole), weights(again))
    kept = (*TERMS, "step", "learning_rate")
    assert [[row[k] for k in kept] for row in log.rows] == [
        [row[k] for k in kept] for row in resumed.rows
    ]


def test_generated_pairs_are_seen_at_the_targets_places_and_sizes():
    network = adaptation()
    steps = later_steps(network)
    batch = steps.originals(0)
    seed_torch(3)
    made = made_of(batch, network, Method("full", False), steps.target)
    seed_torch(3)
    seen, camera = steps.target.drawn(len(batch.pose))
    assert (made.keypoints[:, 0, 0] - seen[:, 0]).abs().max() < 1e-5
    torch.testing.assert_close(made.keypoints, camera.project(made.pose))
    own = batch.pose - batch.pose[:, :, :1]
    torch.testing.assert_close(made.pose - made.pose[:, :, :1], own, atol=2e-6, rtol=0)


def test_without_alignment_poses_stand_before_their_own_cameras():
    network = adaptation(METHODS["lpa"])
    steps = later_steps(network, METHODS["lpa"])
    batch = steps.originals(0)
    made = made_of(batch, network, METHODS["lpa"], None)
    torch.testing.assert_close(made.keypoints, batch.camera.project(made.pose))
    torch.testing.assert_close(made.pose[:, :, 0], batch.pose[:, :, 0])
    turned = bones.bone_lengths(made.pose) / bones.bone_lengths(batch.pose)
    assert (turned - 1).abs().max() < 0.2 + 1e-4


@pytest.mark.parametrize("options", [{"depth": 1, "heads": 1}], ids=["windows"])
def test_a_window_is_moved_as_a_whole(options):
    network = adaptation(model="mixste", frames=5, **options)
    steps, log = train(network, BOTH)
    batch = steps.originals(0)
    made = made_of(batch, network, Method("full", False), steps.target)
    shift = made.pose - batch.pose
    torch.testing.assert_close(shift, shift[:, :1, :1].expand_as(shift), atol=2e-6, rtol=0)
    assert log.rows[-1]["lifter"] > 0


def test_pairs_that_are_not_seen_train_nothing(monkeypatch):
    network = adaptation(METHODS["gpa"])
    steps = later_steps(network, METHODS["gpa"])
    sound = steps.make
    nothing = lambda batch: sound(batch)._replace(kept=torch.zeros(len(batch.pose), dtype=bool))  # noqa: E731
    monkeypatch.setattr(steps, "make", nothing)
    before = weights(network)
    row = dict(zip(TERMS, steps.take(0).tolist(), strict=True))
    assert row["outside"] == 1.0
    assert equal(before, weights(network))


def test_in_the_picture_is_before_the_camera_and_within_it():
    pose = torch.zeros(4, 1, 16, 3) + torch.tensor([0.0, 0.0, 2.0])
    seen = torch.zeros(4, 1, 16, 2)
    pose[1, 0, 3, 2] = 0.05
    seen[2, 0, 7, 1] = -1.01
    seen[3, 0, 2, 0] = float("nan")
    assert in_picture(pose, seen).tolist() == [True, False, False, False]


def test_a_root_in_the_cameras_plane_leaves_a_gradient(monkeypatch):
    network = adaptation(POSEAUG)
    monkeypatch.setattr(network.generator, "_place", lambda pose, *_: torch.zeros(len(pose), 3))
    steps = later_steps(network, POSEAUG)
    made = steps.make(steps.originals(0))
    assert (made.pose[:, 0, 0, 2] == 0).any()
    made.keypoints.square().sum().backward()
    gradients = [value.grad for value in network.generator.BAprocess.parameters()]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert not made.kept.any()


def test_poseaugs_form_lends_bones_of_real_persons():
    batch = later_steps(adaptation()).originals(0)
    found = with_other_bones(batch)
    lengths = bones.bone_lengths(found.pose[:, 0])
    templates = torch.tensor(bones.LENGTH_TEMPLATES)
    nearest = (lengths[:, None] - templates).abs().amax(-1).min(1)
    assert nearest.values.max() < 1e-5
    assert len(nearest.indices.unique()) == 5
    torch.testing.assert_close(found.camera.project(found.pose), found.keypoints)


def test_rates_fall_linearly_epoch_by_epoch():
    later = replace(LATER, steps=100, generator_rate=2e-3, adaptation_rate=1e-3)
    steps = later_steps(adaptation(), later=later)
    assert steps.rate(0) == 2e-3
    assert steps.rate(99) == pytest.approx(2e-3 * 2 / 51)
    assert steps.rate(100) == 1e-3
    assert steps.rate(199) == pytest.approx(1e-3 * 2 / 51)


def test_a_training_driven_too_hard_is_told_by_its_log():
    fine, hard = LATER, replace(LATER, steps=40, adaptation_rate=1e4, generator_rate=1e4)
    outcomes = []
    for later in (fine, hard):
        network = adaptation()
        _, log = train(network, BOTH, later=later)
        outcomes.append(health_of(log.rows).text)
        assert all(value.isfinite().all() for value in network.state_dict().values())
    assert outcomes[0] == WELL
    assert outcomes[1].startswith(("diverged", "collapsed"))


def test_views_are_of_the_target_alone():
    views = TargetViews(domain("synthetic_3dhp_rig"), CPU)
    own = torch.cat([clip.keypoints[..., :2] for clip in domain("synthetic_3dhp_rig").clips])
    seen, _ = views.drawn(50)
    distance = (seen[:, None] - own[None]).abs().amax((-1, -2)).min(1).values
    assert (distance == 0).all()
