"""Clothing labels of DSR: their ids, classes and colours, and what its losses compare with.

Dwivedi et al., "Learning to Regress Bodies from Images using Differentiable Semantic Rendering",
ICCV 2021, https://github.com/saidwivedi/DSR at 7d55d17. The label maps come from a human parser.
Shapes: B pictures of H x W pixels, F faces of a body.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from posekit.errors import InvalidData

LABELS = (
    *("background", "hat", "hair", "glove", "sunglasses", "upperclothes", "dress", "coat"),
    *("socks", "pants", "jumpsuits", "scarf", "skirt", "face", "leftArm", "rightArm"),
    *("leftLeg", "rightLeg", "leftShoe", "rightShoe"),
)
"""The labels by their ids; those of the columns of a semantic prior, too."""

ID = {name: number for number, name in enumerate(LABELS)}

MERGED = {
    "background": ("background",),
    "head": ("hat", "hair", "sunglasses", "scarf", "face"),
    "upperclothes": ("glove", "upperclothes", "dress", "coat", "jumpsuits"),
    "pants": ("socks", "pants", "skirt"),
    "leftArm": ("leftArm",),
    "rightArm": ("rightArm",),
    "leftLeg": ("leftLeg", "leftShoe"),
    "rightLeg": ("rightLeg", "rightShoe"),
}
"""The classes of the clothed term (DSR-C), in order."""

MINIMAL = ("leftShoe", "rightShoe", "leftArm", "rightArm", "face")
"""Labels of the minimally clothed term (DSR-MC): there the body fills its mask."""

MERGED_OF = tuple(
    number for label in LABELS for number, names in enumerate(MERGED.values()) if label in names
)
"""Class of each label id."""

_MINIMAL_IDS = tuple(ID[name] for name in MINIMAL)

OTHER_SIDE = tuple(
    ID[
        label.replace("left", "right")
        if label.startswith("left")
        else label.replace("right", "left")
    ]
    for label in LABELS
)
"""Label id of the other side of the body, of each label id."""

PUBLISHED_PX = 224
CONFIDENT = 0.3  # of a keypoint that the person's box is made of


@dataclass(frozen=True)
class Thresholds:
    """What counts in a label map.

    Attributes:
        pixels: that a label needs more of.
        margin_px: around the person's keypoints; labels outside are those of others.
    """

    pixels: float = 60.0
    margin_px: float = 30.0

    @classmethod
    def at(cls, size: int) -> Thresholds:
        """The published ones, of 224 pixels, at a crop of ``size`` pixels.

        A reconstruction: the authors have no other size.
        """
        scale = size / PUBLISHED_PX
        return cls(cls.pixels * scale**2, cls.margin_px * scale)


class Targets(NamedTuple):
    """What the semantic losses compare renderings with.

    Attributes:
        merged: class of each pixel, (B, H, W) uint8.
        class_weights: of the classes in the clothed term, (B, 8); the rarest that counts has 1.
        minimal_mask: where a valid minimally clothed label is, (B, H, W) bool.
        distance: pixels to that mask, 0 inside, (B, H, W); 0 everywhere without a valid label.
        valid: which labels of ``MINIMAL`` count, (B, 5) bool. Without any, a picture has no
            semantic loss.
    """

    merged: Tensor
    class_weights: Tensor
    minimal_mask: Tensor
    distance: Tensor
    valid: Tensor


def prepare(
    labels: Tensor, keypoints: Tensor | None = None, *, thresholds: Thresholds | None = None
) -> Targets:
    """Targets of the semantic losses; made once per picture.

    Args:
        labels: (B, H, W) label ids, whole numbers.
        keypoints: (B, K, 3) of the person in pixels of the map, with confidences; None where the
            map shows one person alone. A picture without a confident one has no labels left.
        thresholds: those of the map's size by default.

    Raises:
        InvalidData: no label map, ids that are no label, or keypoints that are not of its pictures.
    """
    _check_labels(labels)
    thresholds = thresholds or Thresholds.at(max(labels.shape[1:]))
    if keypoints is not None:
        labels = torch.where(_near(labels, keypoints, thresholds.margin_px), labels, 0)
    labels = labels.long()
    merged = torch.tensor(MERGED_OF, device=labels.device)[labels]
    shown = torch.stack([labels == number for number in _MINIMAL_IDS], dim=1)
    valid = shown.sum(dim=(2, 3)) > thresholds.pixels
    mask = (shown & valid[..., None, None]).any(dim=1)
    weights = class_weights(merged, thresholds.pixels)
    return Targets(merged.to(torch.uint8), weights, mask, distance_to(mask), valid)


def class_weights(merged: Tensor, pixels: float) -> Tensor:
    """Weights (B, 8) of the classes by how rare they are in a picture.

    The smallest count of those with at least ``pixels`` pixels, over a class's own count; 0 for a
    class with no more than that.

    Args:
        merged: (B, H, W) classes, whole numbers.
        pixels: as in ``Thresholds``.
    """
    counts = torch.stack([(merged == number).sum(dim=(1, 2)) for number in range(len(MERGED))], 1)
    rarest = torch.where(counts >= pixels, counts, merged[0].numel()).amin(dim=1, keepdim=True)
    return torch.where(counts > pixels, rarest / counts.clamp_min(1), 0.0)


def distance_to(mask: Tensor) -> Tensor:
    """Pixels from each pixel to the nearest of its mask (B, H, W), exact; 0 for an empty mask."""
    distances = [
        distance_transform_edt(~picture) if picture.any() else np.zeros(picture.shape)
        for picture in mask.cpu().numpy()
    ]
    return torch.from_numpy(np.stack(distances)).to(mask.device, torch.float32)


def face_textures(prior: Tensor, valid: Tensor) -> Tensor:
    """What the faces show in the nine renderings of DSR, as one attribute of nine channels.

    Args:
        prior: P(label | face), (F, 20).
        valid: as in ``Targets``, (B, 5) bool.

    Returns:
        (B, F, 9): P(one of the valid minimally clothed labels | face), then P(class | face) of
        each class of ``MERGED``.

    Raises:
        InvalidData: a prior of another shape or with negative values.
    """
    check_prior(prior)
    minimal = valid.to(prior) @ prior[:, list(_MINIMAL_IDS)].T
    merged = merged_probability(prior).expand(len(valid), -1, -1)
    return torch.cat([minimal[..., None], merged], dim=-1)


def merged_probability(prior: Tensor) -> Tensor:
    """P(class | face), (F, 8), of P(label | face), (F, 20)."""
    merged = prior.new_zeros(len(prior), len(MERGED))
    return merged.index_add(1, torch.tensor(MERGED_OF, device=prior.device), prior)


def mirrored(labels: Tensor, *, exchange: bool = True) -> Tensor:
    """Label maps (..., H, W) as in a mirror.

    Args:
        labels: label ids, whole numbers.
        exchange: whether left and right labels change places, as the mirrored body's do. False is
            what the authors' code does: the labels of arms, legs and shoes then contradict the
            mirrored pose in half of the training.
    """
    flipped = labels.flip(-1)
    if not exchange:
        return flipped
    return torch.tensor(OTHER_SIDE, device=labels.device, dtype=labels.dtype)[flipped.long()]


def mirrored_targets(targets: Targets, *, exchange: bool = True) -> Targets:
    """Targets as in a mirror; the same as those of ``mirrored`` labels.

    For pictures that are mirrored while training, whose distances need not be found again.
    """
    merged, weights, valid = targets.merged.flip(-1), targets.class_weights, targets.valid
    if exchange:
        # Of class and of minimally clothed label, the other side's.
        classes = torch.tensor([MERGED_OF[OTHER_SIDE[ID[names[0]]]] for names in MERGED.values()])
        minimal = [_MINIMAL_IDS.index(OTHER_SIDE[number]) for number in _MINIMAL_IDS]
        merged = classes.to(merged)[merged.long()]
        weights, valid = weights[:, classes.to(weights.device)], valid[:, minimal]
    mask, distance = targets.minimal_mask.flip(-1), targets.distance.flip(-1)
    return Targets(merged, weights, mask, distance, valid)


def check_prior(prior: Tensor) -> None:
    """Refuse what is no P(label | face).

    Raises:
        InvalidData: another shape, or negative or non-finite values.
    """
    if prior.ndim != 2 or prior.shape[1] != len(LABELS):
        raise InvalidData(
            f"semantic prior has shape {tuple(prior.shape)}; expected (faces, {len(LABELS)})."
        )
    if not bool((prior.isfinite() & (prior >= 0)).all()):
        raise InvalidData("semantic prior holds NaN or negative values; expected probabilities.")


def _check_labels(labels: Tensor) -> None:
    if labels.ndim != 3 or labels.is_floating_point() or labels.numel() == 0:
        raise InvalidData(
            f"label maps have shape {tuple(labels.shape)} and type {labels.dtype}; expected whole "
            f"numbers (pictures, height, width)."
        )
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= len(LABELS):
        raise InvalidData(
            f"label maps hold the ids {least} to {most}; expected 0 to {len(LABELS) - 1}: read "
            f"colours with read_label_image."
        )


def _near(labels: Tensor, keypoints: Tensor, margin: float) -> Tensor:
    """Pixels in the box of the confident keypoints and a margin, (B, H, W) bool."""
    pictures, height, width = labels.shape
    if keypoints.ndim != 3 or len(keypoints) != pictures or keypoints.shape[2] != 3:
        raise InvalidData(
            f"keypoints have shape {tuple(keypoints.shape)}; expected ({pictures}, K, 3): x, y and "
            f"confidence for each of the {pictures} label maps."
        )
    if not bool(keypoints.isfinite().all()):
        raise InvalidData("keypoints hold NaN or infinity; give unseen ones confidence 0.")
    confident = keypoints[..., 2:] > CONFIDENT
    points = keypoints[..., :2]
    # Without a confident keypoint the box ends before it starts.
    start = torch.where(confident, points, torch.inf).amin(dim=1) - margin
    end = torch.where(confident, points, -torch.inf).amax(dim=1) + margin
    size = start.new_tensor([width, height])
    start, end = start.trunc().clamp_min(0)[..., None], end.trunc().minimum(size)[..., None]
    columns = torch.arange(width, device=labels.device)
    rows = torch.arange(height, device=labels.device)
    across = (columns >= start[:, 0]) & (columns < end[:, 0])
    down = (rows >= start[:, 1]) & (rows < end[:, 1])
    return down[:, :, None] & across[:, None, :]
