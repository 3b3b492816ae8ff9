"""Weights of the released networks: told apart by names and shapes, loaded strictly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from posekit.checkpoints.files import CheckpointFile, first_few, read
from posekit.checkpoints.matching import check_bytes, check_match, check_sizes, load_strictly
from posekit.checkpoints.wrappers import Weights, find_weights
from posekit.errors import InvalidCheckpoint, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS, Skeleton
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import BROKEN, reason
from posekit.models import build, releases
from posekit.models.lifters import Lifter

_MOST_NAMED = 12  # entries in a card


@dataclass(frozen=True)
class Identity:
    """Identity card of a checkpoint file.

    Attributes:
        file, sha256, size: name, hash and bytes of the file.
        checked: whether checksums in the file were compared.
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
        entry: keys under which the weights stand, joined by dots; "" for the file itself.
        stripped: what was taken off the weights' names, such as ``module.``.
        missing, unexpected: names that did not match; empty, since loading is strict.
        ignored: entries of the file and names beside the weights that were not needed.
    """

    file: str
    sha256: str
    size: int
    checked: bool
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
    entry: str
    stripped: tuple[str, ...]
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
            ("checksums in the file", "right" if self.checked else "none; compare its sha256"),
            ("network", network),
            ("size", f"width {self.width}, {depth}{self.parameters:,} parameters"),
            *([] if self.assumed_heads is None else [("heads", self.assumed_heads)]),
            ("input", f"{self.frames} frames, {self.joints} joints, {self.in_channels} channels"),
            ("skeleton", f"{self.skeleton} (not in the file)"),
            ("2D input in training", f"{self.keypoints} (by the file's name)"),
            ("weights", f"under {shown(self.entry)}" if self.entry else "the file itself"),
            ("taken off their names", ", ".join(map(shown, self.stripped)) or "nothing"),
            ("epoch", _told(self.epoch)),
            ("learning rate", _told(self.learning_rate)),
            ("keys that did not match", first_few(unmatched, _MOST_NAMED)),
            ("entries not used", first_few(self.ignored, _MOST_NAMED)),
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
    heads: int | None = None,
    entry: str | None = None,
    **options: Any,
) -> LoadedCheckpoint:
    """Build the network that a file belongs to and give it the file's weights.

    The weights may stand under any key, and their names under any prefixes (``module.``,
    ``_orig_mod.``, ``model.`` ...), as long as one network alone fits; see ``wrappers``.

    Args:
        path: as for ``read``.
        model: the network that is expected; any by default.
        skeleton: the joint set; by default the first in ``SKELETONS`` with as many joints.
        frames: the window that is expected; any by default.
        heads: attention heads, which no file tells; the network's default where None.
        entry: where the weights stand, in a file of several networks, whose refusal names them.
        options: of the network, where the shapes do not show them (``topology``).

    Raises:
        InvalidCheckpoint: as ``read``; also no known network or several, another network or
            another size than expected, a size beyond any published, and weights that are no
            floating-point numbers or not finite.
    """
    file = read(path)
    weights = find_weights(file, entry)
    name, found, source = weights.network, weights.description, shown(file.path)
    check_sizes(found, source)
    if model is not None and model != name:
        raise InvalidCheckpoint(
            f"{source}: holds a {name}, not a {model}; choose the file of a {model}."
        )
    if skeleton is not None and skeleton.joints != found.joints:
        raise InvalidCheckpoint(
            f"{source}: is for {found.joints} joints, {skeleton.name} has {skeleton.joints}; "
            f"choose a skeleton of {found.joints} joints or another file."
        )
    if frames is not None and frames != found.options["frames"]:
        raise InvalidCheckpoint(
            f"{source}: is for windows of {found.options['frames']} frames, not {frames}; "
            f"use {found.options['frames']} frames or the file of another size."
        )
    constants = releases.constants(name)
    state = {key: value for key, value in weights.state.items() if key not in constants}
    check_bytes(state, file, source)
    skeleton = skeleton or _skeleton_of(found.joints, source)
    options = {**found.options, **options, **({} if heads is None else {"heads": heads})}
    try:
        with torch.device("meta"):  # first without memory, to build nothing that does not match
            outline = build(name, skeleton=skeleton, **options)
        check_match(outline, state, source)
        network = build(name, skeleton=skeleton, **options)
    except (InvalidParameter, *BROKEN) as error:
        raise InvalidCheckpoint(
            f"{source}: no network of its shapes can be built "
            f"({reason(error).partition(';')[0]}); no file tells the number of heads: give "
            f"another, or none, with -p heads N in a notebook or load(path, heads=N)."
        ) from error
    load_strictly(network, state, source)
    return LoadedCheckpoint(network.eval(), _identity(file, weights, network, heads is not None))


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
    given = {name: value for name, value in tensors.items() if name not in constants}
    load_strictly(network, given, f"state of {model}")
    return network.eval()


def _zero_biases(network: nn.Module) -> dict[str, Tensor]:
    """Zeros for the bias of queries, keys and values, which a network without it lacks."""
    state = network.state_dict().items()
    return {name: torch.zeros_like(value) for name, value in state if name.endswith("qkv.bias")}


def _identity(
    file: CheckpointFile, weights: Weights, network: Lifter, heads_given: bool
) -> Identity:
    found, name = weights.description, weights.network
    computed = (key for key in weights.state if key in releases.constants(name))
    unused = (key for key in file.entries if weights.entry[:1] != (key,))
    numbers = (module.heads for module in network.modules() if hasattr(module, "heads"))
    heads, *other_heads = dict.fromkeys(numbers) or (None,)
    return Identity(
        file=shown(Path(file.path.name)),
        sha256=file.sha256,
        size=file.size,
        checked=file.checked,
        network=name,
        host=found.host or name,
        frames=network.frames,
        joints=network.skeleton.joints,
        in_channels=network.in_channels,
        width=found.options["embed_dim"],
        depth=found.depth,
        heads=heads,
        other_heads=tuple(other_heads),
        heads_given=heads_given,
        skeleton=network.skeleton.name,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        epoch=file.epoch,
        learning_rate=file.learning_rate,
        keypoints=_keypoints_by_name(file.path.stem),
        entry=".".join(weights.entry),
        stripped=tuple(text for text in (weights.prefix, *weights.inner) if text),
        missing=(),
        unexpected=(),
        ignored=(*unused, *weights.beside, *computed),
    )


def _keypoints_by_name(name: str) -> str:
    """The 2D source that a file name such as ``model_243_CPN_best_epoch`` tells."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((source for source in ("cpn", "gt", "detectron") if source in words), "unknown")


def _skeleton_of(joints: int, source: str) -> Skeleton:
    for skeleton in SKELETONS.values():
        if skeleton.joints == joints:
            return skeleton
    raise InvalidCheckpoint(f"{source}: is for {joints} joints; name the skeleton they belong to.")


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
