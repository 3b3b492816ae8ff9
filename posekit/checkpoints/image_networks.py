"""Weights of networks that read images: found in the authors' files, loaded strictly.

Such a network is no lifter: its module in ``posekit.models`` binds ``IMAGE_NETWORK`` to its class,
which is built from a ``Config``, and has a function ``describe(state)`` as ``models.releases``
says. ``REFERENCE_IGNORED``, where the module binds it, lists beginnings of names that the authors'
files carry beside the network, such as a body model; ``with_own_names(state)``, where it has one,
renames the states of other releases of the same network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from posekit.checkpoints.files import CheckpointFile, first_few, read
from posekit.checkpoints.matching import check_bytes, check_match, load_strictly
from posekit.checkpoints.wrappers import find_weights
from posekit.errors import InvalidCheckpoint, InvalidParameter
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import BROKEN, reason
from posekit.models import modules_that_bind
from posekit.models.releases import Description

IMAGE_NETWORKS = modules_that_bind("IMAGE_NETWORK")


@dataclass(frozen=True)
class LoadedImageNetwork:
    """A network in evaluation mode with the weights of a file.

    Attributes:
        network: the module, with its options as ``network.config``.
        name: one of ``IMAGE_NETWORKS``.
        file: what was read.
        ignored: names in the file that are not the network's.
    """

    network: nn.Module
    name: str
    file: CheckpointFile
    ignored: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """The file's identity card as pairs of a label and a text."""
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        options = vars(self.network.config).items()
        return [
            ("file", f"{shown(Path(self.file.path.name))} ({self.file.size / 1e6:.1f} MB)"),
            ("sha256", self.file.sha256),
            ("checksums in the file", "right" if self.file.checked else "none; compare its sha256"),
            ("network", self.name),
            ("size", f"{parameters:,} parameters"),
            ("options", ", ".join(f"{name} {value}" for name, value in options)),
            ("epoch", "unknown" if self.file.epoch is None else str(self.file.epoch)),
            ("names not used", first_few(self.ignored)),
        ]


def load_image_network(
    path: str | os.PathLike[str],
    *,
    model: str | None = None,
    entry: str | None = None,
    **options: Any,
) -> LoadedImageNetwork:
    """Build the network that a file belongs to and give it the file's weights.

    Args:
        path: as for ``read``.
        model: the network that is expected; any of ``IMAGE_NETWORKS`` by default.
        entry: where the weights stand, in a file of several networks, whose refusal names them.
        options: of the network, where the shapes do not show them (``image_px``).

    Raises:
        InvalidCheckpoint: as ``read``; also no known network or several, another than expected,
            and weights that do not match or are not finite.
    """
    file = read(path)
    weights = find_weights(file, entry, describe_image_network, IMAGE_NETWORKS)
    name, source = weights.network, shown(file.path)
    if model is not None and model != name:
        raise InvalidCheckpoint(
            f"{source}: holds a {name}, not a {model}; choose the file of a {model}."
        )
    module = _module(name)
    beginnings = getattr(module, "REFERENCE_IGNORED", ())
    named = getattr(module, "with_own_names", dict)(weights.state)
    state = {key: value for key, value in named.items() if not key.startswith(beginnings)}
    check_bytes(state, file, source)
    try:
        config = module.IMAGE_NETWORK.Config(**{**weights.description.options, **options})
        with torch.device("meta"):  # first without memory, to build nothing that does not match
            outline = module.IMAGE_NETWORK(config)
        check_match(outline, state, source)
        network = module.IMAGE_NETWORK(config)
    except (InvalidParameter, *BROKEN) as error:
        raise InvalidCheckpoint(
            f"{source}: no {name} of its shapes can be built ({reason(error).partition(';')[0]}); "
            f"is it the file of another network?"
        ) from error
    load_strictly(network, state, source)
    ignored = (*(key for key in named if key not in state), *weights.beside)
    return LoadedImageNetwork(network.eval(), name, file, ignored)


def describe_image_network(state: Mapping[str, Tensor]) -> tuple[str, Description] | None:
    """The network of ``IMAGE_NETWORKS`` that a state belongs to, None if it is none's.

    Raises:
        KeyError, ValueError, IndexError: as ``releases.describe``.
    """
    for name in IMAGE_NETWORKS:
        found = _module(name).describe(state)
        if found is not None:
            return name, found
    return None


def _module(name: str) -> ModuleType:
    return import_module(f"posekit.models.{name}")
