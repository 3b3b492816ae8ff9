"""Selection of frames and their restoration: formulas by hand, properties, exact values."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidParameter
from posekit.models.layers import Attention
from posekit.models.pruning import (
    attention_scores,
    frame_distances,
    gather_frames,
    highest,
    interpolated_frames,
    motion_scores,
    nearest_frames,
    peak_scores,
    select,
    uniform_frames,
    window_noise,
)


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def noise_for(features, seed=0):
    return torch.rand(features.shape[:2], generator=torch.Generator().manual_seed(seed))


def selected(features, keep, center=None, seed=0):
    return select(features, keep, noise_for(features, seed), center)


@contextmanager
def threads(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def plain_scores(features, noise):
    """Density peaks of one sequence in float64, frame by frame."""
    frames, channels = features.shape
    distances = np.linalg.norm(features[:, None] - features[None], axis=-1) / np.sqrt(channels)
    density = np.array([np.exp(-np.mean(np.sort(row)[:2] ** 2)) for row in distances])
    density += 1e-6 * noise
    scores = []
    for frame in range(frames):
        denser = [other for other in range(frames) if density[other] > density[frame]]
        reach = min((distances[frame, other] for other in denser), default=distances.max())
        scores.append(density[frame] * reach)
    return np.array(scores)


sizes = st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("frames", [3, 20, 40])
def test_scores_follow_the_formula(frames):
    # On a grid, so that rounding leaves the features as they are.
    features = (1000 * random(2, frames, 6).double()).round() / 1024
    noise = torch.linspace(0, 1, 2 * frames).double().view(2, frames)
    measured = peak_scores(frame_distances(features), noise)
    for sequence in range(2):
        expected = plain_scores(features[sequence].numpy(), noise[sequence].numpy())
        torch.testing.assert_close(measured[sequence], torch.from_numpy(expected))


def test_clusters_give_one_frame_each():
    centres = torch.tensor([0.0, 10.0, 20.0, 30.0]).repeat_interleave(5)
    features = centres[None, :, None] + 0.1 * random(1, 20, 3)
    index = selected(features, keep=4)
    assert (index[0] // 5).tolist() == [0, 1, 2, 3]


@settings(max_examples=60, deadline=None)
@given(sizes, seeds, st.booleans())
def test_selection_is_ascending_unique_and_holds_the_centre(size, seed, centred):
    frames, keep = size
    center = (frames - 1) // 2 if centred else None
    index = selected(random(2, frames, 4, seed=seed), keep, center)
    assert index.shape == (2, keep)
    assert bool((index.diff(dim=1) > 0).all())
    assert bool((index >= 0).all() and (index < frames).all())
    if centred:
        assert bool((index == center).any(dim=1).all())


@settings(max_examples=30, deadline=None)
@given(sizes, seeds)
def test_selection_ignores_shifts_and_order_of_channels(size, seed):
    frames, keep = size
    # Whole numbers: distances between them are exact, whatever the order of summation.
    features = (4 * random(1, frames, 5, seed=seed)).round()
    index = selected(features, keep)
    assert torch.equal(selected(features + 7, keep), index)
    assert torch.equal(selected(features.flip(-1), keep), index)


@settings(max_examples=30, deadline=None)
@given(sizes, seeds)
def test_selection_follows_the_frames_when_they_are_reordered(size, seed):
    frames, keep = size
    features = (64 * random(1, frames, 5, seed=seed)).round()
    noise = noise_for(features, seed)
    order = torch.randperm(frames, generator=torch.Generator().manual_seed(seed + 1))
    index = select(features, keep, noise)
    moved = select(features[:, order], keep, noise[:, order])
    assert torch.equal(order[moved].sort(dim=-1).values, index)


def test_sequences_of_a_batch_are_selected_apart():
    features = random(3, 20, 4)
    noise = noise_for(features)
    alone = [select(*pair) for pair in zip(features.split(1), [6] * 3, noise.split(1), strict=True)]
    assert torch.equal(select(features, 6, noise), torch.cat(alone))


def test_noise_decides_between_equal_densities():
    features = random(1, 30, 8)
    assert len({tuple(selected(features, 10, seed=seed)[0].tolist()) for seed in range(8)}) > 1
    pair = torch.tensor([[[0.0], [1.0], [9.0], [10.5]]])
    first, second = torch.tensor([[0.9, 0.1, 0.9, 0.1]]), torch.tensor([[0.1, 0.9, 0.1, 0.9]])
    assert select(pair, 2, first).tolist() == [[0, 2]]
    assert select(pair, 2, second).tolist() == [[1, 3]]


def near_ties(frames, channels, seed):
    """Features with equal frames, with frames that differ by a rounding, and with mirrored gaps."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, frames, channels, generator=generator)
    kinds = torch.randint(4, (frames,), generator=generator)
    for frame in range(1, frames):
        before = features[:, frame - 1]
        if kinds[frame] == 1:
            features[:, frame] = before
        elif kinds[frame] == 2:
            features[:, frame] = before * (1 + 1e-7 * torch.randn(channels, generator=generator))
        elif kinds[frame] == 3 and frame > 1:
            features[:, frame] = 2 * before - features[:, frame - 2]
    return features


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 120), st.sampled_from([3, 32, 65, 512]), seeds)
def test_frames_depend_neither_on_threads_nor_on_the_batch(frames, channels, seed):
    features = near_ties(frames, channels, seed)
    noise, keep = noise_for(features, seed), max(1, frames // 3)
    with threads(1):
        distances, index = frame_distances(features), select(features, keep, noise)
    assert torch.equal(distances, distances.mT)
    assert not distances.diagonal(dim1=1, dim2=2).any()
    with threads(2):
        assert torch.equal(frame_distances(features), distances)
        assert torch.equal(select(features, keep, noise), index)
    many = torch.cat([near_ties(frames, channels, seed + 1), features])
    their_noise = torch.cat([noise_for(features, seed + 1), noise])
    assert torch.equal(frame_distances(many)[2:], distances)
    assert torch.equal(select(many, keep, their_noise)[2:], index)
    # Channels are added in another order.
    assert torch.equal(frame_distances(features.flip(-1)), distances)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e20])
