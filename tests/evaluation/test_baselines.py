"""Trivial baselines: what they compute, on any skeleton, under any protocol, on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.datasets import PoseDataset, load_dataset
from posekit.datasets.selection import downsample
from posekit.errors import InvalidData
from posekit.evaluation import MIXSTE, PROTOCOLS, evaluate
from posekit.evaluation import baselines as module
from posekit.evaluation.baselines import (
    BASELINES,
    LinearMap,
    MeanPose,
    NearestNeighbours,
    Samples,
    evaluate_baselines,
)
from posekit.geometry.skeletons import (
    HUMAN36M_16,
    HUMAN36M_17,
    HUMANEVA_15,
    MPI_INF_3DHP_17,
    Skeleton,
    mirror_points,
)

SKELETONS = (HUMAN36M_17, HUMAN36M_16, HUMANEVA_15, MPI_INF_3DHP_17)


def samples(frames: int, skeleton: Skeleton = HUMAN36M_17, seed: int = 0) -> Samples:
    """Random keypoints and poses that a linear map turns into each other, roughly."""
    generator = torch.Generator().manual_seed(seed)
    pose = 0.4 * torch.randn(frames, skeleton.joints, 3, generator=generator)
    pose = pose - pose[:, skeleton.root, None]
    seen = 0.5 * pose[..., :2] + 0.05 * torch.randn(pose[..., :2].shape, generator=generator)
    return Samples(seen, pose, skeleton)


def of_skeleton(skeleton: Skeleton) -> PoseDataset:
    """The tiny data set with the first joints of its clips as those of a skeleton."""
    clips = [
        replace(clip, keypoints=clip.keypoints[:, :joints], pose=clip.pose[:, :joints])
        for joints in [skeleton.joints]
        for clip in tiny.dataset().clips
    ]
    return tiny.dataset(*clips, skeleton=skeleton)


@pytest.fixture
def threads() -> Iterator[None]:
    """The number of threads is put back afterwards."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def quick() -> dict[str, PoseDataset]:
    return {
        split: downsample(load_dataset("synthetic", split, size="quick"), 5)
        for split in ("train", "test")
    }


def test_errors_on_synthetic_data(quick: dict[str, PoseDataset]) -> None:
    """At size standard 204, 72 and 51 mm: neighbours need many frames, a linear map few."""
    found = evaluate_baselines(quick["train"], quick["test"], MIXSTE)
    errors = {name: evaluation.metrics["mpjpe"] for name, evaluation in found.items()}
    assert list(errors) == ["mean pose", "linear", "neighbours"]
    assert errors["mean pose"] == pytest.approx(206.6, abs=1)
    assert errors["linear"] == pytest.approx(72.2, abs=1)
    assert errors["neighbours"] == pytest.approx(72.2, abs=1)


def test_the_mean_pose_is_that_of_the_poses_and_their_mirror_images() -> None:
    given_ = samples(50)
    both = torch.cat([given_.pose, mirror_points(given_.pose, HUMAN36M_17)]).double()
    found = MeanPose(given_)(given_.keypoints[:, None])
    assert torch.allclose(found, both.mean(0).float().expand_as(found))


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_a_linear_relation_is_found(skeleton: Skeleton) -> None:
    seen = samples(200, skeleton).keypoints
    around = seen - seen[:, skeleton.root, None]
    scale = torch.tensor([0.9, 0.7, -0.4])
    pose = torch.stack([around[..., 0], around[..., 1], around[..., 1]], -1) * scale
    model = LinearMap(Samples(seen, pose, skeleton))
    assert torch.allclose(model(seen[:, None])[:, 0], pose, atol=1e-5)


def test_linear_least_squares_agree_with_numpy_and_with_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_ = samples(120)
    mirrored = [mirror_points(part, HUMAN36M_17) for part in (given_.keypoints, given_.pose)]
    seen, pose = (
        torch.cat([part, other]).flatten(1).double().numpy()
        for part, other in zip((given_.keypoints, given_.pose), mirrored, strict=True)
    )
    inputs = np.concatenate([seen, np.ones((240, 1))], 1)
    expected = inputs @ np.linalg.lstsq(inputs, pose, rcond=None)[0]
    monkeypatch.setattr(module, "FRAMES_AT_ONCE", 50)
    found = LinearMap(given_).lift(given_.keypoints.double()).flatten(1).numpy()
    assert np.abs(found - expected[:120]).max() < 1e-9


def test_inputs_that_depend_on_each_other_do_no_harm() -> None:
    given_ = samples(80)
    given_.keypoints[:, 7] = (given_.keypoints[:, 0] + given_.keypoints[:, 8]) / 2
    given_.keypoints[:, 9] = 0.25
    found = LinearMap(given_)(given_.keypoints[:, None])[:, 0]
    assert (found - given_.pose).norm(dim=-1).mean() < 0.5


