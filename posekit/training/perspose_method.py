"""PersPose: the network of pictures, by the released losses.

"PersPose: 3D human pose estimation with perspective encoding and perspective rotation", ICCV 2025,
https://github.com/KenAdamsJoseph/PersPose at 1863de7. Pictures of the open benchmark have bodies
and cameras for all, so that the losses of COCO and MPI-INF-3DHP have no part; the weights are those
of the configuration "3dpw". Mirror images are drawn per picture (the release: per batch) and
colours get brighter or darker; the release's other augmentations are left out. Boxes come from the
true body, as in the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.body import JOINTS
from posekit.bodies.inverse_kinematics import fit_body
from posekit.bodies.twists import rest_twists, turned_twists
from posekit.datasets.rendered import BodyImages
from posekit.errors import InvalidParameter, unknown
from posekit.metrics.perspose_losses import (
    CROP_PX,
    RELEASED,
    depth_loss,
    inside,
    keypoint_loss,
    leaf_loss,
    scale_loss,
    shape_loss,
    twist_loss,
)
from posekit.models.dsr import normalised
from posekit.models.perspective_heads import LEAVES, draw_mirrored, metric
from posekit.models.perspose import PersPose, PersPoseConfig
from posekit.models.scaling import Scale
from posekit.training.body_regression import Batch, BodyEstimate, BodyMethod, downscaled
from posekit.training.perspose_views import persons_of, shown, true_view, turned

GAIN = 0.4  # of each colour: 0.6 to 1.4
NARROWEST = {"stem": 16, "features": 128}
LEAST_PLANES = 8  # of the feature head
# Seconds on one CPU core: per picture, parameter and pixel of the crop.
PER_PRODUCT = 2e-12


@dataclass(frozen=True)
class Options:
    """What rows of pictures say.

    Attributes:
        width, modules, blocks, stem, head, features: of the backbone, see ``PersPoseConfig``.
        encoding: whether the network is shown the crop's rays.
        rotation: whether the camera is first turned to the person.
    """

    width: int = 48
    modules: tuple[int, ...] = (1, 4, 3)
    blocks: int = 4
    stem: int = 64
    head: tuple[int, ...] = (32, 64, 128, 256)
    features: int = 2048
    encoding: bool = True
    rotation: bool = True


class PersPoseMethod(BodyMethod):
    """The method; see the module."""

    terms = ("uv", "depth", "scale", "twist", "betas", "leaves", "total")

    def __init__(self, options: Mapping[str, Any], body: BodyModel, crop_px: int) -> None:
        super().__init__(options, body, crop_px)
        self.own = _read(options)

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """Narrower, with fewer modules and blocks, by the scale."""
        for name in options:
            if name not in Options.__dataclass_fields__:
                raise InvalidParameter(
                    unknown("option of perspose", name, Options.__dataclass_fields__)
                )
        own = _read(options)
        if scale.width_divisor > 1:
            divided = {
                name: max(least, getattr(own, name) // scale.width_divisor)
                for name, least in NARROWEST.items()
            }
            head = tuple(max(LEAST_PLANES, planes // scale.width_divisor) for planes in own.head)
            own = replace(own, **divided, width=scale.width(own.width), head=head)
        own = replace(
            own,
            modules=tuple(max(1, scale.blocks(number)) for number in own.modules),
            blocks=max(1, scale.blocks(own.blocks)),
        )
        plain = asdict(own)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Backbone and switches."""
        own = _read(options)
        switches = f"PE {'on' if own.encoding else 'off'}, PR {'on' if own.rotation else 'off'}"
        modules = "-".join(map(str, own.modules))
        return f"HRNet of width {own.width}, modules {modules} of {own.blocks} blocks, {switches}"

    @classmethod
    def label(cls, options: Mapping[str, Any]) -> str:
        """Width and switches."""
        own = _read(options)
        switches = [name for name, on in (("pe", own.encoding), ("pr", own.rotation)) if on]
        return f"w{own.width}-{'-'.join(switches) or 'neither'}"

    def build(self, pictures: int) -> PersPose:
        """The network for crops of the method's size, with random weights."""
        options = {name: value for name, value in vars(self.own).items() if name != "rotation"}
        components = self.body.components
        return PersPose(PersPoseConfig(**options, image_px=self.crop_px, components=components))

    def prepare(
        self, images: BodyImages, device: torch.device, *, training: bool
    ) -> dict[str, Tensor]:
        """Crops and their cameras; for training all that the losses compare with."""
        view = true_view(images, rotated=self.own.rotation)
        pictures = images.images_rotated if self.own.rotation else images.images
        found = {
            "index": torch.arange(len(images)),
            "picture": torch.from_numpy(pictures),
            "intrinsics": view.intrinsics,
            "rotation": view.rotation,
        }
        if training:
            persons = persons_of(images, self.body.cpu())
            depths = turned(persons.joints, view.rotation)[..., 2:]
            turns = view.rotation[:, None] @ persons.global_rotations
            rotations = torch.from_numpy(images.rotations)
            found |= {
                "uv": shown(persons, images, view),
                "depth": depths - depths[:, :1],
                "scale": depths[:, :1] / view.intrinsics[:, :1, :1],
                "twist": turned_twists(rest_twists(persons.rest), turns),
                "betas": torch.from_numpy(images.betas),
                "leaves": rotations[:, LEAVES],
                "heights": persons.heights,
            }
        self.body.to(device)
        return {name: value.to(device) for name, value in found.items()}

    def losses(self, network: PersPose, batch: Batch, step: int) -> dict[str, Tensor]:
        """The released losses; what the mirrored pass finds is mirrored back before."""
        pictures = batch["picture"]
        gain = torch.empty(len(pictures), 1, 1, 3, device=pictures.device)
        crops = normalised((pictures * gain.uniform_(1 - GAIN, 1 + GAIN)).clamp(0, 255))
        known = torch.ones(len(crops), dtype=torch.bool, device=crops.device)
        found = network(crops, batch["intrinsics"], known, draw_mirrored(len(crops)))
        ratio, heights = self.crop_px / CROP_PX, batch["heights"]
        seen, every = inside(batch["uv"], self.crop_px), torch.ones_like(heights)
        terms = {
            "uv": keypoint_loss(found.uv / ratio, batch["uv"] / ratio, seen),
            "depth": depth_loss(found.depth, batch["depth"], heights, seen),
            "scale": scale_loss(found.rho * ratio, batch["scale"] * ratio, heights, every[:, None]),
            "twist": twist_loss(found.twist, batch["twist"], every),
            "betas": shape_loss(found.betas, batch["betas"], every),
            "leaves": leaf_loss(found.leaf_rotations, batch["leaves"], every),
        }
        return RELEASED["3dpw"].total(terms)

    def predict(self, network: PersPose, batch: Batch) -> BodyEstimate:
        """Bodies with the joints and twists of the plain and mirrored passes, turned back."""
        crops, intrinsics = normalised(batch["picture"]), batch["intrinsics"]
        known = torch.ones(len(crops), dtype=torch.bool, device=crops.device)
        found = network.predict_mean(crops, intrinsics, known)
        fit = fit_body(
            self.body,
            metric(found, intrinsics)[:, :JOINTS],
            found.twist[:, 1:JOINTS],
            found.leaf_rotations,
            found.betas,
        )
        back = batch["rotation"].mT
        rotations, translation = self.body.turned(back, fit.rotations, fit.betas, fit.translation)
        return BodyEstimate(rotations, fit.betas, translation)

    def seconds(self, pictures: int) -> float:
        """By the network's size."""
        with torch.device("meta"):
            weights = sum(parameter.numel() for parameter in self.build(1).parameters())
        return pictures * weights * self.crop_px**2 * PER_PRODUCT

    def plain_input(self, images: BodyImages) -> np.ndarray:
        """The crops that the network sees, downscaled."""
        return downscaled(images.images_rotated if self.own.rotation else images.images)

    def plain_options(self) -> dict[str, Any]:
        """Which crops those are."""
        return {"rotation": self.own.rotation}

    def axes(self, images: BodyImages) -> Tensor:
        """Those of the crops."""
        return true_view(images, rotated=self.own.rotation).rotation

    def example(self, device: torch.device) -> tuple[Tensor, ...]:
        """A normalised crop and its camera."""
        crop = torch.zeros(1, 3, self.crop_px, self.crop_px, device=device)
        known = torch.ones(1, dtype=torch.bool, device=device)
        return crop, torch.eye(3, device=device)[None], known


def _read(options: Mapping[str, Any]) -> Options:
    """Options of plain values, whose sequences are lists."""
    return Options(**{n: tuple(v) if isinstance(v, list) else v for n, v in options.items()})


METHOD = PersPoseMethod