def test_distances_are_those_of_the_features_in_any_scale(scale):
    features = scale * random(2, 40, 64).double() + 3 * scale
    expected = (features[:, :, None] - features[:, None]).norm(dim=-1) / 8
    measured = frame_distances(features)
    torch.testing.assert_close(measured, expected, rtol=2e-6, atol=0)
    assert not frame_distances(torch.full((1, 5, 3), scale)).any()


def windows_of(walk, frames):
    return walk.unfold(0, frames, 1).movedim(-1, 1)


def test_noise_belongs_to_a_window_whatever_batch_it_comes_in():
    keypoints = windows_of(random(60, 17, 2), 27)
    noise = window_noise(keypoints, seed=3)
    assert noise.shape == (34, 27)
    assert bool(((noise >= 0) & (noise < 1)).all())
    assert torch.equal(window_noise(keypoints, seed=3), noise)
    torch.manual_seed(5)
    for other in (
        torch.cat([window_noise(part, seed=3) for part in keypoints.split(1)]),
        torch.cat([window_noise(part, seed=3) for part in keypoints.split(7)]),
        window_noise(keypoints.flip(0), seed=3).flip(0),
        window_noise(keypoints.double(), seed=3),
    ):
        torch.testing.assert_close(other, noise, rtol=0, atol=1e-9)
    with threads(2):
        torch.testing.assert_close(window_noise(keypoints, seed=3), noise, rtol=0, atol=1e-9)
    assert not torch.isclose(window_noise(keypoints, seed=4), noise, atol=1e-3).all(dim=1).any()


def test_noise_hardly_moves_where_keypoints_differ_in_their_last_bit():
    keypoints = windows_of(0.5 * random(60, 17, 2), 27)
    moved = window_noise(torch.nextafter(keypoints, keypoints + 1), seed=0)
    turned = (moved - window_noise(keypoints, seed=0) + 0.5) % 1 - 0.5  # it goes round at 1
    assert turned.abs().max() < 0.01


@pytest.mark.parametrize("frames", [9, 27])
def test_noise_of_neighbouring_windows_breaks_ties_independently(frames):
    # A slow walk: windows of successive frames share nearly all that they hold.
    walk = (0.003 * random(2000, 17, 2)).cumsum(dim=0)
    noise = window_noise(windows_of(walk, frames), seed=0)
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.var() == pytest.approx(1 / 12, rel=0.02)
    wins = (noise[:, 1:] > noise[:, :-1]).double()
    assert (wins.mean(dim=0) - 0.5).abs().max() < 0.06  # 4.5 deviations of a coin
    sign = 2 * wins - 1
    assert (sign[1:] * sign[:-1]).mean().abs() < 0.02


def test_equal_windows_have_equal_noise():
    still = random(1, 17, 2).expand(30, -1, -1)
    noise = window_noise(windows_of(still, 9), seed=0)
    torch.testing.assert_close(noise, noise[:1].expand_as(noise), rtol=0, atol=1e-9)
    assert noise[0].unique().numel() == 9


def test_more_neighbours_smooth_the_density():
    features = random(1, 30, 8)
    distances = frame_distances(features)
    nearest = distances.sort(dim=-1).values[..., :4]
    density = (-nearest.square().mean(-1)).exp()
    highest_density = density.argmax(-1)
    scores = peak_scores(distances, torch.zeros(1, 30), neighbours=4)
    expected = density.max() * distances.max()
    torch.testing.assert_close(scores[0, highest_density].squeeze(), expected)


def test_bfloat16_autocast_does_not_move_the_selection():
    features = random(2, 40, 16)
    with torch.autocast("cpu", torch.bfloat16):
        low = selected(features, 12)
        noise = window_noise(features[..., None], seed=0)
    assert torch.equal(low, selected(features, 12))
    assert torch.equal(noise, window_noise(features[..., None], seed=0))


