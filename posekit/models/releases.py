"""What the modules of networks know of the authors' files.

Any module in this folder may define

- ``REFERENCES``: name of a released network -> function ``(config, skeleton)`` that builds it from
  the release's constructor arguments;
- ``REFERENCE_CONSTANTS``: names that a released state carries and the network computes itself;
- ``describe(state)``: the ``Description`` of a state that belongs to its network, else None. The
  network is first built on torch's meta device, so its constructor reads no values of tensors.

``posekit.checkpoints.loading`` asks them; a new network adds no line there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from posekit.geometry.skeletons import Skeleton
from posekit.models import MODELS, modules_that_bind

Reference = Callable[[Mapping[str, Any], Skeleton], nn.Module]


@dataclass(frozen=True)
class Description:
    """A network as the names and shapes of its state tell it.

    Attributes:
        joints: of the skeleton, which no file names.
        options: of the network's constructor, without the skeleton.
        depth: number of blocks or stages, None for a network without.
        host: the network inside a wrapper, None for none.
    """

    joints: int
    options: Mapping[str, Any]
    depth: int | None = None
    host: str | None = None


def references() -> dict[str, tuple[Reference, frozenset[str]]]:
    """Released networks by name: what builds each, and the names its state may carry in vain."""
    return {
        name: (reference, constants(model))
        for model in modules_that_bind("REFERENCES")
        for name, reference in _module(model).REFERENCES.items()
    }


def constants(model: str) -> frozenset[str]:
    """Names in released states that the network ``model`` computes itself."""
    return getattr(_module(model), "REFERENCE_CONSTANTS", frozenset())


def describe(state: Mapping[str, Tensor]) -> tuple[str, Description] | None:
    """The network that a state belongs to and its description, None if no module knows it.

    Raises:
        KeyError, ValueError, IndexError: a module knows the state, but names are missing or shapes
            are odd.
    """
    for model in MODELS:
        module = _module(model)
        found = module.describe(state) if hasattr(module, "describe") else None
        if found is not None:
            return model, found
    return None


def renamed(config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Options of a network from a release's arguments; ``names`` are theirs -> ours."""
    return {ours: config[theirs] for theirs, ours in names.items() if theirs in config}


def count_modules(state: Mapping[str, Tensor], name: str) -> int:
    """Number of modules in the list ``name`` of a network, from the names of its state."""
    prefix = f"{name}."
    return len({key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)})


def _module(model: str) -> ModuleType:
    return import_module(f"{__package__}.{model}")
