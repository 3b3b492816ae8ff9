"""GLA-GCN: an adaptive graph network that shrinks a clip to its centre frame, joint by joint.

Yu et al., "GLA-GCN: Global-local adaptive graph convolutional network for 3D human pose estimation
from monocular video", ICCV 2023, https://arxiv.org/abs/2307.05853. Source:
https://github.com/bruceyo/GLA-GCN at fd72990, class S_AGCN. Parameter names are those of its
checkpoints.

The release holds the strided half of the paper with its shared head. The unshared head follows the
paper's text; the branch that reconstructs the whole sequence was never published and is a
reconstruction of ours (``global_head``, ``global_layers``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import COCO_17, HUMAN36M_17, HUMANEVA_15, Skeleton, coco_to_humaneva
from posekit.metrics.losses import SequenceLoss
from posekit.models.adaptive_graphs import (
    SUBSETS,
    AdaptiveUnit,
    embedding_width,
    partitioned_graph,
)
from posekit.models.lifters import Criterion, Lifter, LifterConfig
from posekit.models.releases import Description, count_modules, renamed

Head = Literal["shared", "unshared", "flat", "pooled"]
Variant = Literal["standard", "mask-rcnn", "h36m-graph"]

WIDTH = 3
"""Frames that one strided stage turns into one."""

# Pairs (child, parent) as the release lists them; some run from parent to child.
HUMANEVA_BONES = (
    *((14, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7)),
    *((1, 0), (0, 11), (11, 12), (12, 13), (0, 8), (8, 9), (9, 10)),
)
# Without a bone from thorax to right shoulder and from pelvis to left hip.
HUMANEVA_MASK_RCNN_BONES = tuple(bone for bone in HUMANEVA_BONES if bone not in {(1, 5), (0, 8)})


class UnsharedHead(nn.Conv1d):
    """A linear map of its own for every joint: its feature to its position."""

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__(joints * channels, joints * 3, 1, groups=joints)
        self.joints = joints

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, J) -> (B, 3, J)."""
        by_joint = features.transpose(1, 2).flatten(1)[..., None]
        return super().forward(by_joint).view(-1, self.joints, 3).transpose(1, 2)


class PoseHead(nn.Linear):
    """One linear map to the whole pose, of all joints' features or of their mean (``pooled``)."""

    def __init__(self, joints: int, channels: int, *, pooled: bool) -> None:
        super().__init__(channels if pooled else channels * joints, 3 * joints)
        self.pooled = pooled

    def forward(self, features: Tensor) -> Tensor:
        """features (B, C, J) -> (B, 3, J)."""
        pose = features.mean(dim=2) if self.pooled else features.flatten(1)
        return super().forward(pose).unflatten(1, (3, -1))


def build_head(head: Head, joints: int, channels: int) -> nn.Module:
    """What turns the joints' features (B, C, J) into positions (B, 3, J)."""
    if head == "shared":
        return nn.Conv1d(channels, 3, 1)
    if head == "unshared":
        return UnsharedHead(joints, channels)
    return PoseHead(joints, channels, pooled=head == "pooled")


@dataclass(frozen=True, kw_only=True)
class Config(LifterConfig):
    """Options of GLA-GCN; published with 243, 81 and 27 frames.

    Attributes:
        frames: frames of a window, a power of 3; each factor 3 is one strided stage.
        skeleton: joint set. The fixed graph is the release's, where it lists one (its graph of
            HumanEva is no consistent tree), else the skeleton's bones.
        embed_dim: channels of a joint's feature.
        dropout: between the units. Inside them the release fixes it to 0.1.
        head: "shared", one linear map for every joint, as released; "unshared", one per joint;
            "flat", one map of all features to the whole pose; "pooled", one of their mean.
        strided: shrink time stage by stage; without it, keep all frames and average at the end.
        use_b: learn a graph (B).
        use_c: add a graph that depends on the input (C).
        global_head: reconstruct the whole 3D sequence in training as well. Our reconstruction of
            the unpublished global branch: an AGCN unit to 3 channels, without its ReLUs, which
            could not give negative coordinates.
        global_layers: units at full length between the first unit and that head; 1 or more imply
            the head. Our reconstruction too: the paper does not say how many.
        variant: "standard"; "mask-rcnn", HumanEva from Mask R-CNN detections, as released:
            takes COCO-17 keypoints or HumanEva-15, does not normalise them, and lacks two bones;
            "h36m-graph", other 17 joints with the graph of Human3.6M's, as released for 3DHP.
        temporal_kernel: frames that a temporal convolution sees.
        reduction: joints are compared in ``embed_dim // reduction`` channels.
    """

    embed_dim: int = 96
    dropout: float = 0.1
    head: Head = "shared"
    strided: bool = True
    use_b: bool = True
    use_c: bool = True
    global_head: bool = False
    global_layers: int = 0
    variant: Variant = "standard"
    temporal_kernel: int = 9
    reduction: int = 4


