"""Networks by name.

A network is one module in this folder: the module's name is the network's, and its ``NETWORK`` is
what constructs it from keyword arguments: a class, or a function that checks its options itself.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from posekit.errors import InvalidParameter

if TYPE_CHECKING:
    from posekit.geometry.skeletons import Skeleton
    from posekit.models.layers import Lifter

# Building blocks and what belongs to all networks; no networks.
SHARED_MODULES = frozenset({"adaptive_graphs", "layers", "pruning", "releases"})

MODELS: tuple[str, ...] = tuple(
    sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if module.name not in SHARED_MODULES
    )
)
"""Names that ``build`` knows."""


def build(name: str, *, skeleton: Skeleton, **options: Any) -> Lifter:
    """Construct a network.

    Args:
        name: one of ``MODELS``.
        skeleton: joint set of keypoints and poses.
        options: keyword arguments of the network's constructor.

    Raises:
        InvalidParameter: an unknown network or option, or a value of the wrong type.
    """
    if name not in MODELS:
        raise InvalidParameter(f"unknown model {name!r}; choose one of {', '.join(MODELS)}.")
    constructor = import_module(f"{__name__}.{name}").NETWORK
    if inspect.isclass(constructor):
        check_options(name, options, constructor)
    return constructor(skeleton=skeleton, **options)


def option_defaults(constructor: Callable[..., Any]) -> dict[str, Any]:
    """Keyword options of a constructor with their defaults, its base classes' included."""
    owners = constructor.__mro__ if inspect.isclass(constructor) else [constructor]
    defaults: dict[str, Any] = {}
    for owner in owners:
        call = vars(owner).get("__init__") if inspect.isclass(owner) else owner
        if call is None:
            continue
        parameters = inspect.signature(call).parameters.values()
        for parameter in parameters:
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.name != "skeleton":
                defaults.setdefault(parameter.name, parameter.default)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return defaults


def check_options(name: str, options: Mapping[str, Any], *constructors: Callable[..., Any]) -> None:
    """Refuse options that none of the constructors takes, and values of another type.

    Raises:
        InvalidParameter: naming the valid options, or the type that was expected.
    """
    defaults = {
        option: default
        for constructor in constructors
        for option, default in option_defaults(constructor).items()
    }
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
