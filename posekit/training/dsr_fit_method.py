"""DSR's losses without its network: bodies fitted to pictures one by one.

A sanity experiment (ours): every mechanism of the semantic losses shows in seconds on a CPU. The
fit is told where 24 joints are, in the picture and in metres, both with noise; labels, rendered
bodies and weights are as in ``dsr_method``, but the camera is the true one of the crop. How far
bodies may leave the mean shape is held by a prior on betas, since keypoints tell little of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posekit.bodies import BodyModel
from posekit.datasets.rendered import BodyImages
from posekit.errors import InvalidParameter
from posekit.geometry.perspective import project
from posekit.geometry.rotations import (
    matrix_to_rotation_6d,
    nearest_rotation,
    rotation_6d_to_matrix,
)
from posekit.geometry.weak_perspective import fit_translation
from posekit.metrics.semantic_losses import Weights
from posekit.models.scaling import Scale
from posekit.training.body_regression import Batch, BodyEstimate, BodyMethod
from posekit.training.dsr_method import POSED, RENDERED, targets_of
from posekit.training.dsr_options import (
    Terms,
    render_channels,
    semantic_targets,
    semantic_terms,
    split_options,
)

JOINTS, BETAS = 24, 10
TORSO = (0, 1, 2, 3, 6, 9, 12, 16, 17)
"""Pelvis, hips, spine, neck and shoulders: what tells how a body is turned."""


@dataclass(frozen=True)
class Fit:
    """What a fit is told, and how it is held.

    Attributes:
        noise_px: deviation of keypoints in pixels of a crop of 64 (others in proportion).
        noise_m: deviation of joints in metres.
        shape_prior: weight of the mean square of betas.
        pose_prior: weight of the mean square of what rotations, the root's aside, differ from the
            rest pose by; it settles what joints leave open, turns of limbs about themselves.
    """

    noise_px: float = 0.25
    noise_m: float = 0.01
    shape_prior: float = 3e-4
    pose_prior: float = 1e-3


class FittedBodies(nn.Module):
    """The bodies of N pictures, each with its own pose, shape and place.

    Attributes:
        pose: (N, 24, 6), see ``rotation_6d_to_matrix``.
        betas: (N, 10).
        translation: (N, 3) metres.
        noise_2d, noise_3d: (N, 24, 2), (N, 24, 3) standard normal, drawn with the seed.
        placed: whether bodies have left the rest pose, one value.
    """

    def __init__(self, pictures: int) -> None:
        super().__init__()
        upright = matrix_to_rotation_6d(torch.eye(3)).expand(pictures, JOINTS, 6)
        self.pose = nn.Parameter(upright.clone())
        self.betas = nn.Parameter(torch.zeros(pictures, BETAS))
        self.translation = nn.Parameter(torch.zeros(pictures, 3))
        self.register_buffer("noise_2d", torch.randn(pictures, JOINTS, 2))
        self.register_buffer("noise_3d", torch.randn(pictures, JOINTS, 3))
        self.register_buffer("placed", torch.zeros(()))

    def forward(self, index: Tensor) -> BodyEstimate:
        """The bodies of the pictures ``index`` (B,)."""
        rotations = rotation_6d_to_matrix(self.pose[index])
        return BodyEstimate(rotations, self.betas[index], self.translation[index])

    @torch.no_grad()
    def place(self, rotation: Tensor, translation: Tensor) -> None:
        """Turn (N, 3, 3) and move (N, 3) all bodies to where a fit begins."""
        self.pose[:, 0] = matrix_to_rotation_6d(rotation)
        self.translation.copy_(translation)
        self.placed.fill_(1.0)


class DSRFit(BodyMethod):
    """The fit; see the module."""

    terms = ("keypoints", "joints", "priors", "minimal", "clothed", "total")
    fits = True

    def __init__(self, options: Mapping[str, Any], body: BodyModel, crop_px: int) -> None:
        super().__init__(options, body, crop_px)
        rest, self.semantics = split_options(options, Fit, "dsr_fit")
        self.fit = Fit(**rest)
        self.prior = torch.empty(0)

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """The same at every scale."""
        rest, semantics = split_options(options, Fit, "dsr_fit")
        fit = Fit(**rest)
        for name, value in asdict(fit).items():
            if value < 0:
                raise InvalidParameter(f"{name} is {value}; choose 0 or more.")
        return {**asdict(fit), **asdict(semantics)}

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Semantic terms and noise."""
        rest, semantics = split_options(options, Fit, "dsr_fit")
        noise = f"keypoints with {rest['noise_px']:g} px and {1000 * rest['noise_m']:g} mm of noise"
        return f"no network, {semantics.words}, {noise}"

    @classmethod
    def label(cls, options: Mapping[str, Any]) -> str:
        """Semantic terms."""
        return split_options(options, Fit, "dsr_fit")[1].short

    def build(self, pictures: int) -> FittedBodies:
        """Bodies at rest, and the noise of what they are told."""
        return FittedBodies(pictures)

    def prepare(
        self, images: BodyImages, device: torch.device, *, training: bool
    ) -> dict[str, Tensor]:
        """True joints in the picture and in metres, cameras, semantic targets."""
        found = {"index": torch.arange(len(images))}
        if training:
            intrinsics = torch.from_numpy(images.crop_intrinsics)
            parts = (images.rotations, images.betas, images.translation)
            with torch.no_grad():
                joints = self.body(*(torch.from_numpy(part) for part in parts)).joints
            pixels = project(joints, intrinsics)
            found |= {"intrinsics": intrinsics, "joints": joints, "pixels": pixels}
            if not self.semantics.none:
                self.prior = torch.from_numpy(images.prior)
                targets = semantic_targets(images, self.semantics, pixels)
                found |= {f"semantic {name}": value for name, value in targets._asdict().items()}
        self.body.to(device)
        return {name: value.to(device) for name, value in found.items()}

    def losses(self, network: FittedBodies, batch: Batch, step: int) -> dict[str, Tensor]:
        """The released terms of bodies by their noisy joints and by their pictures."""
        index, fit = batch["index"], self.fit
        pixels = batch["pixels"] + network.noise_2d[index] * fit.noise_px * self.crop_px / 64
        joints = batch["joints"] + network.noise_3d[index] * fit.noise_m
        joints = joints - joints[:, :1]
        if not network.placed:
            self._place(network, batch, index, joints, pixels)
        found = network(index)
        posed = self.body(*found[:3])
        seen = project(posed.joints, batch["intrinsics"])
        here = posed.joints - posed.joints[:, :1]
        bent = found.rotations[:, 1:] - torch.eye(3, device=index.device)
        terms = {
            "keypoints": ((seen - pixels) / (self.crop_px / 2)).square().mean(),
            "joints": (here - joints).square().mean(),
            **self._semantic(posed.vertices, posed.joints[:, 0, 2], batch)._asdict(),
        }
        weighted = Weights().total(terms)
        priors = (
            fit.shape_prior * found.betas.square().mean() + fit.pose_prior * bent.square().mean()
        )
        total = weighted["total"] + Weights().overall * priors
        # Pictures do not share their bodies: each gets the gradient that it would have alone.
        return {**weighted, "priors": priors, "total": total * len(index)}

    def _semantic(self, vertices: Tensor, depth: Tensor, batch: Batch) -> Terms:
        if self.semantics.none:
            return Terms(vertices.new_zeros(()), vertices.new_zeros(()))
        targets = targets_of(batch)
        rendered = render_channels(
            self.body,
            vertices,
            depth,
            batch["intrinsics"],
            targets,
            self.prior.to(vertices),
            self.semantics,
        )
        return semantic_terms(rendered, targets, self.semantics)

    @torch.no_grad()
    def _place(
        self, network: FittedBodies, batch: Batch, index: Tensor, joints: Tensor, pixels: Tensor
    ) -> None:
        """Turn bodies as their torsos lie and move them to where their joints are seen."""
        assert bool((index.sort().values == torch.arange(len(network.betas)).to(index)).all())
        order = index.argsort()
        joints, pixels, intrinsics = joints[order], pixels[order], batch["intrinsics"][order]
        rest = self.body.rest(network.betas).joints
        torso = list(TORSO)
        rotation = nearest_rotation(rest[:, torso] - rest[:, :1], joints[:, torso])
        pelvis = place_of(joints, pixels, intrinsics)
        network.place(rotation, pelvis - rest[:, 0])

    def predict(self, network: FittedBodies, batch: Batch) -> BodyEstimate:
        """The bodies as they were fitted."""
        return network(batch["index"])

    def seconds(self, pictures: int) -> float:
        """Bodies and, for a semantic term, renderings."""
        rendered = 0.0 if self.semantics.none else RENDERED * (self.crop_px / 64)
        return pictures * (POSED + rendered)


def place_of(joints: Tensor, pixels: Tensor, intrinsics: Tensor) -> Tensor:
    """Where joints (B, N, 3) have to be moved (B, 3) to be seen at pixels (B, N, 2)."""
    lengths, centre = intrinsics.diagonal(dim1=1, dim2=2)[:, None, :2], intrinsics[:, None, :2, 2]
    ones = torch.ones_like(joints[..., 0])
    return fit_translation(joints, (pixels - centre) / lengths, ones, focal=1.0)


METHOD = DSRFit
