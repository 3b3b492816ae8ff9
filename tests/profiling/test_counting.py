"""Sizes equal to those measured on the releases."""

import pytest
import torch
from torch import Tensor, nn

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.models.lifters import Lifter
from posekit.profiling.counting import count_products, measure_pass, measure_size, size_of

SMALL = {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2}

# Model, frames, parameters and 10^9 MACs of all matrix products, measured on the released code.
RELEASED = [
    ("mixste", 27, 33_673_219, 15.57),
    ("mixste", 81, 33_700_867, 47.31),
    ("mixste", 243, 33_783_811, 147.42),
    ("mixste", 351, 33_839_107, 218.22),
    ("ktpformer", 27, 34_765_014, 16.08),
    ("ktpformer", 81, 34_859_622, 49.01),
    ("ktpformer", 243, 35_213_430, 153.89),
    ("ktpformer", 351, 35_507_622, 228.88),
    ("d3dp", 243, 34_835_459, 147.43),
]


@pytest.mark.parametrize(("model", "frames", "parameters", "gigamacs"), RELEASED)
def test_published_sizes(model, frames, parameters, gigamacs):
    size = size_of(model, frames=frames)
    assert size.parameters == parameters
    assert round(size.product_macs / 1e9, 2) == gigamacs


@pytest.mark.parametrize("model", ["mixste", "ktpformer", "d3dp"])
def test_linear_only_count_is_the_one_that_papers_print(model):
    assert round(size_of(model, frames=243).layer_macs / 1e9, 1) == 138.6


@pytest.mark.parametrize(
    ("options", "millions"),
    [({"depth": 4}, 22.60), ({"depth": 8}, 39.42), ({"embed_dim": 256}, 9.02)],
)
def test_sizes_of_ktpformer_by_depth_and_width(options, millions):
    assert round(size_of("ktpformer", frames=243, **options).parameters / 1e6, 2) == millions


def test_counting_leaves_the_network_alone():
    network = build("ktpformer", skeleton=HUMAN36M_17, **SMALL).train()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    measure_size(network)
    assert network.training
    assert next(network.parameters()).device.type == "cpu"
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_cost_grows_with_the_batch_and_with_sampling():
    network = build("d3dp", skeleton=HUMAN36M_17, **SMALL)
    one = count_products(network)
    assert count_products(network, batch=3) == pytest.approx(3 * one, rel=0.01)
    network.hypotheses, network.iterations = 2, 3
    assert count_products(network, "inference") == pytest.approx(2 * 2 * 3 * one, rel=0.05)


def test_a_pass_that_runs_counts_as_one_on_shapes_alone():
    network = build("ktpformer", skeleton=HUMAN36M_17, **{**SMALL, "frames": 81})
    assert count_products(network, "inference") == count_products(network, "training")


class Doubled(nn.Module):
    """Multiplies by 2, and says what this would cost elsewhere."""

    def forward(self, values: Tensor) -> Tensor:
        return 2 * values

    def uncounted_macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[int, int]:
        return inputs[0].numel(), output.numel() + 1


def test_a_module_adds_what_its_layers_do_not_show():
    class Network(Lifter):
        def __init__(self) -> None:
            super().__init__(2, HUMAN36M_17)
            self.layers = nn.Sequential(nn.Linear(2, 3, bias=False), Doubled())

        def forward(self, keypoints: Tensor) -> Tensor:
            return self.layers(keypoints)

    macs = 2 * 17 * 2 * 3
    size = measure_size(Network())
    assert (size.parameters, size.layer_macs, size.product_macs) == (6, macs + 102, macs + 103)


def test_a_pass_of_a_network_that_is_no_lifter():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Upsample(scale_factor=2))
    size = measure_pass(network.train(), torch.full((2, 3, 6, 6), torch.nan))
    values = 2 * 4 * 4 * 4  # of the convolution's output
    assert size.parameters == 4 * (27 + 1) + 2 * 4
    assert size.layer_macs == size.product_macs == 27 * values
    assert size.elementwise == 2 * values + 4 * values
    assert network.training
    assert network[1].num_batches_tracked == 0
