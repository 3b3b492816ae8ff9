"""Parts of a data set."""

from dataclasses import replace

import tiny
import torch

from posekit.datasets import load_dataset
from posekit.datasets.selection import downsample, some_views


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
