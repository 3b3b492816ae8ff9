"""``BodyImages``: pictures of dressed persons with the bodies, cameras and clothes behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posekit.bodies.semantic_labels import LABELS
from posekit.errors import InvalidData

JOINTS = 24
COMPONENTS = 10

# Shape behind N and type of every array with one entry per picture; S is the crop's side.
_ARRAYS: Mapping[str, tuple[tuple[int | str, ...], str]] = {
    **dict.fromkeys(("images", "images_rotated"), (("S", "S", 3), "uint8")),
    **dict.fromkeys(
        ("labels", "labels_rotated", "parsed", "parsed_rotated"), (("S", "S"), "uint8")
    ),
    "rotations": ((JOINTS, 3, 3), "float32"),
    "betas": ((COMPONENTS,), "float32"),
    "translation": ((3,), "float32"),
    "box": ((4,), "float32"),
    **dict.fromkeys(
        (
            *("intrinsics", "rotation", "crop_affine", "crop_intrinsics"),
            *("crop_affine_rotated", "crop_intrinsics_rotated"),
        ),
        ((3, 3), "float32"),
    ),
    **dict.fromkeys(("looseness", "off_axis", "field_of_view"), ((), "float32")),
    **dict.fromkeys(("persons", "actions"), ((), "str")),
}


@dataclass(frozen=True, eq=False)
class BodyImages:
    """N pictures of one dressed person each, with the truth about the naked body.

    Every picture comes as two crops of the same full picture of 1280 x 720 pixels: the plain one,
    and the one behind PersPose's perspective rotation (names that end in ``_rotated``). Bodies and
    boxes are in the camera of the full picture: x right, y down, z forward, metres; pixels have
    their centres at +0.5. Label ids are those of ``posekit.bodies.semantic_labels``.

    Attributes:
        images, images_rotated: (N, S, S, 3) uint8, RGB; black outside of the full picture.
        labels, labels_rotated: (N, S, S) uint8, the label that each pixel truly shows.
        parsed, parsed_rotated: (N, S, S) uint8, the same with the faults of a human parser.
        rotations: (N, 24, 3, 3) of the joints relative to their parents; the root's turns the
            body into the camera.
        betas: (N, 10) of the body's shape.
        translation: (N, 3) metres, added to the turned body.
        intrinsics: (N, 3, 3) of the full picture.
        box: (N, 4) x, y, width, height of the naked body in the full picture, pixels.
        rotation: (N, 3, 3), the perspective rotation: a point x of the camera lies at
            ``rotation @ x`` of the rotated one.
        crop_affine, crop_affine_rotated: (N, 3, 3), full (rotated) pixels to crop pixels.
        crop_intrinsics, crop_intrinsics_rotated: (N, 3, 3), affine times intrinsics.
        looseness: (N,) metres, the most by which clothes stand off the body.
        off_axis: (N,) radians between the optical axis and the box's centre.
        field_of_view: (N,) radians of the rotated crop.
        persons: (N,) names; training and test persons differ.
        actions: (N,) what the person does.
        bins: "off_axis", "field_of_view", "looseness" -> (N,) names of the bins, such as
            "10 to 20°"; their orders are in ``posekit.datasets.rendered.BINS``.
        prior: (F, 20) float32, P(label | face of the body) counted on training outfits.
        motion: where poses come from, "synthetic" or "cmu".
        split: "train" or "test".
        fingerprint: hash of everything above.

    Raises:
        InvalidData: arrays whose shapes, types or numbers of pictures disagree.
    """

    images: NDArray[np.uint8]
    images_rotated: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    labels_rotated: NDArray[np.uint8]
    parsed: NDArray[np.uint8]
    parsed_rotated: NDArray[np.uint8]
    rotations: NDArray[np.float32]
    betas: NDArray[np.float32]
    translation: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    box: NDArray[np.float32]
    rotation: NDArray[np.float32]
    crop_affine: NDArray[np.float32]
    crop_intrinsics: NDArray[np.float32]
    crop_affine_rotated: NDArray[np.float32]
    crop_intrinsics_rotated: NDArray[np.float32]
    looseness: NDArray[np.float32]
    off_axis: NDArray[np.float32]
    field_of_view: NDArray[np.float32]
    persons: NDArray[np.str_]
    actions: NDArray[np.str_]
    bins: Mapping[str, NDArray[np.str_]]
    prior: NDArray[np.float32]
    motion: str
    split: str
    fingerprint: str

    def __post_init__(self) -> None:
        for name, (inner, kind) in _ARRAYS.items():
            array = getattr(self, name)
            expected = (len(self), *(self.crop_px if size == "S" else size for size in inner))
            if array.shape != expected or not array.dtype.name.startswith(kind):
                raise InvalidData(
                    f"{name} is {array.dtype.name} of shape {array.shape}; expected {kind} of "
                    f"shape {expected}."
                )
        for name, names in self.bins.items():
            if names.shape != (len(self),):
                raise InvalidData(f"bins {name!r} name {names.shape} pictures of {len(self)}.")
        if self.prior.ndim != 2 or self.prior.shape[1] != len(LABELS):
            expected = f"(faces, {len(LABELS)})"
            raise InvalidData(f"prior has shape {self.prior.shape}; expected {expected}.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def crop_px(self) -> int:
        """S, the side of a crop in pixels."""
        return self.images.shape[1]


def per_picture() -> tuple[str, ...]:
    """Names of the arrays with one entry per picture."""
    return tuple(_ARRAYS)


def contents_hash(arrays: Mapping[str, NDArray], **options: str) -> str:
    """SHA-256 (hex) over options and arrays by name: the same contents give the same hash."""
    digest = hashlib.sha256("\n".join(f"{k}={options[k]}" for k in sorted(options)).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        held = array.astype("U") if array.dtype.kind == "U" else array
        digest.update(f"{name} {array.shape} {held.dtype.kind}\n".encode())
        digest.update("\n".join(held.tolist()).encode() if held.dtype.kind == "U" else held.data)
    return digest.hexdigest()
