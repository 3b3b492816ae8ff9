"""Which pictures of the benchmark are on disk."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from posekit.datasets.rendered.benchmark import CACHE, PICTURES, folder_of
from posekit.datasets.rendered.cache import CHUNK
from posekit.errors import PosekitError
from posekit.machine.storage import data_root

_FOLDER = re.compile(r"(\w+)-(train|test)-(smoke|quick|standard|full)-(\d+)px-[0-9a-f]+")


class Made(NamedTuple):
    """One split of pictures on disk.

    Attributes:
        name: motion, split, size and crop.
        state: "made", "begun", or "outdated": of another version of the code or of the motion.
        bytes: of its files.
        folder: where it lies; an outdated one may be deleted.
    """

    name: str
    state: str
    bytes: int
    folder: Path


def made(root: Path | None = None) -> tuple[Made, ...]:
    """The pictures below a data folder, by default ``POSEKIT_DATA``, else ``./data``."""
    data = data_root(root)
    found = []
    for folder in sorted((data / CACHE / "rendered").glob("*")):
        match = _FOLDER.fullmatch(folder.name)
        if match:
            motion, split, size, crop = match.groups()
            files = list(folder.glob("pictures-*.npz"))
            due = -(-PICTURES[size][split] // CHUNK)
            current = _current(split, size, int(crop), motion, data) == folder.name
            state = "outdated" if not current else "made" if len(files) == due else "begun"
            name = f"{motion} {split}, {size}, {crop} px"
            found.append(Made(name, state, sum(path.stat().st_size for path in files), folder))
    return tuple(found)


def _current(split: str, size: str, crop_px: int, motion: str, data: Path) -> str:
    try:
        return folder_of(split, size=size, crop_px=crop_px, motion=motion, data=data)
    except PosekitError:  # files of the motion are damaged
        return ""