def test_neighbours_are_those_of_a_search_by_hand() -> None:
    known, asked = samples(60), samples(9, seed=1).keypoints
    everything = [
        np.concatenate([part.numpy(), mirror_points(part, HUMAN36M_17).numpy()]).astype(float)
        for part in (known.keypoints, known.pose)
    ]

    def looks(keypoints: np.ndarray) -> np.ndarray:
        around = (keypoints - keypoints[:, :1]).reshape(len(keypoints), -1)
        return around / np.sqrt((around**2).mean(1, keepdims=True))

    distances = np.linalg.norm(
        looks(asked.numpy().astype(float))[:, None] - looks(everything[0]), axis=-1
    )
    expected = everything[1][np.argsort(distances, axis=1)[:, :5]].mean(1)
    found = NearestNeighbours(known)(asked[:, None])[:, 0].numpy()
    assert np.abs(found - expected).max() < 1e-6


def test_neighbours_do_not_depend_on_place_and_distance() -> None:
    model, asked = NearestNeighbours(samples(60)), samples(9, seed=1).keypoints[:, None]
    assert torch.allclose(model(0.5 * asked + torch.tensor([0.3, -0.2])), model(asked))


def test_a_person_without_extent_and_fewer_frames_than_neighbours_are_no_error() -> None:
    model = NearestNeighbours(samples(2))
    assert torch.isfinite(model(torch.zeros(3, 1, 17, 2))).all()
    assert torch.isfinite(NearestNeighbours(samples(1))(torch.zeros(3, 1, 17, 2))).all()


def test_neighbours_are_sought_among_frames_spread_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NEIGHBOURS_OF", 4)
    given_ = samples(11)
    kept = NearestNeighbours(given_).pose[:4]
    assert torch.equal(kept, given_.pose[[0, 2, 5, 8]])


@settings(max_examples=12, deadline=None)
@given(
    name=st.sampled_from(list(BASELINES)),
    skeleton=st.sampled_from(SKELETONS),
    seed=st.integers(0, 1000),
)
def test_a_baseline_is_its_own_mirror_image(name: str, skeleton: Skeleton, seed: int) -> None:
    model = BASELINES[name](samples(40, skeleton, seed))
    asked = samples(7, skeleton, seed + 1).keypoints[:, None]
    mirrored = mirror_points(model(mirror_points(asked, skeleton)), skeleton)
    assert torch.allclose(model(asked), mirrored, atol=1e-5)
    assert all(torch.equal(each, model(asked)) for each in model.lift_both(asked))


@pytest.mark.parametrize("name", BASELINES)
def test_predictions_do_not_depend_on_threads(name: str, threads: None) -> None:
    given_, asked = samples(4000), samples(50, seed=1).keypoints[:, None]
    found = []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(BASELINES[name](given_)(asked))
    assert torch.allclose(*found, rtol=0, atol=1e-7)  # metres


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_gives_every_metric(name: str) -> None:
    dataset = of_skeleton(MPI_INF_3DHP_17 if name.startswith("MPI") else HUMAN36M_17)
    lifter = tiny.TinyLifter()
    lifter.skeleton = dataset.skeleton
    of_a_lifter = evaluate(
        lifter, dataset, protocol=replace(PROTOCOLS[name], windows="sequence"), device="cpu"
    )
    for evaluation in evaluate_baselines(dataset, dataset, PROTOCOLS[name]).values():
        assert set(evaluation.metrics) == set(of_a_lifter.metrics)
        assert set(evaluation.per_action) == set(of_a_lifter.per_action)
        assert set(evaluation.per_joint) == set(of_a_lifter.per_joint)
        assert np.isfinite(list(evaluation.metrics.values())).all()
        assert evaluation.clip_frames.sum() == dataset.frames


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_every_skeleton_is_served(skeleton: Skeleton) -> None:
    dataset = of_skeleton(skeleton)
    protocol = replace(MIXSTE, root="subtracted")
    for evaluation in evaluate_baselines(dataset, dataset, protocol).values():
        assert list(evaluation.per_joint) == list(skeleton.joint_names)
        assert np.isfinite(list(evaluation.metrics.values())).all()


def test_image_units_and_confidences(image_units: PoseDataset) -> None:
    found = evaluate_baselines(image_units, image_units, PROTOCOLS["MotionBERT"])
    errors = [evaluation.metrics["mpjpe"] for evaluation in found.values()]
    assert errors == sorted(errors, reverse=True)
    assert 50 < errors[0] < 1000


def test_invalid_frames_are_not_fitted_on() -> None:
    clip = tiny.clip(40)
    spoilt = replace(
        clip, pose=clip.pose.clone(), valid=torch.arange(40) != 7, keypoints=clip.keypoints.clone()
    )
    spoilt.pose[7] *= 1e6
    without = Samples.of(tiny.dataset(spoilt))
    assert len(without.pose) == 39
    assert without.pose.abs().max() < 10


def test_clips_without_truth_are_refused() -> None:
    blind = tiny.dataset(replace(tiny.clip(9), pose=None))
    with pytest.raises(InvalidData, match="tiny test holds clips without true poses"):
        evaluate_baselines(blind, tiny.dataset(), MIXSTE)
