"""Building blocks that the transformer lifters share.

Tokens keep the shape (batch, frames, joints, channels) from the first layer to the last. A block
attends over one of the two middle axes: over the joints of a frame, or over the frames of a
joint's track.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, Skeleton, mirror_points
from posekit.metrics.losses import SequenceLoss
from posekit.models import check_options, option_defaults
from posekit.models.scaling import Scale

Axis = Literal["joints", "frames"]
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

    def frame_attentions(self, step: int) -> Sequence["Attention"]:
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


class DropPath(nn.Module):
    """Stochastic depth: drops a residual branch for whole rows of tokens in training.

    A row is what attends together: the joints of one frame, or the frames of one joint. Kept rows
    are divided by the probability of keeping them (Huang et al., "Deep networks with stochastic
    depth", ECCV 2016; per row as in the MixSTE repository).
    """

    def __init__(self, rate: float, axis: Axis) -> None:
        super().__init__()
        self.rate = rate
        self.axis = axis

    def forward(self, branch: Tensor) -> Tensor:
        """branch (batch, frames, joints, channels) -> the same shape."""
        if not self.training or self.rate == 0.0:
            return branch
        batch, frames, joints, _ = branch.shape
        rows = (batch, frames, 1, 1) if self.axis == "joints" else (batch, 1, joints, 1)
        keep = 1.0 - self.rate
        return branch * branch.new_empty(rows).bernoulli_(keep).div_(keep)


class MLP(nn.Module):
    """Two linear layers with an exact GELU between them, each followed by dropout."""

    def __init__(self, dim: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)
        self.dropout = dropout

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (..., dim) -> the same shape."""
        hidden = functional.gelu(self.fc1(tokens))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        return functional.dropout(self.fc2(hidden), self.dropout, self.training)


SHORT_ROW = 64
"""Rows of fewer tokens go through plain batched products on a CPU; see ``attend``."""


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax of the scaled products of queries and keys, times the values.

    ``scaled_dot_product_attention`` where it is the faster kernel: on a GPU, and on a CPU for long
    rows in float32. Its CPU kernel works row by row in blocks, which costs plain batched products
    a factor 2 on rows of 17 or 27 tokens, and in bfloat16 it leaves the CPU's bfloat16 units
    unused in the backward pass (measured: a factor 2 on 243 tokens, 6 on 17).

    Args:
        query: (..., heads, tokens, head_dim).
        key, value: the same, or with another number of tokens.

    Returns:
        (..., heads, tokens, head_dim), as many tokens as the query has.
    """
    *leading, tokens, width = query.shape
    if query.device.type != "cpu" or (query.dtype == torch.float32 and tokens >= SHORT_ROW):
        parts = (part.flatten(0, -4) for part in (query, key, value))
        return functional.scaled_dot_product_attention(*parts).view(*leading, tokens, width)
    query, key, value = (part.reshape(-1, *part.shape[-2:]) for part in (query, key, value))
    nothing = query.new_zeros(1).expand(len(query), tokens, key.shape[1])
    scores = torch.baddbmm(nothing, query, key.transpose(1, 2), beta=0, alpha=width**-0.5)
    return torch.bmm(scores.softmax(-1), value).view(*leading, tokens, width)


def _check_heads(dim: int, heads: int) -> None:
    if dim % heads:
        raise InvalidParameter(
            f"embed_dim {dim} is not divisible by {heads} heads; choose a multiple of {heads}."
        )


class Attention(nn.Module):
    """Multi-head self-attention over the joints of each frame or the frames of each joint.

    Args:
        dim: channels of a token.
        heads: attention heads.
        axis: what attends together, the "joints" of a frame or the "frames" of a joint.
        qkv_bias: give queries, keys and values a bias.
        dropout: rate after the output projection in training.
    """

    def __init__(
        self, dim: int, heads: int, axis: Axis, *, qkv_bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check_heads(dim, heads)
        self.heads = heads
        self.axis = axis
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, frames, joints, dim) -> the same shape."""
        parts = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))
        if self.axis == "frames":
            parts = parts.transpose(1, 2)
        # Each a view (batch, rows, heads, tokens, head_dim), copied once at most.
        query, key, value = parts.permute(3, 0, 1, 4, 2, 5)
        mixed = attend(query, key, value).transpose(2, 3).flatten(3)
        # Projected while rows are contiguous: of strided tokens, torch multiplies each frame by a
        # copy of the weights of its own, which took a third of a bfloat16 forward pass.
        projected = functional.dropout(self.proj(mixed), self.dropout, self.training)
        return projected.transpose(1, 2) if self.axis == "frames" else projected


