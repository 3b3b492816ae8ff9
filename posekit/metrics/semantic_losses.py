"""DSR's losses: what clothes tell of the body, and what the regressor is trained with besides.

Dwivedi et al., "Learning to Regress Bodies from Images using Differentiable Semantic Rendering",
ICCV 2021, https://github.com/saidwivedi/DSR at 7d55d17. Pure functions of tensors. Shapes: B
pictures of H x W pixels. A semantic loss gives one value per picture, for ``batch_mean``; the
losses of the regressor are scalars.

Rendered channels are those of ``bodies.semantic_labels.face_textures``: the first is of the
minimally clothed labels (MC), the other eight are of the classes (C).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from posekit.errors import InvalidData

_TINY = 1e-6
_RGB = 3  # the authors render grey pictures of three equal channels
_SCALE_STEEPNESS = 10.0
_LEFT_HIP, _RIGHT_HIP = 3, 2  # of the 24 annotated joints

MinimalLoss = Literal["row_iou", "image_iou", "distance"]


@dataclass(frozen=True)
class Rendering:
    """How bodies are rendered for the semantic losses.

    Attributes:
        gamma: how fast a surface fades behind nearer ones, in normalised depth.
        near, far: metres from the camera, between which depth is normalised; None for 1.5 m before
            and behind the body's root.
        on_silhouette: whether colours are multiplied by the silhouette. With a gamma that resolves
            depth, a colour is as bright at the soft border as inside, since the background is far
            behind any face; only the silhouette then tells the losses where the body ends.
        sigma: squared softness of borders, in units of half the picture.
    """

    gamma: float
    near: float | None
    far: float | None
    on_silhouette: bool
    sigma: float = 1e-5

    def sigma_px(self, size: int) -> float:
        """Squared softness in pixels of a picture with sides of ``size`` pixels."""
        return self.sigma * (size / 2) ** 2

    def channels(self, colours: Tensor, silhouette: Tensor) -> Tensor:
        """What the losses take, of rendered colours (B, C, H, W) and silhouette (B, H, W)."""
        return colours * silhouette[:, None] if self.on_silhouette else colours


RELEASED_RENDERING = Rendering(gamma=0.1, near=1.0, far=100.0, on_silhouette=False)
"""The authors' settings. With a focal length of 5000 px a body stands 45 to 60 m away: its depth
spans 0.005 of the range, so front and back are mixed almost equally and nothing occludes. Beyond
100 m (a camera scale below 0.446) colours vanish."""

AROUND_BODY = Rendering(gamma=1e-2, near=None, far=None, on_silhouette=True)
"""A reconstruction in which surfaces occlude: 10 cm behind another weigh 1/28 of it."""


def row_iou_loss(rendered: Tensor, mask: Tensor) -> Tensor:
    """1 - intersection over union *of each row*, mean over rows: the authors' nIOU.

    The released code sums over the width alone. So every row has the same weight, and one that is
    empty in both costs 1; ``image_iou_loss`` is what the name says.

    Args:
        rendered: probabilities (B, H, W): the MC channel, or the silhouette for the baseline.
        mask: (B, H, W).

    Returns:
        (B,).

    Raises:
        InvalidData: pictures of another number or size.
    """
    return 1 - _iou(rendered, mask, (2,)).mean(dim=1)


def image_iou_loss(rendered: Tensor, mask: Tensor) -> Tensor:
    """1 - intersection over union of whole pictures, (B,); arguments as ``row_iou_loss``."""
    return 1 - _iou(rendered, mask, (1, 2))


def distance_loss(rendered: Tensor, distance: Tensor) -> Tensor:
    """What is rendered outside of the mask, by its distance from there: the authors' DistM.

    sum(r e) / ((sum r)^1.5 + 1e-6) over three equal channels.

    Args:
        rendered: as for ``row_iou_loss``.
        distance: pixels to the mask, (B, H, W).

    Returns:
        (B,).

    Raises:
        InvalidData: pictures of another number or size.
    """
    _check_sizes(rendered, distance)
    outside = _RGB * (rendered * distance).sum(dim=(1, 2))
    # The root's slope at 0 is infinite.
    area = (_RGB * rendered.sum(dim=(1, 2))).clamp_min(_TINY)
    return outside / (area**1.5 + _TINY)


def minimal_loss(kind: MinimalLoss, rendered: Tensor, mask: Tensor, distance: Tensor) -> Tensor:
    """DSR-MC by the name of its kind, (B,): "row_iou" is the released configuration's."""
    if kind == "distance":
        return distance_loss(rendered, distance)
    return (row_iou_loss if kind == "row_iou" else image_iou_loss)(rendered, mask.to(rendered))


