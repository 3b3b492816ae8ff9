"""What is wrapped around weights: the key under which they stand, and prefixes of their names.

People save networks inside of others: data-parallel (``module.``), compiled (``_orig_mod.``), as
part of a training program (``model.``, ``net.``) or of a moving average (``ema_model.``), under a
key such as ``state_dict``, and in any order of these. So no list of them is kept. A file is a tree
of dictionaries whose names have parts between dots, and the weights are where that tree holds the
names of a known network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from posekit.checkpoints.files import CheckpointFile, first_few
from posekit.errors import InvalidCheckpoint
from posekit.machine.names_from_files import shown
from posekit.models import MODELS, releases
from posekit.models.releases import Description

# Parts that torch puts into names wherever a module inside a network is wrapped; no network has a
# part of such a name itself.
TORCH_WRAPPERS = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
)
MOST_PREFIXES = 8

Describe = Callable[[Mapping[str, Tensor]], tuple[str, Description] | None]


@dataclass(frozen=True)
class Weights:
    """The weights of a known network, as they stand in a file.

    Attributes:
        network, description: the network that their names and shapes tell.
        state: parameters and buffers, by the network's own names.
        entry: keys that lead to them; () where they are the file itself.
        prefix: what was taken off the front of every name, such as ``module.``.
        inner: what was taken out of names further on, such as ``_orig_mod.``.
        beside: names that stand beside theirs without the prefix.
    """

    network: str
    description: Description
    state: dict[str, Tensor]
    entry: tuple[str, ...]
    prefix: str
    inner: tuple[str, ...]
    beside: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where in the file they stand, in one text; "" for the whole file."""
        return ".".join((*self.entry, self.prefix.removesuffix("."))).strip(".")


def find_weights(
    file: CheckpointFile,
    entry: str | None = None,
    describe: Describe = releases.describe,
    known: Sequence[str] = MODELS,
) -> Weights:
    """The weights of the one known network in a file.

    Args:
        file: as read.
        entry: ``Weights.place`` of the network that is meant, where a file holds several.
        describe: tells the network of a state; that of a lifter by default.
        known: the networks that it tells.

    Raises:
        InvalidCheckpoint: no known network, several of them, or names that become the same.
    """
    found = [
        weights
        for place, table in file.tables.items()
        for weights in _networks(place, table, describe)
    ]
    if entry is not None:
        places = [weights.place for weights in found]
        found = [weights for weights in found if weights.place == entry]
        if not found:
            raise InvalidCheckpoint(
                f"{shown(file.path)}: holds no known network at {shown(entry)}; choose one of: "
                f"{first_few(places, 8)}."
            )
    if not found:
        largest = max(file.tables.values(), key=len)
        raise InvalidCheckpoint(
            f"{shown(file.path)}: is of no network known here (its first names are "
            f"{first_few(largest)}); expected a checkpoint of one of {', '.join(known)}."
        )
    if len(found) > 1:
        places = [weights.place or "the file's own names" for weights in found]
        raise InvalidCheckpoint(
            f"{shown(file.path)}: holds {len(found)} networks ({first_few(places, 8)}); say which "
            f"in Python, load(path, entry=...), or save that one as a file of its own."
        )
    _check_collisions(found[0], file)
    return found[0]


def _networks(
    entry: tuple[str, ...], table: Mapping[str, Tensor], describe: Describe
) -> Iterator[Weights]:
    """Every known network in a table, each under the shortest prefix that makes its names fit."""
    level = {"": dict(table)}
    for _ in range(MOST_PREFIXES + 1):
        deeper: dict[str, dict[str, Tensor]] = {}
        for prefix, names in level.items():
            state = {_unwrapped(name): value for name, value in names.items()}
            found = _described(state, describe)
            if found is None:
                for name, value in names.items():
                    first, dot, rest = name.partition(".")
                    if dot:
                        deeper.setdefault(f"{prefix}{first}.", {})[rest] = value
                continue
            model, description = found
            beside = tuple(name for name in table if not name.startswith(prefix))
            yield Weights(model, description, state, entry, prefix, _inner(names), beside)
        level = deeper


def _described(state: Mapping[str, Tensor], describe: Describe) -> tuple[str, Description] | None:
    """The network that a state belongs to; None also where names are missing or shapes odd."""
    try:
        return describe(state)
    except (LookupError, ValueError, ArithmeticError):
        return None


def _unwrapped(name: str) -> str:
    first, *parts = name.split(".")
    return ".".join([first, *(part for part in parts if part not in TORCH_WRAPPERS)])


def _inner(names: Mapping[str, Tensor]) -> tuple[str, ...]:
    """What ``_unwrapped`` takes out of names."""
    parts = {part: None for name in names for part in name.split(".")[1:] if part in TORCH_WRAPPERS}
    return tuple(f"{part}." for part in parts)


def _check_collisions(weights: Weights, file: CheckpointFile) -> None:
    """Refuse names of a file that differ by what was taken off alone."""
    seen: dict[str, str] = {}
    for name in file.tables[weights.entry]:
        if not name.startswith(weights.prefix):
            continue
        bare = _unwrapped(name.removeprefix(weights.prefix))
        if bare in seen:
            raise InvalidCheckpoint(
                f"{shown(file.path)}: {shown(seen[bare])} and {shown(name)} are both {shown(bare)} "
                f"without their wrappers; save the network's own state_dict."
            )
        seen[bare] = name
