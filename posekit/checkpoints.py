"""Weights of the released networks: told apart by names and shapes, loaded strictly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posekit.checkpoint_files import CheckpointFile, first_few, read
from posekit.errors import InvalidCheckpoint, InvalidParameter
from posekit.models import build
from posekit.models.d3dp import DENOISERS, SCHEDULE_BUFFERS
from posekit.models.layers import Lifter
from posekit.skeletons import SKELETONS, Skeleton

_HOST = "pose_estimator."  # where D3DP keeps its denoiser
_OPTIONS = {
    "num_frame": "frames",
    "in_chans": "in_channels",
    "embed_dim": "embed_dim",
    "depth": "depth",
    "num_heads": "heads",
    "mlp_ratio": "mlp_ratio",
    "drop_path_rate": "drop_path",
}
_DIFFUSION_OPTIONS = {
    "train_timesteps": "timesteps",
    "scale": "scale",
    "eta": "eta",
    "hypotheses": "hypotheses",
    "iterations": "iterations",
}


@dataclass(frozen=True)
class Identity:
    """Identity card of a checkpoint file.

    Attributes:
        file, sha256, size: name, hash and bytes of the file.
        network: "mixste", "ktpformer" or "d3dp"; ``host`` is the denoiser's network.
        frames, joints, in_channels, width, depth: read off the shapes.
        heads: attention heads, which no shape shows: assumed.
        skeleton: name of the joint set, assumed from the number of joints unless given.
        parameters: number of trained values.
        epoch, learning_rate: of the training run, None where the file does not tell.
        keypoints: 2D input of the training as far as the file's name tells, else "unknown".
        missing, unexpected: names that did not match; empty, since loading is strict.
        ignored: entries of the file that were not needed.
    """

    file: str
    sha256: str
    size: int
    network: str
    host: str
    frames: int
    joints: int
    in_channels: int
    width: int
    depth: int
    heads: int
    skeleton: str
    parameters: int
    epoch: int | None
    learning_rate: float | None
    keypoints: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """The card as pairs of a label and a text."""
        network = self.network if self.host == self.network else f"{self.network} ({self.host})"
        unmatched = (*self.missing, *self.unexpected)
        return [
            ("file", f"{self.file} ({self.size / 1e6:.1f} MB)"),
            ("sha256", self.sha256),
            ("network", network),
            ("size", f"width {self.width}, depth {self.depth}, {self.parameters:,} parameters"),
            ("heads", f"{self.heads} (assumed; the file does not tell)"),
            ("input", f"{self.frames} frames, {self.joints} joints, {self.in_channels} channels"),
            ("skeleton", f"{self.skeleton} (not in the file)"),
            ("2D input in training", f"{self.keypoints} (by the file's name)"),
            ("epoch", _told(self.epoch)),
            ("learning rate", _told(self.learning_rate)),
            ("keys that did not match", ", ".join(unmatched) or "none"),
            ("entries not used", ", ".join(self.ignored) or "none"),
        ]


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A network in evaluation mode with the weights of a file, and the card of that file."""

    network: Lifter
    identity: Identity


def load(
    path: str | os.PathLike[str],
    *,
    model: str | None = None,
    skeleton: Skeleton | None = None,
    frames: int | None = None,
    **options: Any,
) -> LoadedCheckpoint:
    """Build the network that a file belongs to and give it the file's weights.

    Args:
        path: as for ``read``.
        model: the network that is expected; any by default.
        skeleton: the joint set; by default the first in ``SKELETONS`` with as many joints.
        frames: the window that is expected; any by default.
        options: of the network, where the shapes do not show them (``heads``, ``topology``).

    Raises:
        InvalidCheckpoint: as ``read``; also another network or another size than expected.
    """
    file = read(path)
    found = _describe(file)
    if model is not None and model != found["model"]:
        raise InvalidCheckpoint(
            f"{path}: holds a {found['model']}, not a {model}; choose the file of a {model}."
        )
    joints = found["joints"]
    if skeleton is not None and skeleton.joints != joints:
        raise InvalidCheckpoint(
            f"{path}: is for {joints} joints, {skeleton.name} has {skeleton.joints}; "
            f"choose a skeleton of {joints} joints or another file."
        )
    if frames is not None and frames != found["options"]["frames"]:
        raise InvalidCheckpoint(
            f"{path}: is for windows of {found['options']['frames']} frames, not {frames}; "
            f"use {found['options']['frames']} frames or the file of another size."
        )
    skeleton = skeleton or _skeleton_of(joints, path)
    try:
        network = build(found["model"], skeleton=skeleton, **(found["options"] | options))
    except InvalidParameter as error:
        raise InvalidCheckpoint(
            f"{path}: no network of its shapes can be built ({str(error).partition(';')[0]}); if "
            f"it has another number of heads, which no file tells, load it in Python with "
            f"posekit.checkpoints.load(path, heads=...)."
        ) from error
    _load_strictly(network, file.state, str(path))
    return LoadedCheckpoint(network.eval(), _identity(file, found, network))


