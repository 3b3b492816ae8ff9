"""MPI-INF-3DHP at metric scale, ``annot3``: D3DP's files, or the raw test annotations.

See ``posekit.datasets.mpi_inf_3dhp``, which differs in the scale alone.
"""

from __future__ import annotations

from pathlib import Path

from posekit.datasets.clips import PoseDataset
from posekit.datasets.mpi_inf_3dhp import load_scale, on_disk_scale
from posekit.datasets.source import OnDisk

NAME = "mpi_inf_3dhp_annot3"


def load(split: str, *, root: Path, keypoints: str, size: str) -> PoseDataset:
    """As ``posekit.datasets.mpi_inf_3dhp.load``, with poses of each person's own height."""
    return load_scale(NAME, split, root, keypoints, size)


def on_disk(root: Path) -> OnDisk:
    """Which of the files lie in ``root/mpi_inf_3dhp`` or ``root``."""
    return on_disk_scale(NAME, root)