def clothed_loss(rendered: Tensor, merged: Tensor, class_weights: Tensor) -> Tensor:
    """DSR-C: weighted cross entropy with the renderings as logits.

    The logits are probabilities, so softmax never comes near 0 or 1: a pixel costs between about
    1.27 and 2.27, and log 8 outside of the body whatever happens.

    Args:
        rendered: the eight class channels, (B, 8, H, W).
        merged: class of each pixel, (B, H, W), whole numbers.
        class_weights: (B, 8).

    Returns:
        (B,), sum of the weighted pixels over their weights; 0 without any weight.

    Raises:
        InvalidData: pictures of another number or size.
    """
    _check_sizes(rendered, merged)
    merged = merged.long()
    losses = cross_entropy(rendered, merged, reduction="none")
    pictures = torch.arange(len(merged), device=merged.device)[:, None, None]
    weights = class_weights.to(rendered)[pictures, merged]
    total = weights.sum(dim=(1, 2))
    return (weights * losses).sum(dim=(1, 2)) / total.where(total > 0, 1)


def batch_mean(losses: Tensor, valid: Tensor) -> Tensor:
    """Mean of a semantic loss over *all* pictures of a batch.

    One without a valid minimally clothed label counts as 0, and so does a value that is not finite.

    Args:
        losses: (B,).
        valid: labels that count in each picture, (B, 5) bool.
    """
    counts = valid.any(dim=1) & losses.isfinite()
    return losses.where(counts, 0).mean()


def keypoint_loss(predicted: Tensor, keypoints: Tensor) -> Tensor:
    """Mean over (B, K, 2) of confidence x squared error.

    Args:
        predicted: (B, K, 2), in units of half the crop.
        keypoints: (B, K, 3), the same and a confidence. Of SPIN's 49, the authors give the first
            25, those of OpenPose, confidence 0.
    """
    _check_joints(predicted, keypoints)
    return (keypoints[..., 2:] * (predicted - keypoints[..., :2]).square()).mean()


def joint_loss(predicted: Tensor, joints: Tensor, has_joints: Tensor) -> Tensor:
    """Confidence x squared error of 3D joints relative to the middle of the hips, mean.

    Args:
        predicted: the 24 annotated joints, (B, 24, 3), metres.
        joints: (B, 24, 4), the same and a confidence.
        has_joints: which pictures have them, (B,) bool; without any the loss is 0.
    """
    _check_joints(predicted, joints)
    predicted, joints = predicted[has_joints], joints[has_joints]
    error = _from_hips(predicted) - _from_hips(joints[..., :3])
    return _mean(joints[..., 3:] * error.square())


def parameter_loss(predicted: Tensor, target: Tensor, has_body: Tensor) -> Tensor:
    """Mean squared error of rotation matrices or betas (B, ...) of pictures with a body, else 0."""
    return _mean((predicted - target)[has_body].square())


def vertex_loss(predicted: Tensor, target: Tensor, has_body: Tensor) -> Tensor:
    """Mean absolute error of vertices (B, V, 3), metres, of pictures with a body, else 0."""
    return _mean((predicted - target)[has_body].abs())


def scale_loss(camera: Tensor) -> Tensor:
    """Keeps the scale of cameras (B, 3) positive: mean of exp(-10 s)^2."""
    return torch.exp(-_SCALE_STEEPNESS * camera[:, 0]).square().mean()


@dataclass(frozen=True)
class Weights:
    """Weights of the terms, as released, and the overall factor of their sum.

    The code's defaults of the semantic ones are 0.2. Those terms count from the fourth epoch on:
    a body that is far off learns nothing from labels.
    """

    keypoints: float = 5.0
    joints: float = 5.0
    pose: float = 1.0
    betas: float = 0.001
    vertices: float = 0.0
    camera: float = 1.0
    minimal: float = 0.1
    clothed: float = 0.1
    overall: float = 60.0

    def total(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """The terms, weighted, by their names above, and "total": the overall factor x their sum.

        Terms that are not given, such as the semantic ones before their start, count as 0.
        """
        weighted = {name: getattr(self, name) * term for name, term in terms.items()}
        return {**weighted, "total": self.overall * torch.stack([*weighted.values()]).sum()}


def _iou(rendered: Tensor, mask: Tensor, dim: tuple[int, ...]) -> Tensor:
    _check_sizes(rendered, mask)
    common = rendered * mask
    return common.sum(dim) / ((rendered + mask - common).sum(dim) + _TINY)


def _from_hips(joints: Tensor) -> Tensor:
    return joints - joints[:, [_LEFT_HIP, _RIGHT_HIP]].mean(dim=1, keepdim=True)


def _mean(errors: Tensor) -> Tensor:
    """Mean that is 0, with a gradient of 0, where there is nothing."""
    return errors.mean() if errors.numel() else errors.sum()


def _check_joints(predicted: Tensor, target: Tensor) -> None:
    if (*predicted.shape[:-1], predicted.shape[-1] + 1) != target.shape:
        raise InvalidData(
            f"predicted joints have shape {tuple(predicted.shape)} and targets "
            f"{tuple(target.shape)}; expected the same, with one confidence more."
        )


def _check_sizes(rendered: Tensor, target: Tensor) -> None:
    here, there = (picture.shape[:1] + picture.shape[-2:] for picture in (rendered, target))
    if here != there:
        raise InvalidData(
            f"rendered pictures are {tuple(here)} and their targets {tuple(there)} (number, height "
            f"and width); render at the size of the label maps."
        )