def from_reference(model: str, config: Mapping[str, Any], state: Mapping[str, Any]) -> nn.Module:
    """Build a network from the constructor arguments and the state of the authors' release.

    Args:
        model: "mixste", "ktpformer", "d3dp-denoiser" or "d3dp-sampler".
        config: arguments under the release's names (``num_frame``, ``embed_dim``, ...).
        state: name -> tensor or array, named as in the release.

    Returns:
        A module in evaluation mode that computes the same function. A denoiser takes keypoints,
        noisy pose and steps; a sampler is a ``D3DP``.

    Raises:
        InvalidParameter: an unknown model.
        InvalidCheckpoint: names or shapes that do not match.
    """
    options = {ours: config[theirs] for theirs, ours in _OPTIONS.items() if theirs in config}
    skeleton = _reference_skeleton(config)
    if not config.get("flip", True):
        raise InvalidParameter(
            "flip is False; D3DP samples with the mirrored pass only, as released: set it to True."
        )
    if model in ("mixste", "ktpformer"):
        network: nn.Module = build(model, skeleton=skeleton, **options)
    elif model == "d3dp-denoiser":
        network = DENOISERS["mixste"](skeleton=skeleton, **options)
    elif model == "d3dp-sampler":
        diffusion = {
            ours: config[theirs] for theirs, ours in _DIFFUSION_OPTIONS.items() if theirs in config
        }
        network = build("d3dp", skeleton=skeleton, **options, **diffusion)
    else:
        raise InvalidParameter(
            f"unknown reference model {model!r}; choose one of mixste, ktpformer, d3dp-denoiser, "
            f"d3dp-sampler."
        )
    tensors = {name: torch.as_tensor(value) for name, value in state.items()}
    if not config.get("qkv_bias", True):
        tensors |= _zero_biases(network)
    _load_strictly(network, tensors, f"state of {model}")
    return network.eval()


def _zero_biases(network: nn.Module) -> dict[str, Tensor]:
    """Zeros for the bias of queries, keys and values, which a network without it lacks."""
    state = network.state_dict().items()
    return {name: torch.zeros_like(value) for name, value in state if name.endswith("qkv.bias")}


def _describe(file: CheckpointFile) -> dict[str, Any]:
    """Network, number of joints and options that the names and shapes of a state tell."""
    diffusion = any(name.startswith(_HOST) for name in file.state)
    state = {name.removeprefix(_HOST): tuple(value.shape) for name, value in file.state.items()}
    host = "ktpformer" if any(name.startswith("kpattention.") for name in state) else "mixste"
    try:
        joints, options = _OPTION_READERS[host](state)
    except (KeyError, ValueError, IndexError) as error:
        raise InvalidCheckpoint(
            f"{file.path}: is of no network known here (its first names are {first_few(state)}); "
            f"expected a checkpoint of MixSTE, KTPFormer or D3DP."
        ) from error
    if not diffusion:
        return {"model": host, "host": host, "joints": joints, "options": options}
    options |= {"host": host, "in_channels": options["in_channels"] - 3}
    if "betas" in state:
        options["timesteps"] = state["betas"][0]
    return {"model": "d3dp", "host": host, "joints": joints, "options": options}


def _mixste_options(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, dict[str, Any]]:
    _, joints, _ = shapes["Spatial_pos_embed"]
    _, frames, _ = shapes["Temporal_pos_embed"]
    width, channels = shapes["Spatial_patch_to_embedding.weight"]
    hidden, _ = shapes["STEblocks.0.mlp.fc1.weight"]
    return joints, _common_options(shapes, frames, channels, width, hidden)


