"""Speed and memory of networks that find bodies in pictures, at their published sizes."""

from __future__ import annotations

import pkgutil
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import posekit.training
from posekit.bodies import open_body
from posekit.errors import InvalidParameter, check_count, unknown
from posekit.machine.devices import choose_device
from posekit.machine.random_state import random_state_kept
from posekit.profiling import timing
from posekit.profiling.counting import PassSize, measure_pass
from posekit.training.body_regression import BodyMethod, method

_METHOD = "_method"  # how the modules of methods are named


@dataclass(frozen=True)
class PictureSpeed:
    """Forward passes of one network at one precision, eager; medians over the samples.

    Attributes:
        model: name of the method.
        crop_px: side of the crops.
        batch: crops per pass.
        precision: "float32", or "bf16" for autocast.
        size: parameters and multiply-accumulates, of one crop.
        latency: seconds per pass.
        share: of the machine's matrix-product rate at this precision, each sample over that timed
            around it; two operations for each multiply-accumulate.
        memory: bytes at the fullest moment of a pass, as in ``timing.Measurement``.
    """

    model: str
    crop_px: int
    batch: int
    precision: timing.Precision
    size: PassSize
    latency: float
    share: float
    memory: int

    @property
    def pictures_per_second(self) -> float:
        """Crops that are looked at in a second."""
        return self.batch / self.latency


def picture_methods() -> tuple[str, ...]:
    """Names of the methods that have a network which sees pictures."""
    names = sorted(
        module.name.removesuffix(_METHOD)
        for module in pkgutil.iter_modules(posekit.training.__path__)
        if module.name.endswith(_METHOD)
    )
    return tuple(name for name in names if _sees_pictures(method(name)))


def benchmark_pictures(
    model: str, *, batch: int = 1, device: str = "auto", samples: int = 5
) -> Iterator[PictureSpeed]:
    """One row for each precision, each as it is done; weights are random, the same each time.

    Args:
        model: one of ``picture_methods``.
        batch: crops per pass.
        device: see ``posekit.machine.devices.choose_device``.
        samples: timed samples.

    Raises:
        InvalidParameter: an unknown method or device, or no number of crops or samples.
    """
    check_count("batch", batch)
    check_count("samples", samples)
    if model not in picture_methods():
        raise InvalidParameter(unknown("network", model, picture_methods()))
    of_network, place = method(model), choose_device(device)
    chosen = of_network({}, open_body(), of_network.published_px)
    with random_state_kept(torch.device("cpu")):
        torch.manual_seed(0)
        network = chosen.build(1).to(place).eval()
    example = chosen.example(place)
    size = measure_pass(network, *example)
    crops = tuple(value.expand(batch, *value.shape[1:]) for value in example)
    for precision in timing.DTYPES:
        step = _pass(network, crops, precision)
        step()  # fills caches
        probe = timing.rate_probe(precision, place)
        latencies, rates = timing.sample(step, timing.SECONDS_PER_SAMPLE, samples, probe)
        operations = 2 * batch * size.product_macs
        yield PictureSpeed(
            model=model,
            crop_px=chosen.crop_px,
            batch=batch,
            precision=precision,
            size=size,
            latency=statistics.median(latencies),
            share=statistics.median(
                operations / latency / rate for latency, rate in zip(latencies, rates, strict=True)
            ),
            memory=timing.peak_memory(step, network, "inference"),
        )


def _sees_pictures(of_network: type[BodyMethod]) -> bool:
    return of_network.reads_pictures and not of_network.fits


def _pass(
    network: nn.Module, crops: tuple[Tensor, ...], precision: timing.Precision
) -> Callable[[], Any]:
    """One forward pass."""
    place = crops[0].device.type

    def look() -> Any:
        with torch.autocast(place, torch.bfloat16, enabled=precision == "bf16"):
            return network(*crops)

    return torch.inference_mode()(look)
