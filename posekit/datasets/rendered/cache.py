"""Pictures on disk: chunk by chunk, so that an interrupted making goes on where it was."""

from __future__ import annotations

import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posekit.datasets.rendered.body_images import contents_hash, per_picture
from posekit.machine.progress import Progress
from posekit.machine.storage import atomic_path

CHUNK = 50
"""Pictures of a file."""

_HASH = "contents"
Arrays = dict[str, NDArray]


def kept_or_made(folder: Path, pictures: int, make: Callable[[int], Arrays], label: str) -> Arrays:
    """All arrays, those of each chunk read from ``folder`` or else made and written there.

    A file that is damaged is named on stderr and made anew.

    Args:
        folder: of the files; made if it is not there.
        pictures: N.
        make: number of a picture -> its arrays by name, each without the leading N.
        label: of the progress bar.

    Raises:
        StorageError: the folder cannot be written.
    """
    every: Arrays = {}
    with Progress(label, pictures) as progress:
        for start in range(0, pictures, CHUNK):
            numbers = range(start, min(start + CHUNK, pictures))
            arrays = _chunk(folder / f"pictures-{start:05d}.npz", numbers, make, progress)
            for name, values in arrays.items():
                if name not in every:
                    every[name] = np.empty((pictures, *values.shape[1:]), values.dtype)
                every[name][numbers.start : numbers.stop] = values
    return every


def _chunk(path: Path, numbers: range, make: Callable[[int], Arrays], progress: Progress) -> Arrays:
    """The arrays of some pictures, from their file or made and written there."""
    arrays = _read(path, len(numbers))
    if arrays is not None:
        for _ in numbers:
            progress.advance()
        return arrays
    made = []
    for number in numbers:
        made.append(make(number))
        progress.advance()
    return _write(path, made)


def _write(path: Path, made: list[Arrays]) -> Arrays:
    arrays = {name: np.stack([one[name] for one in made]) for name in per_picture()}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays, **{_HASH: np.array(contents_hash(arrays))})
    return arrays


def _read(path: Path, pictures: int) -> Arrays | None:
    """The arrays of a file, or None if there is none that is sound."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in per_picture()}
            if str(file[_HASH]) == contents_hash(arrays) and len(arrays["images"]) == pictures:
                return arrays
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        pass
    print(f"{path}: damaged, its pictures are made anew.", file=sys.stderr, flush=True)
    return None
