"""Data sets of a study: loaded once per process, and their fingerprints without loading them again.

A fingerprint is a hash of a data set's contents, and getting it takes as long as loading. It is
cached beside the runs, under what it depends on: the code that loads or generates the data, its
tables, NumPy, the processor's kind (which decides the last digits of what is generated), and the
names, sizes and dates of the files.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from posekit.datasets import DATASETS, SPLITS, PoseDataset, load_dataset
from posekit.machine.code_version import code_version
from posekit.machine.storage import write_json


@lru_cache(maxsize=8)
def load_split(name: str, split: str, keypoints: str, size: str, root: Path) -> PoseDataset:
    """``load_dataset``, once per process."""
    return load_dataset(name, split, root=root, keypoints=keypoints, size=size)


def data_fingerprints(
    dataset: str, keypoints: str, size: str, data: Path, runs: Path
) -> dict[str, str]:
    """Split -> fingerprint.

    Args:
        dataset, keypoints, size: as for ``posekit.datasets.load_dataset``.
        data: folder of data sets.
        runs: folder of runs, where fingerprints are remembered.

    Raises:
        DatasetNotFound: the data set is not on disk.
        InvalidData: its files do not hold what they should.
        StorageError: the folder of runs cannot be written.
    """
    known = known_fingerprints(dataset, keypoints, size, data, runs)
    if known is None:
        known = {
            split: load_split(dataset, split, keypoints, size, data).fingerprint for split in SPLITS
        }
        write_json(_memory(dataset, keypoints, size, data, runs), known)
    return known


def known_fingerprints(
    dataset: str, keypoints: str, size: str, data: Path, runs: Path
) -> dict[str, str] | None:
    """The remembered fingerprints, or None if they would have to be computed."""
    path = _memory(dataset, keypoints, size, data, runs)
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return known if set(known) == set(SPLITS) else None


def forget_fingerprints(runs: Path) -> None:
    """Forget all remembered fingerprints below the folder of runs: one of them was wrong."""
    shutil.rmtree(runs / ".fingerprints", ignore_errors=True)


def _memory(dataset: str, keypoints: str, size: str, data: Path, runs: Path) -> Path:
    source = DATASETS[dataset]
    parts = [dataset, keypoints, size, code_version(source.module), f"numpy {np.__version__}"]
    parts.append(f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}")
    if source.files:
        # Data sets lie in folders of their own, or directly in the data folder.
        own = [data / folder for folder in source.search_folders if (data / folder).is_dir()]
        below = {path for folder in own or [data] for path in folder.rglob("*")}
        for path in sorted({*data.glob("*"), *below}):
            if path.is_file() and runs not in path.parents:
                status = path.stat()
                name = path.relative_to(data).as_posix()
                parts.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return runs / ".fingerprints" / f"{dataset}-{keypoints}-{size}-{digest}.json"
