"""MixSTE: alternating spatial and temporal transformer blocks (Zhang et al., CVPR 2022).

Source: https://github.com/JinluZhang1126/MixSTE at 72a36be, class MixSTE2. Parameter names are
those of its checkpoints.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from posekit.models.layers import Attention, Block, drop_path_rates
from posekit.models.lifters import Step, SteppedConfig, SteppedLifter
from posekit.models.releases import Description, renamed


@dataclass(frozen=True, kw_only=True)
class Config(SteppedConfig):
    """Options of MixSTE; published with 243, 81 and 27 frames.

    Attributes:
        depth: pairs of a spatial and a temporal block.
        mlp_ratio: hidden width of the MLPs over ``embed_dim``.
        drop_path: stochastic depth of the last pair; it rises linearly from 0 in the first.
    """

    depth: int = 8
    mlp_ratio: float = 2.0
    drop_path: float = 0.1


class AlternatingLifter(SteppedLifter):
    """Pairs of a spatial block (joints attend) and a temporal block (frames attend), then a head.

    Subclasses say how keypoints become joint tokens (``embed``), what prepares the tokens
    for the first temporal attention (``embed_frames``) and, where it is not simply
    ``STEblocks`` and ``TTEblocks``, which pairs run (``pairs``).

    Args:
        config: sizes.
        rates: stochastic depth of each pair of ``STEblocks`` and ``TTEblocks``.
    """

    Config = Config

    def __init__(self, config: Config, rates: list[float]) -> None:
        super().__init__(config)
        dim = config.embed_dim
        block = partial(Block, dim, config.heads, config.mlp_ratio)
        self.STEblocks = nn.ModuleList(block(rate, axis="joints") for rate in rates)
        self.TTEblocks = nn.ModuleList(block(rate, axis="frames") for rate in rates)
        self.Spatial_norm = nn.LayerNorm(dim, eps=1e-6)
        self.Temporal_norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 3))

    def embed_frames(self, tokens: Tensor) -> Tensor:
        """Tokens after the first spatial block -> the same with what tells frames apart."""
        raise NotImplementedError

    def pairs(self) -> Iterable[tuple[Block, Block]]:
        """The spatial and temporal blocks in the order in which they run."""
        return zip(self.STEblocks, self.TTEblocks, strict=True)

    def steps(self) -> Sequence[Step]:
        """One step per pair; the first also codes the frames, so that it needs all of them."""
        (first, *others) = self.pairs()
        return [
            partial(self._run_first, *first),
            *(partial(self._run_pair, *pair) for pair in others),
        ]

    @property
    def prunable(self) -> range:
        """Any step but the first, which needs all frames."""
        return range(1, len(self.steps()))

    def frame_attentions(self, step: int) -> Sequence[Attention]:
        """The attention of the pair's temporal block."""
        _, temporal = list(self.pairs())[step]
        return (temporal.attn,)

    def regress(self, tokens: Tensor) -> Tensor:
        """Norm and linear layer."""
        return self.head(tokens)

    def forward(self, keypoints: Tensor, condition: Tensor | None = None) -> Tensor:
        """Lift keypoints (B, F, J, in_channels) to a pose (B, F, J, 3) in metres.

        Args:
            keypoints: screen-normalised; diffusion denoisers append the noisy pose as channels.
            condition: (B, C), added to every token before the first attention (the time code of
                a diffusion denoiser).
        """
        self.check_input(keypoints)
        tokens = self.embed(keypoints)
        if condition is not None:
            tokens = tokens + condition[:, None, None]
        return self.lift_tokens(tokens)

    def _run_first(self, spatial: Block, temporal: Block, tokens: Tensor) -> Tensor:
        tokens = self.embed_frames(self.Spatial_norm(spatial(tokens)))
        return self.Temporal_norm(temporal(tokens))

    def _run_pair(self, spatial: Block, temporal: Block, tokens: Tensor) -> Tensor:
        return self.Temporal_norm(temporal(self.Spatial_norm(spatial(tokens))))


class MixSTE(AlternatingLifter):
    """MixSTE with a linear joint embedding and learned position codes."""

    published: ClassVar = {"MixSTE": {}}

    def __init__(self, config: Config) -> None:
        super().__init__(config, drop_path_rates(config.drop_path, config.depth))
        dim = config.embed_dim
        self.Spatial_patch_to_embedding = nn.Linear(config.in_channels, dim)
        self.Spatial_pos_embed = nn.Parameter(torch.zeros(1, config.skeleton.joints, dim))
        self.Temporal_pos_embed = nn.Parameter(torch.zeros(1, config.frames, dim))

    def embed(self, keypoints: Tensor) -> Tensor:
        """Linear embedding of each keypoint plus the code of its joint."""
        return self.Spatial_patch_to_embedding(keypoints) + self.Spatial_pos_embed

    def embed_frames(self, tokens: Tensor) -> Tensor:
        """Add the code of each frame."""
        return tokens + self.Temporal_pos_embed[:, :, None]


# Arguments of the releases of MixSTE, KTPFormer and D3DP, and what they are called here.
_REFERENCE_OPTIONS = {
    "num_frame": "frames",
    "in_chans": "in_channels",
    "embed_dim": "embed_dim",
    "depth": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "drop_path_rate": "drop_path",
}


def reference_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a network from the arguments of the authors' constructor."""
    return renamed(config, _REFERENCE_OPTIONS)


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state."""
    if "Spatial_patch_to_embedding.weight" not in state:
        return None
    width, channels = state["Spatial_patch_to_embedding.weight"].shape
    _, joints, _ = state["Spatial_pos_embed"].shape
    _, frames, _ = state["Temporal_pos_embed"].shape
    hidden, _ = state["STEblocks.0.mlp.fc1.weight"].shape
    depth = count_pairs(state)
    options = {
        "frames": frames,
        "in_channels": channels,
        "embed_dim": width,
        "depth": depth,
        "mlp_ratio": hidden / width,
    }
    return Description(joints, options, depth)


def count_pairs(names: Iterable[str]) -> int:
    """Number of pairs of ``STEblocks`` and ``TTEblocks`` among names of parameters."""
    numbers = {int(found[1]) for name in names if (found := re.match(r"STEblocks\.(\d+)\.", name))}
    return max(numbers, default=-1) + 1


REFERENCES = {
    "mixste": lambda config, skeleton: MixSTE(
        Config(skeleton=skeleton, **reference_options(config))
    )
}

NETWORK = MixSTE
