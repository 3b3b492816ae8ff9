"""The synthetic data set: who is in it, what the cameras see, and whether time helps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from posekit.datasets import DATASETS, PoseDataset, load_dataset, synthetic
from posekit.datasets.clips import Reading
from posekit.datasets.selection import some_views
from posekit.datasets.synthetic import HUMAN36M_ACTIONS, SUBJECTS
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17


@pytest.fixture(scope="module")
def quick() -> dict[str, PoseDataset]:
    return {split: load_dataset("synthetic", split, size="quick") for split in ("train", "test")}


@pytest.fixture(scope="module")
def standard() -> PoseDataset:
    return load_dataset("synthetic", "test", size="standard")


def test_sizes_and_names(quick: dict[str, PoseDataset]) -> None:
    smoke = load_dataset("synthetic", "test", size="smoke")
    assert len(smoke.clips) == 2 * 4 * 2
    assert {clip.frames for clip in smoke.clips} == {120}
    assert [clip.take for clip in smoke.clips[:2]] == ["Eating 1", "Eating 2"]
    for split, dataset in quick.items():
        assert dataset.subjects == SUBJECTS[split]
        assert set(dataset.actions) == set(HUMAN36M_ACTIONS)
        assert all(160 <= clip.frames <= 240 for clip in dataset.clips)
        assert dataset.evidence == "synthetic"
        assert dataset.skeleton.name == "h36m-17"
    assert len(quick["train"].clips) == 15 * 5
    assert {clip.camera_name for clip in quick["train"].clips} == set(human36m_cameras("S1"))
    assert not set(quick["train"].subjects) & set(quick["test"].subjects)


def test_twenty_persons_are_tested_in_every_action(
    standard: PoseDataset, quick: dict[str, PoseDataset]
) -> None:
    takes = Counter((clip.subject, clip.action) for clip in standard.clips)
    assert set(takes) == {(who, do) for who in SUBJECTS["test"] for do in HUMAN36M_ACTIONS}
    assert (len(SUBJECTS["test"]), set(takes.values())) == (20, {4})
    assert set(Counter(clip.subject for clip in quick["test"].clips).values()) == {5}
    persons = Counter(clip.action for clip in quick["test"].clips)
    assert set(persons.values()) == {6, 7}


def test_views_of_a_take_show_the_same_motion(standard: PoseDataset) -> None:
    assert all(243 <= clip.frames <= 297 for clip in standard.clips)
    for start, subject in ((0, "S9"), (60, "S11"), (120, "S9")):
        views = standard.clips[start : start + 4]
        cameras = human36m_cameras(subject)
        assert [clip.camera_name for clip in views] == list(cameras)
        for clip in views:
            assert torch.equal(clip.camera.translation, cameras[clip.camera_name].translation)
        worlds = [clip.camera.camera_to_world(clip.pose) for clip in views]
        for world in worlds[1:]:
            assert (world - worlds[0]).abs().max() < 1e-5


def test_one_view_of_each_take_spreads_over_the_cameras(standard: PoseDataset) -> None:
    chosen = some_views(standard, 1)
    assert len(chosen.clips) == 20 * 15
    assert set(Counter(clip.camera_name for clip in chosen.clips).values()) == {75}
    for who in SUBJECTS["test"]:
        seen = Counter(clip.camera_name for clip in chosen.clips if clip.subject == who)
        assert set(seen.values()) == {3, 4}


def test_the_fingerprint_depends_on_the_name_and_the_split(
    quick: dict[str, PoseDataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "load", lambda *_arguments, **_options: reading)
    reading = Reading(HUMAN36M_17, quick["test"].clips, "synthetic")
    monkeypatch.setitem(DATASETS, "other", replace(DATASETS["synthetic"], name="other"))
    found = {
        load_dataset(name, split, size="quick").fingerprint
        for name in ("synthetic", "other")
        for split in ("train", "test")
    }
    assert len(found) == 4


def test_ground_truth_keypoints_are_the_projected_pose() -> None:
    dataset = load_dataset("synthetic", "test", keypoints="gt", size="quick")
    for clip in dataset.clips:
        pixels = clip.camera.to_pixels(clip.camera.project(clip.pose))
        given = clip.camera.to_pixels(clip.keypoints[..., :2])
        assert (pixels - given).norm(dim=-1).max() < 0.1
        assert (clip.keypoints[..., 2] == 1).all()


def test_people_are_in_the_picture(quick: dict[str, PoseDataset]) -> None:
    for dataset in quick.values():
        for clip in dataset.clips:
            assert clip.pose[..., 2].min() > 1.5
            assert clip.keypoints[..., :2].abs().max() < 1.1
            height = clip.camera.focal[1] * 1.75 / clip.pose[:, 0, 2].mean()
            assert 0.45 < height < 1.8


def test_noise_levels_differ_only_in_the_keypoints() -> None:
    truth, *noisy = (
        load_dataset("synthetic", "test", keypoints=level, size="smoke")
        for level in ("gt", "cpn", "noisy", "occluded")
    )
    errors = []
    for dataset in noisy:
        pairs = list(zip(truth.clips, dataset.clips, strict=True))
        assert all(torch.equal(a.pose, b.pose) for a, b in pairs)
        difference = [(a.keypoints - b.keypoints)[..., :2].norm(dim=-1).mean() for a, b in pairs]
        errors.append(float(torch.stack(difference).mean()) * 500)
    assert 3 < errors[0] < 6
    assert errors[0] < errors[1] < errors[2]
    assert len({dataset.fingerprint for dataset in (truth, *noisy)}) == 4


def test_loading_twice_gives_the_same_content(quick: dict[str, PoseDataset]) -> None:
    again = load_dataset("synthetic", "test", size="quick")
    assert again.fingerprint == quick["test"].fingerprint


def windows(dataset: PoseDataset, offsets: tuple[int, ...]) -> np.ndarray:
    """(N, features) root-relative keypoints at each frame plus offsets, and a constant."""
    rows = []
    for clip in dataset.clips:
        seen = clip.keypoints[..., :2].numpy().astype(float)
        flat = np.concatenate([4 * (seen[:, 1:] - seen[:, :1]), seen[:, :1]], axis=1)
        index = np.arange(clip.frames)[:, None] + np.array(offsets)
        gathered = flat.reshape(clip.frames, -1)[index.clip(0, clip.frames - 1)]
        rows.append(gathered.reshape(clip.frames, -1))
    features = np.concatenate(rows)
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)


def targets(dataset: PoseDataset) -> np.ndarray:
    """(N, 17, 3) root-relative poses in millimetres."""
    poses = torch.cat([clip.pose - clip.pose[:, :1] for clip in dataset.clips])
    return poses.numpy().astype(float) * 1000


def test_time_helps_and_a_constant_pose_does_not(quick: dict[str, PoseDataset]) -> None:
    """Closed-form lifters with cpn keypoints; all share one ridge regression.

    The small models see 500 random rectified features of the centre frame; the temporal one also
    sees nine frames, every third.
    """
    truth = {split: targets(dataset) for split, dataset in quick.items()}
    one = {split: windows(dataset, (0,)) for split, dataset in quick.items()}
    nine = {split: windows(quick[split], tuple(range(-12, 13, 3))) for split in quick}
    mixing = np.random.default_rng(0).standard_normal((one["train"].shape[1], 500))
    bent = {split: np.maximum(one[split] @ mixing, 0) for split in quick}

    def error(*parts: dict[str, np.ndarray]) -> float:
        x = np.concatenate([part["train"] for part in parts], axis=1)
        y = truth["train"].reshape(len(x), -1)
        weights = np.linalg.solve(x.T @ x + 10.0 * np.eye(x.shape[1]), x.T @ y)
        x = np.concatenate([part["test"] for part in parts], axis=1)
        difference = (x @ weights).reshape(truth["test"].shape) - truth["test"]
        return float(np.linalg.norm(difference, axis=-1).mean())

    constant = np.linalg.norm(truth["test"] - truth["train"].mean(axis=0), axis=-1).mean()
    linear, small, temporal = error(one), error(one, bent), error(nine, bent)
    assert constant > 2 * linear
    assert linear > 1.15 * temporal
    assert small > 1.02 * temporal
