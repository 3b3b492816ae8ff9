"""Weights of the released networks: told apart by names and shapes, loaded strictly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from posekit.checkpoints.files import CheckpointFile, first_few, read
from posekit.errors import InvalidCheckpoint, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS, Skeleton
from posekit.models import MODELS, build, releases
from posekit.models.lifters import Lifter
from posekit.models.releases import Description


@dataclass(frozen=True)
class Identity:
    """Identity card of a checkpoint file.

    Attributes:
        file, sha256, size: name, hash and bytes of the file.
        network: name of the network; ``host`` is the network inside it, or the same.
        frames, joints, in_channels, width, depth: read off the shapes; depth is None for a network
            without blocks or stages.
        heads: attention heads, which no shape shows: assumed. None for a network without.
        other_heads: further numbers of heads inside the network, its defaults.
        heads_given: whether the caller gave ``heads``; else it is the network's default.
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
    depth: int | None
    heads: int | None
    other_heads: tuple[int, ...]
    heads_given: bool
    skeleton: str
    parameters: int
    epoch: int | None
    learning_rate: float | None
    keypoints: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def assumed_heads(self) -> str | None:
        """The number of heads and where it comes from, for every figure that it enters."""
        if self.heads is None:
            return None
        source = "as given" if self.heads_given else "the network's default"
        others = "".join(f", {heads} elsewhere by default" for heads in self.other_heads)
        return f"{self.heads} (assumed, {source}; no file tells it{others})"

    def rows(self) -> list[tuple[str, str]]:
        """The card as pairs of a label and a text."""
        network = self.network if self.host == self.network else f"{self.network} ({self.host})"
        unmatched = (*self.missing, *self.unexpected)
        depth = "" if self.depth is None else f"depth {self.depth}, "
        return [
            ("file", f"{self.file} ({self.size / 1e6:.1f} MB)"),
            ("sha256", self.sha256),
            ("network", network),
            ("size", f"width {self.width}, {depth}{self.parameters:,} parameters"),
            *([] if self.assumed_heads is None else [("heads", self.assumed_heads)]),
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
    name, found = _describe(file)
    if model is not None and model != name:
        raise InvalidCheckpoint(
            f"{path}: holds a {name}, not a {model}; choose the file of a {model}."
        )
    if skeleton is not None and skeleton.joints != found.joints:
        raise InvalidCheckpoint(
            f"{path}: is for {found.joints} joints, {skeleton.name} has {skeleton.joints}; "
            f"choose a skeleton of {found.joints} joints or another file."
        )
    if frames is not None and frames != found.options["frames"]:
        raise InvalidCheckpoint(
            f"{path}: is for windows of {found.options['frames']} frames, not {frames}; "
            f"use {found.options['frames']} frames or the file of another size."
        )
    skeleton = skeleton or _skeleton_of(found.joints, path)
    try:
        network = build(name, skeleton=skeleton, **{**found.options, **options})
    except InvalidParameter as error:
        raise InvalidCheckpoint(
            f"{path}: no network of its shapes can be built ({str(error).partition(';')[0]}); no "
            f"file tells the number of heads: give another, or none, with -p heads N in a notebook "
            f"or load(path, heads=N)."
        ) from error
    constants = releases.constants(name)
    _load_strictly(network, file.state, str(path), constants)
    computed = tuple(entry for entry in file.state if entry in constants)
    return LoadedCheckpoint(
        network.eval(), _identity(file, name, found, network, computed, options)
    )


def from_reference(model: str, config: Mapping[str, Any], state: Mapping[str, Any]) -> nn.Module:
    """Build a network from the constructor arguments and the state of the authors' release.

    Args:
        model: a name among the ``REFERENCES`` of the modules of ``posekit.models``.
        config: arguments under the release's names (``num_frame``, ``embed_dim``, ...).
        state: name -> tensor or array, named as in the release.

    Returns:
        A module in evaluation mode that computes the same function. A denoiser takes keypoints,
        noisy pose and steps; a sampler is a ``D3DP``.

    Raises:
        InvalidParameter: an unknown model.
        InvalidCheckpoint: names or shapes that do not match.
    """
    known = releases.references()
    if model not in known:
        raise InvalidParameter(
            f"unknown reference model {model!r}; choose one of {', '.join(sorted(known))}."
        )
    build_reference, constants = known[model]
    network = build_reference(config, _reference_skeleton(config))
    tensors = {name: torch.as_tensor(value) for name, value in state.items()}
    if not config.get("qkv_bias", True):
        tensors |= _zero_biases(network)
    _load_strictly(network, tensors, f"state of {model}", constants)
    return network.eval()


def _zero_biases(network: nn.Module) -> dict[str, Tensor]:
    """Zeros for the bias of queries, keys and values, which a network without it lacks."""
    state = network.state_dict().items()
    return {name: torch.zeros_like(value) for name, value in state if name.endswith("qkv.bias")}


def _describe(file: CheckpointFile) -> tuple[str, Description]:
    """The network that a file belongs to, and what its state tells of it."""
    try:
        found = releases.describe(file.state)
    except (KeyError, ValueError, IndexError) as error:
        raise _unknown(file) from error
    if found is None:
        raise _unknown(file)
    return found


def _unknown(file: CheckpointFile) -> InvalidCheckpoint:
    return InvalidCheckpoint(
        f"{file.path}: is of no network known here (its first names are "
        f"{first_few(file.state)}); expected a checkpoint of one of {', '.join(MODELS)}."
    )


def _identity(
    file: CheckpointFile,
    name: str,
    found: Description,
    network: Lifter,
    computed: tuple[str, ...],
    options: Mapping[str, Any],
) -> Identity:
    numbers = (module.heads for module in network.modules() if hasattr(module, "heads"))
    heads, *other_heads = dict.fromkeys(numbers) or (None,)
    return Identity(
        file=file.path.name,
        sha256=file.sha256,
        size=file.size,
        network=name,
        host=found.host or name,
        frames=network.frames,
        joints=network.skeleton.joints,
        in_channels=network.in_channels,
        width=found.options["embed_dim"],
        depth=found.depth,
        heads=heads,
        other_heads=tuple(other_heads),
        heads_given="heads" in options,
        skeleton=network.skeleton.name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        epoch=file.epoch,
        learning_rate=file.learning_rate,
        keypoints=_keypoints_by_name(file.path.stem),
        missing=(),
        unexpected=(),
        ignored=(*file.others, *computed),
    )


def _keypoints_by_name(name: str) -> str:
    """The 2D source that a file name such as ``model_243_CPN_best_epoch`` tells."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((source for source in ("cpn", "gt", "detectron") if source in words), "unknown")


def _load_strictly(
    network: nn.Module, state: Mapping[str, Tensor], source: str, constants: frozenset[str]
) -> None:
    """Copy a state of finite numbers into a network; names and shapes must match exactly.

    ``constants`` may stand in the state besides: the network computes them itself.
    """
    own = network.state_dict()
    given = {name: value for name, value in state.items() if name not in constants}
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

    A config without parents is of a network that does not use them, or that has a graph of its
    own; each joint then hangs on the first. One without joints is of Human3.6M's.
    """
    joints = config.get("num_joints") or config.get("n_joints") or HUMAN36M_17.joints
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
