"""Cameras: rigid motion, Human3.6M's projection and distortion model, screen normalisation.

Camera axes are x right, y down, z forward. Screen-normalised coordinates put x in [-1, 1] and
scale y by the same factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.calibration import load_calibration
from posekit.geometry.rotations import conjugate, rotate

UNDISTORTION_STEPS = 20  # each is exact to a tenth or so of the step before it


@dataclass(frozen=True, eq=False)
class Camera:
    """One camera, or a batch of cameras that share a leading shape.

    Points go with a batch of cameras by their leading dimensions: cameras of batch shape (B,)
    take points (B, ..., 3), one camera with batch shape () takes points of any shape.

    Args:
        focal: (..., 2), ``2 f / W`` for both axes.
        centre: (..., 2), the principal point in screen-normalised coordinates.
        radial: (..., 3), k1, k2, k3.
        tangential: (..., 2), p1, p2.
        resolution: (..., 2), width and height in pixels.
        rotation: (..., 4), unit quaternion (w, x, y, z) that turns camera axes into world axes.
        translation: (..., 3), the camera's centre in the world, metres.

    Raises:
        InvalidParameter: a field has another number of entries, or another batch shape.
    """

    focal: Tensor
    centre: Tensor
    radial: Tensor
    tangential: Tensor
    resolution: Tensor
    rotation: Tensor
    translation: Tensor

    def __post_init__(self) -> None:
        for field in fields(self):
            expected = (*self.batch_shape, _ENTRIES[field.name])
            shape = tuple(getattr(self, field.name).shape)
            if shape != expected:
                raise InvalidParameter(
                    f"camera {field.name} has shape {shape}; expected {expected}."
                )

    @classmethod
    def from_pixels(
        cls,
        focal: Sequence[float],
        centre: Sequence[float],
        resolution: Sequence[float],
        rotation: Sequence[float],
        translation: Sequence[float],
        radial: Sequence[float] = (0.0, 0.0, 0.0),
        tangential: Sequence[float] = (0.0, 0.0),
    ) -> Camera:
        """One camera from focal length and principal point in pixels, translation in metres."""
        size = torch.tensor(resolution, dtype=torch.float32)
        return cls(
            focal=torch.tensor(focal, dtype=torch.float32) * 2 / size[0],
            centre=_normalise(torch.tensor(centre, dtype=torch.float32), size),
            radial=torch.tensor(radial, dtype=torch.float32),
            tangential=torch.tensor(tangential, dtype=torch.float32),
            resolution=size,
            rotation=torch.tensor(rotation, dtype=torch.float32),
            translation=torch.tensor(translation, dtype=torch.float32),
        )

    @classmethod
    def stack(cls, cameras: Sequence[Camera]) -> Camera:
        """Cameras of the same batch shape as one batch with a new leading dimension."""
        columns = {
            field.name: torch.stack([getattr(camera, field.name) for camera in cameras])
            for field in fields(cls)
        }
        return cls(**columns)

    def __getitem__(self, index: int | slice | Tensor) -> Camera:
        """The cameras at ``index`` of the first batch dimension."""
        return Camera(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @property
    def batch_shape(self) -> torch.Size:
        """The leading shape that all fields share."""
        return self.focal.shape[:-1]

    @property
    def intrinsics(self) -> Tensor:
        """(..., 9): f_x, f_y, c_x, c_y, k1, k2, k3, p1, p2 in screen-normalised units."""
        return torch.cat([self.focal, self.centre, self.radial, self.tangential], dim=-1)

    def to(self, device: torch.device | str) -> Camera:
        """The same camera on another device."""
        return Camera(
            **{field.name: getattr(self, field.name).to(device) for field in fields(self)}
        )

    def mirrored(self) -> Camera:
        """Intrinsics of the mirrored picture: c_x and p1 change sign (VideoPose3D's generator).

        Rotation and translation stay: mirrored poses live in the camera frame only.
        """
        sign = self.centre.new_tensor([-1.0, 1.0])
        return replace(self, centre=self.centre * sign, tangential=self.tangential * sign)

    def world_to_camera(self, points: Tensor) -> Tensor:
        """World points (..., 3) in the camera's frame, ``R^T (p - t)``, metres."""
        translation = self._align(self.translation, points)
        return rotate(conjugate(self._align(self.rotation, points)), points - translation)

    def camera_to_world(self, points: Tensor) -> Tensor:
        """Camera-frame points (..., 3) in the world, ``R p + t``, metres."""
        translation = self._align(self.translation, points)
        return rotate(self._align(self.rotation, points), points) + translation

    def project(self, points: Tensor, distortion: bool = True) -> Tensor:
        """Camera-frame points (..., 3), metres, on the screen: (..., 2) screen-normalised.

        Human3.6M's own model: X/Z and Y/Z are clamped to [-1, 1] before distortion, also behind
        the camera, and the tangential part is p1 u + p2 v for both axes. It is not OpenCV's
        formula; Human3.6M's ground-truth 2D follows this one (VideoPose3D ``common/camera.py``).

        Args:
            points: (..., 3).
            distortion: False for the linear pinhole model, which keeps the clamp.
        """
        focal, centre = self._align(self.focal, points), self._align(self.centre, points)
        rays = (points[..., :2] / points[..., 2:]).clamp(-1, 1)
        return focal * (self._distort(rays) if distortion else rays) + centre

    def rays(self, screen: Tensor) -> Tensor:
        """X/Z and Y/Z of what is seen at a place of the screen: undoes ``project``.

        The distortion is undone by fixed-point iteration. Rays stay within the clamp of
        ``project``, beyond which it has no inverse.

        Args:
            screen: (..., 2), screen-normalised.

        Returns:
            (..., 2), without a unit.
        """
        focal, centre = self._align(self.focal, screen), self._align(self.centre, screen)
        distorted = (screen - centre) / focal
        rays = distorted.clamp(-1, 1)
        for _ in range(UNDISTORTION_STEPS):
            factor, offset = self._distortion(rays)
            rays = ((distorted - offset) / factor).clamp(-1, 1)
        return rays

    def normalise(self, pixels: Tensor) -> Tensor:
        """Screen-normalised coordinates of pixel coordinates (..., 2)."""
        return _normalise(pixels, self._align(self.resolution, pixels))

    def to_pixels(self, normalised: Tensor) -> Tensor:
        """Pixel coordinates of screen-normalised coordinates (..., 2)."""
        resolution = self._align(self.resolution, normalised)
        return (normalised + resolution / resolution[..., :1]) * resolution[..., :1] / 2

    def _distort(self, rays: Tensor) -> Tensor:
        factor, offset = self._distortion(rays)
        return rays * factor + offset

    def _distortion(self, rays: Tensor) -> tuple[Tensor, Tensor]:
        """What distortion multiplies rays (..., 2) by, (..., 1), and what it adds, (..., 2)."""
        radial, tangential = self._align(self.radial, rays), self._align(self.tangential, rays)
        squared = rays.square().sum(dim=-1, keepdim=True)
        powers = torch.cat([squared, squared**2, squared**3], dim=-1)
        factor = 1 + (radial * powers).sum(dim=-1, keepdim=True)
        factor = factor + (tangential * rays).sum(dim=-1, keepdim=True)
        return factor, tangential * squared

    def _align(self, value: Tensor, points: Tensor) -> Tensor:
        """``value`` with dimensions of size one between its batch shape and its last dimension."""
        missing = points.ndim - value.ndim
        if missing < 0:
            raise InvalidData(
                f"points of shape {tuple(points.shape)} do not fit cameras of batch shape "
                f"{tuple(self.batch_shape)}; expected the batch dimensions in front."
            )
        return value.reshape(*value.shape[:-1], *[1] * missing, value.shape[-1])


_ENTRIES = {
    "focal": 2,
    "centre": 2,
    "radial": 3,
    "tangential": 2,
    "resolution": 2,
    "rotation": 4,
    "translation": 3,
}


def _normalise(pixels: Tensor, resolution: Tensor) -> Tensor:
    # x in [-1, 1]; y is scaled by the width too, so that the aspect ratio is kept.
    return 2 * pixels / resolution[..., :1] - resolution / resolution[..., :1]


def human36m_cameras(subject: str) -> dict[str, Camera]:
    """The four calibrated cameras of a Human3.6M subject, by id, in the order of the files.

    Args:
        subject: ``"S1"``, ``"S5"``, ``"S6"``, ``"S7"``, ``"S8"``, ``"S9"`` or ``"S11"``.

    Raises:
        InvalidParameter: an unknown subject, or one without published extrinsics (S2, S3, S4).
    """
    calibration = load_calibration("h36m_cameras")
    extrinsics = calibration["extrinsics"]
    if subject not in extrinsics:
        raise InvalidParameter(
            f"Human3.6M publishes no camera extrinsics for subject {subject!r}; "
            f"choose one of: {', '.join(extrinsics)}."
        )
    return {
        intrinsic["id"]: Camera.from_pixels(
            focal=intrinsic["focal_length"],
            centre=intrinsic["center"],
            resolution=intrinsic["resolution"],
            rotation=extrinsic["orientation"],
            translation=[millimetres / 1000 for millimetres in extrinsic["translation"]],
            radial=intrinsic["radial_distortion"],
            tangential=intrinsic["tangential_distortion"],
        )
        for intrinsic, extrinsic in zip(calibration["intrinsics"], extrinsics[subject], strict=True)
    }
