"""Rendered pictures of a study: loaded once per process, and their fingerprints remembered.

A study's data set is the motion that the bodies of the pictures are posed by; the pictures are
made of it once and kept below the data folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from posekit.datasets import DATASETS, SPLITS
from posekit.datasets.rendered import BINS, CACHE, MOTIONS, BodyImages, load_rendered
from posekit.datasets.rendered.body_images import per_picture
from posekit.errors import DataChanged, InvalidParameter
from posekit.machine.code_version import code_version
from posekit.machine.storage import write_json
from posekit.training.body_regression import method

PICTURES = "posekit.datasets.rendered.benchmark"


@lru_cache(maxsize=8)
def load_pictures(
    motion: str, split: str, size: str, crop_px: int, data: Path, *, pictures: bool = True
) -> BodyImages:
    """``load_rendered``, once per process.

    Raises:
        InvalidParameter: no pictures are made of that data set.
        DatasetNotFound: its motion is not on disk.
    """
    if motion not in MOTIONS:
        raise InvalidParameter(
            f"no pictures are made of {motion}; choose one of: {', '.join(MOTIONS)}. Checkpoints "
            "are scored on 3DPW's pictures whatever the data set."
        )
    return load_rendered(
        split,
        size=size,
        crop_px=crop_px,
        motion=motion,
        cache=data / CACHE,
        data=data,
        pictures=pictures,
    )


def pictures_of(config: Mapping[str, Any], split: str, data: Path) -> BodyImages:
    """A split of a run's pictures.

    Raises:
        DataChanged: it is not what it was when the run was planned.
    """
    found = load_pictures(
        config["dataset"],
        split,
        config["size"],
        config["crop_px"],
        data,
        pictures=method(config["model"]).reads_pictures,
    )
    if found.fingerprint != config["data"][split]:
        raise DataChanged(
            f"the {split} pictures of {config['dataset']} changed while the study ran; start it "
            "again."
        )
    return found


def evenly(images: BodyImages, count: int) -> BodyImages:
    """About ``count`` pictures, as many of every bin of looseness; all where there are no more."""
    if count >= len(images):
        return images
    names = images.bins["looseness"]
    kinds = [name for name in BINS["looseness"] if name in names]
    share = max(1, count // len(kinds))
    chosen = []
    for name in kinds:
        members = np.flatnonzero(names == name)
        kept = min(share, len(members))
        chosen.append(members[np.arange(kept) * len(members) // kept])
    return taken(images, np.sort(np.concatenate(chosen)))


def taken(images: BodyImages, chosen: np.ndarray) -> BodyImages:
    """The pictures with the numbers ``chosen`` (K,); they keep the fingerprint of the split."""
    arrays = {name: getattr(images, name)[chosen] for name in per_picture()}
    bins = {name: names[chosen] for name, names in images.bins.items()}
    return replace(images, **arrays, bins=bins)


def rendered_fingerprints(
    motion: str, size: str, crop_px: int, data: Path, runs: Path, *, pictures: bool = True
) -> dict[str, str]:
    """Split -> fingerprint, remembered below the folder of runs.

    Raises:
        InvalidParameter: no pictures are made of that data set.
        DatasetNotFound: its motion is not on disk.
        StorageError: a folder cannot be written.
    """
    known = known_rendered(motion, size, crop_px, data, runs, pictures=pictures)
    if known is None:
        known = {
            split: load_pictures(motion, split, size, crop_px, data, pictures=pictures).fingerprint
            for split in SPLITS
        }
        write_json(_memory(motion, size, crop_px, data, runs, pictures=pictures), known)
    return known


def known_rendered(
    motion: str, size: str, crop_px: int, data: Path, runs: Path, *, pictures: bool = True
) -> dict[str, str] | None:
    """The remembered fingerprints, None if pictures would have to be read or made."""
    try:
        known = json.loads(
            _memory(motion, size, crop_px, data, runs, pictures=pictures).read_text()
        )
    except (OSError, ValueError):
        return None
    return known if set(known) == set(SPLITS) else None


def _memory(
    motion: str, size: str, crop_px: int, data: Path, runs: Path, *, pictures: bool
) -> Path:
    source = DATASETS[motion]
    parts = [motion, size, str(crop_px), code_version(PICTURES, source.module)]
    if source.files:
        for folder in source.search_folders:
            for path in sorted((data / folder).rglob("*")):
                status = path.stat()
                parts.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    kind = "rendered" if pictures else "people"
    return runs / ".fingerprints" / f"{kind}-{motion}-{size}-{crop_px}-{digest}.json"
