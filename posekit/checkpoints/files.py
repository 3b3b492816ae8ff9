"""Checkpoint files as the authors distribute them: their tensors and what else they tell."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from posekit.checkpoints.torch_files import ZIP_MAGIC, read_torch_file
from posekit.errors import InvalidCheckpoint
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import BROKEN, reason

MOST_LEVELS = 4  # of dictionaries within dictionaries
MOST_TENSORS = 20_000  # the largest network published here has about 2,000
_MOST_EPOCHS = 10_000_000


@dataclass(frozen=True)
class CheckpointFile:
    """What a checkpoint file holds.

    Attributes:
        path, sha256, size: the file, the hash of its bytes, and their number.
        checked: whether the format holds checksums of its numbers, which were compared; those of
            safetensors and of PyTorch before 1.6 do not, and there a changed number is a number.
        tables: where a dictionary stands in the file, as the keys that lead there, -> the tensors
            in it, by name. The file's own dictionary stands at ().
        epoch, learning_rate: of the training run, None where the file does not tell.
        entries: keys of the file's own dictionary, without those of tensors and the two above.
    """

    path: Path
    sha256: str
    size: int
    checked: bool
    tables: dict[tuple[str, ...], dict[str, Tensor]]
    epoch: int | None
    learning_rate: float | None
    entries: tuple[str, ...]


def read(path: str | os.PathLike[str]) -> CheckpointFile:
    """Read a checkpoint as the authors distribute it, without running anything in it.

    Both formats of ``torch.save``, and safetensors.

    Raises:
        InvalidCheckpoint: missing, truncated, asks to run code, or holds no weights.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, a folder not read
            raise InvalidCheckpoint(f"{shown(path)}: is no file; give the path of a .bin or .pth.")
        size = path.stat().st_size
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            start = file.read(9)
        is_safetensors = start[8:] == b"{"
        content = _read_safetensors(path) if is_safetensors else read_torch_file(path)
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        told = getattr(error, "strerror", None) or reason(error)
        raise InvalidCheckpoint(
            f"{shown(path)}: cannot be read ({told}); check the path."
        ) from error
    if not isinstance(content, dict):
        raise InvalidCheckpoint(
            f"{shown(path)}: holds a pickled {shown(type(content).__name__)}, not a dictionary of "
            f"weights; save the network's state_dict instead."
        )
    tables = _tables(content, path)
    if not tables:
        raise InvalidCheckpoint(
            f"{shown(path)}: holds no weights (its entries: {first_few(content)}); expected a "
            f"dictionary of tensors, alone or under one key."
        )
    told = {key: content[key] for key in ("epoch", "lr") if key in content}
    others = (key for key, value in content.items() if not isinstance(value, Tensor))
    return CheckpointFile(
        path=path,
        sha256=sha256,
        size=size,
        checked=start.startswith(ZIP_MAGIC),
        tables=tables,
        epoch=_epoch(told.get("epoch")),
        learning_rate=_rate(told.get("lr")),
        entries=tuple(str(key) for key in others if key not in told),
    )


def first_few(names: Iterable[object], most: int = 4) -> str:
    """The first names and how many more there are, for a message of one line."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return (", ".join(map(shown, listed[:most])) or "none") + more


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, *BROKEN) as error:
        raise InvalidCheckpoint(
            f"{shown(path)}: not a readable safetensors file ({reason(error)}); download or copy "
            f"it again."
        ) from error


def _tables(content: dict[Any, Any], path: Path) -> dict[tuple[str, ...], dict[str, Tensor]]:
    """The dictionaries of a file that hold tensors; one that stands in several places, once."""
    tables: dict[tuple[str, ...], dict[str, Tensor]] = {}
    level: list[tuple[tuple[str, ...], dict[Any, Any]]] = [((), content)]
    seen = {id(content)}
    for _ in range(MOST_LEVELS):
        deeper = []
        for place, node in level:
            tensors = {key: value for key, value in node.items() if isinstance(value, Tensor)}
            named = {key: value for key, value in tensors.items() if isinstance(key, str)}
            if named and len(named) < len(tensors):
                wrong = next(key for key in tensors if not isinstance(key, str))
                raise InvalidCheckpoint(
                    f"{shown(path)}: a tensor is called {shown(wrong)}, which is no text; save "
                    f"the network's state_dict instead."
                )
            if named:
                tables[place] = named
            for key, value in node.items():
                if isinstance(key, str) and isinstance(value, dict) and id(value) not in seen:
                    seen.add(id(value))
                    deeper.append(((*place, key), value))
        level = deeper
    if sum(map(len, tables.values())) > MOST_TENSORS:
        raise InvalidCheckpoint(
            f"{shown(path)}: holds more than {MOST_TENSORS:,} tensors, ten times those of any "
            f"published network; give the file of one network."
        )
    return tables


def _epoch(told: object) -> int | None:
    return told if type(told) is int and 0 <= told <= _MOST_EPOCHS else None


def _rate(told: object) -> float | None:
    return told if type(told) is float and math.isfinite(told) else None
