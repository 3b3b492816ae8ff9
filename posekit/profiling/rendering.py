"""Speed of the soft renderer, beside one matrix product of the machine.

The peer is SoftRas, which renders one texture a pass: labels of eight classes need eight passes.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.bodies import FACING_CAMERA, open_body
from posekit.bodies.rendering import count_pairs, soft
from posekit.errors import check_count
from posekit.geometry.rotations import axis_angle_to_matrix
from posekit.machine.devices import choose_device
from posekit.profiling import timing

SIZE, CHANNELS = 64, 8
FOCAL_PX, DEPTH = 110.0, 4.0  # a standing body covers 13 % of the picture
SIGMA_PX, GAMMA = 0.25, 1e-2


@dataclass(frozen=True)
class RendererSpeed:
    """One way to render all channels forward and backward; medians over the samples.

    Attributes:
        channels: in one pass.
        passes: for all channels.
        forward, backward: seconds for all passes.
        products: forward and backward together in products of two 4096 x 4096 float32 matrices,
            each sample over those timed just before and after it.
        pairs: of a triangle and a pixel near enough to matter.
        pairs_per_second: with all their channels, forward and backward.
    """

    channels: int
    passes: int
    forward: float
    backward: float
    products: float
    pairs: int
    pairs_per_second: float


def benchmark_renderer(
    *, batch: int = 16, device: str = "auto", samples: int = 5
) -> list[RendererSpeed]:
    """Time standing bodies of 2,454 faces at 64 px with 8 channels: in one pass, and one by one.

    Both ways and the matrix products take turns, so that a busy machine slows all of them.

    Args:
        batch: bodies.
        device: see ``posekit.machine.devices.choose_device``.
        samples: timed samples of each way.

    Raises:
        InvalidParameter: an unknown device, or no number of bodies or samples.
    """
    check_count("batch", batch)
    check_count("samples", samples)
    place = choose_device(device)
    scene = _Scene(batch, place)
    probe = timing.rate_probe("float32", place)
    operations = 2 * timing.MATRIX_SIZE**3
    times: dict[int, list[tuple[float, float, float]]] = {CHANNELS: [], 1: []}
    for channels in times:
        scene.time(channels)
    product = operations / probe()
    for _ in range(samples):
        for channels, taken in times.items():
            forward, backward = scene.time(channels)
            before, product = product, operations / probe()
            taken.append((forward, backward, 2 * (forward + backward) / (before + product)))
    return [scene.row(channels, taken) for channels, taken in times.items()]


class _Scene:
    """Bodies turned by even steps about the vertical, with drawn shapes and attributes."""

    def __init__(self, batch: int, place: torch.device) -> None:
        body = open_body().to(place)
        draw = torch.Generator().manual_seed(0)
        turns = torch.zeros(batch, 3)
        turns[:, 1] = torch.arange(batch) * (2 * torch.pi / batch)
        rotations = torch.eye(3).repeat(batch, 24, 1, 1)
        rotations[:, 0] = FACING_CAMERA @ axis_angle_to_matrix(turns)
        betas = torch.randn(batch, body.components, generator=draw)
        translation = torch.tensor([0.0, 0.0, DEPTH]).repeat(batch, 1)
        with torch.no_grad():
            posed = body(rotations.to(place), betas.to(place), translation.to(place))
        self.vertices, self.faces = posed.vertices.requires_grad_(), body.faces
        half = SIZE / 2
        camera = torch.tensor([[FOCAL_PX, 0, half], [0, FOCAL_PX, half], [0, 0, 1]])
        self.intrinsics = camera.repeat(batch, 1, 1).to(place)
        self.attributes = torch.rand(len(self.faces), CHANNELS, generator=draw).to(place)
        self.pairs = count_pairs(
            self.vertices, self.faces, self.intrinsics, SIZE, sigma_px=SIGMA_PX
        )

    def time(self, channels: int) -> tuple[float, float]:
        """Seconds forward and backward for all channels, some in each pass."""
        passes = [self._time(part) for part in self.attributes.split(channels, dim=1)]
        forward, backward = map(sum, zip(*passes, strict=True))
        return forward, backward

    def row(self, channels: int, taken: list[tuple[float, float, float]]) -> RendererSpeed:
        """The medians of samples."""
        forward, backward, products = map(statistics.median, zip(*taken, strict=True))
        together = statistics.median(sample[0] + sample[1] for sample in taken)
        passes, rate = CHANNELS // channels, self.pairs / together
        return RendererSpeed(channels, passes, forward, backward, products, self.pairs, rate)

    def _time(self, attributes: Tensor) -> tuple[float, float]:
        sums: list[Tensor] = []
        forward = timing.wall_seconds(lambda: sums.append(self._sum(attributes)))
        return forward, timing.wall_seconds(sums[0].backward)

    def _sum(self, attributes: Tensor) -> Tensor:
        self.vertices.grad = None
        rendered = soft(
            self.vertices,
            self.faces,
            self.intrinsics,
            SIZE,
            attributes,
            sigma_px=SIGMA_PX,
            gamma=GAMMA,
        )
        return rendered.image.sum() + rendered.silhouette.sum()
