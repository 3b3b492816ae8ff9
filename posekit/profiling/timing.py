"""Speed and memory of networks, beside what the machine can do.

Speed is given as a share of the machine's own matrix-product rate, timed in the same seconds: on a
shared or throttled machine the share is comparable between runs where frames per second are not.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from posekit.datasets import load_dataset
from posekit.errors import InvalidParameter
from posekit.evaluation.optimisation import RELEASED, Optimisation, optimise
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.machine.devices import choose_device
from posekit.machine.provenance import environment
from posekit.machine.random_state import random_state_kept
from posekit.metrics import mpjpe
from posekit.models import MODELS, build
from posekit.models import network as network_class
from posekit.models.lifters import Lifter
from posekit.profiling.counting import Mode, Size, count_products, size_of

Precision = Literal["float32", "bf16"]

MODES = ("inference", "training")
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
MATRIX_SIZE = 4096

SECONDS_PER_SAMPLE = 0.3
"""One timed sample repeats the step for at least this long: timers and schedulers are coarse."""

SECONDS_PER_LATENCY = 0.05
"""The same for ``latency``, which is asked for many networks at once."""


def describe_machine(device: str = "auto") -> dict[str, Any]:
    """Processor, cores, threads, memory, GPU and torch version; no host or user names."""
    place = choose_device(device)
    record = environment(place)
    machine = {key: record[key] for key in ("processor", "system", "cores", "threads")}
    machine["memory_gigabytes"] = round(
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1
    )
    machine["gpu"] = record["device"] if place.type == "cuda" else None
    machine["torch"] = torch.__version__
    return machine


def matrix_product_rate(
    precision: Precision = "float32", device: str = "auto", repetitions: int = 3
) -> float:
    """Best measured rate of a 4096 x 4096 matrix product, in floating-point operations a second."""
    probe = rate_probe(precision, choose_device(device))
    probe()
    return max(probe() for _ in range(repetitions))


@dataclass(frozen=True)
class Measurement:
    """One row of a benchmark.

    Attributes:
        model, frames, batch: what ran, and on how many sequences of how many frames at once.
        mode: "inference" (forward pass) or "training" (forward, backward and AdamW step).
        precision: "float32", or "bf16" for autocast.
        compiled: through ``torch.compile``, or eager.
        device: where it ran.
        frames_per_second: poses that come out per second, median over the samples.
        latency: seconds per pass or step, median.
        share: median share of the machine's matrix-product rate at this precision, counting two
            operations for each multiply-accumulate of all matrix products and three passes for a
            training step; each sample is divided by the rate timed around it.
        peak_rate: that matrix-product rate, median, in floating-point operations a second.
        memory: bytes at the fullest moment of a pass or step: weights, gradients, optimizer state
            and what torch's allocator held for activations. Without the scratch space of the
            mathematics libraries and the interpreter itself.
        mpjpe_change: millimetres by which MPJPE on synthetic motion differs from that of the eager
            float32 network; None in training.
        note: why the row has no figures, else empty.
    """

    model: str
    frames: int
    batch: int
    mode: Mode
    precision: Precision
    compiled: bool
    device: str
    frames_per_second: float | None = None
    latency: float | None = None
    share: float | None = None
    peak_rate: float | None = None
    memory: int | None = None
    mpjpe_change: float | None = None
    note: str = ""


def benchmark(
    model: str | Lifter,
    *,
    batch: int = 1,
    mode: Mode = "inference",
    precision: Precision = "float32",
    compiled: bool = False,
    device: str = "auto",
    samples: int = 5,
    **options: Any,
) -> Measurement:
    """Time a network and compare it with the machine's matrix-product rate.

    Args:
        model: a name that ``posekit.models.build`` knows, or a network (a trained one makes
            ``mpjpe_change`` meaningful); a network is left with other weights by "training".
        batch: sequences per pass.
        mode: "inference" or "training".
        precision: "float32" or "bf16".
        compiled: through ``torch.compile``.
        device: see ``posekit.machine.devices.choose_device``.
        samples: timed samples; medians of them are given.
        options: of the network's constructor (frames, embed_dim, depth...), with a name only.

    Raises:
        InvalidParameter: an unknown model, option, mode, precision or device; or no compiler for
            ``compiled``.
    """
    _check_choices(mode, precision, compiled, choose_device(device))
    bench = _Bench.of(model, options, batch, device, mode)
    step = bench.step(precision, compiled)
    try:
        step()  # compiles, fills caches
    except torch._dynamo.exc.TorchDynamoException as error:
        cause = str(error).strip().splitlines()[0]
        raise InvalidParameter(
            f"{bench.name} does not compile here: {cause}; measure it eager."
        ) from None
    row = bench.measure(step, 3 if mode == "training" else 1, samples, precision)
    if mode == "training":
        return replace(row, compiled=compiled)
    change = 0.0
    if compiled or precision != "float32":
        eager = bench.step("float32", compiled=False)
        change = 1000 * float(mpjpe(step(), bench.pose) - mpjpe(eager(), bench.pose))
    return replace(row, compiled=compiled, mpjpe_change=change)


def benchmark_optimisation(
    model: str | Lifter,
    *,
    batch: int = 1,
    settings: Optimisation = RELEASED,
    device: str = "auto",
    samples: int = 5,
    **options: Any,
) -> Measurement:
    """Time test-time optimisation of a batch of windows, as ``benchmark`` times a pass.

    With N iterations every window costs 2 (N + 1) forward passes and 2 N backward passes to what
    is moved, each counted as one forward pass: of the input as it is and mirrored.

    Args:
        model: a name that ``posekit.models.build`` knows, or a network.
        batch: windows that are optimised together.
        settings: what is optimised, and for how long.
        device: see ``posekit.machine.devices.choose_device``.
        samples: timed samples; medians of them are given.
        options: of the network's constructor, with a name only.

    Raises:
        InvalidParameter: an unknown model, option or device; or a target that the network cannot
            be split for.
    """
    bench = _Bench.of(model, options, batch, device)
    pose = bench.pose
    camera = next(iter(human36m_cameras("S9").values())).to(pose.device)
    root = pose.new_tensor([0.0, 0.0, 4.0]).expand(*pose.shape[:2], 1, 3)

    def step() -> Tensor:
        return optimise(bench.network, bench.keypoints, camera, root, settings).pose

    step()  # fills caches
    row = bench.measure(step, 4 * settings.iterations + 2, samples)
    return replace(row, model=f"{bench.name} and {settings.iterations} iterations")


def latency(
    model: str | Lifter, *, batch: int = 1, device: str = "auto", samples: int = 3, **options: Any
) -> float:
    """Seconds of one forward pass, median over short samples; see ``benchmark`` for more.

    Args:
        model: a name that ``posekit.models.build`` knows, or a network.
        batch, device, samples, options: as in ``benchmark``.
    """
    step = _Bench.of(model, options, batch, device).step("float32", compiled=False)
    step()
    latencies, _ = sample(step, SECONDS_PER_LATENCY, samples)
    return statistics.median(latencies)


@dataclass(frozen=True)
class _Bench:
    """A network and a batch of synthetic motion for it, on the device that is measured."""

    name: str
    network: Lifter
    keypoints: Tensor
    pose: Tensor
    mode: Mode

    @classmethod
    def of(
        cls,
        model: str | Lifter,
        options: Mapping[str, Any],
        batch: int,
        device: str,
        mode: Mode = "inference",
    ) -> _Bench:
        place = choose_device(device)
        network = _network(model, options).to(place).train(mode == "training")
        name = type(model).__name__ if isinstance(model, Lifter) else model
        return cls(name, network, *_synthetic_batch(network, batch, place), mode)

    def step(self, precision: Precision, compiled: bool) -> Callable[[], Tensor]:
        """One forward pass, or one training step; it returns the prediction."""
        network, place = self.network, self.keypoints.device.type
        training = self.mode == "training"
        forward = network.training_forward if training else network
        inputs = (self.keypoints, self.pose) if training else (self.keypoints,)
        if compiled:
            forward = torch.compile(forward)

        def predict() -> Tensor:
            with torch.autocast(place, torch.bfloat16, enabled=precision == "bf16"):
                return forward(*inputs).float()

        if not training:
            return torch.inference_mode()(predict)
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

        def train() -> Tensor:
            prediction = predict()
            mpjpe(prediction, self.pose).backward()
            optimizer.step()
            optimizer.zero_grad()
            return prediction

        return train

    def measure(
        self,
        step: Callable[[], Tensor],
        passes: int,
        samples: int,
        precision: Precision = "float32",
    ) -> Measurement:
        """A warm step, eager, that costs so many forward passes."""
        batch, place = len(self.keypoints), self.keypoints.device
        operations = 2 * passes * count_products(self.network, self.mode, batch)
        latencies, rates = sample(step, SECONDS_PER_SAMPLE, samples, rate_probe(precision, place))
        latency = statistics.median(latencies)
        shares = [
            operations / latency / rate for latency, rate in zip(latencies, rates, strict=True)
        ]
        return Measurement(
            model=self.name,
            frames=self.network.frames,
            batch=batch,
            mode=self.mode,
            precision=precision,
            compiled=False,
            device=place.type,
            frames_per_second=math.prod(self.pose.shape[:2]) / latency,
            latency=latency,
            share=statistics.median(shares),
            peak_rate=statistics.median(rates),
            memory=peak_memory(step, self.network, self.mode),
        )


def _check_choices(mode: Mode, precision: Precision, compiled: bool, place: torch.device) -> None:
    if mode not in MODES:
        raise InvalidParameter(f"unknown mode {mode!r}; choose one of: {', '.join(MODES)}.")
    if precision not in DTYPES:
        raise InvalidParameter(
            f"unknown precision {precision!r}; choose one of: {', '.join(DTYPES)}."
        )
    if compiled and (missing := _missing_compiler(place)):
        raise InvalidParameter(missing)


def _network(model: str | Lifter, options: Mapping[str, Any]) -> Lifter:
    """The network itself, or the one of that name with random weights, the same each time."""
    if isinstance(model, str):
        with random_state_kept(torch.device("cpu")):
            torch.manual_seed(0)
            return build(model, skeleton=HUMAN36M_17, **options)
    if options:
        raise InvalidParameter(
            f"a network that is built already takes no options; drop {', '.join(options)}."
        )
    return model


def lifter_table(
    *, batch: int = 1, device: str = "auto", samples: int = 1
) -> Iterator[tuple[str, Size, Measurement]]:
    """Size and one forward pass of every published lifter, float32 and eager, each as it is done.

    Args:
        batch, device, samples: see ``benchmark``.
    """
    for model in MODELS:
        for name, options in network_class(model).published.items():
            row = benchmark(model, batch=batch, device=device, samples=samples, **options)
            yield name, size_of(model, **options), row


def bench_table(
    model: str,
    *,
    frames: int | None = None,
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    batch: int = 1,
    device: str = "auto",
    samples: int = 5,
) -> Iterator[Measurement]:
    """Rows inference and training x float32 and bf16 x eager and compiled, each as it is done.

    Args:
        model: a name that ``posekit.models.build`` knows.
        frames, width, depth, heads: of the network, where it has them; None for the published
            ones.
        batch, device, samples: see ``benchmark``.

    A row that cannot be measured here (no compiler) has no figures and says why in ``note``.
    """
    sizes = {"frames": frames, "embed_dim": width, "depth": depth, "heads": heads}
    options = {name: size for name, size in sizes.items() if size is not None}
    place = choose_device(device)
    window = frames or build(model, skeleton=HUMAN36M_17).frames
    for compiled, mode, precision in itertools.product((False, True), MODES, DTYPES):
        row = Measurement(model, window, batch, mode, precision, compiled, place.type)
        try:
            yield benchmark(
                model,
                batch=batch,
                mode=mode,
                precision=precision,
                compiled=compiled,
                device=device,
                samples=samples,
                **options,
            )
        except InvalidParameter as error:
            if not compiled:
                raise
            yield replace(row, note=str(error))


def _missing_compiler(place: torch.device) -> str:
    """What keeps ``torch.compile`` from working here, or an empty string."""
    if place.type == "cuda" and importlib.util.find_spec("triton") is None:
        return "not compiled: triton is not installed; pip install triton."
    compilers = (os.environ.get("CXX"), "g++", "clang++", "c++")
    if any(shutil.which(compiler) for compiler in compilers if compiler):
        return ""
    return "not compiled: no C++ compiler on this machine; install g++ or name one in CXX."


def _synthetic_batch(network: Lifter, batch: int, place: torch.device) -> tuple[Tensor, Tensor]:
    """Consecutive frames of synthetic motion: keypoints (B, F, J, C), root-relative pose.

    The pose is that of all frames, or of the middle one, as the network gives it.
    """
    clips = load_dataset("synthetic", "test", size="smoke").clips
    keypoints = torch.cat([clip.keypoints for clip in clips])[..., : network.in_channels]
    pose = torch.cat([clip.pose for clip in clips])
    pose = pose - pose[:, network.skeleton.root, None]
    frames = torch.arange(batch * network.frames) % len(keypoints)
    shape = (batch, network.frames, network.skeleton.joints, -1)
    inputs, target = keypoints[frames].view(shape), pose[frames].view(shape)
    if network.output == "frame":
        target = target[:, network.frames // 2, None]
    return inputs.to(place), target.to(place)


def sample(
    step: Callable[[], Any],
    shortest: float,
    samples: int,
    probe: Callable[[], float] = lambda: math.nan,
) -> tuple[list[float], list[float]]:
    """Of every sample, seconds per step and the rate probed around it.

    A sample repeats the step for at least ``shortest`` seconds.
    """
    probe()
    repeats = max(1, round(shortest / wall_seconds(step)))
    latencies, rates = [], []
    for _ in range(samples):
        before = probe()
        latencies.append(wall_seconds(step, repeats))
        rates.append((before + probe()) / 2)
    return latencies, rates


def rate_probe(precision: Precision, place: torch.device) -> Callable[[], float]:
    """A function that times one matrix product and returns operations per second."""
    draw = torch.Generator(place).manual_seed(0)
    shape = (2, MATRIX_SIZE, MATRIX_SIZE)
    left, right = torch.randn(shape, generator=draw, device=place, dtype=DTYPES[precision])
    out = torch.empty_like(left)
    return lambda: 2 * MATRIX_SIZE**3 / wall_seconds(lambda: torch.mm(left, right, out=out))


def wall_seconds(work: Callable[[], Any], repeats: int = 1) -> float:
    """Wall time of one repeat; on a GPU until its queue is empty."""
    _finish_queue()
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    _finish_queue()
    return (time.perf_counter() - start) / repeats


def _finish_queue() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


@contextmanager
def _quiet_profiler() -> Iterator[None]:
    """Within the block, a profiler writes no lines of its own to the process's output."""
    before = os.environ.get("KINETO_LOG_LEVEL")
    os.environ["KINETO_LOG_LEVEL"] = before or "99"
    try:
        yield
    finally:
        if before is None:
            del os.environ["KINETO_LOG_LEVEL"]


def peak_memory(step: Callable[[], Any], network: nn.Module, mode: Mode) -> int:
    """Bytes that torch holds at the fullest moment of a step."""
    place = next(network.parameters()).device
    if place.type == "cuda":
        torch.cuda.reset_peak_memory_stats(place)
        step()
        return torch.cuda.max_memory_allocated(place)
    with _quiet_profiler(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    events = seen.profiler.kineto_results.events()
    changes = [event for event in events if event.name() == "[memory]"]
    tensors = [*network.parameters(), *network.buffers()]
    copies = 3 if mode == "training" else 1  # AdamW keeps two moments of every weight
    held = most = copies * sum(tensor.nbytes for tensor in tensors)
    for event in sorted(changes, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most
