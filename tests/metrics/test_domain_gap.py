"""The domain gap: known shifts, and what alignment leaves of it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from posekit.datasets import load_dataset
from posekit.datasets.selection import Frames, drawn_frames
from posekit.errors import InvalidData
from posekit.geometry.global_position import align
from posekit.geometry.rotations import axis_angle_to_quaternion, rotate
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17, human36m_17_to_16
from posekit.metrics.domain_gap import (
    GLOBAL_POSITION,
    DomainGap,
    Statistics,
    domain_gap,
    inner_bones,
    mean_distance,
    statistics,
)

SHIFT = st.floats(-2, 2)


def persons(number: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pose = torch.randn(number, 17, 3, generator=generator)
    return pose[..., :2] * 0.2, pose


def measured(frames: Frames) -> Statistics:
    return statistics(frames.keypoints, frames.pose, HUMAN36M_17)


@settings(max_examples=20, deadline=None)
@given(right=SHIFT, down=SHIFT, factor=st.floats(0.2, 3))
def test_a_shift_is_as_large_as_it_is(right: float, down: float, factor: float) -> None:
    keypoints, pose = persons()
    here = statistics(keypoints, pose, HUMAN36M_17)
    moved = (keypoints - keypoints[:, :1]) * factor + keypoints[:, :1] + torch.tensor([right, down])
    gap = domain_gap(statistics(moved, factor * pose, HUMAN36M_17), here)
    assert gap.root_x == pytest.approx(abs(right), abs=1e-5)
    assert gap.root_y == pytest.approx(abs(down), abs=1e-5)
    assert gap.scale == pytest.approx(abs(factor - 1) * float(here.scale.mean()), abs=1e-4)
    assert gap.lengths == pytest.approx(abs(factor - 1) * float(here.lengths.mean()), abs=1e-4)
    assert gap.directions < 1e-6
    assert gap.angles < 1e-3


@settings(max_examples=20, deadline=None)
@given(turn=st.tuples(SHIFT, SHIFT, SHIFT))
def test_another_view_changes_directions_but_neither_angles_nor_lengths(
    turn: tuple[float, float, float],
) -> None:
    _, pose = persons()
    turned = rotate(axis_angle_to_quaternion(torch.tensor(turn)), pose)
    here, there = (statistics(view[..., :2], view, HUMAN36M_17) for view in (pose, turned))
    assert (here.angles - there.angles).abs().max() < 1e-2
    gap = domain_gap(here, there)
    assert gap.lengths < 1e-5
    if 0.5 < math.hypot(*turn) < 2 * math.pi - 0.5:
        assert gap.directions > 0.005


def test_statistics_of_a_known_person() -> None:
    pose = torch.zeros(1, 16, 3)
    pose[0, 1], pose[0, 2], pose[0, 3] = torch.tensor(
        [[0.1, 0.0, 0.0], [0.1, 0.4, 0.0], [0.1, 0.4, 0.3]]
    )
    keypoints = pose[..., :2] + torch.tensor([0.5, -0.25])
    found = statistics(keypoints, pose, HUMAN36M_16)
    assert (found.root_x.item(), found.root_y.item()) == (0.5, -0.25)
    assert found.scale.item() == pytest.approx(0.25)
    torch.testing.assert_close(found.directions[0, :3], torch.eye(3))
    torch.testing.assert_close(found.lengths[0, :3], torch.tensor([0.1, 0.4, 0.3]))
    bends = dict(zip(inner_bones(HUMAN36M_16), found.angles[0].tolist(), strict=True))
    assert bends[0, 1] == pytest.approx(90)
    assert bends[1, 2] == pytest.approx(90)


@pytest.mark.parametrize(
    ("source", "target"),
    [("synthetic", "synthetic_3dhp_rig"), ("synthetic_outdoor_rig", "synthetic")],
)
def test_alignment_closes_the_gap_in_global_position(source: str, target: str) -> None:
    here, there = (
        drawn_frames(load_dataset(name, "train", keypoints="gt", size="smoke"), 2000)
        for name in (source, target)
    )
    aligned = align(here.pose[:, None], there.keypoints, there.camera, mode="full", root=0)
    after = statistics(aligned.keypoints[:, 0], aligned.pose[:, 0], HUMAN36M_17)
    before = domain_gap(measured(here), measured(there))
    left = domain_gap(after, measured(there))
    kept = left.share_of(before)
    assert all(getattr(kept, name) < 0.3 for name in GLOBAL_POSITION)
    assert left.directions == pytest.approx(before.directions, abs=1e-4)
    assert kept.directions is None


def test_without_poses_local_structure_is_left_out() -> None:
    keypoints, pose = persons()
    whole = statistics(keypoints, pose, HUMAN36M_17)
    gap = domain_gap(statistics(keypoints, None, HUMAN36M_17), whole)
    assert gap == DomainGap(0.0, 0.0, 0.0)


def test_what_cannot_be_compared_is_refused() -> None:
    keypoints, pose = persons()
    whole = statistics(keypoints, pose, HUMAN36M_17)
    fewer = statistics(human36m_17_to_16(keypoints), human36m_17_to_16(pose), HUMAN36M_16)
    with pytest.raises(InvalidData, match="convert both to one skeleton"):
        domain_gap(whole, fewer)
    with pytest.raises(InvalidData, match=r"keypoints of shape \(40, 17, 2\); expected"):
        statistics(keypoints, pose, HUMAN36M_16)
    with pytest.raises(InvalidData, match="N at least 1"):
        statistics(keypoints[:0], None, HUMAN36M_17)
    same = domain_gap(whole, whole)
    with pytest.raises(InvalidData, match="root_x was 0 before"):
        same.share_of(same)


def test_samples_of_other_sizes_are_compared() -> None:
    assert mean_distance(torch.zeros(3), torch.ones(7)) == pytest.approx(1)
    assert mean_distance(torch.zeros(3, 2), torch.tensor([[1.0, 3.0]])) == pytest.approx(2)
