"""DSR: a regressor of bodies that is trained by keypoints, few body labels and clothing labels.

Dwivedi et al., ICCV 2021, https://github.com/saidwivedi/DSR at 7d55d17, whose losses and weights
these are. What is known of a training picture here: 2D keypoints and 3D joints of all, pose and
shape of the ``labelled`` share whose shapes are nearest to the mean, and a parsed label map. Mirror
images and the gain of colours are drawn as released; crops are neither turned nor scaled (ours).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.body_joints import lsp_14
from posekit.bodies.mirroring import mirrored_rotations
from posekit.bodies.semantic_labels import Targets, mirrored_targets
from posekit.datasets.rendered import BodyImages
from posekit.geometry import perspective
from posekit.geometry.skeletons import LSP_14, mirror_points
from posekit.geometry.weak_perspective import (
    FOCAL_PX,
    camera_translation,
    crop_intrinsics,
    project,
)
from posekit.metrics.semantic_losses import (
    Weights,
    joint_loss,
    keypoint_loss,
    parameter_loss,
    scale_loss,
)
from posekit.models.dsr import DSR, BodyPrediction, DSRConfig, normalised
from posekit.models.resnet import ResNetName
from posekit.models.scaling import Scale
from posekit.training.body_regression import Batch, BodyEstimate, BodyMethod
from posekit.training.dsr_options import (
    Terms,
    render_channels,
    semantic_targets,
    semantic_terms,
    split_options,
)

GAIN = 0.4  # of each colour: 0.6 to 1.4
NARROWEST_HEAD = 128
# Seconds on one CPU core: a body posed, and rendered with gradients (2,454 faces, 64 px); and per
# parameter of the backbone and pixel.
POSED, RENDERED, PER_PRODUCT = 5e-4, 6e-3, 1.5e-11


@dataclass(frozen=True)
class Network:
    """Options of the regressor besides its semantic terms.

    Attributes:
        backbone, width, hidden, iterations, dropout: see ``posekit.models.dsr.DSRConfig``.
        labelled: share of the training pictures whose pose and shape are known, those with the
            most ordinary shapes.
    """

    backbone: ResNetName = "resnet50"
    width: int = 64
    hidden: int = 1024
    iterations: int = 3
    dropout: float = 0.5
    labelled: float = 0.2


class DSRMethod(BodyMethod):
    """The network; see the module."""

    terms = ("keypoints", "joints", "pose", "betas", "camera", "minimal", "clothed", "total")
    published_px = 224

    def __init__(self, options: Mapping[str, Any], body: BodyModel, crop_px: int) -> None:
        super().__init__(options, body, crop_px)
        rest, self.semantics = split_options(options, Network, "dsr")
        self.network_options = Network(**rest)
        self.prior = torch.empty(0)
        # The published camera at another size of the crop: the same field of view.
        self.focal = FOCAL_PX * crop_px / self.published_px

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """Width of backbone and head by the scale, and a ResNet-18 where there is any."""
        rest, semantics = split_options(options, Network, "dsr")
        network = Network(**rest)
        if scale.width_divisor > 1:
            hidden = max(NARROWEST_HEAD, network.hidden // scale.width_divisor)
            width = scale.width(network.width)
            network = replace(network, backbone="resnet18", width=width, hidden=hidden)
        return {**asdict(network), **asdict(semantics)}

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Backbone, width and semantic terms."""
        rest, semantics = split_options(options, Network, "dsr")
        return f"{rest['backbone']} of width {rest['width']}, {semantics.words}"

    @classmethod
    def label(cls, options: Mapping[str, Any]) -> str:
        """Backbone and semantic terms."""
        rest, semantics = split_options(options, Network, "dsr")
        return f"{rest['backbone']}-w{rest['width']}-{semantics.short}"

    def build(self, pictures: int) -> DSR:
        """The regressor for crops of the method's size."""
        names = ("backbone", "width", "hidden", "iterations", "dropout")
        named = {name: getattr(self.network_options, name) for name in names}
        return DSR(DSRConfig(**named, crop_px=self.crop_px))

    def prepare(
        self, images: BodyImages, device: torch.device, *, training: bool
    ) -> dict[str, Tensor]:
        """Pictures, and in training their keypoints, joints, bodies and semantic targets."""
        found = {
            "index": torch.arange(len(images)),
            "picture": torch.from_numpy(images.images),
            "intrinsics": torch.from_numpy(images.intrinsics),
            "crop_affine": torch.from_numpy(images.crop_affine),
        }
        if training:
            found |= self._targets(images)
        self.body.to(device)
        return {name: value.to(device) for name, value in found.items()}

    def _targets(self, images: BodyImages) -> dict[str, Tensor]:
        betas = torch.from_numpy(images.betas)
        joints, pixels = true_joints(self.body, images)
        ones = torch.ones_like(joints[..., :1])
        shape = betas.square().sum(1)
        least = shape.sort().values[max(0, round(self.network_options.labelled * len(betas)) - 1)]
        found = {
            "keypoints": torch.cat([pixels / (self.crop_px / 2) - 1, ones], dim=-1),
            "joints": torch.cat([joints, ones], dim=-1),
            "rotations": torch.from_numpy(images.rotations),
            "betas": betas,
            "labelled": shape <= least,
        }
        if not self.semantics.none:
            self.prior = torch.from_numpy(images.prior)
            targets = semantic_targets(images, self.semantics, pixels)
            found |= {f"semantic {name}": value for name, value in targets._asdict().items()}
        return found

    def losses(self, network: DSR, batch: Batch, step: int) -> dict[str, Tensor]:
        """The released terms and weights, of pictures half of which are mirrored."""
        batch = self._augmented(batch)
        found = network(batch["picture"])
        translation = camera_translation(found.camera, self.crop_px, self.focal)
        posed = self.body(found.rotations, found.betas)
        joints = lsp_14(self.body, posed)
        seen = project(joints, translation, self.focal) / (self.crop_px / 2)
        everyone, labelled = torch.ones_like(batch["labelled"]), batch["labelled"]
        terms = {
            "keypoints": keypoint_loss(seen, batch["keypoints"]),
            "joints": joint_loss(joints, batch["joints"], everyone),
            "pose": parameter_loss(found.rotations, batch["rotations"], labelled),
            "betas": parameter_loss(found.betas, batch["betas"], labelled),
            "camera": scale_loss(found.camera),
            **self._semantic(posed.vertices, translation, batch)._asdict(),
        }
        return Weights().total(terms)

    def _semantic(self, vertices: Tensor, translation: Tensor, batch: Batch) -> Terms:
        if self.semantics.none:
            return Terms(vertices.new_zeros(()), vertices.new_zeros(()))
        targets = targets_of(batch)
        intrinsics = crop_intrinsics(self.crop_px, self.focal).to(vertices)
        rendered = render_channels(
            self.body,
            vertices + translation[:, None],
            translation[:, 2],
            intrinsics.expand(len(vertices), -1, -1),
            targets,
            self.prior.to(vertices),
            self.semantics,
        )
        return semantic_terms(rendered, targets, self.semantics)

    def _augmented(self, batch: Batch) -> dict[str, Tensor]:
        """Each picture as it is or in a mirror, by chance, with colours brighter or darker."""
        pictures = normalised(self._gained(batch["picture"]))
        mirrored = torch.rand(len(pictures), device=pictures.device) < 0.5
        other = {
            "picture": pictures.flip(-1),
            "keypoints": mirror_points(batch["keypoints"], LSP_14),
            "joints": mirror_points(batch["joints"], LSP_14),
            "rotations": mirrored_rotations(batch["rotations"]),
        }
        if not self.semantics.none:
            exchange = self.semantics.exchange_labels
            targets = mirrored_targets(targets_of(batch), exchange=exchange)
            other |= {f"semantic {name}": value for name, value in targets._asdict().items()}
        plain = {**batch, "picture": pictures}
        return {
            name: torch.where(_over(mirrored, value), other[name], value)
            if name in other
            else value
            for name, value in plain.items()
        }

    def _gained(self, pictures: Tensor) -> Tensor:
        gain = torch.empty(len(pictures), 1, 1, 3, device=pictures.device)
        return (pictures * gain.uniform_(1 - GAIN, 1 + GAIN)).clamp(0, 255)

    def predict(self, network: DSR, batch: Batch) -> BodyEstimate:
        """Bodies, moved from the crop's camera to where the full picture's sees them so large."""
        found: BodyPrediction = network(normalised(batch["picture"]))
        crop = camera_translation(found.camera, self.crop_px, self.focal)
        return BodyEstimate(
            found.rotations,
            found.betas,
            in_full_picture(
                crop, self.focal, self.crop_px, batch["intrinsics"], batch["crop_affine"]
            ),
        )

    def seconds(self, pictures: int) -> float:
        """Network, bodies and, for a semantic term, renderings."""
        with torch.device("meta"):
            weights = sum(parameter.numel() for parameter in self.build(1).backbone.parameters())
        network = 3 * PER_PRODUCT * weights * (self.crop_px / 8) ** 2
        rendered = 0.0 if self.semantics.none else RENDERED * (self.crop_px / 64)
        return pictures * (network + POSED + rendered)

    def example(self, device: torch.device) -> tuple[Tensor, ...]:
        """A normalised crop."""
        return (torch.zeros(1, 3, self.crop_px, self.crop_px, device=device),)


