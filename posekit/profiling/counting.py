"""What a network weighs and what one pass costs, counted and not timed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from posekit.geometry.skeletons import HUMAN36M_17, Skeleton
from posekit.models import build
from posekit.models.lifters import Lifter

Mode = Literal["inference", "training"]


@dataclass(frozen=True)
class Size:
    """What a network weighs and what one forward pass of one sequence costs.

    Attributes:
        parameters: learned values.
        layer_macs: multiply-accumulates of linear and convolution layers only, the count that
            papers usually print.
        product_macs: multiply-accumulates of all matrix products, with those of attention and of
            graph convolutions.
    """

    parameters: int
    layer_macs: int
    product_macs: int


@dataclass(frozen=True)
class PassSize(Size):
    """What a convolutional network weighs and what one forward pass costs.

    Attributes:
        elementwise: two for each value that a batch normalisation scales and shifts, one for each
            that is upsampled. Some counters of convolutional networks add them to the products.
    """

    elementwise: int


_PER_VALUE = {nn.BatchNorm2d: 2, nn.Upsample: 1}


def size_of(model: str, *, skeleton: Skeleton = HUMAN36M_17, **options: Any) -> Size:
    """``measure_size`` of a model by name, on the meta device: no memory, whatever its size."""
    with torch.device("meta"):
        return measure_size(build(model, skeleton=skeleton, **options))


def measure_size(network: Lifter) -> Size:
    """Count parameters and the multiply-accumulates of one pass over one sequence.

    The pass is ``training_forward``: for a diffusion lifter, one denoising of one hypothesis, as
    its papers count. A module whose cost its layers do not show defines ``uncounted_macs``: layers
    that run as one product, or products with a diagonal matrix, which posekit computes elementwise
    and the releases as dense ones.
    """
    layers, products = _count_macs(network, "training", batch=1)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Size(parameters, layers, products)


def count_products(network: Lifter, mode: Mode = "training", batch: int = 1) -> int:
    """Multiply-accumulates of all matrix products of one forward pass over a batch."""
    return _count_macs(network, mode, batch)[1]


def measure_pass(network: nn.Module, *inputs: Tensor) -> PassSize:
    """What a network that is no lifter weighs and what ``network(*inputs)`` costs.

    Counted from shapes alone, in evaluation mode; the values of the inputs are not looked at.
    """
    inputs = tuple(value.to("meta") for value in inputs)
    elementwise = 0

    def count(module: nn.Module, _inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal elementwise
        elementwise += output.numel() * _PER_VALUE[type(module)]

    def run(copied: nn.Module) -> None:
        for module in copied.modules():
            if type(module) in _PER_VALUE:
                module.register_forward_hook(count)
        copied(*inputs)

    layers, products = _count(network, torch.device("meta"), run)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return PassSize(parameters, layers, products, elementwise)


def _count_macs(network: Lifter, mode: Mode, batch: int) -> tuple[int, int]:
    """MACs of linear and convolution layers and of all products.

    A training pass is counted from shapes alone. An inference pass runs: sampling of a diffusion
    lifter draws noise, which the meta device cannot.
    """
    place = torch.device("meta") if mode == "training" else next(network.parameters()).device
    shape = (batch, network.frames, network.skeleton.joints)
    keypoints = torch.zeros(*shape, network.in_channels, device=place)

    def run(copied: Lifter) -> None:
        if mode == "training":
            copied.training_forward(keypoints, torch.zeros(*shape, 3, device=place))
        else:
            copied(keypoints)

    return _count(network, place, run)


def _count(network: nn.Module, place: torch.device, run: Callable[[Any], Any]) -> tuple[int, int]:
    """The same of what ``run`` does with a copy of the network at a place."""
    # Without gradients: the counter cannot follow a view of a parameter that wants one.
    network = copy.deepcopy(network).to(place).eval().requires_grad_(False)
    layers = uncounted_products = 0

    def count(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        nonlocal layers, uncounted_products
        layer_macs, product_macs = _macs(module, inputs, output)
        layers += layer_macs
        uncounted_products += product_macs

    for module in network.modules():
        module.register_forward_hook(count)
    # The counter knows plain products, not every fused attention kernel.
    plain_attention = sdpa_kernel(SDPBackend.MATH)
    with torch.no_grad(), plain_attention, FlopCounterMode(display=False) as counter:
        run(network)
    return layers, counter.get_total_flops() // 2 + uncounted_products


def _macs(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> tuple[int, int]:
    """MACs of a module as a layer, and of its products that the counter of products misses."""
    if hasattr(module, "uncounted_macs"):
        return module.uncounted_macs(inputs, output)
    if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
        return output.numel() * module.weight[0].numel(), 0
    return 0, 0
