"""The pool: what it gives back, in which share, and that a training resumes with it bit for bit."""

from collections import Counter

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.training.history_pool import HistoryPool


def numbered(start, number):
    return torch.arange(start, start + number, dtype=torch.float32)[:, None]


def numbers(samples):
    return samples[:, 0].int().tolist()


def test_new_samples_pass_until_the_pool_is_full():
    torch.manual_seed(0)
    pool = HistoryPool(size=6)
    for start in (0, 4):
        samples = numbered(start, 4)[:2] if start else numbered(start, 4)
        assert torch.equal(pool.exchange(samples), samples)
    assert numbers(pool.state()["stored"]) == [0, 1, 2, 3, 4, 5]


def test_every_sample_is_given_back_once_or_still_held():
    torch.manual_seed(0)
    pool, seen = HistoryPool(size=8), Counter()
    for step in range(20):  # batches that are smaller and larger than the pool
        seen.update(numbers(pool.exchange(numbered(12 * step, 12))))
    held = numbers(pool.state()["stored"])
    assert len(held) == 8
    # The first 8 were given back when they entered, and again when they left.
    assert max(seen[number] for number in range(8)) == 2
    assert all(seen[number] == 1 - (number in held) for number in range(8, 240))


def test_half_of_the_samples_are_older():
    torch.manual_seed(0)
    pool = HistoryPool(size=256)
    pool.exchange(numbered(0, 256))
    given = [pool.exchange(numbered(256 * step, 256)) for step in range(1, 41)]
    new = [(batch >= 256 * step).double().mean() for step, batch in enumerate(given, start=1)]
    # A few of those swapped in are swapped out again within their batch.
    assert 0.5 < torch.stack(new).mean().item() < 0.65


def test_a_pool_within_a_training_goes_on_bit_for_bit():
    torch.manual_seed(0)
    pool = HistoryPool(size=10)
    for _ in range(3):
        pool.exchange(torch.randn(7, 16, 3))
    state, random = pool.state(), torch.get_rng_state()
    copied = {name: values.clone() for name, values in state.items()}
    first = [pool.exchange(torch.randn(7, 16, 3)) for _ in range(3)]
    other = HistoryPool(size=10)
    other.restore(copied)
    torch.set_rng_state(random)
    again = [other.exchange(torch.randn(7, 16, 3)) for _ in range(3)]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(pool.state()["stored"], other.state()["stored"])
    # What was saved is not changed by going on.
    assert torch.equal(state["stored"], copied["stored"])


def test_an_empty_pool_has_an_empty_state():
    pool = HistoryPool(size=3)
    assert pool.state() == {}
    pool.exchange(numbered(0, 2))
    pool.restore({})
    assert pool.state() == {}


def test_gradients_do_not_pass():
    samples = torch.ones(2, 3, requires_grad=True)
    assert not HistoryPool().exchange(samples).requires_grad


def test_mistakes_are_refused_in_one_line():
    with pytest.raises(InvalidParameter, match="size of a history pool is 0; give a whole number"):
        HistoryPool(0)
    larger = HistoryPool(size=5)
    larger.exchange(numbered(0, 5))
    with pytest.raises(InvalidParameter, match="holds 5 samples; this pool takes 4") as caught:
        HistoryPool(size=4).restore(larger.state())
    assert "\n" not in str(caught.value)
