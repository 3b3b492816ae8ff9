"""DSR's regressor: pose, shape and camera of one person from a crop.

Dwivedi et al., "Learning to Regress Bodies from Images using Differentiable Semantic Rendering",
ICCV 2021, https://github.com/saidwivedi/DSR at 7d55d17; without the semantic losses it is the
network of HMR and SPIN. Parameter names are those of DSR's checkpoints; those of SPIN, which have
neither ``backbone.`` nor ``head.`` in front, are renamed. B images, S pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from posekit.errors import InvalidData, InvalidParameter, check_count
from posekit.geometry.rotations import rotation_6d_to_matrix
from posekit.geometry.skeletons import Skeleton
from posekit.models.releases import Description
from posekit.models.resnet import STRIDE, ResNet, ResNetName, name_of

JOINTS, BETAS, CAMERA = 24, 10, 3
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_DEVIATION = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue in [0, 1], by which images are normalised."""
START_SCALE = 0.9  # of the camera


@dataclass(frozen=True, kw_only=True)
class DSRConfig:
    """Options of DSR's regressor.

    Attributes:
        backbone: "resnet50" as published, or another ResNet of the release.
        width: channels of the backbone's first stage; 64 as published.
        hidden: of the head's two layers.
        iterations: how often the head corrects its estimate.
        dropout: after each of the head's two layers in training.
        crop_px: side of the square crop.
    """

    backbone: ResNetName = "resnet50"
    width: int = 64
    hidden: int = 1024
    iterations: int = 3
    dropout: float = 0.5
    crop_px: int = 224

    def __post_init__(self) -> None:
        for name in ("width", "hidden", "iterations", "crop_px"):
            check_count(name, getattr(self, name))
        if self.crop_px < STRIDE:
            raise InvalidParameter(
                f"crop_px is {self.crop_px}; the backbone needs at least {STRIDE} pixels."
            )


class BodyPrediction(NamedTuple):
    """A body as SMPL describes it, before a weak-perspective camera.

    Attributes:
        rotations: of the joints relative to their parents, (B, 24, 3, 3).
        betas: shape, (B, 10).
        camera: (s, tx, ty), (B, 3); see ``geometry.weak_perspective``.
    """

    rotations: Tensor
    betas: Tensor
    camera: Tensor


class Head(nn.Module):
    """Iterative error feedback from the pooled features. No layer has an activation.

    It starts from the buffers ``init_*``: the mean parameters of SMPL in the authors' files, else
    an unturned body of mean shape.
    """

    def __init__(self, features: int, config: DSRConfig) -> None:
        super().__init__()
        self.iterations = config.iterations
        pose, hidden = 6 * JOINTS, config.hidden
        self.fc1 = nn.Linear(features + pose + BETAS + CAMERA, hidden)
        self.drop1 = nn.Dropout(config.dropout)
        self.fc2 = nn.Linear(hidden, hidden)
        self.drop2 = nn.Dropout(config.dropout)
        self.decpose = nn.Linear(hidden, pose)
        self.decshape = nn.Linear(hidden, BETAS)
        self.deccam = nn.Linear(hidden, CAMERA)
        for decoder in (self.decpose, self.decshape, self.deccam):
            nn.init.xavier_uniform_(decoder.weight, gain=0.01)
        upright = torch.tensor([1.0, 0, 0, 1, 0, 0]).repeat(JOINTS)
        self.register_buffer("init_pose", upright[None])
        self.register_buffer("init_shape", torch.zeros(1, BETAS))
        self.register_buffer("init_cam", torch.tensor([[START_SCALE, 0.0, 0.0]]))

    def forward(self, features: Tensor) -> BodyPrediction:
        """features (B, C), or the map (B, C, h, w) whose mean they are."""
        if features.ndim == 4:
            features = features.mean(dim=(2, 3))
        batch = len(features)
        pose, betas, camera = (
            start.expand(batch, -1) for start in (self.init_pose, self.init_shape, self.init_cam)
        )
        for _ in range(self.iterations):
            hidden = self.drop1(self.fc1(torch.cat([features, pose, betas, camera], dim=1)))
            hidden = self.drop2(self.fc2(hidden))
            pose = pose + self.decpose(hidden)
            betas = betas + self.decshape(hidden)
            camera = camera + self.deccam(hidden)
        rotations = rotation_6d_to_matrix(pose.unflatten(1, (JOINTS, 6)))
        return BodyPrediction(rotations, betas, camera)


class DSR(nn.Module):
    """The regressor: ResNet and iterative head."""

    Config: ClassVar = DSRConfig

    def __init__(self, config: DSRConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNet(config.backbone, config.width)
        self.head = Head(self.backbone.channels, config)

    def forward(self, image: Tensor) -> BodyPrediction:
        """Crops (B, 3, S, S), normalised by ImageNet's mean and deviation.

        Raises:
            InvalidData: other shapes than that.
        """
        size = self.config.crop_px
        if image.ndim != 4 or image.shape[1:] != (3, size, size):
            raise InvalidData(
                f"image has shape {tuple(image.shape)}; expected (B, 3, {size}, {size}): crop to "
                f"the network's crop_px."
            )
        return self.head(self.backbone(image))


def normalised(pixels: Tensor) -> Tensor:
    """Images (B, S, S, 3), uint8 -> (B, 3, S, S) float32 as the network reads them."""
    mean, deviation = (
        torch.tensor(values, device=pixels.device) for values in (IMAGE_MEAN, IMAGE_DEVIATION)
    )
    return ((pixels / 255 - mean) / deviation).permute(0, 3, 1, 2)


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    The sides of the crop are the published 224 pixels; no shape shows them, nor the iterations.
    """
    state = with_own_names(state)
    if not {"backbone.conv1.weight", "head.decpose.weight", "head.deccam.weight"} <= set(state):
        return None
    backbone = name_of(state, "backbone.")
    if backbone is None:
        return None
    options = {
        "backbone": backbone,
        "width": state["backbone.conv1.weight"].shape[0],
        "hidden": state["head.fc1.weight"].shape[0],
    }
    return Description(JOINTS, options)


def with_own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state by the network's names: SPIN's have no part of the network in front."""
    if "decpose.weight" not in state:
        return dict(state)
    return {f"{'head' if _is_of_head(name) else 'backbone'}.{name}": state[name] for name in state}


def _is_of_head(name: str) -> bool:
    return name.startswith(("fc1.", "fc2.", "dec", "init_"))


def _from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> DSR:
    size = config["image_px"]
    return DSR(DSRConfig(backbone=config["backbone"], crop_px=size))


def _head_from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> Head:
    return Head(config["features"], DSRConfig(hidden=config["hidden"]))


REFERENCES = {"dsr-hmr": _from_release, "dsr-head": _head_from_release}

REFERENCE_IGNORED = ("smpl.",)

IMAGE_NETWORK = DSR
