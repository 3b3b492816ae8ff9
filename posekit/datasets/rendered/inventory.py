"""What is on disk of the benchmark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from posekit.datasets.rendered.benchmark import CACHE, PEOPLE, PICTURES, folder_of
from posekit.datasets.rendered.cache import CHUNK
from posekit.errors import PosekitError
from posekit.machine.storage import data_root

# Folders below the cache, what lies in them, and how much of it.
_KINDS = {"rendered": ("pictures", PICTURES), "people": ("persons without pictures", PEOPLE)}
_FOLDER = re.compile(r"(\w+)-(train|test)-(smoke|quick|standard|full)-(\d+)px-[0-9a-f]+")


class Made(NamedTuple):
    """One split on disk.

    Attributes:
        name: motion, split, size, crop and what it is of.
        state: "made", "begun", or "outdated": of another version of the code or of the motion.
        bytes: of its files.
        folder: where it lies; an outdated one may be deleted.
    """

    name: str
    state: str
    bytes: int
    folder: Path


def made(root: Path | None = None) -> tuple[Made, ...]:
    """What lies below a data folder, by default ``POSEKIT_DATA``, else ``./data``."""
    data = data_root(root)
    return tuple(
        _looked_into(folder, match, kind, data)
        for kind in _KINDS
        for folder in sorted((data / CACHE / kind).glob("*"))
        if (match := _FOLDER.fullmatch(folder.name))
    )


def _looked_into(folder: Path, match: re.Match[str], kind: str, data: Path) -> Made:
    motion, split, size, crop = match.groups()
    held, counts = _KINDS[kind]
    files = list(folder.glob("*.npz"))
    if _current(split, size, int(crop), motion, data) != folder.name:
        state = "outdated"
    else:
        state = "made" if len(files) == -(-counts[size][split] // CHUNK) else "begun"
    name = f"{motion} {split}, {size}, {crop} px, {held}"
    return Made(name, state, sum(path.stat().st_size for path in files), folder)


def _current(split: str, size: str, crop_px: int, motion: str, data: Path) -> str:
    try:
        return folder_of(split, size=size, crop_px=crop_px, motion=motion, data=data)
    except PosekitError:  # files of the motion are damaged
        return ""
