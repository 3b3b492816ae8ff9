"""One pose out of several hypotheses: bounds, choices and what is refused."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidData
from posekit.geometry.cameras import human36m_cameras
from posekit.metrics import p_mpjpe
from posekit.metrics.hypotheses import j_agg, j_best, p_agg, p_best


def draw(*shape, seed=1):
    return torch.rand(*shape, generator=torch.manual_seed(seed)) * 2 - 1


def poses(*shape, seed):
    """Root-relative poses of about human size (..., 17, 3), metres."""
    pose = 0.4 * draw(*shape, 17, 3, seed=seed)
    return pose - pose[..., :1, :]


def test_one_hypothesis_leaves_nothing_to_choose():
    target, predictions = poses(2, 5, seed=1), poses(2, 3, 1, 5, seed=2)
    camera, trajectory = human36m_cameras("S1")["54138969"], torch.tensor([0.0, 0.0, 4.0])
    trajectory = trajectory.expand(2, 5, 1, 3)
    keypoints = camera.project(target + trajectory)
    for align in (False, True):
        one = p_agg(predictions, target, align=align)
        for other in (
            j_best(predictions, target, align=align),
            p_best(predictions, target, align=align),
            j_agg(predictions, target, keypoints, camera, trajectory, align=align),
        ):
            torch.testing.assert_close(other.pose, one.pose)
            torch.testing.assert_close(other.errors, one.errors)
        torch.testing.assert_close(one.errors, (one.pose - target[:, None]).norm(dim=-1))


def test_oracles_bound_what_needs_no_truth():
    target, predictions = poses(2, 5, seed=1), poses(2, 3, 6, 5, seed=2)
    best_joint = j_best(predictions, target).errors
    best_pose = p_best(predictions, target).errors.mean(dim=(0, 2, 3))
    plain = (predictions - target[:, None, None]).norm(dim=-1)
    torch.testing.assert_close(best_joint, plain.amin(dim=2))
    torch.testing.assert_close(best_pose, plain.mean(dim=(0, 3, 4)).amin(dim=1))


def test_best_pose_depends_on_what_is_scored_together():
    target, predictions = poses(4, 5, seed=1), poses(4, 1, 6, 5, seed=2)
    together = p_best(predictions, target).errors.mean()
    apart = [p_best(predictions[i : i + 1], target[i : i + 1]).errors.mean() for i in range(4)]
    assert torch.stack(apart).mean() < together


def test_reprojection_finds_the_joints_that_fit_the_picture():
    target = poses(2, 5, seed=1)
    trajectory = torch.tensor([0.1, -0.2, 4.5]).expand(2, 5, 1, 3)
    camera = human36m_cameras("S1")["54138969"]
    keypoints = camera.project(target + trajectory)
    predictions = target[:, None, None].repeat(1, 1, 3, 1, 1, 1)
    predictions[:, :, 0, ..., ::2, :2] += 0.1  # hypothesis 0 is wrong in even joints,
    predictions[:, :, 1, ..., 1::2, :2] += 0.1  # 1 in odd ones,
    predictions[:, :, 2, ..., :2] += 0.05  # 2 everywhere
    chosen = j_agg(predictions, target, keypoints, camera, trajectory)
    torch.testing.assert_close(chosen.pose, target[:, None])
    assert p_agg(predictions, target).errors.mean() > 0.01


def test_mean_is_taken_before_alignment():
    target, predictions = poses(2, 5, seed=1), poses(2, 3, 6, 5, seed=2)
    mean = predictions.mean(dim=2)
    aligned = p_agg(predictions, target, align=True).errors.mean(dim=(0, 2, 3))
    for iteration in range(3):
        torch.testing.assert_close(aligned[iteration], p_mpjpe(mean[:, iteration], target))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(InvalidData, match="hypotheses of shape"):
        j_best(poses(2, 6, 5, seed=1), poses(2, 5, seed=1))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    hypotheses=st.integers(1, 6),
    spread=st.floats(0.01, 1.0),
    align=st.booleans(),
)
def test_no_choice_beats_the_best_joints_and_the_best_is_no_worse_than_the_mean_error(
    seed, hypotheses, spread, align
):
    target = poses(2, 3, seed=seed)
    predictions = target[:, None, None] + spread * poses(2, 2, hypotheses, 3, seed=seed + 1)
    camera, trajectory = human36m_cameras("S1")["54138969"], torch.tensor([0.0, 0.0, 4.0])
    trajectory = trajectory.expand(2, 3, 1, 3)
    keypoints = camera.project(target + trajectory)
    each = [
        p_agg(predictions[:, :, n, None], target, align=align).errors for n in range(hypotheses)
    ]
    mean_error = torch.stack(each).mean()
    joints = j_best(predictions, target, align=align).errors
    pose = p_best(predictions, target, align=align).errors.mean()
    chosen = j_agg(predictions, target, keypoints, camera, trajectory, align=align).errors
    slack = 1e-6
    assert bool((joints <= chosen + slack).all())
    assert joints.mean() <= pose + slack
    assert pose <= mean_error + slack


def test_the_mean_errs_no_more_than_its_members_do_on_average():
    target, predictions = poses(2, 5, seed=1), poses(2, 3, 6, 5, seed=2)
    found = p_agg(predictions, target)
    torch.testing.assert_close(found.pose, predictions.mean(dim=2))
    members = (predictions - target[:, None, None]).norm(dim=-1).mean(dim=2)
    assert bool((found.errors <= members + 1e-6).all())
