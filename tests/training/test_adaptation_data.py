"""Source with truth and target without: joints, windows, losses, what is refused."""

from dataclasses import replace

import pytest
import tiny
import torch
from adapting import CPU, RECIPE, adaptation, domain

from posekit.datasets import load_dataset
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import (
    HUMAN36M_16,
    HUMANEVA_15,
    MPI_INF_3DHP_17,
    human36m_17_to_16,
)
from posekit.training.adaptation_data import (
    SourceWindows,
    TargetViews,
    with_16_joints,
    without_truth,
)


def windows(network, dataset=None):
    return SourceWindows(network.lifter, dataset or domain("synthetic"), RECIPE, CPU)


def test_human36m_loses_neck_and_nose():
    whole = load_dataset("synthetic", "train", keypoints="gt", size="smoke")
    found = with_16_joints(whole)
    assert found.skeleton == HUMAN36M_16
    for before, after in zip(whole.clips, found.clips, strict=True):
        assert torch.equal(after.pose, human36m_17_to_16(before.pose))
        assert torch.equal(after.keypoints, human36m_17_to_16(before.keypoints))
    assert with_16_joints(found).skeleton == HUMAN36M_16


def test_3dhp_is_converted_by_the_names_of_its_joints():
    numbers = torch.arange(17.0)[:, None].expand(-1, 3)
    clip = tiny.clip(5)
    clip = replace(clip, pose=numbers.expand(5, -1, -1), keypoints=numbers[:, :2].expand(5, -1, -1))
    found = with_16_joints(tiny.dataset(clip, skeleton=MPI_INF_3DHP_17)).clips[0].pose[0, :, 0]
    names = [MPI_INF_3DHP_17.joint_names[int(number)] for number in found]
    assert names[0] == "pelvis"
    assert names[7:10] == ["spine", "neck", "head top"]
    sided = [name for name in HUMAN36M_16.joint_names if " " in name]
    assert [name for name in names if name.startswith(("left", "right"))] == [
        name.replace("foot", "ankle") for name in sided
    ]


def test_other_joints_and_units_are_refused():
    clip = tiny.clip(5)
    few = replace(clip, pose=clip.pose[:, :15], keypoints=clip.keypoints[:, :15])
    with pytest.raises(InvalidParameter, match="humaneva-15, and adaptation needs poseaug-16"):
        with_16_joints(tiny.dataset(few, skeleton=HUMANEVA_15))
    pictures = replace(clip, metres_per_unit=torch.ones(5))
    with pytest.raises(InvalidParameter, match="image units, and adaptation needs metres"):
        with_16_joints(tiny.dataset(pictures))


def test_windows_hold_absolute_poses_that_project_to_their_keypoints():
    found = windows(adaptation())
    assert len(found) == sum(clip.frames for clip in domain("synthetic").clips)
    batch = found.gather(torch.tensor([5, 300]))
    assert batch.pose[..., 2].min() > 1.0
    torch.testing.assert_close(batch.camera.project(batch.pose), batch.keypoints)
    rest = batch.from_number(1)
    assert torch.equal(rest.pose, batch.pose[1:])
    torch.testing.assert_close(rest.camera.project(rest.pose), batch.keypoints[1:])


def test_the_loss_of_poseaugs_lifters_is_the_squared_error_of_root_centred_poses():
    network = adaptation()
    found = windows(network)
    batch = found.drawn(64)
    network.eval()
    expected = (network(batch.keypoints) - (batch.pose - batch.pose[:, :, :1])).square().mean()
    assert torch.equal(found.loss(network.lifter, batch.keypoints, batch.pose), expected)
    distances = found.distances(network.lifter, batch.keypoints, batch.pose)
    assert distances.shape == (64, 16)
    assert (distances[:, 0] == 0).all()


@pytest.mark.parametrize(
    ("model", "options"),
    [("mixste", {"depth": 1, "heads": 1}), ("gumlp", {"depth": 1})],
)
def test_other_lifters_are_trained_by_their_own_loss(model, options):
    network = adaptation(model=model, frames=3 if model == "mixste" else 1, **options)
    found = windows(network)
    batch = found.drawn(4)
    assert batch.pose.shape[1] == network.lifter.frames
    loss = found.loss(network.lifter, batch.keypoints, batch.pose)
    loss.backward()
    assert torch.isfinite(loss)


def test_frames_that_are_not_valid_are_in_no_window_and_no_view():
    clip = domain("synthetic").clips[0]
    valid = torch.zeros(clip.frames, dtype=torch.bool)
    valid[10:20] = True
    dataset = replace(domain("synthetic"), clips=(replace(clip, valid=valid),))
    network = adaptation(model="mixste", frames=3, depth=1, heads=1)
    assert 0 < len(windows(network, dataset)) <= 3
    seen, _ = TargetViews(dataset, CPU).drawn(200)
    assert len(torch.unique(seen[:, 5, 0])) <= 10
    nowhere = replace(dataset, clips=(replace(clip, valid=torch.zeros_like(valid)),))
    with pytest.raises(InvalidData, match="no frame of the train split is valid"):
        TargetViews(nowhere, CPU)


def test_lifters_of_three_channels_are_refused():
    network = adaptation(in_channels=3)
    with pytest.raises(InvalidParameter, match="build it with in_channels=2"):
        windows(network)


def test_a_target_never_has_its_truth():
    assert all(clip.pose is None for clip in without_truth(domain("synthetic")).clips)
    views = TargetViews(domain("synthetic_3dhp_rig"), CPU)
    assert not hasattr(views, "pose")
    seen, camera = views.drawn(7)
    assert seen.shape == (7, 16, 2)
    assert camera.focal.shape == (7, 2)


def test_a_lifter_out_of_all_bounds_is_not_borne():
    network = adaptation()
    found = windows(network)
    assert found.bearable(network.lifter)
    assert network.lifter.training
    with torch.no_grad():
        network.lifter.w2.bias += 1e9
    assert not found.bearable(network.lifter)
