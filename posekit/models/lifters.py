"""Lifters: the base classes of networks, their options, and what they tell of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, Skeleton, mirror_points
from posekit.metrics.losses import SequenceLoss
from posekit.models import check_options, option_defaults
from posekit.models.scaling import Scale

if TYPE_CHECKING:
    from posekit.models.layers import Attention

Criterion = Callable[[Tensor, Tensor], SequenceLoss]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every ``Config``: its fields are the options, and each has a default.

    Raises:
        InvalidParameter: a value that is not among those of an option's ``Literal``.
    """

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            value, choices = getattr(self, name), get_args(kind)
            if get_origin(kind) is Literal and value not in choices:
                raise InvalidParameter(
                    f"{model_name(type(self))}: {name} is {value!r}; choose one of "
                    f"{', '.join(choices)}."
                )


@dataclass(frozen=True, kw_only=True)
class LifterConfig(Options):
    """Options that every lifter has; each network's ``Config`` adds its own.

    Attributes:
        frames: frames of a window.
        skeleton: joint set of the keypoints and of the pose.
        in_channels: channels per keypoint: x, y and for some networks the confidence.
    """

    frames: int = 243
    skeleton: Skeleton = HUMAN36M_17
    in_channels: int = 2


def model_name(part: type) -> str:
    """The name of the network whose module defines ``part``."""
    return part.__module__.rpartition(".")[2]


