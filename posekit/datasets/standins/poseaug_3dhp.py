"""A stand-in for PoseAug's test file of MPI-INF-3DHP; its training data are Human3.6M's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from posekit.datasets import human36m
from posekit.datasets.mpi_inf_3dhp import OUTDOOR, camera_of_test
from posekit.datasets.poseaug_3dhp import FILE, FRAMES
from posekit.datasets.standins import human36m as human36m_standin
from posekit.datasets.standins.files import (
    TakeMaker,
    check_size,
    made_note,
    refuse_real_files,
    synthetic_takes,
    write_archive,
    write_readme,
)
from posekit.datasets.standins.mpi_inf_3dhp import ACTIONS, placed
from posekit.datasets.synthetic.person import keyed_generator
from posekit.datasets.synthetic.rigs import draw_rig
from posekit.geometry.skeletons import human36m_17_to_16


def write_standin(root: Path, *, seed: str = "posekit", size: str = "quick") -> Path:
    """Write the test file to ``root/poseaug_3dhp`` and Human3.6M's stand-in to ``root/h36m``.

    Files of Human3.6M that are on disk already stay as they are.

    Args:
        root: data folder.
        seed: same seed, same files.
        size: length of Human3.6M's takes, "smoke", "quick" or "standard"; the test file always
            has its 2929 frames.

    Returns:
        The folder of the test file.

    Raises:
        InvalidParameter: an unknown size.
        StorageError: the folder holds a file that is not a stand-in, or cannot be written.
    """
    check_size(size)
    folder = write_layout(root / "poseaug_3dhp", synthetic_takes(seed), seed)
    if human36m.find_folder(root) is None:
        human36m_standin.write_standin(root, seed=seed, size=size)
    return folder


def write_layout(folder: Path, make_take: TakeMaker, seed: str) -> Path:
    """Write the test file with takes from ``make_take``.

    Raises:
        StorageError: the folder holds a file that is not a stand-in, or cannot be written.
    """
    path = folder / FILE
    refuse_real_files([path])
    poses, points = [], []
    for place, (sequence, frames) in enumerate(FRAMES.items()):
        rng = keyed_generator("stand-in", "poseaug", seed, sequence)
        style = "outdoor" if sequence in OUTDOOR else "3dhp-like"
        camera = placed(camera_of_test(sequence), next(iter(draw_rig(style, rng).values())))
        world = torch.from_numpy(make_take(sequence, ACTIONS[place], 1, frames))
        pose = camera.world_to_camera(human36m_17_to_16(world))
        poses.append(pose.numpy())
        points.append(camera.project(pose).numpy())
    note = made_note("poseaug_3dhp", seed)
    write_readme(folder, note)
    write_archive(path, {"pose3d": np.concatenate(poses), "pose2d": np.concatenate(points)}, note)
    return folder
