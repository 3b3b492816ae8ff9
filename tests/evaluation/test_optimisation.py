"""Test-time optimisation: what it may move, what it must leave, and the root it fits."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import TinyLifter
from tiny import camera as plain_camera

from posekit.errors import InvalidData, InvalidParameter
from posekit.evaluation.optimisation import (
    FRAMES_PER_GROUP,
    NEAREST,
    RELEASED,
    Optimisation,
    fit_root,
    optimise,
)
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, mirror_points
from posekit.models import build

CAMERA = human36m_cameras("S1")["54138969"]
ROOT = torch.tensor([0.2, -0.1, 4.5])


def network(name="gumlp", frames=1, skeleton=HUMAN36M_17, **options):
    torch.manual_seed(0)
    return build(name, skeleton=skeleton, frames=frames, embed_dim=16, depth=1, **options).eval()


def draw(*shape, seed=1):
    return torch.rand(*shape, generator=torch.manual_seed(seed)) * 2 - 1


def person(batch=2, frames=1, skeleton=HUMAN36M_17):
    """Keypoints of random poses before the camera, the poses, and the root (B, F, 1, 3)."""
    pose = 0.5 * draw(batch, frames, skeleton.joints, 3)
    pose = pose - pose[..., skeleton.root : skeleton.root + 1, :]
    root = (ROOT + 0.2 * draw(batch, frames, 1, 3, seed=2)).clone()
    return CAMERA.project(pose + root), pose, root


def flip_average(lifter, keypoints):
    with torch.no_grad():
        mirrored = lifter(mirror_points(keypoints, lifter.skeleton))
        mean = (lifter(keypoints) + mirror_points(mirrored, lifter.skeleton)) / 2
    mean[..., lifter.skeleton.root, :] = 0
    return mean


HOSTS = [
    ("gumlp", {"frames": 1}),
    ("gumlp", {"frames": 3}),
    ("mixste", {"frames": 3, "heads": 2}),
    ("ktpformer", {"frames": 4, "heads": 2}),
    ("gumlp", {"frames": 2, "skeleton": HUMANEVA_15}),
]


@pytest.mark.parametrize(("name", "options"), HOSTS)
def test_no_iteration_leaves_the_flip_average(name, options):
    lifter = network(name, **options)
    keypoints, _, root = person(2, lifter.frames, lifter.skeleton)
    result = optimise(lifter, keypoints, CAMERA, root, Optimisation(iterations=0))
    torch.testing.assert_close(result.pose, flip_average(lifter, keypoints))
    assert torch.equal(result.pose, result.first)
    assert result.trace.shape == (0, 5)


@pytest.mark.parametrize(("name", "options"), HOSTS)
def test_it_lowers_its_own_loss_on_any_lifter(name, options):
    lifter = network(name, **options)
    keypoints, _, root = person(3, lifter.frames, lifter.skeleton)
    result = optimise(lifter, keypoints, CAMERA, root, Optimisation(iterations=8))
    total = result.trace[:, -1]
    assert bool((total.diff() < 0).all())
    assert result.pose.shape == (3, lifter.frames, lifter.skeleton.joints, 3)
    assert not result.pose[..., lifter.skeleton.root, :].any()
    assert not torch.equal(result.pose, result.first)


@pytest.mark.parametrize("target", ["input", "embedding", "pose", "weights"])
def test_every_target_moves_and_fits_the_keypoints_better(target):
    lifter = network()
    keypoints, _, root = person(3)
    result = optimise(lifter, keypoints, CAMERA, root, Optimisation(target=target, iterations=6))
    assert bool((result.trace[:, -1].diff() < 0).all())
    shapes = {"input": (3, 2, 1, 17, 2), "embedding": (3, 2, 1, 17, 16), "pose": (3, 2, 1, 17, 3)}
    assert (result.state is None) == (target == "weights")
    if target != "weights":
        assert result.state.shape == shapes[target]


def test_the_pose_itself_moves_no_further_than_the_learning_rate():
    lifter = network()
    keypoints, _, root = person(3)
    result = optimise(lifter, keypoints, CAMERA, root, Optimisation(target="pose", iterations=3))
    with torch.no_grad():
        start = lifter(keypoints)
    moved = (result.state[:, 0] - start).abs()
    assert moved.max() == pytest.approx(3e-3, rel=0.05)
    assert not moved[..., 0, :2].any()  # nothing pulls at the root, which is known


def test_trace_holds_the_terms_of_the_loss():
    lifter = network()
    keypoints, _, root = person(3)
    heavy = Optimisation(weight_uncertainty=0.5, weight_projection=2.0, iterations=3)
    trace = optimise(lifter, keypoints, CAMERA, root, heavy).trace
    total = 0.5 * trace[:, :2].sum(1) + 2.0 * trace[:, 2:4].sum(1)
    torch.testing.assert_close(trace[:, 4], total)
    with torch.no_grad():
        pose, log_scale = lifter.estimate(keypoints)
    pose[..., 0, :] = 0
    # At the first prediction the distance is 0, and the log scale alone is left.
    torch.testing.assert_close(trace[0, 0], log_scale.mean())
    error = (CAMERA.project(pose + root) - keypoints).norm(dim=-1).mean()
    torch.testing.assert_close(trace[0, 2], error)


def test_poses_run_from_the_first_to_the_last():
    lifter = network()
    keypoints, _, root = person(3)
    result = optimise(lifter, keypoints, CAMERA, root, keep_poses=True)
    assert result.poses.shape == (5, 3, 1, 17, 3)
    assert torch.equal(result.poses[0], result.first)
    assert torch.equal(result.poses[-1], result.pose)
    shorter = optimise(lifter, keypoints, CAMERA, root, Optimisation(iterations=2))
    torch.testing.assert_close(result.poses[2], shorter.pose)
    assert shorter.poses is None


def test_uniform_weighting_is_a_scale_of_one():
    lifter = network()
    keypoints, _, root = person(3)
    uniform = Optimisation(uncertainty="uniform", weight_uncertainty=1.0)
    result = optimise(lifter, keypoints, CAMERA, root, uniform)
    with torch.no_grad():
        lifter.pred_s.fc5.weight.zero_()
        lifter.pred_s.fc5.bias.zero_()
    predicted = replace(uniform, uncertainty="predicted")
    torch.testing.assert_close(
        result.pose, optimise(lifter, keypoints, CAMERA, root, predicted).pose
    )


def test_matched_weighting_keeps_the_mean_weight_and_forgets_whose_it_is():
    lifter = network()
    keypoints, _, root = person(3)
    settings = Optimisation(uncertainty="matched", weight_uncertainty=0.02, iterations=1)
    trace = {
        name: optimise(lifter, keypoints, CAMERA, root, replace(settings, uncertainty=name)).trace
        for name in ("matched", "predicted", "uniform")
    }
    # Before the first step a pose lies at its first prediction, at a distance of 0: only s is left.
    with torch.no_grad():
        _, log_scale = lifter.estimate(keypoints)
        mean_weight = (-log_scale).exp().mean((-3, -2))
    expected = -mean_weight.log().mean()
    torch.testing.assert_close(trace["matched"][0, 0], expected)
    torch.testing.assert_close(trace["predicted"][0, 0], log_scale.mean())
    assert trace["uniform"][0, 0] == 0
    with torch.no_grad():  # joints that are equally sure are held alike either way
        lifter.pred_s.fc5.weight.zero_()
        lifter.pred_s.fc5.bias.fill_(-3.0)
    poses = [
        optimise(lifter, keypoints, CAMERA, root, replace(settings, uncertainty=name)).pose
        for name in ("matched", "predicted")
    ]
    torch.testing.assert_close(*poses)


def test_a_sure_network_holds_its_pose():
    lifter = network()
    keypoints, _, root = person(3)
    far = Optimisation(iterations=20, weight_uncertainty=0.02)
    moved = {}
    with torch.no_grad():
        lifter.pred_s.fc5.weight.zero_()
        for log_scale in (-5.0, 5.0):
            lifter.pred_s.fc5.bias.fill_(log_scale)
            result = optimise(lifter, keypoints, CAMERA, root, far)
            moved[log_scale] = (result.pose - result.first).norm(dim=-1).mean()
    assert moved[-5.0] < 0.5 * moved[5.0]


def test_mirrored_keypoints_give_the_mirrored_pose():
    lifter = network()
    keypoints, _, root = person(2)
    symmetric = replace(CAMERA, centre=torch.zeros(2), tangential=torch.zeros(2))
    plain = optimise(lifter, keypoints, symmetric, root)
    mirrored_root = root * torch.tensor([-1.0, 1.0, 1.0])
    flipped = optimise(lifter, mirror_points(keypoints, HUMAN36M_17), symmetric, mirrored_root)
    torch.testing.assert_close(mirror_points(flipped.pose, HUMAN36M_17), plain.pose)


@settings(max_examples=10, deadline=None)
@given(size=st.integers(1, 5), chosen=st.integers(0, 4), root=st.sampled_from(["given", "fitted"]))
def test_a_window_alone_gives_what_it_gives_in_a_batch(size, chosen, root):
    lifter = network("mixste", frames=2, heads=2)
    keypoints, _, trajectory = person(size, 2)
    cameras = Camera.stack([*human36m_cameras("S1").values(), CAMERA])[:size]
    own = Optimisation(root=root)
    together = optimise(lifter, keypoints, cameras, trajectory, own)
    one = slice(chosen % size, chosen % size + 1)
    alone = optimise(lifter, keypoints[one], cameras[one], trajectory[one], own)
    torch.testing.assert_close(alone.pose, together.pose[one], atol=1e-5, rtol=1e-4)


def test_groups_change_nothing(monkeypatch):
    lifter = network(frames=2)
    keypoints, _, root = person(5, 2)
    whole = optimise(lifter, keypoints, CAMERA, root, keep_poses=True)
    monkeypatch.setitem(FRAMES_PER_GROUP, "cpu", 4)
    grouped = optimise(lifter, keypoints, CAMERA, root, keep_poses=True)
    for name in ("pose", "first", "root", "state", "trace", "poses"):
        torch.testing.assert_close(
            getattr(grouped, name), getattr(whole, name), atol=1e-5, rtol=1e-4
        )


@pytest.mark.parametrize("target", ["input", "embedding", "pose", "weights"])
def test_the_lifter_is_left_as_it_was(target):
    lifter = network().train()
    lifter.GCN_MLP.eval()
    lifter.pred_s.requires_grad_(False)
    state = {name: value.clone() for name, value in lifter.state_dict().items()}
    keypoints, _, root = person(2)
    before = keypoints.clone()
    optimise(lifter, keypoints, CAMERA, root, Optimisation(target=target, learning_rate=0.1))
    assert all(torch.equal(value, state[name]) for name, value in lifter.state_dict().items())
    assert torch.equal(keypoints, before)
    assert all(weight.grad is None for weight in lifter.parameters())
    frozen = {name for name, weight in lifter.named_parameters() if not weight.requires_grad}
    assert frozen == {name for name in state if name.startswith("pred_s.")}
    assert lifter.training
    assert not lifter.GCN_MLP.training


def test_the_lifter_is_left_as_it_was_after_an_error():
    lifter = network().train()
    keypoints, _, root = person(2)
    with pytest.raises(InvalidData, match="fix no root"):
        optimise(lifter, 0 * keypoints, CAMERA, root, Optimisation(root="fitted"))
    assert lifter.training
    assert all(weight.requires_grad for weight in lifter.parameters())


def test_it_works_where_predictions_are_made():
    lifter = network()
    keypoints, _, root = person(3)
    outside = optimise(lifter, keypoints, CAMERA, root)
    with torch.inference_mode():
        inside = optimise(lifter, keypoints * 1, CAMERA, root * 1)
    torch.testing.assert_close(inside.pose, outside.pose)
    assert not inside.pose.requires_grad


def test_a_lifter_of_one_frame_is_fitted_to_the_middle_one():
    lifter = TinyLifter(frames=5, output="frame", dropout=0.0).eval()
    keypoints, _, root = person(2, 5)
    result = optimise(lifter, keypoints, CAMERA, root[:, 2:3], Optimisation(root="given"))
    assert result.pose.shape == (2, 1, 17, 3)
    assert bool((result.trace[:, -1].diff() < 0).all())
    other = keypoints.clone()
    other[:, [0, 1, 3, 4]] = 0
    same = optimise(lifter, other, CAMERA, root[:, 2:3])
    torch.testing.assert_close(same.pose, result.pose)


def test_confidences_stay():
    lifter = network(in_channels=3)
    keypoints, _, root = person(2)
    seen = torch.cat([keypoints, torch.ones(2, 1, 17, 1)], dim=-1)
    result = optimise(lifter, seen, CAMERA, root, Optimisation(iterations=2))
    assert result.state.shape == (2, 2, 1, 17, 2)
    assert bool((result.trace[:, -1].diff() < 0).all())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(list(human36m_cameras("S1"))))
def test_exact_keypoints_give_the_true_root(seed, name):
    camera = human36m_cameras("S1")[name]
    generator = torch.Generator().manual_seed(seed)
    pose = 0.4 * torch.randn(3, 2, 17, 3, generator=generator).clamp(-2, 2)
    pose = pose - pose[..., :1, :]
    root = torch.rand(3, 2, 1, 3, generator=generator) * torch.tensor([1.0, 1.0, 3.0])
    root = root + torch.tensor([-0.5, -0.5, 4.0])
    found = fit_root(camera.project(pose + root), pose, camera)
    torch.testing.assert_close(found, root, atol=1e-4, rtol=0)


def test_the_fitted_root_is_where_the_sum_is_least():
    keypoints, pose, root = person(1)
    keypoints = keypoints + 0.02 * draw(1, 1, 17, 2, seed=5)
    rays = CAMERA.rays(keypoints)

    def error(place):
        joints = pose + place
        return (joints[..., :2] - rays * joints[..., 2:]).square().sum()

    found = fit_root(keypoints, pose, CAMERA)
    for step in 0.01 * torch.cat([torch.eye(3), -torch.eye(3)]):
        assert error(found) < error(found + step)
    assert error(found) < error(root)


def test_no_joint_is_fitted_behind_the_camera():
    keypoints, pose, _ = person(4)
    found = fit_root(keypoints, -pose, CAMERA)
    assert (found + -pose)[..., 2].amin().item() == pytest.approx(NEAREST, abs=1e-5)


def test_fitted_root_serves_the_optimisation():
    lifter = network()
    keypoints, _, root = person(3)
    fitted = Optimisation(root="fitted", iterations=3)
    result = optimise(lifter, keypoints, CAMERA, None, fitted)
    torch.testing.assert_close(result.root, fit_root(keypoints, result.first, CAMERA))
    same = optimise(lifter, keypoints, CAMERA, result.root, replace(fitted, root="given"))
    torch.testing.assert_close(same.pose, result.pose)
    assert torch.equal(optimise(lifter, keypoints, CAMERA, root, fitted).pose, result.pose)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": -1}, "iterations is -1; choose a whole number from 0"),
        ({"iterations": 1.5}, "iterations is 1.5; choose a whole number"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; choose a positive number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"weight_uncertainty": -0.1}, "weight_uncertainty is -0.1; choose 0 or more"),
        ({"weight_projection": float("inf")}, "weight_projection is inf"),
        (
            {"uncertainty": "some"},
            "uncertainty is 'some'; choose one of: predicted, matched, uniform",
        ),
        ({"target": "latent"}, "choose one of: input, embedding, pose, weights"),
        ({"root": "gt"}, "choose one of: given, fitted"),
    ],
)
def test_bad_settings_are_refused_in_one_line(change, message):
    with pytest.raises(InvalidParameter, match=message) as caught:
        replace(RELEASED, **change)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_refused_in_one_line():
    lifter, mixste = network(), network("mixste", heads=2)
    keypoints, pose, root = person(3)
    with pytest.raises(InvalidParameter, match="MixSTE has no embed and lift"):
        optimise(mixste, keypoints, CAMERA, root, Optimisation(target="embedding"))
    with pytest.raises(InvalidData, match=r"root is None; give .*\(3, 1, 1, 3\)"):
        optimise(lifter, keypoints, CAMERA, None)
    with pytest.raises(InvalidData, match=r"root is of shape \(3, 1, 3\)"):
        optimise(lifter, keypoints, CAMERA, root[:, 0])
    with pytest.raises(InvalidData, match="root lies at or behind the camera in 2 of 3 frames"):
        optimise(lifter, keypoints, CAMERA, root * torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1, 1))
    with pytest.raises(InvalidData, match=r"cameras of batch shape \(2,\) do not fit 3"):
        optimise(lifter, keypoints, Camera.stack([CAMERA, CAMERA]), root)
    with pytest.raises(InvalidData, match="hold no window"):
        optimise(lifter, keypoints[:0], plain_camera(), root[:0])
    with pytest.raises(InvalidData, match=r"takes \(batch, 1, 17, 2\)"):
        optimise(lifter, keypoints[..., :1], CAMERA, root)
    keypoints[1] = float("nan")
    with pytest.raises(InvalidData, match="1 of 3 frames fix no root"):
        fit_root(keypoints, pose, CAMERA)
