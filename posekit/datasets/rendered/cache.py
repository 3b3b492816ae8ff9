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
    starts = range(0, pictures, CHUNK)
    found = {start: _read(_file(folder, start), min(CHUNK, pictures - start)) for start in starts}
    missing = [start for start in starts if found[start] is None]
    if missing:
        due = [range(start, min(start + CHUNK, pictures)) for start in missing]
        total = sum(map(len, due))
        with Progress(label, pictures, done=pictures - total) as progress:
            for numbers in due:
                made = []
                for number in numbers:
                    made.append(make(number))
                    progress.advance()
                found[numbers.start] = _write(_file(folder, numbers.start), made)
    return {
        name: np.concatenate([found[start][name] for start in starts]) for name in per_picture()
    }


def _file(folder: Path, start: int) -> Path:
    return folder / f"pictures-{start:05d}.npz"


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
