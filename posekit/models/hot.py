"""HoT, the Hourglass Tokenizer: a plug-in that keeps a few frames in the middle of a host.

Li et al., "Hourglass tokenizer for efficient transformer-based 3D human pose estimation", CVPR
2024, https://arxiv.org/abs/2311.12028. Source: https://github.com/NationalGAILab/HoT at 873b5bd.
The first n steps of the host see all frames; then TPC (token pruning cluster) keeps f of them and
the other steps run on those. "HoT" answers all frames, restored by TRA (token recovering
attention); "TPC" answers the middle frame, which is always kept, and restores nothing.

Parameter names are those of the released checkpoints: the host's, and ``pos_embed_token``,
``x_token`` and ``cross_attention``. TPC adds none, so that a checkpoint of the plain host loads.
Shapes: B batch, F frames, f kept frames, J joints, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import Skeleton, mirror_points
from posekit.metrics.losses import SequenceLoss
from posekit.models import ktpformer, mhformer, mixste, motionagformer, motionbert
from posekit.models.layers import Attention, CrossAttention
from posekit.models.lifters import Criterion, HostedLifter, Options, SteppedLifter
from posekit.models.pruning import (
    attention_scores,
    gather_frames,
    highest,
    interpolated_frames,
    motion_scores,
    nearest_frames,
    select,
    uniform_frames,
    window_noise,
)
from posekit.models.releases import Description, Reference, renamed
from posekit.models.scaling import Scale

Pipeline = Literal["sequence", "frame"]
Prune = Literal["tpc", "uniform", "motion", "attention"]
Recover = Literal["tra", "nearest", "linear"]


@dataclass(frozen=True)
class Host:
    """A network that HoT is plugged into.

    Attributes:
        module: the network's.
        published: pipeline -> where the paper prunes it, and to how many frames.
        reference_options: its options from the arguments of the release's constructor, None where
            the release has no such host.
    """

    module: ModuleType
    published: Mapping[Pipeline, tuple[int, int]]
    reference_options: Callable[[Mapping[str, Any]], dict[str, Any]] | None


# As HoT's copy of MixSTE calls its arguments.
_MIXSTE_OPTIONS = {
    "frames": "frames",
    "in_chans": "in_channels",
    "channel": "embed_dim",
    "depth": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "drop_path": "drop_path",
}

HOSTS: dict[str, Host] = {
    "mixste": Host(
        mixste,
        {"sequence": (3, 81), "frame": (7, 61)},
        lambda config: renamed(config, _MIXSTE_OPTIONS),
    ),
    # Nobody has published HoT on KTPFormer: as MixSTE.
    "ktpformer": Host(ktpformer, {"sequence": (3, 81)}, None),
    "mhformer": Host(mhformer, {"frame": (1, 117)}, mhformer.reference_options),
    "motionbert": Host(motionbert, {"sequence": (1, 81)}, motionbert.reference_options),
    "motionagformer": Host(motionagformer, {"sequence": (7, 81)}, motionagformer.reference_options),
}
"""What the release does with which network."""

PRINTED: dict[Pipeline, str] = {"sequence": "HoT", "frame": "TPC"}
"""What the paper calls the two pipelines."""


OWN_NAMES = ("pos_embed_token", "x_token", "cross_attention.")  # all other names are the host's
HOST = "host."  # in front of the host's parameter names inside the module, not in its state

INTERPOLATIONS: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "nearest": nearest_frames,
    "linear": interpolated_frames,
}


class Lifted(NamedTuple):
    """What an hourglass computes in one pass.

    Attributes:
        pose: (B, F, J, 3) metres, all frames, in the pipeline "sequence"; (B, f, J, 3), the kept
            frames, in the pipeline "frame".
        index: the kept frames, (B, f), ascending.
    """

    pose: Tensor
    index: Tensor


@dataclass(frozen=True, kw_only=True)
class Config(Options):
    """Options of HoT besides its host's; the defaults are HoT w. MixSTE.

    Attributes:
        prune_at: n, the step of the host in front of which frames leave, from 0; None keeps all.
        tokens: f, frames that stay.
        pipeline: "sequence" answers all frames (HoT), "frame" the middle one (TPC).
        prune: "tpc" as published; "uniform", "motion" and "attention" are reconstructions.
        recover: how all frames come back in the pipeline "sequence": "tra" as published;
            "nearest" and "linear" are reconstructions.
        seed: of the noise in evaluation.
    """

    prune_at: int | None = 3
    tokens: int = 81
    pipeline: Pipeline = "sequence"
    prune: Prune = "tpc"
    recover: Recover = "tra"
    seed: int = 0


class Hourglass(HostedLifter):
    """A host of which some frames leave in the middle.

    Frames are selected without gradient; gradients flow through the kept tokens alone. In
    training the tie-breaking noise of TPC is drawn afresh as in the release; in evaluation it
    follows from ``seed`` and the window (see ``window_noise``), so that a prediction depends
    neither on the call nor on the batch.

    Args:
        host: the network; it becomes part of this one.
        config: where frames leave and how they come back.
    """

    Config = Config
    hosts: ClassVar = {name: host.module.NETWORK for name, host in HOSTS.items()}
    checked_with_host = frozenset({"prune_at", "pipeline", "prune", "recover"})
    published: ClassVar = {
        f"{printed} w. {host.module.NETWORK.__name__}": {
            "host": name,
            "pipeline": pipeline,
            **dict(zip(("prune_at", "tokens"), host.published[pipeline], strict=True)),
        }
        for pipeline, printed in PRINTED.items()
        for name, host in HOSTS.items()
        if pipeline in host.published
    }
    release_protocol = "HoT"

    def __init__(self, host: SteppedLifter, config: Config) -> None:
        _check_host(host, config)
        pipeline, prune_at, tokens = config.pipeline, config.prune_at, config.tokens
        super().__init__(host.frames, host.skeleton, pipeline, host.in_channels)
        if prune_at is not None:
            host.shorten(prune_at, tokens)
        self.host = host
        self.prune_at = prune_at
        self.tokens = tokens
        self.prune = config.prune
        self.recover = config.recover if pipeline == "sequence" else None
        self.center = (host.frames - 1) // 2 if pipeline == "frame" else None
        width = host.embed_dim
        if pipeline == "sequence":
            self.pos_embed_token = nn.Parameter(torch.zeros(1, tokens, width))
        if self.recover == "tra":
            self.x_token = nn.Parameter(torch.zeros(1, host.frames, width))
            self.cross_attention = CrossAttention(width, host.heads, qkv_bias=host.qkv_bias)
            self.cross_attention.apply(host.initialise)
        self.seed = config.seed
        self.register_state_dict_post_hook(_drop_host_prefix)
        self.register_load_state_dict_pre_hook(_add_host_prefix)

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """As the host is scaled; the kept share of frames and the depth of the prune stay."""
        scaled = super().scaled(options, scale)
        if "tokens" in options:
            share = scaled["frames"] / options["frames"]
            scaled["tokens"] = max(1, math.floor(share * options["tokens"] + 0.5))
        if "prune_at" in options and "depth" in options:
            last = scaled["depth"] + cls.host_of(options).prior_blocks - 1
            scaled["prune_at"] = max(1, min(last, scale.blocks(options["prune_at"])))
        return scaled

    @property
    def tiled_windows(self) -> bool:
        """As the host is trained, whatever the pipeline."""
        return self.host.tiled_windows

    @property
    def supervises_all_frames(self) -> bool:
        """The loss reads all frames, or the kept ones, whichever they are."""
        return True

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, F, J, in_channels) to (B, F or 1, J, 3) metres."""
        return self._answer(self.lift(keypoints))

    def lift_both(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """The prediction, and the un-mirrored one of the mirrored input; both as ``forward``.

        In the pipeline "frame" the second pass keeps the frames of the first, as in the release;
        in the pipeline "sequence" each selects its own.
        """
        plain = self.lift(keypoints)
        index = None if self.center is None else plain.index
        mirrored = self.lift(mirror_points(keypoints, self.skeleton), index)
        return self._answer(plain), mirror_points(self._answer(mirrored), self.skeleton)

    def training_loss(
        self, keypoints: Tensor, target: Tensor, criterion: Criterion
    ) -> SequenceLoss:
        """The loss over all frames, or in the pipeline "frame" over the kept ones.

        Differences in time are then those between kept frames, whose gaps vary. A host that adds
        to the recipe's loss does so here too.

        Args:
            keypoints: (B, F, J, in_channels).
            target: (B, F, J, 3), metres.
            criterion: the recipe's loss of a prediction and a target.
        """
        lifted = self.lift(keypoints)
        if self.center is not None:
            target = gather_frames(target, lifted.index)
        return self.host.own_criterion(criterion)(lifted.pose, target)

    def lift(
        self, keypoints: Tensor, index: Tensor | None = None, noise: Tensor | None = None
    ) -> Lifted:
        """One pass, with the frames that were kept.

        Args:
            keypoints: (B, F, J, in_channels).
            index: frames to keep (B, f), ascending, in place of a selection.
            noise: (B, F), uniform in [0, 1), the noise of the selection.
        """
        host = self.host
        host.check_input(keypoints)
        steps = host.steps()
        whole = len(steps) if self.prune_at is None else self.prune_at
        tokens = host.embed(keypoints)
        with _watched(self._deciding_attentions(index)) as seen:
            for step in steps[:whole]:
                tokens = step(tokens)
        if self.prune_at is None:
            index = torch.arange(self.frames, device=tokens.device).expand(len(tokens), -1)
        else:
            if index is None:
                index = self._choose(keypoints, tokens, seen, noise)
            tokens = self._pruned(tokens, index)
        for step in steps[whole:]:
            tokens = step(tokens)
        return self._restored(host.finish(tokens), index)

    def _deciding_attentions(self, index: Tensor | None) -> Sequence[Attention]:
        """The attentions whose scores select frames: the last in front of the prune, or none."""
        if self.prune != "attention" or self.prune_at is None or index is not None:
            return ()
        return self.host.frame_attentions(self.prune_at - 1)

    def _choose(
        self, keypoints: Tensor, tokens: Tensor, seen: list[Tensor], noise: Tensor | None
    ) -> Tensor:
        """Indices (B, f) of the frames to keep; ``seen`` are attention scores, if those decide."""
        if self.prune == "uniform":
            chosen = uniform_frames(self.frames, self.tokens, self.center)
            return chosen.to(tokens.device).expand(len(tokens), -1)
        if self.prune == "motion":
            return highest(motion_scores(keypoints), self.tokens, self.center)
        if self.prune == "attention":
            return highest(torch.stack(seen).mean(dim=0), self.tokens, self.center)
        if noise is None and self.training:
            noise = torch.rand(tokens.shape[:2], device=tokens.device)
        elif noise is None:
            noise = window_noise(keypoints, self.seed)
        features = tokens.mean(dim=2, dtype=torch.float64)
        return select(features, self.tokens, noise, self.center)

    def _pruned(self, tokens: Tensor, index: Tensor) -> Tensor:
        kept = gather_frames(tokens, index)
        # Coded by rank among the kept frames, not by frame.
        return kept if self.center is not None else kept + self.pos_embed_token[:, :, None]

    def _restored(self, tokens: Tensor, index: Tensor) -> Lifted:
        if self.recover == "tra":
            return Lifted(self.host.regress(self._recovered(tokens)), index)
        pose = self.host.regress(tokens)
        if self.recover is not None:
            pose = INTERPOLATIONS[self.recover](pose, index, self.frames)
        return Lifted(pose, index)

    def _recovered(self, tokens: Tensor) -> Tensor:
        """TRA: kept tokens (B, f, J, C) -> (B, F, J, C), each joint by itself.

        The queries are learned and the same for all; the residual is theirs, not the tokens'.
        """
        rows = tokens.transpose(1, 2).flatten(0, 1)
        queries = self.x_token.expand(len(rows), -1, -1)
        recovered = self.x_token + self.cross_attention(queries, rows, rows)
        return recovered.unflatten(0, (len(tokens), -1)).transpose(1, 2)

    def _answer(self, lifted: Lifted) -> Tensor:
        """All frames, or the middle one of the kept frames."""
        if self.center is None:
            return lifted.pose
        position = (lifted.index < self.center).sum(dim=-1, keepdim=True)
        return gather_frames(lifted.pose, position)


@contextmanager
def _watched(attentions: Sequence[Attention]) -> Iterator[list[Tensor]]:
    """Within the block, collects the attention scores of every call."""
    seen: list[Tensor] = []

    def watch(attention: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        with torch.no_grad():
            seen.append(attention_scores(attention, inputs[0]))

    handles = [attention.register_forward_pre_hook(watch) for attention in attentions]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _drop_host_prefix(
    module: nn.Module, state: dict[str, Any], prefix: str, _metadata: dict[str, Any]
) -> None:
    """Name the host's entries of a state as the plain host does."""
    names = list(state)
    for name in names:  # every entry, so that the order of the others stays
        value = state.pop(name)
        host = prefix + HOST
        state[prefix + name.removeprefix(host) if name.startswith(host) else name] = value


def _add_host_prefix(
    module: nn.Module, state: dict[str, Any], prefix: str, *_unused: object
) -> None:
    """Undo ``_drop_host_prefix`` in a state that is about to be loaded."""
    own = tuple(prefix + name for name in OWN_NAMES)
    for name in list(state):
        if name.startswith(prefix) and not name.startswith(own):
            state[prefix + HOST + name.removeprefix(prefix)] = state.pop(name)


def _check_host(host: SteppedLifter, config: Config) -> None:
    name, pipeline, prune_at = type(host).__name__, config.pipeline, config.prune_at
    if pipeline not in host.pipelines:
        raise InvalidParameter(
            f"hot: {name} has no pipeline {pipeline!r}; choose {' or '.join(host.pipelines)}."
        )
    if pipeline == "frame" and config.recover != "tra":
        raise InvalidParameter(
            f"hot: recover is {config.recover!r}, and the pipeline 'frame' restores nothing; leave "
            f"it out."
        )
    possible = host.prunable
    if prune_at is not None and prune_at not in possible:
        choices = f"{possible.start} to {possible.stop - 1}" if possible else "a deeper host"
        raise InvalidParameter(
            f"hot: prune_at is {prune_at!r}; a {name} of {len(host.steps())} steps can lose frames "
            f"in front of some of them: choose {choices}."
        )
    if config.prune == "attention" and prune_at == 0:
        raise InvalidParameter(
            "hot: prune is 'attention' and prune_at 0; no attention has seen the frames by then: "
            "choose prune_at 1 or more."
        )
    if not 1 <= config.tokens <= host.frames:
        raise InvalidParameter(
            f"hot: tokens is {config.tokens}; choose 1 to {host.frames}, the frames of a window."
        )


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of an HoT network, None for another network's state.

    Where frames leave is assumed as published unless the host tells it by its shapes.
    A TPC network has the state of its host, and is taken for that.
    """
    if "x_token" not in state:
        return None
    inner = {name: value for name, value in state.items() if not name.startswith(OWN_NAMES)}
    for name, host in HOSTS.items():
        found = host.module.describe(inner)
        if found is not None:
            frames, tokens = state["x_token"].shape[1], state["pos_embed_token"].shape[1]
            prune_at = host.module.NETWORK.shortened_at(inner, tokens)
            if prune_at is None:
                prune_at, _ = host.published["sequence"]
            told = {"host": name, "frames": frames, "tokens": tokens, "prune_at": prune_at}
            return Description(found.joints, {**found.options, **told}, found.depth, host=name)
    return None


def _reference(host: Host, pipeline: Pipeline) -> Reference:
    """Builds the release's network around a host; one that never prunes keeps all frames."""

    def build(config: Mapping[str, Any], skeleton: Skeleton) -> Hourglass:
        options = host.reference_options(config)
        network = host.module.NETWORK(host.module.Config(skeleton=skeleton, **options))
        prune_at, tokens = config["layer_index"], config["token_num"]
        if prune_at not in network.prunable:
            prune_at = None
        return Hourglass(network, Config(prune_at=prune_at, tokens=tokens, pipeline=pipeline))

    return build


REFERENCES: dict[str, Reference] = {
    f"{PRINTED[pipeline].lower()}-{name}": _reference(host, pipeline)
    for name, host in HOSTS.items()
    if host.reference_options
    for pipeline in host.module.NETWORK.pipelines
}

NETWORK = Hourglass