def test_nothing_and_too_much_cannot_be_kept():
    for keep in (0, 10):
        with pytest.raises(InvalidParameter, match=f"keep is {keep}; choose 1 to 9 of 9"):
            selected(random(1, 9, 2), keep)


def test_equal_scores_keep_the_earlier_frame():
    assert highest(torch.zeros(1, 6), 3).tolist() == [[0, 1, 2]]
    assert highest(torch.zeros(1, 6), 3, center=5).tolist() == [[0, 1, 5]]
    assert highest(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2).tolist() == [[1, 2]]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_uniform_frames_are_ascending_unique_and_even(size):
    frames, keep = size
    index = uniform_frames(frames, keep)
    assert index.shape == (keep,)
    assert bool((index.diff() > 0).all())
    assert index[0] == 0
    assert keep == 1 or index[-1] == frames - 1
    gaps = index.diff()
    assert keep < 3 or gaps.max() - gaps.min() <= 2
    centred = uniform_frames(frames, keep, center=(frames - 1) // 2)
    assert bool((centred.diff() > 0).all())
    assert bool((centred == (frames - 1) // 2).any())
    assert int((centred != index).sum()) <= 1


def test_uniform_frames_by_hand():
    assert uniform_frames(9, 3).tolist() == [0, 4, 8]
    assert uniform_frames(10, 4).tolist() == [0, 3, 6, 9]
    assert uniform_frames(10, 7).tolist() == [0, 2, 3, 4, 6, 8, 9]
    assert uniform_frames(9, 4).tolist() == [0, 3, 5, 8]
    assert uniform_frames(9, 4, center=4).tolist() == [0, 4, 5, 8]


def test_motion_is_the_mean_step_of_the_joints():
    keypoints = torch.zeros(1, 4, 2, 3)
    keypoints[0, 1, 0] = torch.tensor([3.0, 4.0, 99.0])  # confidence is no motion
    keypoints[0, 2:, 0, :2] = keypoints[0, 1, 0, :2]
    keypoints[0, 3, 1, 0] = 1.0
    assert motion_scores(keypoints).tolist() == [[2.5, 2.5, 0.0, 0.5]]
    assert motion_scores(keypoints[:, :1]).tolist() == [[0.0]]


def test_attention_scores_are_what_a_frame_receives():
    torch.manual_seed(0)
    attention, tokens = Attention(8, 2, "frames"), random(2, 5, 3, 8)
    scores = attention_scores(attention, tokens)
    torch.testing.assert_close(scores.sum(dim=1).float(), torch.ones(2))
    received = torch.zeros(2, 5)
    for batch in range(2):
        for joint in range(3):
            query, key, _ = attention.qkv(tokens[batch, :, joint]).chunk(3, dim=-1)
            for head in (slice(0, 4), slice(4, 8)):
                shares = (query[:, head] @ key[:, head].T / 2).softmax(-1)
                received[batch] += shares.mean(0) / 6
    torch.testing.assert_close(scores.float(), received)


def test_gather_takes_frames_sequence_by_sequence():
    values = torch.arange(12).view(2, 6)
    index = torch.tensor([[0, 5], [1, 2]])
    assert gather_frames(values, index).tolist() == [[0, 5], [7, 8]]
    poses = random(2, 6, 3, 3)
    assert torch.equal(gather_frames(poses, index)[1, 0], poses[1, 1])


def _pose_of(numbers):
    return torch.tensor(numbers)[:, :, None, None].expand(-1, -1, 2, 3)


def test_interpolations_by_hand():
    pose = _pose_of([[10.0, 20.0, 50.0]])
    index = torch.tensor([[1, 3, 6]])
    nearest = nearest_frames(pose, index, 8)
    assert nearest[0, :, 0, 0].tolist() == [10, 10, 10, 20, 20, 50, 50, 50]
    linear = interpolated_frames(pose, index, 8)
    assert linear[0, :, 1, 2].tolist() == [10, 10, 15, 20, 30, 40, 50, 50]
    single = interpolated_frames(pose[:, :1], index[:, :1], 4)
    assert single[0, :, 0, 0].tolist() == [10, 10, 10, 10]


@settings(max_examples=60, deadline=None)
@given(sizes, seeds)
def test_interpolations_keep_kept_frames_and_restore_straight_lines(size, seed):
    frames, keep = size
    index = selected(random(2, frames, 3, seed=seed), keep)
    pose = random(2, keep, 4, 3, seed=seed)
    for restore in (nearest_frames, interpolated_frames):
        restored = restore(pose, index, frames)
        assert restored.shape == (2, frames, 4, 3)
        assert torch.equal(gather_frames(restored, index), pose)
    line = (2.0 * index - 5)[:, :, None, None].expand(-1, -1, 4, 3)
    restored = interpolated_frames(line, index, frames)[..., 0, 0]
    held = torch.arange(frames).expand(2, -1).clamp(index[:, :1], index[:, -1:])
    torch.testing.assert_close(restored, 2.0 * held - 5)
