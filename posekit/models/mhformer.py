"""MHFormer: three hypotheses of a pose, refined one by one and then against each other.

Li et al., "MHFormer: Multi-hypothesis transformer for 3D human pose estimation", CVPR 2022.
Source: https://github.com/Vegetebird/MHFormer; the same function in
https://github.com/NationalGAILab/HoT at 873b5bd. Parameter names are those of its checkpoints.
Shapes: B batch, F frames, J joints, C channels of one hypothesis.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.metrics.losses import SequenceLoss
from posekit.models.layers import MLP, Attention, Block, CrossAttention, DropPath, drop_path_rates
from posekit.models.lifters import Criterion, Step, SteppedConfig, SteppedLifter
from posekit.models.releases import Description, count_modules, renamed
from posekit.models.scaling import Scale

HYPOTHESES = (1, 2, 3)
DROPOUT = 0.1
DROP_PATH = 0.2  # of the last block of every stack
EMBEDDING_DROPOUT = 0.25
LONG_WINDOW = 27  # longer windows are embedded without batch norm


@dataclass(frozen=True, kw_only=True)
class Config(SteppedConfig):
    """Options of MHFormer; published with 27, 81, 243 and 351 frames.

    Attributes:
        frames: frames of a window, a multiple of ``encoder_heads``.
        embed_dim: channels of one hypothesis.
        heads: attention heads over frames.
        refinements: refinement blocks, in front of the one interaction block.
        hidden: width of the MLPs over the three hypotheses.
        encoder_depth: blocks of each encoder over coordinates.
        encoder_heads: attention heads of these.
        output: "frame" answers the middle frame, "sequence" all frames.
    """

    frames: int = 351
    refinements: int = 2
    hidden: int = 1024
    encoder_depth: int = 4
    encoder_heads: int = 9
    output: Literal["frame", "sequence"] = "frame"


class CoordinateEncoder(nn.Module):
    """Transformer over the coordinates of all joints, each a token that holds its whole track."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        frames, tokens = config.frames, config.skeleton.joints * config.in_channels
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, frames))
        self.blocks = nn.ModuleList(
            Block(frames, config.encoder_heads, 2.0, rate, axis="joints", dropout=DROPOUT)
            for rate in drop_path_rates(DROP_PATH, config.encoder_depth)
        )
        self.norm = nn.LayerNorm(frames, eps=1e-6)

    def forward(self, tracks: Tensor) -> Tensor:
        """tracks (B, 1, tokens, F) -> the same shape."""
        tracks = functional.dropout(tracks + self.pos_embed, DROPOUT, self.training)
        for block in self.blocks:
            tracks = block(tracks)
        return self.norm(tracks)