class CrossAttention(nn.Module):
    """Multi-head attention whose queries, keys and values come from different tokens.

    Args:
        dim: channels of a token.
        heads: attention heads.
        qkv_bias: give queries, keys and values a bias.
        dropout: rate after the output projection in training.
    """

    def __init__(
        self, dim: int, heads: int, *, qkv_bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        _check_heads(dim, heads)
        self.heads = heads
        self.dropout = dropout
        self.linear_q = nn.Linear(dim, dim, bias=qkv_bias)
        self.linear_k = nn.Linear(dim, dim, bias=qkv_bias)
        self.linear_v = nn.Linear(dim, dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """query (rows, tokens, dim), key and value (rows, others, dim) -> (rows, tokens, dim)."""
        parts = (self.linear_q(query), self.linear_k(key), self.linear_v(value))
        heads = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = attend(*heads).transpose(1, 2).flatten(2)
        return functional.dropout(self.proj(mixed), self.dropout, self.training)


class Block(nn.Module):
    """Pre-norm transformer block: attention, then MLP, each on a residual branch.

    Args:
        dim: channels of a token.
        heads: attention heads.
        mlp_ratio: hidden width of the MLP over ``dim``.
        drop_path: rate of stochastic depth in training.
        axis: what attends together, the "joints" of a frame or the "frames" of a joint.
        dropout: rate after every projection and inside the MLP in training.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_ratio: float,
        drop_path: float,
        axis: Axis,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, axis, dropout=dropout)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = MLP(dim, int(dim * mlp_ratio), dropout)
        self.drop_path = DropPath(drop_path, axis)

    @property
    def attention_norm(self) -> nn.LayerNorm:
        """The norm in front of attention; blocks that keep it elsewhere override this."""
        return self.norm1

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (batch, frames, joints, dim) -> the same shape."""
        tokens = tokens + self.drop_path(self.attn(self.attention_norm(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


def stream_fusion(dim: int) -> nn.Linear:
    """The layer that ``blend`` takes its weights from; it starts with an even blend."""
    fusion = nn.Linear(2 * dim, 2)
    nn.init.zeros_(fusion.weight)
    nn.init.constant_(fusion.bias, 0.5)
    return fusion


def blend(fusion: nn.Linear | None, one: Tensor, other: Tensor) -> Tensor:
    """Blend two streams (..., dim) token by token, by weights that are linear in both.

    Args:
        fusion: see ``stream_fusion``; None for the mean of the streams.
        one, other: the streams.
    """
    if fusion is None:
        return (one + other) / 2
    share = fusion(torch.cat((one, other), dim=-1)).softmax(dim=-1)
    return torch.lerp(other, one, share[..., :1].to(one.dtype))


def full_precision(tensor: Tensor) -> AbstractContextManager:
    """A context without autocast on the device of ``tensor``, for values that decide an order."""
    kind = tensor.device.type
    if torch.amp.is_autocast_available(kind):
        return torch.autocast(kind, enabled=False)
    return nullcontext()


def drop_path_rates(largest: float, blocks: int) -> list[float]:
    """Rates of stochastic depth, rising linearly from 0 to ``largest`` over the blocks."""
    return torch.linspace(0.0, largest, blocks, device="cpu").tolist()
