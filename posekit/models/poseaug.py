"""PoseAug's generator of pose variations and its two discriminators, which PoseDA builds on.

PoseAug (Gong et al., CVPR 2021); source https://github.com/jfzhang95/PoseAug at f469ce4, classes
PoseGenerator, Pos3dDiscriminator and Pos2dDiscriminator. Parameter names are those of its states.
Poses are of the 16 joints of ``HUMAN36M_16``, in metres. B batch, T frames.

The generator reads a pose and noise and answers with parameters of fixed operations: offsets of the
bones' directions ("angle"), ratios of their lengths ("length"), a turn of the body ("rotation") and
a place for the root ("translation"). PoseDA leaves the last one to ``geometry.global_position``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from posekit.errors import InvalidData, InvalidParameter, unknown
from posekit.geometry import bones
from posekit.geometry.skeletons import HUMAN36M_16, Skeleton

OPERATIONS = ("angle", "length", "rotation", "translation")
LARGEST_TURN = 3.1415  # radians, as released
JOINTS = HUMAN36M_16.joints


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of the generator.

    Attributes:
        noise: Gaussian numbers beside a pose, for every operation its own.
        width: of the hidden layers.
        stages: pairs of hidden layers behind the first.
        length_limit: largest change of a bone's length, as a share of it.
    """

    noise: int = 48
    width: int = 256
    stages: int = 2
    length_limit: float = 0.2


class Parameters(NamedTuple):
    """What a generator asks of the operations; those it was not asked for change nothing.

    Attributes:
        direction_offsets: (B, 15, 3), added to the bones' directions.
        length_ratios: (B, 9), see ``bones.BONE_RATIO``.
        axis_angle: (B, 3), turn of the body about its root, radians.
        translation: (B, 3), where the root goes, metres: the release adds it to the root-centred
            pose. Without this operation it is where the root was.
    """

    direction_offsets: Tensor
    length_ratios: Tensor
    axis_angle: Tensor
    translation: Tensor


class Augmented(NamedTuple):
    """A varied pose and what was done to it.

    For a window, poses are (B, T, 16, 3) and ``angle_change`` is (B, T, 15).

    Attributes:
        pose: (B, 16, 3) after all operations.
        angle_pose: (B, 16, 3) after "angle" alone: the fake of the 3D discriminator.
        angle_change: (B, 15), 1 - cos of the angle that each bone was turned by.
        length_ratios, axis_angle, translation: see ``Parameters``.
    """

    pose: Tensor
    angle_pose: Tensor
    angle_change: Tensor
    length_ratios: Tensor
    axis_angle: Tensor
    translation: Tensor


def vary(window: Tensor, parameters: Parameters) -> Augmented:
    """Do to all frames of a window (B, T, 16, 3) what one set of parameters says.

    The turn is about the root of the middle frame, and takes the root's path along; the path then
    moves by what takes that root to ``translation``. The release knows single frames only: for
    T > 1 this is a reconstruction.
    """
    offsets, ratios, axis_angle, translation = parameters
    pivot = _middle(window)[:, 0]
    angled = bones.redirected(window, offsets[:, None])
    resized = bones.lengthened(angled, ratios[:, None])
    turned = bones.rotate_axis_angle(resized, axis_angle[:, None], pivot[:, None])
    return Augmented(
        pose=turned + (translation - pivot)[:, None, None],
        angle_pose=angled,
        angle_change=bones.direction_change(window, angled),
        length_ratios=ratios,
        axis_angle=axis_angle,
        translation=translation,
    )


