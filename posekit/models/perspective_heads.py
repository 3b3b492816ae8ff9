"""What PersPose predicts of a cropped person, its metric reading, and its mirror image.

"PersPose: 3D human pose estimation with perspective encoding and perspective rotation", ICCV 2025,
https://github.com/KenAdamsJoseph/PersPose at 1863de7. The network of pictures (``perspose``) and
that of keypoints (``perspose_keypoints``) share all of this. Shapes: B persons, J = 25 joints: the
24 of SMPL and, last, the pelvis of Human3.6M's regressor. Pixels are those of the crop, with
centres at +0.5; the camera's frame is that of the crop (x right, y down, z forward).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from posekit.errors import InvalidData
from posekit.geometry.perspective import rays
from posekit.geometry.rotations import rotation_6d_to_matrix
from posekit.geometry.skeletons import SMPL_24, SMPL_24_LEAVES

JOINTS = 25
LEAVES = SMPL_24_LEAVES
MIRRORED_JOINTS = [*SMPL_24.mirror, 24]
MIRRORED_LEAVES = [1, 0, 3, 2, 4]

DEPTH_REACH = 1.1  # metres: a joint lies within it of the root
RHO_MIDDLE, RHO_REACH = 0.007, 1.5  # metres per pixel of a crop of RHO_PX, and log of its range
RHO_PX = 256


class PersPosePrediction(NamedTuple):
    """What the network tells of each person.

    Attributes:
        uv: (B, 25, 2), joints in pixels of the crop.
        depth: (B, 25, 1), metres, relative to joint 0.
        rho: (B, 1, 1), metres per pixel at the depth of joint 0.
        twist: (B, 25, 3), orthogonal twists of the bones, of any length.
        betas: (B, C), shape components.
        leaf_rotations: (B, 5, 3, 3), relative to their parents, of the joints ``LEAVES``.
    """

    uv: Tensor
    depth: Tensor
    rho: Tensor
    twist: Tensor
    betas: Tensor
    leaf_rotations: Tensor


def scales(prediction: PersPosePrediction, intrinsics: Tensor) -> Tensor:
    """Metres per pixel at the depth of every joint, (B, 25, 1): depth / focal length + rho.

    Args:
        intrinsics: (B, 3, 3), pixels of the crop; the focal length is the mean of both axes'.
    """
    return prediction.depth / _focal(intrinsics) + prediction.rho


def metric(prediction: PersPosePrediction, intrinsics: Tensor) -> Tensor:
    """Joints in the camera's frame, (B, 25, 3), metres.

    Args:
        intrinsics: (B, 3, 3), pixels of the crop.
    """
    xy = (prediction.uv - intrinsics[:, None, :2, 2]) * scales(prediction, intrinsics)
    return torch.cat([xy, prediction.depth + _focal(intrinsics) * prediction.rho], dim=-1)


def mirror_prediction(prediction: PersPosePrediction, crop_px: int) -> PersPosePrediction:
    """The prediction for the mirror image of the same person; twice gives it back."""
    flip = prediction.twist.new_tensor([-1.0, 1.0, 1.0])
    leaves = prediction.leaf_rotations[:, MIRRORED_LEAVES]
    return prediction._replace(
        uv=mirror_keypoints(prediction.uv, crop_px),
        depth=prediction.depth[:, MIRRORED_JOINTS],
        twist=prediction.twist[:, MIRRORED_JOINTS] * flip,
        leaf_rotations=flip[:, None] * leaves * flip,
    )


def mean_prediction(one: PersPosePrediction, other: PersPosePrediction) -> PersPosePrediction:
    """The mean of two predictions, with the leaf rotations of ``one``: a mean of them is none."""
    means = (torch.stack(pair).mean(0) for pair in zip(one, other, strict=True))
    return PersPosePrediction(*means)._replace(leaf_rotations=one.leaf_rotations)


def mirror_keypoints(uv: Tensor, crop_px: int) -> Tensor:
    """Joints (B, 25, 2) in the mirror image of their crop, left and right exchanged."""
    swapped = uv[:, MIRRORED_JOINTS]
    return torch.stack([crop_px - swapped[..., 0], swapped[..., 1]], dim=-1)


def mirror_intrinsics(intrinsics: Tensor, crop_px: int) -> Tensor:
    """Intrinsics (B, 3, 3) of the camera that sees the mirrored world in the mirrored crop."""
    mirrored = intrinsics.clone()
    mirrored[:, 0, 1] = -intrinsics[:, 0, 1]
    mirrored[:, 0, 2] = crop_px - intrinsics[:, 0, 2]
    return mirrored


def draw_mirrored(
    persons: int,
    per: Literal["sample", "batch"] = "sample",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Which persons of a training batch are mirrored, (B,) bool on the CPU: half on average.

    Args:
        per: one draw for each person, or one for all of a batch, as the release draws.
    """
    draws = torch.rand(persons if per == "sample" else 1, generator=generator) < 0.5
    return draws.expand(persons)


