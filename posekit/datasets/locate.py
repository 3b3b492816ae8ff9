"""Finding the files of a data set, and saying what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from posekit.datasets.source import DATASETS
from posekit.errors import DatasetNotFound


def find_folder(root: Path, name: str, patterns: Sequence[str]) -> Path | None:
    """The first of ``root/<folder of the data set>`` and ``root`` with a file of these patterns.

    Args:
        root: data folder.
        name: key of ``DATASETS``; its first folder is looked into.
        patterns: file names below the folder, wildcards allowed.
    """
    for folder in (root / DATASETS[name].search_folders[0], root):
        if any(path.is_file() for pattern in patterns for path in folder.glob(pattern)):
            return folder
    return None


def not_found(name: str, missing: Sequence[str], root: Path, preparation: str) -> DatasetNotFound:
    """What to raise when files are missing: which, where they are due, and how to get them.

    Args:
        name: key of ``DATASETS``.
        missing: file names.
        root: data folder.
        preparation: how to make the files from what the official page offers, a sentence
            without its full stop.
    """
    source = DATASETS[name]
    return DatasetNotFound(
        f"{source.title}: {' and '.join(missing)} not found in "
        f"{root / source.search_folders[0]} or {root} (POSEKIT_DATA names another folder). "
        f"Get the data from {source.page}; {preparation}. To try without them: "
        f"'-p dataset synthetic', or 'posekit data standin {name} --root {root}' for a labelled "
        "stand-in."
    )