class Generator(nn.Module):
    """Pose and noise -> parameters of the operations, one network of linear layers for each."""

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        config = config or GeneratorConfig()
        self.noise = config.noise
        self.length_limit = config.length_limit
        pose = 3 * JOINTS
        self.BAprocess = Trunks(config, pose, {"": 3 * bones.BONES})
        self.BLprocess = Trunks(config, pose + bones.BONES, {"BL": bones.RATIOS})
        self.RTprocess = Trunks(config, pose, {"R": 3, "T": 3})
        self.apply(_kaiming)

    def forward(
        self,
        pose: Tensor,
        noise: Mapping[str, Tensor] | None = None,
        operations: Sequence[str] = OPERATIONS,
    ) -> Augmented:
        """Vary single poses.

        Args:
            pose: (B, 16, 3), metres, with the absolute root.
            noise: (B, noise) for each of the operations; drawn from torch's generator where None.
            operations: any of ``OPERATIONS``; whatever their order, they act in that one.

        Raises:
            InvalidParameter: an unknown operation.
            InvalidData: another shape.
        """
        pose, angle_pose, angle_change, *rest = self.vary_window(pose[:, None], noise, operations)
        return Augmented(pose[:, 0], angle_pose[:, 0], angle_change[:, 0], *rest)

    def vary_window(
        self,
        window: Tensor,
        noise: Mapping[str, Tensor] | None = None,
        operations: Sequence[str] = OPERATIONS,
    ) -> Augmented:
        """Vary windows (B, T, 16, 3), each by what the generator says of its middle frame.

        A reconstruction: one set of parameters for all frames keeps a motion smooth. Arguments
        and errors are those of ``forward``.
        """
        if window.ndim != 4 or window.shape[2:] != (JOINTS, 3):
            raise InvalidData(
                f"windows of poses have shape {tuple(window.shape)}; expected (B, T, {JOINTS}, 3)."
            )
        return vary(window, self.parameters_for(_middle(window), noise, operations))

    def parameters_for(
        self,
        pose: Tensor,
        noise: Mapping[str, Tensor] | None = None,
        operations: Sequence[str] = OPERATIONS,
    ) -> Parameters:
        """What to do to poses (B, 16, 3). Every network reads the pose as it is given.

        Arguments and errors are those of ``forward``.
        """
        for operation in operations:
            if operation not in OPERATIONS:
                raise InvalidParameter(unknown("operation", operation, OPERATIONS))
        parameters = _idle(pose)
        centred = (pose - pose[:, :1]).flatten(1)
        answers = (self._offsets, self._ratios, self._turn, self._place)
        # Noise is drawn in the order of the operations.
        for operation, field, answer in zip(OPERATIONS, Parameters._fields, answers, strict=True):
            if operation in operations:
                drawn = self._noise(pose) if noise is None else noise[operation]
                parameters = parameters._replace(**{field: answer(pose, centred, drawn)})
        return parameters

    def _noise(self, pose: Tensor) -> Tensor:
        return torch.randn(len(pose), self.noise, dtype=pose.dtype, device=pose.device)

    def _offsets(self, _pose: Tensor, centred: Tensor, noise: Tensor) -> Tensor:
        return self.BAprocess("", centred, noise).unflatten(1, (bones.BONES, 3))

    def _ratios(self, pose: Tensor, centred: Tensor, noise: Tensor) -> Tensor:
        seen = torch.cat([centred, bones.bone_lengths(pose)], dim=1)
        free = pose.new_ones(bones.RATIOS)
        free[bones.FIXED_RATIO] = 0
        return self.length_limit * torch.tanh(free * self.BLprocess("BL", seen, noise))

    def _turn(self, _pose: Tensor, centred: Tensor, noise: Tensor) -> Tensor:
        return LARGEST_TURN * torch.tanh(self.RTprocess("R", centred, noise))

    def _place(self, _pose: Tensor, centred: Tensor, noise: Tensor) -> Tensor:
        x, y, z = self.RTprocess("T", centred, noise).unbind(dim=1)
        return torch.stack([x, y, z.square()], dim=1)  # never behind the camera


def _idle(pose: Tensor) -> Parameters:
    """Parameters that change nothing about poses (B, 16, 3)."""
    return Parameters(
        direction_offsets=pose.new_zeros(len(pose), bones.BONES, 3),
        length_ratios=pose.new_zeros(len(pose), bones.RATIOS),
        axis_angle=pose.new_zeros(len(pose), 3),
        translation=pose[:, 0],
    )


