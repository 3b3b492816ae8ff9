"""A stand-in for the transfer from Human3.6M to 3DPW: those of both."""

from __future__ import annotations

from pathlib import Path

from posekit.datasets import human36m
from posekit.datasets.standins import human36m as human36m_standin
from posekit.datasets.standins import pw3d as pw3d_standin


def write_standin(root: Path, *, seed: str = "posekit", size: str = "quick") -> Path:
    """Write 3DPW's stand-in to ``root/pw3d`` and Human3.6M's to ``root/h36m``.

    Files of Human3.6M that are on disk already stay as they are.

    Args:
        root: data folder.
        seed: same seed, same files.
        size: length of the takes, "smoke", "quick" or "standard".

    Returns:
        The folder of 3DPW.

    Raises:
        InvalidParameter: an unknown size.
        StorageError: the folder holds files that are not a stand-in, or cannot be written.
    """
    folder = pw3d_standin.write_standin(root, seed=seed, size=size)
    if human36m.find_folder(root) is None:
        human36m_standin.write_standin(root, seed=seed, size=size)
    return folder