class GLAGCN(Lifter):
    """Lifts a window to the pose of its centre frame."""

    Config = Config
    published: ClassVar = {"GLA-GCN": {}}
    release_protocol = "VideoPose3D"

    def __init__(self, config: Config) -> None:
        super().__init__(config.frames, config.skeleton, "frame", config.in_channels)
        joints, dim, kernel = config.skeleton.joints, config.embed_dim, config.temporal_kernel
        stages = count_stages(config.frames)
        if kernel % 2 == 0:
            raise InvalidParameter(
                f"temporal_kernel is {kernel}; it needs a middle: choose an odd number."
            )
        unit = partial(
            AdaptiveUnit,
            partitioned_graph(joints, released_bones(config.skeleton, config.variant)),
            kernel=kernel,
            use_b=config.use_b,
            use_c=config.use_c,
        )
        compared = embedding_width(dim, config.reduction)
        inner = partial(unit, dim, dim, embedding=compared)
        step = WIDTH if config.strided else 1
        self.embed_dim = dim
        self.variant = config.variant
        self.strided = config.strided
        self.data_bn = nn.BatchNorm1d(config.in_channels * joints)
        if config.variant == "mask-rcnn":  # in the released files, but not used
            self.data_bn.requires_grad_(False)
        self.expand_gcn = unit(config.in_channels, dim, embedding=compared)
        self.global_gcn = nn.ModuleList(inner() for _ in range(config.global_layers))
        self.global_head = (
            unit(dim, 3, embedding=embedding_width(3, config.reduction), activation=False)
            if config.global_head or config.global_layers
            else None
        )
        self.layers_tcngcn = nn.ModuleList(
            layer for _ in range(stages) for layer in (inner(), inner(stride=step, residual=False))
        )
        self.drop = nn.Dropout(config.dropout)
        self.fc = build_head(config.head, joints, dim)

    @property
    def supervises_all_frames(self) -> bool:
        """Whether training needs the poses of all frames: with the global branch."""
        return self.global_head is not None

    def forward(self, keypoints: Tensor) -> Tensor:
        """keypoints (B, F, J, in_channels) -> the centre frame's pose (B, 1, J, 3), metres.

        The root is not forced to 0; the release scores it like any joint.
        """
        return self._centre(self._trunk(keypoints))

    def reconstruct(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """The centre frame's pose (B, 1, J, 3) and the whole sequence (B, F, J, 3), metres.

        Raises:
            InvalidParameter: the network has no global branch.
        """
        if self.global_head is None:
            raise InvalidParameter(
                "this GLA-GCN does not reconstruct the sequence; build it with global_layers=1."
            )
        features = self._trunk(keypoints)
        return self._centre(features), self.global_head(features).permute(0, 2, 3, 1)

    def training_forward(self, keypoints: Tensor, target: Tensor) -> Tensor:
        """The centre frame's pose at the cost of a training step, that of the sequence included."""
        return self(keypoints) if self.global_head is None else self.reconstruct(keypoints)[0]

    def training_loss(
        self, keypoints: Tensor, target: Tensor, criterion: Criterion
    ) -> SequenceLoss:
        """The centre frame's loss; with the global branch, plus that of the whole sequence.

        Both have weight 1, as in the released script for MPI-INF-3DHP.

        Args:
            keypoints: (B, F, J, in_channels).
            target: (B, 1, J, 3), or with the global branch (B, F, J, 3).
            criterion: loss of a prediction and a target.
        """
        if self.global_head is None:
            return super().training_loss(keypoints, target, criterion)
        centre, sequence = self.reconstruct(keypoints)
        middle = self.frames // 2
        local = criterion(centre, target[:, middle : middle + 1])
        whole = criterion(sequence, target)
        return SequenceLoss(*(one + other for one, other in zip(local, whole, strict=True)))

    def lift_both(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """As ``Lifter.lift_both``; COCO keypoints become HumanEva's before they are mirrored."""
        return super().lift_both(self._own_joints(keypoints))

    @property
    def units(self) -> tuple[AdaptiveUnit, ...]:
        """The units that the centre frame's pose passes, in order."""
        return (self.expand_gcn, *self.global_gcn, *self.layers_tcngcn)

    @torch.no_grad()
    def graphs(self, keypoints: Tensor, unit: int) -> dict[str, Tensor]:
        """The parts of the graph over which a unit mixes joints, of one window.

        Args:
            keypoints: (1, F, J, in_channels).
            unit: index into ``units``.

        Returns:
            A (fixed), B (learned) and C (of this input; 0 without ``use_c``), each (3, J, J).
        """
        gcn = self.units[unit].gcn1
        seen: list[Tensor] = []
        hook = gcn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        self(keypoints)
        hook.remove()
        similar = gcn.similarity(seen[0])[0] if gcn.conv_a else torch.zeros_like(gcn.A)
        return {"A": gcn.A, "B": gcn.PA.detach(), "C": similar}

    def set_norm_momentum(self, momentum: float) -> None:
        """Set the momentum that the release lets fall from 0.1 to 0.001 over its epochs.

        It is that of the input normalisation and of the two main normalisations of every unit;
        those in the shortcuts of the first unit keep theirs.
        """
        self.data_bn.momentum = momentum
        for unit in self.modules():
            if isinstance(unit, AdaptiveUnit):
                unit.gcn1.bn.momentum = unit.tcn1.bn.momentum = momentum

    def _own_joints(self, keypoints: Tensor) -> Tensor:
        """Keypoints of the skeleton's joints; the Mask R-CNN variant takes COCO's as well."""
        if self.variant == "mask-rcnn" and keypoints.shape[-2] == COCO_17.joints:
            return coco_to_humaneva(keypoints)
        return keypoints

    def _trunk(self, keypoints: Tensor) -> Tensor:
        """Joint features at full length (B, C, F, J)."""
        keypoints = self._own_joints(keypoints)
        self.check_input(keypoints)
        if self.variant != "mask-rcnn":
            coordinates = keypoints.flatten(2).flatten(0, 1)
            keypoints = self.data_bn(coordinates).view_as(keypoints)
        features = self.expand_gcn(keypoints.permute(0, 3, 1, 2))
        for unit in self.global_gcn:
            features = unit(features)
        return features

    def _centre(self, features: Tensor) -> Tensor:
        """Features (B, C, F, J) -> the pose (B, 1, J, 3)."""
        units = iter(self.layers_tcngcn)
        for plain, shrinking in zip(units, units, strict=True):
            # Outputs of the strided convolution are centred on frames 0, 3, 6; these are 1, 4, 7.
            shortcut = features[:, :, WIDTH // 2 :: WIDTH] if self.strided else features
            features = shortcut + self.drop(shrinking(self.drop(plain(features))))
        return self.fc(features.mean(dim=2)).transpose(1, 2)[:, None]


def count_stages(frames: int) -> int:
    """Strided stages that turn a window into one frame: the exponent of 3.

    Raises:
        InvalidParameter: not a power of 3.
    """
    stages = round(math.log(frames, WIDTH))
    if WIDTH**stages != frames:
        raise InvalidParameter(
            f"frames is {frames}; GLA-GCN shrinks a window by 3 at a time: choose a power of 3 "
            f"(1, 3, 9, 27, 81, 243)."
        )
    return stages


def released_bones(skeleton: Skeleton, variant: Variant) -> tuple[tuple[int, int], ...]:
    """Pairs (child, parent) of the fixed graph.

    Raises:
        InvalidParameter: the variant is of another joint set.
    """
    if variant == "standard":
        return HUMANEVA_BONES if skeleton == HUMANEVA_15 else skeleton.bones
    owner, bones = {
        "mask-rcnn": (HUMANEVA_15, HUMANEVA_MASK_RCNN_BONES),
        "h36m-graph": (HUMAN36M_17, HUMAN36M_17.bones),
    }[variant]
    if skeleton.joints != owner.joints:
        raise InvalidParameter(
            f"variant {variant!r} has a graph of {owner.joints} joints, {skeleton.name} has "
            f"{skeleton.joints}; choose variant 'standard'."
        )
    return bones


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Two things no shape shows. Whether the network is strided: assumed. Whether it is HumanEva's
    Mask R-CNN variant, whose input normalisation is never run: its counter then stands at 0, while
    those of other layers do not.
    """
    if "expand_gcn.gcn1.PA" not in state:
        return None
    width, channels, _, _ = state["expand_gcn.gcn1.conv_d.0.weight"].shape
    joints = state["expand_gcn.gcn1.PA"].shape[-1]
    compared = state.get("expand_gcn.gcn1.conv_a.0.weight")
    stages = count_modules(state, "layers_tcngcn") // 2
    options = {
        "frames": WIDTH**stages,
        "in_channels": channels,
        "embed_dim": width,
        "head": _head_of(tuple(state["fc.weight"].shape), joints, width),
        "use_c": compared is not None,
        "global_head": "global_head.gcn1.PA" in state,
        "global_layers": count_modules(state, "global_gcn"),
        "temporal_kernel": state["expand_gcn.tcn1.conv.weight"].shape[2],
    }
    if joints == HUMANEVA_15.joints and _never_normalised(state):
        options["variant"] = "mask-rcnn"
    return Description(joints, options, depth=stages)


def _head_of(shape: tuple[int, ...], joints: int, width: int) -> Head:
    heads: dict[tuple[int, ...], Head] = {
        (3 * joints, width): "pooled",
        (3 * joints, width * joints): "flat",
        (3 * joints, width, 1): "unshared",
        (3, width, 1): "shared",
    }
    return heads[shape]


def _never_normalised(state: Mapping[str, Tensor]) -> bool:
    counters = ("data_bn.num_batches_tracked", "expand_gcn.tcn1.bn.num_batches_tracked")
    ours, others = (int(state[name]) for name in counters)
    return ours == 0 and others > 0


VARIANTS: dict[str, Variant] = {
    "h36m": "standard",
    "humaneva15": "standard",
    "humaneva15-mrcnn": "mask-rcnn",
}
"""Data sets of the release's ``Graph`` and the variant that has its graph."""


def _reference(config: Mapping[str, Any], skeleton: Skeleton) -> GLAGCN:
    """The network of the release's constructor arguments."""
    widths = config["filter_widths"]
    if set(widths) - {WIDTH}:
        raise InvalidParameter(
            f"filter_widths are {widths}; the released windows fit widths of {WIDTH} only."
        )
    for name, value in (("causal", False), ("num_subset", SUBSETS)):
        if config.get(name, value) != value:
            raise InvalidParameter(
                f"{name} is {config[name]}; the release runs with {value} only: set it to {value}."
            )
    variant = config.get("variant", "h36m")
    if variant not in VARIANTS:
        raise InvalidParameter(f"variant is {variant!r}; the release has {', '.join(VARIANTS)}.")
    options = {"frames": WIDTH ** len(widths), "variant": VARIANTS[variant]}
    return GLAGCN(Config(skeleton=skeleton, **options, **renamed(config, _OPTIONS)))


_OPTIONS = {
    "in_features": "in_channels",
    "channels": "embed_dim",
    "dropout": "dropout",
    "temporal_kernel": "temporal_kernel",
    "coff_embedding": "reduction",
}


def _reference_unit(config: Mapping[str, Any], skeleton: Skeleton) -> AdaptiveUnit:
    """One AGCN unit alone, on features (B, C, F, J)."""
    variant = VARIANTS[config.get("variant", "h36m")]
    return AdaptiveUnit(
        partitioned_graph(skeleton.joints, released_bones(skeleton, variant)),
        config["in_channels"],
        config["out_channels"],
        stride=config["stride"],
        residual=config["residual"],
        embedding=config["inter_channels"],
        kernel=config.get("temporal_kernel", 9),
    )


REFERENCES: dict[str, Callable[[Mapping[str, Any], Skeleton], nn.Module]] = {
    "gla-gcn": _reference,
    "gla-gcn-unit": _reference_unit,
}

NETWORK = GLAGCN
