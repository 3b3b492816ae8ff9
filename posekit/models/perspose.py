"""PersPose: joints, depths and scale of a cropped person whose camera the network knows.

"PersPose: 3D human pose estimation with perspective encoding and perspective rotation", ICCV 2025,
arXiv 2508.17239. Source: https://github.com/KenAdamsJoseph/PersPose at 1863de7. Parameter names
are those of its checkpoints. Shapes: B crops, S their side. What is predicted stands in
``perspective_heads``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from posekit.errors import InvalidParameter, check_count
from posekit.geometry.perspective import pixel_centres
from posekit.geometry.skeletons import Skeleton
from posekit.models.heatmaps import soft_argmax
from posekit.models.hrnet import BRANCHES, COARSEST_STRIDE, STRIDE, HRNet
from posekit.models.perspective_heads import (
    JOINTS,
    RHO_MIDDLE,
    PerspectiveNetwork,
    PersPosePrediction,
    ray_map,
)
from posekit.models.releases import Description, count_modules

ENCODING_DEVIATION = 0.01  # of the initial weights that read the rays


@dataclass(frozen=True, kw_only=True)
class PersPoseConfig:
    """Options of PersPose; the defaults are the published network.

    Attributes:
        width, modules, blocks, stem, head, features: of the backbone, see ``HRNet``.
        image_px: side of the crop.
        components: of the body's shape.
        encoding: whether the network is given the crop's rays; without, their map is all zero.
        rho_middle: see ``PerspectiveNetwork``.

    Raises:
        InvalidParameter: a number below 1, or a crop that the backbone cannot halve often enough.
    """

    width: int = 48
    modules: tuple[int, ...] = (1, 4, 3)
    blocks: int = 4
    stem: int = 64
    head: tuple[int, ...] = (32, 64, 128, 256)
    features: int = 2048
    image_px: int = 256
    components: int = 11
    encoding: bool = True
    rho_middle: float | None = None

    def __post_init__(self) -> None:
        for name in ("width", "blocks", "stem", "features", "components"):
            check_count(name, getattr(self, name))
        for name in ("modules", "head"):
            for number in getattr(self, name):
                check_count(name, number)
        if self.image_px < COARSEST_STRIDE or self.image_px % COARSEST_STRIDE:
            raise InvalidParameter(
                f"perspose: image_px is {self.image_px}; give a multiple of {COARSEST_STRIDE}."
            )
        if len(self.modules) != BRANCHES - 1 or len(self.head) != BRANCHES:
            raise InvalidParameter(
                f"perspose: modules is {self.modules} and head is {self.head}; give three numbers "
                f"of modules, of stages 2 to 4, and four numbers of planes, finest branch first."
            )


class PersPose(PerspectiveNetwork):
    """The network of pictures: crops (B, 3, S, S), normalised as ImageNet's, S = ``image_px``.

    Joints are expectations over heat maps; all else is read from one vector. The perspective
    encoding, the map of the rays of every fourth pixel, enters after the backbone's first layer.
    """

    Config: ClassVar = PersPoseConfig

    def __init__(self, config: PersPoseConfig) -> None:
        super().__init__(config.features, config.components, config.image_px, config.rho_middle)
        self.config = config
        self.backbone = HRNet(
            width=config.width,
            modules=config.modules,
            blocks=config.blocks,
            stem=config.stem,
            head=config.head,
            features=config.features,
        )
        self.hm_layer = nn.Conv2d(config.width, JOINTS, 1)
        self.cam_layer = nn.Conv2d(2, self.backbone.stem_channels, 1, bias=False)
        nn.init.normal_(self.cam_layer.weight, std=ENCODING_DEVIATION)

    def predict_once(self, crop: Tensor, intrinsics: Tensor, known: Tensor) -> PersPosePrediction:
        """The prediction for crops as they are; arguments as of ``forward``."""
        rays = self.encode_camera(intrinsics, known)
        fine, whole = self.backbone(self.backbone.stem(crop) + self.cam_layer(rays))
        return self.read_heads(whole, soft_argmax(self.hm_layer(fine), STRIDE))

    def encode_camera(self, intrinsics: Tensor, known: Tensor) -> Tensor:
        """The perspective encoding (B, 2, S / 4, S / 4): rays (x / z, y / z), or 0.

        It is 0 for crops whose intrinsics are not ``known``, and without ``config.encoding``.
        """
        side = self.crop_px // STRIDE
        points = STRIDE * pixel_centres(side, side, intrinsics)
        shown = known & self.config.encoding
        return ray_map(intrinsics, shown, points).mT.unflatten(-1, (side, side))

    def mirror_crop(self, crop: Tensor) -> Tensor:
        """The mirror image of crops."""
        return crop.flip(-1)

    @property
    def crop_shape(self) -> tuple[int, ...]:
        """(3, S, S)."""
        return (3, self.crop_px, self.crop_px)


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    No shape tells the side of the crop: it is the published 256.

    Raises:
        KeyError: names are missing.
    """
    if "rho0_layer.weight" not in state or "cam_layer.weight" not in state:
        return None
    head = [f"backbone.incre_modules.{branch}.0.conv1.weight" for branch in range(BRANCHES)]
    stages = [count_modules(state, f"backbone.stage{stage}") for stage in (2, 3, 4)]
    options = {
        "width": state["hm_layer.weight"].shape[1],
        "modules": tuple(stages),
        "blocks": count_modules(state, "backbone.stage2.0.branches.0"),
        "stem": state["backbone.conv1.weight"].shape[0],
        "head": tuple(state[name].shape[0] for name in head),
        "features": state["rho0_layer.weight"].shape[1],
        "components": state["shape_layer.weight"].shape[0],
    }
    return Description(state["hm_layer.weight"].shape[0], options, sum(stages))


def _from_release(config: Mapping[str, Any], _skeleton: Skeleton) -> PersPose:
    if config["joints"] != JOINTS:
        raise InvalidParameter(
            f"perspose: joints is {config['joints']}; PersPose predicts {JOINTS} joints."
        )
    return PersPose(
        PersPoseConfig(
            width=config["hrnet_width"],
            modules=tuple(config["modules_per_stage"]),
            blocks=config["blocks"],
            image_px=config["image_px"],
            rho_middle=RHO_MIDDLE,  # the release's range is that of 256 pixels for any crop
        )
    )


REFERENCES = {"perspose": _from_release}
REFERENCE_IGNORED = ("smpl.",)

IMAGE_NETWORK = PersPose
