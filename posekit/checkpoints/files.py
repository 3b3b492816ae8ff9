"""Checkpoint files as the authors distribute them: their weights and what else they tell."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from posekit.checkpoints.torch_files import read_torch_file
from posekit.errors import InvalidCheckpoint

STATE_ENTRIES = ("model_pos", "state_dict", "model_state_dict", "model")


@dataclass(frozen=True)
class CheckpointFile:
    """What a checkpoint file holds.

    Attributes:
        path, sha256, size: the file, the hash of its bytes, and their number.
        state: parameters and buffers by name, without the prefix of a data-parallel wrapper.
        epoch, learning_rate: of the training run, None where the file does not tell.
        others: further entries of the file, which are not used.
    """

    path: Path
    sha256: str
    size: int
    state: dict[str, Tensor]
    epoch: int | None
    learning_rate: float | None
    others: tuple[str, ...]


def read(path: str | os.PathLike[str]) -> CheckpointFile:
    """Read a checkpoint as the authors distribute it, without running anything in it.

    Both formats of ``torch.save`` and safetensors; the weights may be the whole file or one of
    ``STATE_ENTRIES``.

    Raises:
        InvalidCheckpoint: missing, truncated, asks to run code, or holds no weights.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe would be waited for, and a folder not read
        raise InvalidCheckpoint(f"{path}: is no file; give the path of a .bin or .pth.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            is_safetensors = file.read(9)[8:] == b"{"
        content = _read_safetensors(path) if is_safetensors else read_torch_file(path)
    except OSError as error:
        raise InvalidCheckpoint(
            f"{path}: cannot be read ({error.strerror or error}); check the path."
        ) from error
    state, entries = _find_state(content, path)
    epoch, rate = entries.pop("epoch", None), entries.pop("lr", None)
    return CheckpointFile(
        path=path,
        sha256=sha256,
        size=size,
        state=state,
        epoch=epoch if isinstance(epoch, int) else None,
        learning_rate=rate if isinstance(rate, float) else None,
        others=tuple(str(name) for name in entries),
    )


def first_few(names: Iterable[str], most: int = 4) -> str:
    """The first names and how many more there are, for a message of one line."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return (", ".join(listed[:most]) or "none") + more


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise InvalidCheckpoint(
            f"{path}: not a readable safetensors file ({error}); download or copy it again."
        ) from error


def _find_state(content: Any, path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights of a file, and its further entries."""
    if not isinstance(content, dict):
        raise InvalidCheckpoint(
            f"{path}: holds a pickled {type(content).__name__}, not a dictionary of weights; "
            f"save the network's state_dict instead."
        )
    entry = next((key for key in STATE_ENTRIES if isinstance(content.get(key), dict)), None)
    state = content if entry is None else content[entry]
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InvalidCheckpoint(
            f"{path}: holds no weights (its entries: {first_few(map(str, content))}); expected a "
            f"dictionary of tensors, alone or as one of {', '.join(STATE_ENTRIES)}."
        )
    others = {} if entry is None else {key: content[key] for key in content if key != entry}
    return {str(name).removeprefix("module."): value for name, value in state.items()}, others