class HypothesisBlock(nn.Module):
    """What refinement and interaction share: an MLP over the three hypotheses side by side.

    Args:
        config: sizes.
        drop_path: rate of stochastic depth in training.
    """

    def __init__(self, config: Config, drop_path: float) -> None:
        super().__init__()
        width = 3 * config.embed_dim
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = MLP(width, config.hidden, DROPOUT)
        self.drop_path = DropPath(drop_path, "frames")

    def attend(self, streams: list[Tensor]) -> list[Tensor]:
        """Three hypotheses (B, F, 1, C) -> the same with attention on a residual branch."""
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, F, 1, 3 C) -> the same shape."""
        tokens = torch.cat(self.attend(list(tokens.chunk(3, dim=-1))), dim=-1)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class RefinementBlock(HypothesisBlock):
    """Self-hypothesis refinement (SHR): every hypothesis attends to itself."""

    def __init__(self, config: Config, drop_path: float) -> None:
        super().__init__(config, drop_path)
        dim, heads = config.embed_dim, config.heads
        for number in HYPOTHESES:
            self.add_module(f"norm1_{number}", nn.LayerNorm(dim, eps=1e-6))
            self.add_module(f"attn_{number}", Attention(dim, heads, "frames", dropout=DROPOUT))

    @property
    def attentions(self) -> tuple[Attention, ...]:
        """One per hypothesis."""
        return self.attn_1, self.attn_2, self.attn_3

    def attend(self, streams: list[Tensor]) -> list[Tensor]:
        """Self-attention, hypothesis by hypothesis."""
        norms = (self.norm1_1, self.norm1_2, self.norm1_3)
        return [
            stream + self.drop_path(attention(norm(stream)))
            for stream, norm, attention in zip(streams, norms, self.attentions, strict=True)
        ]


class InteractionBlock(HypothesisBlock):
    """Cross-hypothesis interaction (CHI): every hypothesis is rebuilt from the two others."""

    def __init__(self, config: Config, drop_path: float) -> None:
        super().__init__(config, drop_path)
        dim, heads = config.embed_dim, config.heads
        for number in HYPOTHESES:
            for part in (1, 2, 3):
                self.add_module(f"norm3_{number}{part}", nn.LayerNorm(dim, eps=1e-6))
            self.add_module(f"attn_{number}", CrossAttention(dim, heads, dropout=DROPOUT))

    def attend(self, streams: list[Tensor]) -> list[Tensor]:
        """Queries and keys are the other two hypotheses, values the own one.

        The hypotheses follow one another: the second already reads the new first.
        """
        streams = list(streams)
        for own, number in enumerate(HYPOTHESES):
            others = [stream for place, stream in enumerate(streams) if place != own]
            # DropPath and Attention keep the token axis that this attention does without.
            parts = [
                self.get_submodule(f"norm3_{number}{part}")(stream).squeeze(2)
                for part, stream in enumerate((*others, streams[own]), start=1)
            ]
            rebuilt = self.get_submodule(f"attn_{number}")(*parts).unsqueeze(2)
            streams[own] = streams[own] + self.drop_path(rebuilt)
        return streams


class HypothesisTransformer(nn.Module):
    """Refinement blocks, one interaction block, and the norm behind them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        for number in HYPOTHESES:
            code = nn.Parameter(torch.zeros(1, config.frames, config.embed_dim))
            self.register_parameter(f"pos_embed_{number}", code)
        *refining, interacting = drop_path_rates(DROP_PATH, config.refinements + 1)
        self.SHR_blocks = nn.ModuleList(RefinementBlock(config, rate) for rate in refining)
        self.CHI_blocks = nn.ModuleList([InteractionBlock(config, interacting)])
        self.norm = nn.LayerNorm(3 * config.embed_dim, eps=1e-6)

    def code(self, streams: Sequence[Tensor]) -> Tensor:
        """Three hypotheses (B, F, C) -> tokens (B, F, 1, 3 C) with what tells frames apart."""
        codes = (self.pos_embed_1, self.pos_embed_2, self.pos_embed_3)
        tokens = torch.cat(
            [stream + code for stream, code in zip(streams, codes, strict=True)], dim=-1
        )
        return functional.dropout(tokens, DROPOUT, self.training).unsqueeze(2)


