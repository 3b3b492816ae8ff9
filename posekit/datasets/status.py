"""Which data sets are on disk: the table behind ``posekit data status``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from posekit.datasets import DATASETS, on_disk
from posekit.datasets.source import DataSource, OnDisk
from posekit.errors import PosekitError
from posekit.machine.names_from_files import shown
from posekit.machine.storage import data_root
from posekit.machine.unpickler import reason

_LONGEST_CONTENTS = 1000  # characters; names of files stand in it


@dataclass(frozen=True)
class DatasetStatus:
    """One row of the table.

    Attributes:
        name: the name that ``load_dataset`` takes.
        title: the name in print.
        state: "generated", "found", "incomplete", "missing" or "damaged".
        folder: where it lies, or where it is looked for.
        files: (name, bytes) of what was found.
        missing: names of files that are still needed.
        contents: subjects, takes, 2D sources, as far as that is cheap to tell.
        page: official page.
        licence: terms in one sentence.
        remedy: what to do next; empty where nothing is to be done.
    """

    name: str
    title: str
    state: str
    folder: Path | None
    files: tuple[tuple[str, int], ...]
    missing: tuple[str, ...]
    contents: str
    page: str
    licence: str
    remedy: str

    @property
    def usable(self) -> bool:
        """Whether it can be loaded, as far as its files' names tell."""
        return self.state in ("generated", "found")

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(size for _, size in self.files)


def data_status(root: str | os.PathLike[str] | None = None) -> tuple[DatasetStatus, ...]:
    """One row per data set, in the order of ``DATASETS``.

    Args:
        root: data folder; by default ``POSEKIT_DATA``, else ``./data``.
    """
    return tuple(dataset_status(name, root) for name in DATASETS)


def dataset_status(name: str, root: str | os.PathLike[str] | None = None) -> DatasetStatus:
    """The row of one data set; arguments as above."""
    source, root = DATASETS[name], data_root(root)
    try:
        return _found(source, on_disk(source.name, root), root)
    except PosekitError as error:
        told = str(error)
    except OSError as error:  # a folder or a file that may not be looked at
        told = f"{shown(Path(error.filename or root))}: {reason(error)}"
    return _describe(source, "damaged", OnDisk(root, (), (), told), source.remedy)


def _found(source: DataSource, found: OnDisk, root: Path) -> DatasetStatus:
    if not source.files:
        return _describe(source, "generated", found, "")
    if found.folder is None:
        looked_in = OnDisk(root / source.search_folders[0], (), found.missing, "")
        return _describe(source, "missing", looked_in, source.remedy)
    state = "incomplete" if found.missing else "found"
    return _describe(source, state, found, source.remedy if found.missing else "")


def _describe(source: DataSource, state: str, found: OnDisk, remedy: str) -> DatasetStatus:
    return DatasetStatus(
        name=source.name,
        title=source.title,
        state=state,
        folder=found.folder,
        files=tuple((shown(path.name), path.stat().st_size) for path in found.present),
        missing=found.missing,
        contents=shown(found.contents, _LONGEST_CONTENTS),
        page=source.page,
        licence=source.licence,
        remedy=remedy,
    )
