"""The renderer's benchmark says what it measured."""

from __future__ import annotations

import pytest

from posekit.errors import InvalidParameter
from posekit.profiling import rendering, timing
from posekit.profiling.rendering import benchmark_renderer


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX_SIZE", 64)


def test_every_channel_is_rendered_in_one_pass_and_one_by_one():
    together, apart = benchmark_renderer(batch=2, samples=1, device="cpu")
    assert (together.channels, together.passes) == (rendering.CHANNELS, 1)
    assert (apart.channels, apart.passes) == (1, rendering.CHANNELS)
    assert together.pairs == apart.pairs > 10_000
    for row in (together, apart):
        assert row.forward > 0
        assert row.backward > 0
        assert row.products > 0
        assert row.pairs_per_second == pytest.approx(row.pairs / (row.forward + row.backward))
    assert apart.forward + apart.backward > together.forward + together.backward


def test_the_ratio_is_that_of_the_products_timed_around_it(monkeypatch):
    rates = iter([2 * 64**3, 2 * 64**3 / 3])  # a product of 1 s before and of 3 s after
    monkeypatch.setattr(timing, "rate_probe", lambda *_: lambda: next(rates))
    monkeypatch.setattr(rendering, "CHANNELS", 1)
    (row,) = benchmark_renderer(batch=1, samples=1, device="cpu")
    assert row.products == pytest.approx((row.forward + row.backward) / 2)


@pytest.mark.parametrize("options", [{"batch": 0}, {"samples": 0}, {"device": "tpu"}])
def test_what_cannot_be_measured_is_refused(options):
    with pytest.raises(InvalidParameter):
        benchmark_renderer(**{"device": "cpu", **options})