class MHFormer(SteppedLifter):
    """MHFormer.

    The network gives a pose for every frame and is scored on the middle one; the training loss
    compares all of them.
    """

    Config = Config
    published: ClassVar = {"MHFormer": {}}
    release_protocol = "MHFormer"
    pipelines = ("frame",)

    def __init__(self, config: Config) -> None:
        super().__init__(config, config.output)
        frames, dim, joints = config.frames, config.embed_dim, config.skeleton.joints
        if frames % config.encoder_heads:
            raise InvalidParameter(
                f"mhformer: frames is {frames}; choose a multiple of its {config.encoder_heads} "
                f"heads over coordinates."
            )
        coordinates = joints * config.in_channels
        for number in HYPOTHESES:
            self.add_module(f"norm_{number}", nn.LayerNorm(frames))
            self.add_module(f"Transformer_encoder_{number}", CoordinateEncoder(config))
            self.add_module(f"embedding_{number}", _embedding(coordinates, dim, frames))
        self.Transformer_hypothesis = HypothesisTransformer(config)
        self.regression = nn.Sequential(nn.BatchNorm1d(3 * dim), nn.Conv1d(3 * dim, 3 * joints, 1))

    @classmethod
    def scaled(cls, options: Mapping[str, Any], scale: Scale) -> dict[str, Any]:
        """As every host's; the frames of a scaled window are an odd multiple of the heads.

        Odd, since the middle frame is what the network answers.
        """
        scaled = super().scaled(options, scale)
        heads = options.get("encoder_heads", Config.encoder_heads)
        if "frames" in options:
            share = scaled["frames"] // heads
            scaled["frames"] = heads * max(1, share - 1 + share % 2)
        return scaled

    def embed(self, keypoints: Tensor) -> Tensor:
        """Multi-hypothesis generation: (B, F, J, in_channels) -> pose tokens (B, F, 1, 3 C).

        Each hypothesis is encoded from the one before it; a token of an encoder is one coordinate
        of one joint.
        """
        tracks = keypoints.permute(0, 2, 3, 1).flatten(1, 2).unsqueeze(1)
        streams = []
        for number in HYPOTHESES:
            encoder = self.get_submodule(f"Transformer_encoder_{number}")
            tracks = tracks + encoder(self.get_submodule(f"norm_{number}")(tracks))
            embedding = self.get_submodule(f"embedding_{number}")
            streams.append(embedding(tracks.squeeze(1)).transpose(1, 2))
        return self.Transformer_hypothesis.code(streams)

    def steps(self) -> Sequence[Step]:
        """Refinement blocks, then the interaction block."""
        transformer = self.Transformer_hypothesis
        return [*transformer.SHR_blocks, *transformer.CHI_blocks]

    @property
    def prunable(self) -> range:
        """The refinement blocks."""
        return range(len(self.Transformer_hypothesis.SHR_blocks))

    def frame_attentions(self, step: int) -> Sequence[Attention]:
        """The attention of each hypothesis in a refinement block."""
        return self.Transformer_hypothesis.SHR_blocks[step].attentions

    def finish(self, tokens: Tensor) -> Tensor:
        """The LayerNorm over the three hypotheses."""
        return self.Transformer_hypothesis.norm(tokens)

    def regress(self, tokens: Tensor) -> Tensor:
        """Batch norm and one linear layer per frame."""
        coordinates = self.regression(tokens.squeeze(2).transpose(1, 2)).transpose(1, 2)
        return coordinates.unflatten(-1, (self.skeleton.joints, 3))

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, F, J, in_channels) to (B, 1 or F, J, 3) metres, see ``output``."""
        pose = super().forward(keypoints)
        middle = (self.frames - 1) // 2
        return pose if self.output == "sequence" else pose[:, middle : middle + 1]

    @property
    def tiled_windows(self) -> bool:
        """One window per frame, whatever the output: trained at stride 1."""
        return False

    @property
    def supervises_all_frames(self) -> bool:
        """The loss compares every frame of a window, whatever the output."""
        return True

    def training_loss(
        self, keypoints: Tensor, target: Tensor, criterion: Criterion
    ) -> SequenceLoss:
        """The loss over all frames; target (B, F, J, 3)."""
        return criterion(super().forward(keypoints), target)


def _embedding(coordinates: int, dim: int, frames: int) -> nn.Module:
    """What turns the coordinates of a frame into a token, (B, coordinates, F) -> (B, dim, F)."""
    layer = nn.Conv1d(coordinates, dim, 1)
    if frames > LONG_WINDOW:
        return layer
    return nn.Sequential(layer, nn.BatchNorm1d(dim), nn.ReLU(), nn.Dropout(EMBEDDING_DROPOUT))


def describe(state: Mapping[str, Tensor]) -> Description | None:
    """What a state's names and shapes tell of the network, None for another network's state.

    Neither kind of heads is told.
    """
    if "Transformer_hypothesis.pos_embed_1" not in state:
        return None
    _, frames, width = state["Transformer_hypothesis.pos_embed_1"].shape
    _, coordinates, _ = state["Transformer_encoder_1.pos_embed"].shape
    hidden, _ = state["Transformer_hypothesis.CHI_blocks.0.mlp.fc1.weight"].shape
    joints = len(state["regression.1.bias"]) // 3
    refinements = count_modules(state, "Transformer_hypothesis.SHR_blocks")
    options = {
        "frames": frames,
        "in_channels": coordinates // joints,
        "embed_dim": width,
        "refinements": refinements,
        "hidden": hidden,
        "encoder_depth": count_modules(state, "Transformer_encoder_1.blocks"),
    }
    return Description(joints, options, depth=refinements + 1)


def reference_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor options from the release's argument names.

    Raises:
        InvalidParameter: other joints out than in.
    """
    joints, out_joints = config.get("n_joints"), config.get("out_joints")
    if out_joints != joints:
        raise InvalidParameter(
            f"mhformer: out_joints is {out_joints} and n_joints {joints}; it answers the joints "
            f"that it is given."
        )
    return renamed(config, _OPTIONS)


_OPTIONS = {"frames": "frames", "channel": "embed_dim", "d_hid": "hidden"}

REFERENCES = {
    "mhformer": lambda config, skeleton: MHFormer(
        Config(skeleton=skeleton, output="sequence", **reference_options(config))
    )
}

NETWORK = MHFormer