def _middle(window: Tensor) -> Tensor:
    return window[:, window.shape[1] // 2]


class Stage(nn.Module):
    """Two linear layers, each with batch normalisation and a leaky ReLU; no residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.w1, self.batch_norm1 = nn.Linear(width, width), nn.BatchNorm1d(width)
        self.w2, self.batch_norm2 = nn.Linear(width, width), nn.BatchNorm1d(width)

    def forward(self, values: Tensor) -> Tensor:
        """values (B, width) -> the same shape."""
        values = _leaky(self.batch_norm1(self.w1(values)))
        return _leaky(self.batch_norm2(self.w2(values)))


class Trunks(nn.Module):
    """The networks behind one of the release's modules, whose layers bear their network's name.

    Args:
        config: noise, width and stages.
        inputs: numbers that a network reads beside the noise.
        outputs: name of a network -> numbers that it answers.
    """

    def __init__(self, config: GeneratorConfig, inputs: int, outputs: Mapping[str, int]) -> None:
        super().__init__()
        for name, size in outputs.items():
            first, norm, stages, last = _layer_names(name)
            self.add_module(first, nn.Linear(inputs + config.noise, config.width))
            self.add_module(norm, nn.BatchNorm1d(config.width))
            rest = (Stage(config.width) for _ in range(config.stages))
            self.add_module(stages, nn.Sequential(*rest))
            self.add_module(last, nn.Linear(config.width, size))

    def forward(self, name: str, values: Tensor, noise: Tensor) -> Tensor:
        """values (B, inputs) and noise (B, noise) -> (B, outputs of the network ``name``)."""
        first, norm, stages, last = (getattr(self, layer) for layer in _layer_names(name))
        hidden = _leaky(norm(first(torch.cat([values, noise], dim=1))))
        return last(stages(hidden))


def _layer_names(name: str) -> tuple[str, str, str, str]:
    if not name:
        return "w1", "batch_norm1", "linear_stages", "w2"
    return f"w1_{name}", f"batch_norm_{name}", f"linear_stages_{name}", f"w2_{name}"


PARTS = {
    "left arm": (7, 9, 10, 11),
    "right arm": (7, 12, 13, 14),
    "left leg": (0, 1, 2, 3, 6),
    "right leg": (0, 3, 4, 5, 6),
    "torso": (0, 3, 6, 7, 8, 9, 12),
}
"""Bones of each part of the 3D discriminator. The release's names of the legs are swapped: bones
0 to 2 are the right leg."""


def part_products(pose: Tensor) -> Tensor:
    """Kinematic chain space by parts: products of bone directions, (B, 16, 3) -> (B, 5, 15, 15).

    Entry (i, j) is the cosine of the angle between bones i and j where both belong to the part,
    else 0.
    """
    masks = pose.new_zeros(len(PARTS), bones.BONES, 1)
    for part, members in enumerate(PARTS.values()):
        masks[part, list(members)] = 1
    masked = masks * bones.bone_directions(pose)[:, None]
    return masked @ masked.transpose(-1, -2)


class PartPath(nn.Module):
    """Judges one part by its products."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.kcs_layer_1 = nn.Linear(bones.BONES**2, width)
        self.kcs_layer_2 = nn.Linear(width, width)
        self.kcs_layer_3 = nn.Linear(width, width)
        self.layer_last = nn.Linear(width, hidden)
        self.layer_pred = nn.Linear(hidden, 1)

    def forward(self, products: Tensor) -> Tensor:
        """products (B, 225) -> (B, 1)."""
        first = _leaky(self.kcs_layer_1(products))
        third = self.kcs_layer_3(_leaky(self.kcs_layer_2(first))) + first
        return self.layer_pred(_leaky(self.layer_last(third)))


class PoseDiscriminator(nn.Module):
    """Judges the bone directions of 3D poses by five parts: real is near 1, generated near 0.

    Args:
        width: of the three layers behind the products (the release's kcs_channel).
        hidden: of the layer before the answer (channel_mid).
    """

    def __init__(self, width: int = 256, hidden: int = 100) -> None:
        super().__init__()
        for number in range(1, len(PARTS) + 1):
            self.add_module(f"kcs_path_{number}", PartPath(width, hidden))
        self.apply(_kaiming)

    def forward(self, pose: Tensor) -> Tensor:
        """pose (B, 16, 3), wherever its root is -> (B, 5), in the order of ``PARTS``."""
        products = part_products(pose).flatten(2).unbind(dim=1)
        paths = self.children()
        return torch.cat([path(part) for path, part in zip(paths, products, strict=True)], dim=1)


class KeypointDiscriminator(nn.Module):
    """Judges 2D poses, screen-normalised: real is near 1, generated near 0.

    Args:
        joints: of a pose.
        width: of all layers.
    """

    def __init__(self, joints: int = JOINTS, width: int = 100) -> None:
        super().__init__()
        self.pose_layer_1 = nn.Linear(2 * joints, width)
        self.pose_layer_2 = nn.Linear(width, width)
        self.pose_layer_3 = nn.Linear(width, width)
        self.pose_layer_4 = nn.Linear(width, width)
        self.layer_last = nn.Linear(width, width)
        self.layer_pred = nn.Linear(width, 1)
        self.apply(_kaiming)

    def forward(self, keypoints: Tensor) -> Tensor:
        """keypoints (B, joints, 2) -> (B, 1)."""
        first = _leaky(self.pose_layer_1(keypoints.flatten(1)))
        second = _leaky(self.pose_layer_2(first))
        third = _leaky(self.pose_layer_3(second) + first)
        return self.layer_pred(_leaky(self.layer_last(self.pose_layer_4(third))))


def _leaky(values: Tensor) -> Tensor:
    return nn.functional.leaky_relu(values, 0.01)


def _kaiming(module: nn.Module) -> None:
    """Initial weights of all linear layers, as released."""
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight)


def _generator(config: Mapping[str, Any], _skeleton: Skeleton) -> Generator:
    if config["joints"] != JOINTS:
        raise InvalidParameter(
            f"PoseAug's generator of {config['joints']} joints; it is defined for {JOINTS}."
        )
    return Generator(
        GeneratorConfig(
            noise=config["noise"],
            width=config["linear_size"],
            stages=config["num_stage"],
            length_limit=config["blr_tanhlimit"],
        )
    )


REFERENCES = {
    "poseaug-generator": _generator,
    "poseaug-disc3d": lambda config, _: PoseDiscriminator(
        config["kcs_channel"], config["channel_mid"]
    ),
    "poseaug-disc2d": lambda config, _: KeypointDiscriminator(config["joints"], config["width"]),
}
