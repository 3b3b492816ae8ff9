"""Parts of a data set."""

from dataclasses import replace

import pytest
import tiny
import torch

from posekit.datasets import load_dataset
from posekit.datasets.selection import downsample, drawn_frames, some_views
from posekit.errors import InvalidData, InvalidParameter


def test_a_scaled_profile_scores_one_view_of_every_take():
    test = load_dataset("synthetic", "test", keypoints="cpn", size="smoke")
    views = tuple(replace(clip, camera_name=name) for clip in test.clips for name in "ab")
    part = some_views(replace(test, clips=views), cameras=1)
    assert [(c.subject, c.take) for c in part.clips] == [(c.subject, c.take) for c in test.clips]
    assert {clip.camera_name for clip in part.clips} == {"a", "b"}
    assert some_views(test, cameras=None) is test


def test_every_third_frame_starts_with_the_first():
    whole = tiny.dataset()
    part = downsample(whole, 3)
    assert [clip.frames for clip in part.clips] == [14, 9, 3]
    assert torch.equal(part.clips[0].keypoints, whole.clips[0].keypoints[::3])
    assert part.fingerprint != whole.fingerprint
    assert downsample(whole, 1) is whole


def test_frames_are_drawn_with_their_cameras_and_the_same_again():
    whole = load_dataset("synthetic", "test", keypoints="gt", size="smoke")
    drawn, again = drawn_frames(whole, 500), drawn_frames(whole, 500)
    assert drawn.keypoints.shape == (500, 17, 2)
    assert (drawn.camera.project(drawn.pose) - drawn.keypoints).abs().max() < 1e-5
    assert torch.equal(drawn.keypoints, again.keypoints)
    assert not torch.equal(drawn.keypoints, drawn_frames(whole, 500, seed=1).keypoints)
    everything = drawn_frames(whole, whole.frames + 1).keypoints
    assert len(everything) == whole.frames == len(everything.unique(dim=0))


def test_frames_that_are_not_valid_and_poses_that_are_not_there_are_not_drawn():
    whole = tiny.dataset()
    bare = [
        replace(clip, pose=None, valid=torch.arange(clip.frames) == 3, keypoints=clip.keypoints + k)
        for k, clip in enumerate(whole.clips)
    ]
    part = replace(whole, clips=tuple(bare))
    drawn = drawn_frames(part, 100)
    assert drawn.pose is None
    wanted = torch.stack([clip.keypoints[3, :, :2] for clip in bare])
    assert torch.equal(drawn.keypoints.sort(dim=0).values, wanted.sort(dim=0).values)
    none = [replace(clip, valid=torch.zeros_like(clip.valid)) for clip in bare]
    with pytest.raises(InvalidData, match=r"no frame of the \w+ split is valid"):
        drawn_frames(replace(part, clips=tuple(none)), 1)
    with pytest.raises(InvalidParameter, match="count"):
        drawn_frames(whole, 0)
