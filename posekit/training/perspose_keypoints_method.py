"""PersPose without pictures: the network of keypoints, ``posekit.models.perspose_keypoints``.

A reconstruction of no release. Keypoints of the crop go in, exact or noisy; depths and the root's
scale come out, by the released losses. Whether the joints' rays are shown (perspective encoding)
and whether the camera is first turned to the person (perspective rotation) are the switches of the
paper. It finds joints and no bodies: there is nothing in keypoints that tells a body's surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.body_joints import human36m_17_of_joints, tip_of_head
from posekit.datasets.rendered import BodyImages
from posekit.errors import InvalidParameter, unknown
from posekit.geometry.perspective import rays
from posekit.metrics.perspose_losses import CROP_PX, Weights, depth_loss, inside, scale_loss
from posekit.models.perspective_heads import JOINTS, draw_mirrored, metric
from posekit.models.perspose_keypoints import PersPoseKeypoints, PersPoseKeypointsConfig
from posekit.models.scaling import Scale
from posekit.training.body_regression import Batch, BodyEstimate, BodyMethod
from posekit.training.perspose_views import (
    USUAL_LENS,
    View,
    mistaken_view,
    persons_of,
    shown,
    true_view,
    turned,
    turned_back,
)

# Seconds of a step on one CPU core: of itself, and per picture and parameter.
STEP, PER_PARAMETER = 5e-3, 1.5e-10
NOISE_SEED = 2025  # of the test keypoints


@dataclass(frozen=True)
class Options:
    """What rows of keypoints say.

    Attributes:
        width, stages, dropout: of the network, see ``PersPoseKeypointsConfig``.
        encoding: whether the network is shown the joints' rays.
        rotation: whether the camera is first turned to the person.
        noise_px: deviation of the keypoints in pixels of a crop of 256 (others in proportion).
        focal: what the focal length is taken for at test, before encoding and rotation: a factor
            of the true one, or "50 mm" for the release's guess about pictures of unknown cameras.
    """

    width: int = 1024
    stages: int = 2
    dropout: float = 0.0
    encoding: bool = True
    rotation: bool = True
    noise_px: float = 0.0
    focal: float | str = 1.0

    def __post_init__(self) -> None:
        if self.noise_px < 0:
            raise InvalidParameter(f"noise_px is {self.noise_px}; choose 0 or more.")
        number = isinstance(self.focal, int | float) and self.focal > 0
        if not number and self.focal != "50 mm":
            raise InvalidParameter(f'focal is {self.focal!r}; choose a factor above 0 or "50 mm".')

    @property
    def words(self) -> str:
        """For print beside a figure."""
        return ", ".join(
            [
                f"PE {'on' if self.encoding else 'off'}",
                f"PR {'on' if self.rotation else 'off'}",
                f"keypoints with {self.noise_px:g} px of noise"
                if self.noise_px
                else "exact keypoints",
                *([] if self.focal == 1 else [f"focal length at test: {_focal_words(self.focal)}"]),
            ]
        )


class PersPoseKeypointsMethod(BodyMethod):
    """The method; see the module."""

    terms = ("depth", "scale", "total")
    reads_pictures = False

    def __init__(self, options: Mapping[str, Any], body: BodyModel, crop_px: int) -> None:
        super().__init__(options, body, crop_px)
        self.own = Options(**options)

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """Narrower by the scale."""
        for name in options:
            if name not in Options.__dataclass_fields__:
                raise InvalidParameter(
                    unknown("option of perspose_keypoints", name, Options.__dataclass_fields__)
                )
        own = Options(**options)
        return asdict(replace(own, width=scale.width(own.width)))

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Width and switches."""
        own = Options(**options)
        return f"{own.stages} stages of width {own.width}, {own.words}"

    @classmethod
    def label(cls, options: Mapping[str, Any]) -> str:
        """Width and switches."""
        own = Options(**options)
        switches = [name for name, on in (("pe", own.encoding), ("pr", own.rotation)) if on]
        return f"w{own.width}-{'-'.join(switches) or 'neither'}"

    def build(self, pictures: int) -> PersPoseKeypoints:
        """The network."""
        return PersPoseKeypoints(
            PersPoseKeypointsConfig(
                width=self.own.width,
                stages=self.own.stages,
                dropout=self.own.dropout,
                image_px=self.crop_px,
                components=self.body.components,
                encoding=self.own.encoding,
            )
        )

    def prepare(
        self, images: BodyImages, device: torch.device, *, training: bool
    ) -> dict[str, Tensor]:
        """Keypoints and cameras of the crops; for training exact, with depths and scales."""
        persons = persons_of(images, self.body.cpu())
        view = true_view(images, rotated=self.own.rotation)
        if not training and self.own.focal != 1:
            view = self._mistaken(images, persons.pixels)
        found = {
            "index": torch.arange(len(images)),
            "keypoints": shown(persons, images, view),
            "intrinsics": view.intrinsics,
            "rotation": view.rotation,
        }
        if training:
            depths = turned(persons.joints, view.rotation)[..., 2:]
            found |= {
                "depth": depths - depths[:, :1],
                "scale": depths[:, :1] / view.intrinsics[:, :1, :1],
                "heights": persons.heights,
            }
        else:
            found["keypoints"] = self._disturbed(found["keypoints"])
        self.body.to(device)
        return {name: value.to(device) for name, value in found.items()}

    def _mistaken(self, images: BodyImages, pixels: Tensor) -> View:
        true = torch.from_numpy(images.intrinsics[:, 0, 0])
        fixed = isinstance(self.own.focal, str)
        focal = torch.full_like(true, USUAL_LENS) if fixed else true * self.own.focal
        return mistaken_view(images, pixels, focal, self.crop_px, rotated=self.own.rotation)

    def _disturbed(self, keypoints: Tensor) -> Tensor:
        """Keypoints (N, 25, 2) as a detector finds them, the same at every call."""
        generator = torch.Generator().manual_seed(NOISE_SEED)
        noise = torch.randn(keypoints.shape, generator=generator)
        return keypoints + noise * self.own.noise_px * self.crop_px / CROP_PX

    def losses(self, network: PersPoseKeypoints, batch: Batch, step: int) -> dict[str, Tensor]:
        """Released losses of depth and scale; each person is mirrored by chance."""
        keypoints, ratio = batch["keypoints"], self.crop_px / CROP_PX
        seen = keypoints + torch.randn_like(keypoints) * self.own.noise_px * ratio
        known = torch.ones(len(seen), dtype=torch.bool, device=seen.device)
        found = network(seen, batch["intrinsics"], known, draw_mirrored(len(seen)))
        heights, counts = batch["heights"], inside(keypoints, self.crop_px)
        return Weights().total(
            {
                "depth": depth_loss(found.depth, batch["depth"], heights, counts),
                "scale": scale_loss(
                    found.rho * ratio, batch["scale"] * ratio, heights, counts[:, :1]
                ),
            }
        )

    def predict(self, network: PersPoseKeypoints, batch: Batch) -> BodyEstimate:
        """Joints, the mean of the plain and the mirrored pass, turned back."""
        keypoints, intrinsics = batch["keypoints"], batch["intrinsics"]
        known = torch.ones(len(keypoints), dtype=torch.bool, device=keypoints.device)
        joints = metric(network.predict_mean(keypoints, intrinsics, known), intrinsics)
        smpl = turned_back(joints, batch["rotation"])[:, :-1]
        human36m = human36m_17_of_joints(smpl, tip_of_head(self.body, smpl))
        return BodyEstimate(None, None, None, human36m)

    def seconds(self, pictures: int) -> float:
        """By the network's size."""
        with torch.device("meta"):
            weights = sum(parameter.numel() for parameter in self.build(1).parameters())
        return STEP + pictures * weights * PER_PARAMETER

    def plain_input(self, images: BodyImages) -> np.ndarray:
        """What the network sees: keypoints, and their rays where it is shown them."""
        batch = self.prepare(images, torch.device("cpu"), training=False)
        parts = [2 * batch["keypoints"] / self.crop_px - 1]
        if self.own.encoding:
            parts.append(rays(batch["intrinsics"], batch["keypoints"]))
        return torch.cat(parts, dim=-1).flatten(1).numpy()

    def plain_options(self) -> dict[str, Any]:
        """The switches that decide what is seen."""
        return {name: self.options[name] for name in ("encoding", "rotation", "noise_px", "focal")}

    def axes(self, images: BodyImages) -> Tensor:
        """Those of the crops."""
        batch = self.prepare(images, torch.device("cpu"), training=False)
        return batch["rotation"]

    def example(self, device: torch.device) -> tuple[Tensor, ...]:
        """Keypoints and camera of a crop."""
        keypoints = torch.zeros(1, JOINTS, 2, device=device)
        known = torch.ones(1, dtype=torch.bool, device=device)
        return keypoints, torch.eye(3, device=device)[None], known


def _focal_words(focal: float | str) -> str:
    return focal if isinstance(focal, str) else f"{focal:g} of the true one"


METHOD = PersPoseKeypointsMethod