class PerspectiveNetwork(nn.Module, ABC):
    """A network from crops and their intrinsics to ``PersPosePrediction``.

    Args:
        features: length of the vector that the heads read.
        components: of the body's shape.
        crop_px: side of the crop.
        rho_middle: metres per pixel in the middle of rho's range; None scales the published 0.007
            of crops of 256 pixels to the crop.
    """

    def __init__(
        self, features: int, components: int, crop_px: int, rho_middle: float | None = None
    ) -> None:
        super().__init__()
        self.crop_px = crop_px
        self.rho_middle = RHO_MIDDLE * RHO_PX / crop_px if rho_middle is None else rho_middle
        self.depth_layer_global = nn.Linear(features, JOINTS)
        self.rho0_layer = nn.Linear(features, 1)
        self.twist_layer = nn.Linear(features, 3 * JOINTS)
        self.shape_layer = nn.Linear(features, components)
        self.leaf_rot_layer = nn.Linear(features, 6 * len(LEAVES))

    def forward(
        self, crop: Tensor, intrinsics: Tensor, known: Tensor, mirrored: Tensor | None = None
    ) -> PersPosePrediction:
        """The prediction for each crop.

        Args:
            crop: what the network reads, B first.
            intrinsics: (B, 3, 3), pixels of the crop.
            known: (B,) bool, whether these are the crop's; where not, they are not looked at.
            mirrored: (B,) bool, persons for whom the mirror image is read and the prediction
                mirrored back; none by default.

        Raises:
            InvalidData: shapes that do not fit.
        """
        self.check_input(crop, intrinsics, known)
        if mirrored is None:
            return self.predict_once(crop, intrinsics, known)
        mirrored = mirrored.to(crop.device)
        plain = self.predict_once(
            _choose(mirrored, self.mirror_crop(crop), crop),
            _choose(mirrored, mirror_intrinsics(intrinsics, self.crop_px), intrinsics),
            known,
        )
        back = mirror_prediction(plain, self.crop_px)
        return PersPosePrediction(
            *(_choose(mirrored, *pair) for pair in zip(back, plain, strict=True))
        )

    def predict_mean(self, crop: Tensor, intrinsics: Tensor, known: Tensor) -> PersPosePrediction:
        """The mean of the crop's and its mirror image's prediction, as the release tests."""
        plain = self(crop, intrinsics, known)
        return mean_prediction(plain, self(crop, intrinsics, known, torch.ones_like(known)))

    @abstractmethod
    def predict_once(self, crop: Tensor, intrinsics: Tensor, known: Tensor) -> PersPosePrediction:
        """The prediction for crops as they are; arguments as of ``forward``."""

    @abstractmethod
    def mirror_crop(self, crop: Tensor) -> Tensor:
        """The mirror image of crops."""

    @property
    @abstractmethod
    def crop_shape(self) -> tuple[int, ...]:
        """Shape of one crop."""

    def check_input(self, crop: Tensor, intrinsics: Tensor, known: Tensor) -> None:
        """Refuse shapes that do not fit.

        Raises:
            InvalidData: naming the first that does not.
        """
        persons = len(crop)
        expected = {
            "crop": (crop, (persons, *self.crop_shape)),
            "intrinsics": (intrinsics, (persons, 3, 3)),
            "known": (known, (persons,)),
        }
        for name, (value, shape) in expected.items():
            if tuple(value.shape) != shape:
                raise InvalidData(
                    f"{type(self).__name__}: {name} is {tuple(value.shape)}, expected {shape}; "
                    f"give crops of {self.crop_px} pixels, each with its intrinsics and flag."
                )

    def read_heads(self, features: Tensor, uv: Tensor) -> PersPosePrediction:
        """What the vectors (B, features) tell, with joints at ``uv`` (B, 25, 2) pixels."""
        depth = DEPTH_REACH * _signed_unit(self.depth_layer_global(features))[..., None]
        rest = torch.ones_like(depth)
        rest[:, 0] = 0  # relative to joint 0
        rho = self.rho_middle * torch.exp(RHO_REACH * _signed_unit(self.rho0_layer(features)))
        leaves = self.leaf_rot_layer(features).unflatten(-1, (len(LEAVES), 6))
        return PersPosePrediction(
            uv=uv,
            depth=depth * rest,
            rho=rho[..., None],
            twist=self.twist_layer(features).unflatten(-1, (JOINTS, 3)),
            betas=self.shape_layer(features),
            leaf_rotations=rotation_6d_to_matrix(leaves),
        )


def ray_map(intrinsics: Tensor, known: Tensor, points: Tensor) -> Tensor:
    """The perspective encoding: rays (x / z, y / z) of points, (B, N, 2); 0 where unknown.

    Args:
        intrinsics: (B, 3, 3), pixels; those of unknown crops may hold anything.
        known: (B,) bool.
        points: (B, N, 2) or (N, 2), pixels.
    """
    identity = torch.eye(3, dtype=intrinsics.dtype, device=intrinsics.device)
    matrix = torch.where(known[:, None, None], intrinsics, identity)
    return rays(matrix, points) * known[:, None, None]


def _signed_unit(values: Tensor) -> Tensor:
    return 2 * values.sigmoid() - 1


def _focal(intrinsics: Tensor) -> Tensor:
    return (intrinsics[:, 0, 0] + intrinsics[:, 1, 1])[:, None, None] / 2


def _choose(which: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """For each person ``one`` where ``which`` (B,) is true, else ``other``."""
    return torch.where(which.view(-1, *[1] * (one.ndim - 1)), one, other)
