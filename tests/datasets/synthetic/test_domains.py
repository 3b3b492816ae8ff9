"""Synthetic domains: each differs from ``synthetic`` in what its name says, and in that alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from posekit.datasets import SPLITS, PoseDataset, load_dataset
from posekit.datasets.selection import drawn_frames
from posekit.datasets.synthetic import HUMAN36M_ACTIONS, SUBJECTS
from posekit.datasets.synthetic.domains import DOMAINS, PROPORTIONS, UPRIGHT, on_another_body
from posekit.datasets.synthetic.generate import generate_take
from posekit.datasets.synthetic.person import FOOT_HEIGHT
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.metrics.domain_gap import DomainGap, Statistics, domain_gap, mean_distance, statistics

RIGS = ("synthetic_3dhp_rig", "synthetic_outdoor_rig")
MOVED = (*RIGS, "synthetic_other_both")
OTHER = ("synthetic_other_bodies", "synthetic_other_both")
Domains = dict[str, dict[str, PoseDataset]]


@pytest.fixture(scope="module")
def quick() -> Domains:
    return {
        name: {split: load_dataset(name, split, keypoints="gt", size="quick") for split in SPLITS}
        for name in ("synthetic", *DOMAINS)
    }


@pytest.fixture(scope="module")
def gaps(quick: Domains) -> dict[str, DomainGap]:
    """Distance of each training split from that of ``synthetic``; "test": of its own test split."""
    base = measured(quick["synthetic"]["train"])
    found = {name: domain_gap(measured(quick[name]["train"]), base) for name in DOMAINS}
    return {"test": domain_gap(measured(quick["synthetic"]["test"]), base), **found}


def measured(dataset: PoseDataset) -> Statistics:
    frames = drawn_frames(dataset, 5000)
    return statistics(frames.keypoints, frames.pose, dataset.skeleton)


def worlds(dataset: PoseDataset) -> Iterator[Tensor]:
    for clip in dataset.clips:
        yield clip.camera.camera_to_world(clip.pose)


@pytest.mark.parametrize("name", RIGS)
def test_a_rig_sees_the_very_motion_of_synthetic(quick: Domains, name: str) -> None:
    for split in SPLITS:
        here, there = quick[name][split], quick["synthetic"][split]
        assert [clip.take for clip in here.clips] == [clip.take for clip in there.clips]
        for one, other in zip(worlds(here), worlds(there), strict=True):
            assert (one - other).abs().max() < 1e-5


@pytest.mark.parametrize("name", MOVED)
def test_other_cameras_move_and_scale_what_is_seen(gaps: dict[str, DomainGap], name: str) -> None:
    gap, usual = gaps[name], gaps["test"]
    assert gap.root_y > 8 * usual.root_y
    assert gap.scale > 4 * usual.scale


@pytest.mark.parametrize("name", RIGS)
def test_a_rig_leaves_bodies_as_they_are(
    quick: Domains, gaps: dict[str, DomainGap], name: str
) -> None:
    assert gaps[name].lengths < 1e-5
    assert gaps[name].angles < 0.01
    relative = [
        torch.cat([world - world[:, :1] for world in worlds(quick[which]["train"])])
        for which in (name, "synthetic")
    ]
    assert mean_distance(*relative) < 1e-5


@pytest.mark.parametrize("name", OTHER)
def test_other_bodies_are_built_otherwise_and_held_otherwise(
    gaps: dict[str, DomainGap], name: str
) -> None:
    gap, usual = gaps[name], gaps["test"]
    assert 0.03 < gap.lengths < 0.05
    assert gap.lengths > 3 * usual.lengths
    assert gap.angles > 2 * usual.angles
    assert gap.directions > 1.5 * usual.directions


def test_other_bodies_alone_are_seen_where_synthetic_is(gaps: dict[str, DomainGap]) -> None:
    """As near as other persons of the same kind, but for their height in the picture."""
    gap, usual, rig = gaps["synthetic_other_bodies"], gaps["test"], gaps["synthetic_3dhp_rig"]
    assert gap.root_x < 1.5 * usual.root_x
    assert gap.scale < 1.5 * usual.scale
    assert gap.root_y < 0.25 * rig.root_y
    assert gap.scale < 0.25 * rig.scale


def test_the_two_sets_of_other_bodies_hold_the_same_persons(quick: Domains) -> None:
    here, there = (quick[name]["train"] for name in OTHER)
    for one, other in zip(worlds(here), worlds(there), strict=True):
        assert (one - other).abs().max() < 1e-5
    seen = quick["synthetic_other_bodies"]
    for number, subject in enumerate(SUBJECTS["train"]):
        clip = next(clip for clip in seen["train"].clips if clip.subject == subject)
        camera = human36m_cameras(SUBJECTS["train"][number])[clip.camera_name]
        assert torch.equal(clip.camera.translation, camera.translation)


@pytest.mark.parametrize("name", DOMAINS)
def test_splits_and_sizes(quick: Domains, name: str) -> None:
    train, test = quick[name]["train"], quick[name]["test"]
    assert (train.subjects, test.subjects) == (SUBJECTS["train"], SUBJECTS["test"])
    actions = UPRIGHT if name in OTHER else HUMAN36M_ACTIONS
    for dataset in (train, test):
        assert set(dataset.actions) == set(actions)
        assert (dataset.evidence, dataset.skeleton) == ("synthetic", HUMAN36M_17)
        assert any("differ from" in note for note in dataset.notes)
    persons = {**limbs(train), **limbs(test)}
    assert len(persons) == 25
    assert torch.pdist(torch.stack(list(persons.values()))).min() > 0.0005
    smoke = load_dataset(name, "test", size="smoke")
    assert len(smoke.clips) == 2 * 4 * 2
    assert smoke.fingerprint == load_dataset(name, "test", size="smoke").fingerprint


def limbs(dataset: PoseDataset) -> dict[str, Tensor]:
    """Subject -> lengths of thigh, shank and upper arm, metres."""
    return {
        clip.subject: (clip.pose[0, [2, 3, 12]] - clip.pose[0, [1, 2, 11]]).norm(dim=-1)
        for clip in dataset.clips
    }


@pytest.mark.parametrize("name", DOMAINS)
def test_people_are_in_the_picture(quick: Domains, name: str) -> None:
    for dataset in quick[name].values():
        outside = 0
        for clip in dataset.clips:
            assert clip.pose[..., 2].min() > 1.5
            # Beyond this the projection is clamped, and 2D is no picture of the 3D.
            assert (clip.pose[..., :2] / clip.pose[..., 2:]).abs().max() < 0.95
            edge = clip.camera.resolution / clip.camera.resolution[0]
            outside += int((clip.keypoints[..., :2].abs() > edge).flatten(1).any(dim=1).sum())
        assert outside < 0.01 * dataset.frames


def test_a_level_of_noise_changes_the_keypoints_alone() -> None:
    truth, noisy = (
        load_dataset("synthetic_other_both", "test", keypoints=level, size="smoke")
        for level in ("gt", "cpn")
    )
    for one, other in zip(truth.clips, noisy.clips, strict=True):
        assert torch.equal(one.pose, other.pose)
        assert one.keypoints.shape == other.keypoints.shape == (one.frames, 17, 3)
        assert (one.keypoints[..., 2] == 1).all()
        assert not torch.equal(one.keypoints, other.keypoints)


def test_another_body_keeps_directions_and_its_feet_on_the_floor() -> None:
    world = torch.from_numpy(generate_take("S1", "Walking", 1, 300))
    other = on_another_body(world)
    for child, parent in HUMAN36M_17.bones:
        before, after = (pose[:, child] - pose[:, parent] for pose in (world, other))
        name = HUMAN36M_17.joint_names[child].removeprefix("left ").removeprefix("right ")
        assert (after - PROPORTIONS[name] * before).abs().max() < 1e-5
    lowest = other[:, [3, 6], 2].amin(dim=1)
    assert (lowest - PROPORTIONS["foot"] * FOOT_HEIGHT).abs().max() < 0.015
    assert all(abs(1 - factor) <= 0.2 + 1e-9 for factor in PROPORTIONS.values())
