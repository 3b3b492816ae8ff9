"""Finding the files of a licensed data set, saying what is missing, and knowing stand-ins.

A stand-in, as ``posekit data standin`` writes it, carries a mark; what is computed from such files
is labelled STAND-IN.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from posekit.datasets.archives import member_names, readable
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.source import DATASETS, OnDisk
from posekit.errors import DatasetNotFound
from posekit.geometry.skeletons import Skeleton

STANDIN_MEMBER = "standin"
README = "README-STAND-IN.txt"
_HEAD = 512  # bytes of a pickle in which the mark is looked for; it is written first


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


def standin_note(name: str) -> str:
    """The sentence that every stand-in of the data set ``name`` carries."""
    title = DATASETS[name].title
    return f"STAND-IN: generated files in the layout of {title}, not {title} itself."


def is_standin(path: Path) -> bool:
    """Whether an ``.npz``, ``.pkl`` or ``.mat`` file carries the mark.

    Raises:
        InvalidData: a file that cannot be read, or an archive that cannot be listed.
    """
    if path.suffix == ".npz":
        return STANDIN_MEMBER in member_names(path)
    with readable(path), path.open("rb") as file:
        return b"STAND-IN:" in file.read(_HEAD)


def licensed(
    name: str,
    paths: Iterable[Path],
    skeleton: Skeleton,
    clips: Sequence[Clip],
    notes: Sequence[str],
) -> Reading:
    """What was read from licensed files, or from a stand-in, which its first note then says."""
    if any(map(is_standin, paths)):
        return Reading(skeleton, clips, "STAND-IN", (standin_note(name), *notes))
    return Reading(skeleton, clips, "licensed", tuple(notes))


def listing(
    folder: Path | None, present: Sequence[Path], missing: Sequence[str], contents: str
) -> OnDisk:
    """What was found of a licensed data set; its contents say whether they are a stand-in's."""
    if folder is None:
        return OnDisk(None, (), tuple(missing), "")
    mark = "STAND-IN, " if any(map(is_standin, present)) else ""
    return OnDisk(folder, tuple(present), tuple(missing), f"{mark}{contents}")