def _ktpformer_options(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, dict[str, Any]]:
    _, joints, width = shapes["kpattention.attn.Spatial_pos_embed"]
    _, frames, _ = shapes["tpattention.attn.Temporal_pos_embed"]
    hidden, _ = shapes["kpattention.mlp.fc1.weight"]
    kpa = "kpattention.attn.kpa.gconv.W" in shapes
    embedding = shapes["kpattention.attn.kpa.gconv.W" if kpa else "kpattention.attn.kpa.weight"]
    tpa = "tpattention.attn.tpa.gconv1.gconv.W" in shapes
    options = _common_options(shapes, frames, embedding[1], width, hidden)
    return joints, options | {"kpa": kpa, "tpa": tpa}


_OPTION_READERS = {"mixste": _mixste_options, "ktpformer": _ktpformer_options}


def _common_options(
    shapes: Mapping[str, tuple[int, ...]], frames: int, channels: int, width: int, hidden: int
) -> dict[str, Any]:
    numbers = {int(found[1]) for name in shapes if (found := re.match(r"STEblocks\.(\d+)\.", name))}
    return {
        "frames": frames,
        "in_channels": channels,
        "embed_dim": width,
        "depth": max(numbers, default=-1) + 1,
        "mlp_ratio": hidden / width,
    }


def _identity(file: CheckpointFile, found: Mapping[str, Any], network: Lifter) -> Identity:
    options = found["options"]
    schedule = tuple(name for name in file.state if name in SCHEDULE_BUFFERS)
    return Identity(
        file=file.path.name,
        sha256=file.sha256,
        size=file.size,
        network=found["model"],
        host=found["host"],
        frames=network.frames,
        joints=network.skeleton.joints,
        in_channels=network.in_channels,
        width=options["embed_dim"],
        depth=options["depth"],
        heads=next(module.heads for module in network.modules() if hasattr(module, "heads")),
        skeleton=network.skeleton.name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        epoch=file.epoch,
        learning_rate=file.learning_rate,
        keypoints=_keypoints_by_name(file.path.stem),
        missing=(),
        unexpected=(),
        ignored=(*file.others, *schedule),
    )


def _keypoints_by_name(name: str) -> str:
    """The 2D source that a file name such as ``model_243_CPN_best_epoch`` tells."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((source for source in ("cpn", "gt", "detectron") if source in words), "unknown")


def _load_strictly(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Copy a state of finite numbers into a network; names and shapes must match exactly."""
    own = network.state_dict()
    given = {name: value for name, value in state.items() if name not in SCHEDULE_BUFFERS}
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    if missing or unexpected:
        raise InvalidCheckpoint(
            f"{source}: does not match the network: {len(missing)} names missing "
            f"({first_few(missing)}), {len(unexpected)} unexpected ({first_few(unexpected)}); "
            f"is it the file of another network?"
        )
    shapes = [
        f"{name} {tuple(given[name].shape)}, not {tuple(own[name].shape)}"
        for name in own
        if given[name].shape != own[name].shape
    ]
    if shapes:
        raise InvalidCheckpoint(
            f"{source}: of another size than the network: {len(shapes)} shapes differ "
            f"({first_few(shapes, 2)}); build the network at the file's size."
        )
    diverged = [name for name, value in given.items() if not bool(torch.isfinite(value).all())]
    if diverged:
        raise InvalidCheckpoint(
            f"{source}: {len(diverged)} of its weights hold NaN or infinity "
            f"({first_few(diverged, 2)}); take the checkpoint of an earlier epoch, or get the file "
            f"again."
        )
    network.load_state_dict(given)


def _skeleton_of(joints: int, path: str | os.PathLike[str]) -> Skeleton:
    for skeleton in SKELETONS.values():
        if skeleton.joints == joints:
            return skeleton
    raise InvalidCheckpoint(f"{path}: is for {joints} joints; name the skeleton they belong to.")


def _reference_skeleton(config: Mapping[str, Any]) -> Skeleton:
    """The joint set that a release's arguments describe, by a registered name where it has one.

    A config without parents is of a network that does not use them; each joint then hangs on the
    first.
    """
    joints = config["num_joints"]
    wanted = {
        "parents": config.get("parents"),
        "left": config.get("joints_left"),
        "right": config.get("joints_right"),
    }
    for skeleton in SKELETONS.values():
        named = {field: list(getattr(skeleton, field)) for field in wanted}
        same = all(value is None or list(value) == named[field] for field, value in wanted.items())
        if skeleton.joints == joints and same:
            return skeleton
    parents = wanted["parents"] or [-1, *[0] * (joints - 1)]
    return Skeleton.from_parents(
        f"reference-{joints}", parents, wanted["left"] or (), wanted["right"] or ()
    )


def _told(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
