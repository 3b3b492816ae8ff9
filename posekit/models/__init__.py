"""Networks by name.

A network is one module in this folder, or in a folder of ``POSEKIT_PAPERS``: the module's name is
the network's, and the module binds ``NETWORK`` to its class, a ``posekit.models.lifters.Lifter``.
The class has its options as ``Config`` and tells what the rest of posekit needs to know of it.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from posekit.errors import InvalidParameter
from posekit.machine.storage import paper_folders

if TYPE_CHECKING:
    from posekit.geometry.skeletons import Skeleton
    from posekit.models.lifters import Lifter

__path__ += [str(folder) for folder in paper_folders()]


def modules_that_bind(name: str) -> tuple[str, ...]:
    """Modules of these folders that bind ``name``, by their text: none is imported for it."""

    def binds(module: pkgutil.ModuleInfo) -> bool:
        path = Path(module.module_finder.path, f"{module.name}.py")
        text = path.read_text("utf-8") if path.is_file() else ""
        return bool(re.search(rf"^{name}\b", text, re.MULTILINE))

    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if binds(module)))


MODELS = modules_that_bind("NETWORK")
"""Names that ``build`` and ``network`` know."""


def __getattr__(name: str) -> ModuleType:
    """``models.ktpformer`` and the like: modules of this folder, imported when asked for."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error


def network(name: str) -> type[Lifter]:
    """The class of a network.

    Raises:
        InvalidParameter: none of ``MODELS``.
    """
    if name not in MODELS:
        raise InvalidParameter(f"unknown model {name!r}; choose one of {', '.join(MODELS)}.")
    return import_module(f"{__name__}.{name}").NETWORK


def build(name: str, *, skeleton: Skeleton, **options: Any) -> Lifter:
    """Construct a network.

    Args:
        name: one of ``MODELS``.
        skeleton: joint set of keypoints and poses.
        options: fields of the network's ``Config``; a plug-in takes its host's as well.

    Raises:
        InvalidParameter: an unknown network or option, or a value of the wrong type.
    """
    return network(name).build(skeleton=skeleton, **options)


def option_defaults(config: type) -> dict[str, Any]:
    """Options of a network, by its ``Config``, with their defaults."""
    return {field.name: field.default for field in fields(config) if field.name != "skeleton"}


def check_options(name: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse options that have no default, and values of another type than the default's.

    Raises:
        InvalidParameter: naming the valid options, or the type that was expected.
    """
    for option, value in options.items():
        if option not in defaults:
            raise InvalidParameter(
                f"{name} has no option {option!r}; it takes {', '.join(sorted(defaults))}."
            )
        expected = type(defaults[option])
        numeric = expected is float and type(value) is int
        if type(value) is not expected and not numeric:
            raise InvalidParameter(
                f"{name}: {option} is {value!r}; expected {expected.__name__}, "
                f"as in {option}={defaults[option]!r}."
            )
        if expected is int and value < (least := min(1, defaults[option])):
            raise InvalidParameter(f"{name}: {option} is {value}; it counts from {least}.")
