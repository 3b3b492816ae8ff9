"""Poses of the benchmark look like people: upright, within limits, of many kinds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.bodies.clothing import Wardrobe
from posekit.bodies.open_body import open_body
from posekit.datasets.rendered.poses import FREE_LIMBS, pose_sampler
from posekit.datasets.synthetic import generate_take
from posekit.errors import DatasetNotFound

BODY = Wardrobe(open_body()).body
REST = BODY.joint_template


def drawn(split: str, count: int) -> tuple[list[str], torch.Tensor]:
    poses = pose_sampler("synthetic", split, REST, Path())
    rng = np.random.default_rng(0)
    sampled = [poses(rng) for _ in range(count)]
    return [pose.action for pose in sampled], torch.stack([pose.rotations for pose in sampled])


def test_generated_poses_are_upright_and_various() -> None:
    actions, rotations = drawn("train", 90)
    assert 0.2 < actions.count(FREE_LIMBS) / 90 < 0.4
    assert len(set(actions)) > 12
    joints = BODY(rotations, torch.zeros(len(rotations), 10, dtype=torch.float64)).joints
    trunk = joints[:, 12] - joints[:, 0]
    assert (trunk[:, 1] > 0).double().mean() > 0.97  # some bend down
    assert (joints[:, 15, 1] > joints[:, [7, 8], 1].amax(1)).double().mean() > 0.97
    raised = (joints[:, [20, 21], 1] > joints[:, 15, None, 1]).any(1).double().mean()
    assert raised > 0.05
    knee = joints[:, 4] - joints[:, 1], joints[:, 7] - joints[:, 4]
    bend = torch.cosine_similarity(*knee, dim=-1).acos().rad2deg()
    assert bend.max() < 155
    assert (bend > 60).double().mean() > 0.1


def test_the_same_generator_gives_the_same_poses_and_splits_differ() -> None:
    _, first = drawn("train", 10)
    torch.testing.assert_close(drawn("train", 10)[1], first, rtol=0, atol=0)
    assert not torch.allclose(drawn("test", 10)[1], first)


def test_captured_poses_come_from_the_takes_of_the_split(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match="data download cmu"):
        pose_sampler("cmu", "train", REST, tmp_path)
    takes = {"02_01": ("S02", "walk"), "01_01": ("S01", "jump")}
    worlds = {name: generate_take("P1", "Walking", 1, 40) for name in takes}
    np.savez(tmp_path / "cmu_h36m17.npz", **worlds)
    clips = {
        name: {"subject": subject, "group": group, "frames": 40}
        for name, (subject, group) in takes.items()
    }
    (tmp_path / "cmu_h36m17.json").write_text(json.dumps({"clips": clips}))
    for split, group in (("train", "walk"), ("test", "jump")):
        pose = pose_sampler("cmu", split, REST, tmp_path)(np.random.default_rng(0))
        assert pose.action == group
        assert pose.rotations.shape == (24, 3, 3)