def true_joints(body: BodyModel, images: BodyImages) -> tuple[Tensor, Tensor]:
    """14 joints of the naked bodies: (N, 14, 3) before the full picture's camera, metres, and
    (N, 14, 2) in pixels of the plain crop."""
    parts = (images.rotations, images.betas, images.translation)
    with torch.no_grad():
        joints = lsp_14(body, body(*(torch.from_numpy(part) for part in parts)))
    return joints, perspective.project(joints, torch.from_numpy(images.crop_intrinsics))


def targets_of(batch: Batch) -> Targets:
    """The semantic targets of a batch."""
    return Targets(*(batch[f"semantic {name}"] for name in Targets._fields))


def in_full_picture(
    translation: Tensor, focal: float, crop_px: int, intrinsics: Tensor, crop_affine: Tensor
) -> Tensor:
    """Translations (B, 3) before a crop's camera as ones before the full picture's.

    A body keeps its place and its size in the picture: depth grows with the focal length, and it
    moves sideways to the ray of its place.

    Args:
        translation: before the crop's camera, metres.
        focal: of that camera, in pixels of the crop.
        crop_px: side of the crop; its middle is the principal point.
        intrinsics: (B, 3, 3) of the full picture.
        crop_affine: (B, 3, 3) from its pixels to those of the crop.
    """
    zoom = crop_affine[:, 0, 0]
    depth = translation[:, 2] * intrinsics[:, 0, 0] * zoom / focal
    in_crop = focal * translation[:, :2] / translation[:, 2:] + crop_px / 2
    pixels = (in_crop - crop_affine[:, :2, 2]) / zoom[:, None]
    centre, lengths = intrinsics[:, :2, 2], intrinsics.diagonal(dim1=1, dim2=2)[:, :2]
    return torch.cat([(pixels - centre) / lengths * depth[:, None], depth[:, None]], dim=1)


def _over(mirrored: Tensor, value: Tensor) -> Tensor:
    return mirrored.view(-1, *(1 for _ in value.shape[1:]))


METHOD = DSRMethod