class Lifter(nn.Module):
    """A network that lifts 2D keypoints to 3D poses.

    ``forward`` maps screen-normalised keypoints (batch, frames, joints, in_channels) to
    root-relative poses in metres: (batch, frames, joints, 3) when ``output`` is "sequence",
    (batch, 1, joints, 3) when it is "frame".

    Attributes:
        Config: frozen dataclass of the network's options; the constructor takes one.
        published: name in print -> options of the sizes that tables of lifters list.
        release_protocol: how the authors' code scores, a key of
            ``posekit.evaluation.protocols.PROTOCOLS``.
        predicts_scale: whether ``estimate`` gives poses with a log scale of their error.
        samples: whether it draws hypotheses, see ``SamplingLifter``.
        block_name, prior_blocks: what the option ``depth`` counts, and blocks that it leaves out.
        frames: length of the window that the network takes.
        skeleton: joint set of the keypoints and of the pose.
        output: "sequence" (one pose per frame) or "frame" (the pose of the middle frame).
        in_channels: channels per keypoint.
    """

    Config: ClassVar[type[Options]] = LifterConfig
    published: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    release_protocol: ClassVar[str] = "MixSTE"
    predicts_scale: ClassVar[bool] = False
    samples: ClassVar[bool] = False
    block_name: ClassVar[str] = "pairs of blocks"
    prior_blocks: ClassVar[int] = 0

    def __init__(
        self,
        frames: int,
        skeleton: Skeleton,
        output: Literal["sequence", "frame"] = "sequence",
        in_channels: int = 2,
    ) -> None:
        super().__init__()
        if frames < 1:
            raise InvalidParameter(f"frames is {frames}; a window holds at least 1 frame.")
        self.frames = frames
        self.skeleton = skeleton
        self.output = output
        self.in_channels = in_channels

    @classmethod
    def build(cls, *, skeleton: Skeleton, **options: Any) -> Self:
        """The network with these fields of its ``Config``.

        Raises:
            InvalidParameter: an unknown option, or a value of the wrong type.
        """
        check_options(model_name(cls), options, option_defaults(cls.Config))
        return cls(cls.Config(skeleton=skeleton, **options))

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """Published options at another scale: the same keys, frames, width and depth smaller."""
        scaled = dict(options)
        if "embed_dim" in options:
            scaled["embed_dim"] = scale.width(options["embed_dim"])
        if "frames" in options:
            scaled["frames"] = scale.frames(options["frames"])
        if "depth" in options:
            prior = cls.prior_blocks
            scaled["depth"] = max(1, scale.blocks(options["depth"] + prior) - prior)
        return scaled

    @classmethod
    def describe_depth(cls, options: Mapping[str, Any]) -> str:
        """How deep a network is, such as "8 pairs of blocks"; "" without the option ``depth``."""
        if "depth" not in options:
            return ""
        return f"{options['depth'] + cls.prior_blocks} {cls.block_name}"

    @property
    def tiled_windows(self) -> bool:
        """Whether training windows lie end to end; otherwise there is one for every frame."""
        return self.output == "sequence"

    @property
    def supervises_all_frames(self) -> bool:
        """Whether the target of training holds all frames of a window, or the middle one."""
        return self.output == "sequence"

    def training_forward(self, keypoints: Tensor, target: Tensor) -> Tensor:
        """The prediction that the training loss compares with ``target``.

        Diffusion lifters, whose input in training depends on the target, override it.
        """
        return self(keypoints)

    def training_loss(
        self, keypoints: Tensor, target: Tensor, criterion: Criterion
    ) -> SequenceLoss:
        """The loss of a batch; lifters that train on more than their prediction override it.

        Args:
            keypoints: (B, F, J, in_channels).
            target: (B, F, J, 3) or, without ``supervises_all_frames``, (B, 1, J, 3); metres.
            criterion: the recipe's loss of a prediction and a target.
        """
        return self.own_criterion(criterion)(self.training_forward(keypoints, target), target)

    def own_criterion(self, criterion: Criterion) -> Criterion:
        """The recipe's loss with what the network's release adds to it; nothing by default."""
        return criterion

    def set_norm_momentum(self, momentum: float) -> None:
        """Set the momentum of the batch normalisations that a recipe schedules.

        Raises:
            InvalidParameter: the network schedules none; those that do override this.
        """
        raise InvalidParameter(
            f"{type(self).__name__} schedules no batch normalisation; leave norm_momentum out of "
            f"its recipe (asked for: {momentum})."
        )

    def lift_both(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Prediction of the keypoints, and that of their mirror image mirrored back.

        Lifters whose second pass reuses something of the first override it.
        """
        mirrored = self(mirror_points(keypoints, self.skeleton))
        return self(keypoints), mirror_points(mirrored, self.skeleton)

    def check_input(self, keypoints: Tensor) -> None:
        """Raise InvalidData unless keypoints are (batch, frames, joints, in_channels)."""
        expected = (self.frames, self.skeleton.joints, self.in_channels)
        if keypoints.ndim != 4 or tuple(keypoints.shape[1:]) != expected:
            raise InvalidData(
                f"{type(self).__name__} got keypoints of shape {tuple(keypoints.shape)}; it takes "
                f"(batch, {', '.join(map(str, expected))}): cut windows of {self.frames} frames "
                f"with the {self.skeleton.joints} joints of {self.skeleton.name}."
            )

    def check_joints(self, skeleton: Skeleton, where: str) -> None:
        """Refuse data of other joints, even if they are as many.

        Args:
            skeleton: of the data.
            where: name of the data.

        Raises:
            InvalidParameter: the joint sets differ.
        """
        if skeleton != self.skeleton:
            raise InvalidParameter(
                f"{type(self).__name__} lifts the joints of {self.skeleton.name} and {where} holds "
                f"those of {skeleton.name}; build it with the data's skeleton, or choose other "
                "data."
            )


class SamplingLifter(Lifter):
    """A lifter that draws hypotheses of a pose.

    Attributes:
        scale: what poses are multiplied by while they are sampled.
    """

    samples = True
    scale: float

    def sample(
        self,
        keypoints: Tensor,
        *,
        hypotheses: int,
        iterations: int,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw hypotheses, independent for every sequence.

        Args:
            keypoints: (B, F, J, in_channels).
            hypotheses: N.
            iterations: K, sampling steps.
            generator: source of the noise, on the device of ``keypoints``.

        Returns:
            The poses of every iteration, (B, K, N, F, J, 3), in ``scale`` metres.
        """
        raise NotImplementedError


class HostedLifter(Lifter):
    """A plug-in around another lifter, its host.

    The constructor takes the host and the plug-in's own ``Config``; ``build`` and ``scaled`` take
    the options of both side by side, and ``host``, the host's name (by default the first).

    Attributes:
        hosts: name -> network.
        checked_with_host: options of the plug-in that only its constructor can check.
    """

    hosts: ClassVar[Mapping[str, type[Lifter]]]
    checked_with_host: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def host_of(cls, options: Mapping[str, Any]) -> type[Lifter]:
        """The network that the option ``host`` names.

        Raises:
            InvalidParameter: no host of that name.
        """
        name = options.get("host", next(iter(cls.hosts)))
        if name not in cls.hosts:
            raise InvalidParameter(
                f"{model_name(cls)}: host is {name!r}; choose one of {', '.join(cls.hosts)}."
            )
        return cls.hosts[name]

    @classmethod
    def build(cls, *, skeleton: Skeleton, **options: Any) -> Self:
        """The host with the plug-in.

        Raises:
            InvalidParameter: an unknown host or option, or a value of the wrong type.
        """
        network = cls.host_of(options)
        own = option_defaults(cls.Config)
        known = {**option_defaults(network.Config), **own, "host": ""}
        given = {name: options[name] for name in options if name not in cls.checked_with_host}
        check_options(model_name(cls), given, known)
        mine = {name: options[name] for name in options if name in own}
        others = {name: options[name] for name in options if name not in {*own, "host"}}
        return cls(network(network.Config(skeleton=skeleton, **others)), cls.Config(**mine))

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """As the host is scaled."""
        return cls.host_of(options).scaled(options, scale)

    @classmethod
    def describe_depth(cls, options: Mapping[str, Any]) -> str:
        """The host's depth."""
        return cls.host_of(options).describe_depth(options)


Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class SteppedConfig(LifterConfig):
    """Options that every lifter of steps has.

    Attributes:
        embed_dim: channels of a token.
        heads: attention heads.
    """

    embed_dim: int = 512
    heads: int = 8


class SteppedLifter(Lifter):
    """A lifter that carries tokens through a row of equal steps, so that plug-ins can act between.

    ``forward`` embeds the keypoints, runs the steps, finishes the tokens and regresses the pose.
    Tokens are (B, frames, J, C), or (B, frames, 1, C) where one token holds a whole pose. A step
    takes any number of frames from the first number in ``prunable`` on.

    Attributes:
        embed_dim: C, channels of a token.
        heads: attention heads.
        qkv_bias: whether queries, keys and values have a bias.
        pipelines: whether the host can answer all frames, or one frame, once some are left out.
    """

    qkv_bias: bool = True
    pipelines: ClassVar[tuple[str, ...]] = ("sequence", "frame")

    def __init__(
        self, config: SteppedConfig, output: Literal["sequence", "frame"] = "sequence"
    ) -> None:
        super().__init__(config.frames, config.skeleton, output, config.in_channels)
        self.embed_dim = config.embed_dim
        self.heads = config.heads

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """As every lifter's, and no more heads than the width feeds."""
        scaled = super().scaled(options, scale)
        if "heads" in options and "embed_dim" in options:
            scaled["heads"] = scale.heads(options["heads"], scaled["embed_dim"])
        return scaled

    def embed(self, keypoints: Tensor) -> Tensor:
        """keypoints (B, F, J, in_channels) -> tokens that enter the first step."""
        raise NotImplementedError

    def steps(self) -> Sequence[Step]:
        """The steps in the order in which they run; each maps tokens to tokens."""
        raise NotImplementedError

    def finish(self, tokens: Tensor) -> Tensor:
        """What normalises the tokens after the last step; nothing by default."""
        return tokens

    def regress(self, tokens: Tensor) -> Tensor:
        """Finished tokens -> a pose (B, frames, J, 3) in metres."""
        raise NotImplementedError

    @property
    def prunable(self) -> range:
        """Numbers of the steps before which frames may be left out, counted from 0."""
        return range(len(self.steps()))

    def frame_attentions(self, step: int) -> Sequence[Attention]:
        """The last attention over frames within a step; several where streams run abreast."""
        raise NotImplementedError

    def shorten(self, step: int, frames: int) -> None:
        """Rebuild what is tied to the number of frames for steps from ``step`` on."""

    @classmethod
    def shortened_at(cls, state: Mapping[str, Tensor], frames: int) -> int | None:
        """The step from which on a state is of ``frames`` frames; None where no shape tells.

        Raises:
            ValueError: no step is.
        """
        return None

    def initialise(self, module: nn.Module) -> None:
        """Give a layer that a plug-in adds the host's own initial weights; torch's by default."""

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, F, J, in_channels) to a pose (B, F, J, 3) in metres."""
        self.check_input(keypoints)
        return self.lift_tokens(self.embed(keypoints))

    def lift_tokens(self, tokens: Tensor) -> Tensor:
        """Embedded tokens -> the pose, through all steps."""
        for step in self.steps():
            tokens = step(tokens)
        return self.regress(self.finish(tokens))
