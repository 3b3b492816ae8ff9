"""What the writers of stand-ins share: motion to put in, and files as NumPy 1.x wrote them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from posekit.datasets.locate import README, STANDIN_MEMBER, is_standin, standin_note
from posekit.datasets.synthetic.generate import generate_take
from posekit.errors import InvalidData, InvalidParameter, StorageError, unknown
from posekit.machine.storage import atomic_path

FRAMES = {"smoke": (60, 120), "quick": (150, 250), "standard": (400, 800)}
PROTOCOL = 3  # of the pickles in the real files

TakeMaker = Callable[[str, str, int, int], np.ndarray]
"""(subject, action, number of the take, frames) -> (frames, 17, 3) world positions in metres,
Human3.6M's joints."""

LayoutWriter = Callable[[Path, TakeMaker, tuple[int, int], str], Path]
"""(folder, maker of takes, fewest and most frames, seed) -> the folder written."""


def check_size(size: str) -> None:
    """Refuse a size that is no key of ``FRAMES``.

    Raises:
        InvalidParameter: it is none.
    """
    if size not in FRAMES:
        raise InvalidParameter(unknown("size of a stand-in", size, FRAMES))


def standin_writer(folder: str, write_layout: LayoutWriter) -> Callable[..., Path]:
    """The ``write_standin`` of a data set: its layout filled with generated motion.

    Args:
        folder: of the data set, below the data folder.
        write_layout: writes all its files.
    """

    def write_standin(root: Path, *, seed: str = "posekit", size: str = "quick") -> Path:
        """Write all files of the data set, of synthetic motion.

        Args:
            root: data folder.
            seed: same seed, same files.
            size: length of the takes, "smoke", "quick" or "standard"; all are always there.

        Returns:
            The folder written.

        Raises:
            InvalidParameter: an unknown size.
            StorageError: the folder holds files that are not a stand-in, or cannot be written.
        """
        check_size(size)
        return write_layout(root / folder, synthetic_takes(seed), FRAMES[size], seed)

    return write_standin


def synthetic_takes(seed: str) -> TakeMaker:
    """Generated motion of one seed."""
    return lambda subject, action, number, frames: generate_take(
        subject, action, number, frames, seed
    )


def refuse_real_files(paths: Iterable[Path]) -> None:
    """Refuse to overwrite files that are not a stand-in.

    Raises:
        StorageError: one of the paths holds such a file.
    """
    for path in paths:
        if path.is_file() and not _is_marked(path):
            raise StorageError(
                f"{path} is not a stand-in and will not be overwritten; choose another --root."
            )


def _is_marked(path: Path) -> bool:
    try:
        return is_standin(path)
    except InvalidData:  # unreadable, but somebody's
        return False


def made_note(name: str, seed: str) -> str:
    """The note of a stand-in for the data set ``name`` that holds generated motion."""
    return f"{standin_note(name)} Made from synthetic motion, seed {seed}."


def write_readme(folder: Path, note: str) -> None:
    """Say beside the files what they are."""
    with atomic_path(folder / README) as temporary:
        temporary.write_text(f"{note}\n", encoding="utf-8")


def write_archive(path: Path, members: Mapping[str, Any], note: str) -> None:
    """An npz as NumPy wrote the real files: 0-d object arrays pickled with protocol 3.

    Members that are numeric arrays are stored as such; the last member is the mark of a stand-in.
    """
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name, content in {**members, STANDIN_MEMBER: note}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                if isinstance(content, np.ndarray):
                    np.lib.format.write_array(file, content, version=(1, 0))
                    continue
                held = np.array(None, dtype=object)
                held[()] = content
                header = {"descr": "|O", "fortran_order": False, "shape": ()}
                np.lib.format.write_array_header_1_0(file, header)
                pickle.dump(held, file, protocol=PROTOCOL)


def write_pickle(
    path: Path, content: Mapping[str, Any], note: str, protocol: int = PROTOCOL
) -> None:
    """A bare pickle, as MotionBERT's file is one; the mark comes first, where it is looked for."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pickle.dump({STANDIN_MEMBER: note, **content}, file, protocol=protocol)
