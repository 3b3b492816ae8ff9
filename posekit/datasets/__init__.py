"""Data sets, and ``load_dataset``, the single door to them.

A data set is one entry of the registry ``source.DATASETS`` and one reader: a module with the
functions ``load(split, *, root, keypoints, size) -> Reading`` and, unless its data are generated,
``on_disk(root) -> OnDisk``. Arguments and errors of a reader are those of ``load_dataset``.
"""

from __future__ import annotations

import os
from importlib import import_module

from posekit.datasets.clips import Clip, PoseDataset, fingerprint
from posekit.datasets.source import DATASETS, DataSource, OnDisk
from posekit.errors import InvalidParameter, unknown
from posekit.machine.storage import data_root

__all__ = [
    "DATASETS",
    "SIZES",
    "SPLITS",
    "Clip",
    "DataSource",
    "OnDisk",
    "PoseDataset",
    "load_dataset",
    "on_disk",
]

SPLITS = ("train", "test")
SIZES = ("smoke", "quick", "standard", "full")


def load_dataset(
    name: str,
    split: str,
    *,
    root: str | os.PathLike[str] | None = None,
    keypoints: str | None = None,
    size: str = "standard",
) -> PoseDataset:
    """Load one split of a data set.

    Args:
        name: a key of ``DATASETS``: "synthetic" (generated here), "synthetic_3dhp_rig",
            "synthetic_outdoor_rig", "synthetic_other_bodies" and "synthetic_other_both" (at a known
            distance from it), "cmu" (CMU motion capture), "h36m" (Human3.6M), "h36m_s1" (trained on
            S1 alone), "h36m_motionbert" (Human3.6M in MotionBERT's file), "mpi_inf_3dhp",
            "mpi_inf_3dhp_annot3" (at metric scale), "humaneva", "poseaug_3dhp", "pw3d" (3DPW) or
            "h36m_pw3d" (Human3.6M to 3DPW).
        split: "train" or "test"; their subjects are disjoint, HumanEva-I's recordings are.
        root: data folder; by default ``POSEKIT_DATA``, else ``./data``.
        keypoints: 2D input, "gt" (the truth projected), "cpn" (detections, for generated and CMU
            motion imitated), "noisy", "occluded"; for h36m also "detectron" or the part of a file
            name after ``data_2d_h36m_``; None for the data set's detections, or where it has none
            the truth (``DataSource.detected``).
        size: how much of it, "smoke", "quick", "standard" or "full".

    Raises:
        DatasetNotFound: its files are not on disk; the message says how to get them.
        InvalidParameter: an unknown name, split, 2D source or size.
        InvalidData: files that do not hold what they should.
    """
    source = DATASETS.get(name)
    if source is None:
        raise InvalidParameter(unknown("data set", name, DATASETS))
    if split not in SPLITS:
        raise InvalidParameter(unknown("split", split, SPLITS))
    if size not in SIZES:
        raise InvalidParameter(unknown("size", size, SIZES))
    keypoints = source.detected if keypoints is None else keypoints
    if source.keypoints and keypoints not in source.keypoints:
        raise InvalidParameter(unknown(f"2D keypoints of {name}", keypoints, source.keypoints))
    module = import_module(source.module)
    read = module.load(
        split, root=data_root(root), keypoints=keypoints, size=size, **source.options
    )
    options = {"dataset": name, "split": split, "keypoints": keypoints, "size": size}
    return PoseDataset(
        name=name,
        split=split,
        keypoints=keypoints,
        skeleton=read.skeleton,
        clips=tuple(read.clips),
        fingerprint=fingerprint(read.clips, options),
        evidence=read.evidence,
        notes=read.notes,
    )


def on_disk(name: str, root: str | os.PathLike[str] | None = None) -> OnDisk:
    """Which files of a data set lie below the data folder; none for generated data.

    Raises:
        InvalidParameter: an unknown name.
        InvalidData: files that are damaged beyond listing.
    """
    source = DATASETS.get(name)
    if source is None:
        raise InvalidParameter(unknown("data set", name, DATASETS))
    if not source.files:
        return OnDisk(None, (), (), f"made on demand, 2D: {', '.join(source.keypoints)}")
    return import_module(source.module).on_disk(data_root(root), **source.options)
