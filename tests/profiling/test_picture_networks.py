"""Networks that see pictures: which there are, and what is measured of them."""

from __future__ import annotations

import pytest
import torch

from posekit.bodies import open_body
from posekit.errors import InvalidParameter
from posekit.profiling import picture_networks, timing
from posekit.profiling.picture_networks import benchmark_pictures, picture_methods
from posekit.training.dsr_method import DSRMethod


class SmallDSR(DSRMethod):
    """Of a few pixels and planes."""

    published_px = 64

    def __init__(self, options, body, crop_px):
        super().__init__({"backbone": "resnet18", "width": 4, "hidden": 8}, body, crop_px)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(timing, "MATRIX_SIZE", 64)
    monkeypatch.setattr(timing, "SECONDS_PER_SAMPLE", 0.01)
    monkeypatch.setattr(
        picture_networks, "method", lambda name: SmallDSR if name == "dsr" else METHOD(name)
    )


METHOD = picture_networks.method


def test_methods_with_a_network_that_sees_pictures_are_found():
    assert picture_methods() == ("dsr", "perspose")


def test_a_row_for_each_precision_says_what_was_measured():
    rows = list(benchmark_pictures("dsr", batch=2, samples=1, device="cpu"))
    assert [row.precision for row in rows] == list(timing.DTYPES)
    network = SmallDSR({}, open_body(), 64).build(1)
    for row in rows:
        assert (row.model, row.crop_px, row.batch) == ("dsr", 64, 2)
        assert row.size.parameters == sum(value.numel() for value in network.parameters())
        assert row.size.product_macs > 1e6
        assert row.latency > 0
        assert row.share > 0
        assert row.memory > 4 * row.size.parameters
        assert row.pictures_per_second == pytest.approx(2 / row.latency)


def test_the_share_is_of_the_rate_around_it(monkeypatch):
    monkeypatch.setattr(timing, "sample", lambda *_: ([2.0, 4.0, 6.0], [4.0, 4.0, 4.0]))
    row = next(benchmark_pictures("dsr", batch=3, samples=3, device="cpu"))
    assert row.latency == 4
    assert row.share == pytest.approx(2 * 3 * row.size.product_macs / 4 / 4)


def test_measuring_draws_the_same_weights_each_time_and_leaves_the_callers_state(monkeypatch):
    seen, state = [], torch.get_rng_state()
    monkeypatch.setattr(
        timing,
        "peak_memory",
        lambda step, network, mode: seen.append([v.clone() for v in network.parameters()]) or 0,
    )
    for _ in range(2):
        next(benchmark_pictures("dsr", samples=1, device="cpu"))
    assert all(torch.equal(*both) for both in zip(*seen, strict=True))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "asked",
    [{"model": "dsr_fit"}, {"model": "mixste"}, {"batch": 0}, {"samples": 0}, {"device": "tpu"}],
)
def test_what_cannot_be_measured_is_refused(asked):
    with pytest.raises(InvalidParameter):
        list(benchmark_pictures(**{"model": "dsr", "device": "cpu", **asked}))
