"""A stand-in for HumanEva-I: VideoPose3D's three files with synthetic motion in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.humaneva import FOLDS, KEYPOINTS, POSES_FILE, SUBJECTS, extrinsics
from posekit.datasets.standins.files import (
    TakeMaker,
    made_note,
    refuse_real_files,
    standin_writer,
    write_archive,
    write_readme,
)
from posekit.datasets.synthetic.person import keyed_generator
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import COCO_17, HUMANEVA_15, Skeleton

# Takes of every subject and the synthetic motion that fills them.
MOTION = {
    "Walking 1": "Walking",
    "Jog 1": "Running",
    "ThrowCatch 1": "Greeting",
    "Gestures 1": "Directions",
    "Box 1": "Posing",
}
DROPPED = ("S3", "ThrowCatch 1")  # damaged in the data set itself
LONGEST_TAIL = 4
DETECTOR_ERROR = 2.0  # pixels
_FOCAL = 620.0  # keeps the walkers of a room of 4 m in the picture
# Joints of Human3.6M-17 that stand for HumanEva's and COCO's.
_HUMANEVA_FROM_17 = (0, 8, 11, 12, 13, 14, 15, 16, 4, 5, 6, 1, 2, 3, 10)
_COCO_FROM_17 = (9, 10, 10, 10, 10, 11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3)


def write_layout(folder: Path, make_take: TakeMaker, lengths: tuple[int, int], seed: str) -> Path:
    """Write the layout with takes from ``make_take``, of ``lengths`` (fewest, most) frames.

    A recording is split where its motion capture failed: every run gets the next chunk number,
    and only sound runs are stored, so that numbers have gaps. Detections run on after the poses,
    and also cover recordings without any.

    Raises:
        StorageError: the folder holds files that are not a stand-in, or cannot be written.
    """
    paths = [folder / name for name in (POSES_FILE, *KEYPOINTS.values())]
    refuse_real_files(paths)
    poses: dict[str, dict[str, np.ndarray]] = {}
    truth: dict[str, dict[str, list[np.ndarray]]] = {}
    detections: dict[str, dict[str, list[np.ndarray]]] = {}
    for fold in FOLDS.values():
        for subject in SUBJECTS:
            key = f"{fold}/{subject}"
            for take, motion in MOTION.items():
                if (subject, take) == DROPPED:
                    continue
                rng = keyed_generator("stand-in", "humaneva", seed, key, take)
                frames = int(rng.integers(lengths[0], lengths[1] + 1))
                tail = int(rng.integers(0, LONGEST_TAIL + 1))
                number = list(FOLDS.values()).index(fold)
                world = torch.from_numpy(make_take(subject, motion, number, frames + tail))
                for chunk, start, stop in _chunks(frames):
                    name = f"{take} chunk{chunk}"
                    part = world[start : stop + (tail if stop == frames else 0)]
                    poses.setdefault(key, {})[name] = _joints(part[: stop - start])
                    truth.setdefault(key, {})[name] = _pixels(part, subject, _HUMANEVA_FROM_17)
                    detections.setdefault(key, {})[name] = [
                        (view + rng.normal(0, DETECTOR_ERROR, view.shape)).astype(np.float32)
                        for view in _pixels(part, subject, _COCO_FROM_17)
                    ]
    for views in (truth, detections):  # detected, but without poses
        views["Unlabeled/S4"] = {"Walking 1 chunk0": views["Train/S1"]["Walking 1 chunk0"]}
    note = made_note("humaneva", seed)
    write_readme(folder, note)
    contents = (
        {"positions_3d": poses},
        {"positions_2d": truth, "metadata": _metadata("humaneva15", HUMANEVA_15)},
        {"positions_2d": detections, "metadata": _metadata("coco", COCO_17)},
    )
    for path, members in zip(paths, contents, strict=True):
        write_archive(path, members, note)
    return folder


write_standin = standin_writer("humaneva", write_layout)


def _chunks(frames: int) -> list[tuple[int, int, int]]:
    """(number, start, stop) of the sound runs: all but the frames just before the last third."""
    gap, resumed = 2 * frames // 3 - 2, 2 * frames // 3
    return [(0, 0, gap), (2, resumed, frames)]


def _joints(world: Tensor) -> np.ndarray:
    return world[:, list(_HUMANEVA_FROM_17)].numpy().astype(np.float32)


def _pixels(world: Tensor, subject: str, joints: tuple[int, ...]) -> list[np.ndarray]:
    return [
        camera.to_pixels(camera.project(camera.world_to_camera(world[:, list(joints)])))
        .numpy()
        .astype(np.float32)
        for camera in map(_with_focal, extrinsics(subject).values())
    ]


def _with_focal(camera: Camera) -> Camera:
    return replace(camera, focal=2 * _FOCAL / camera.resolution[:1].expand(2))


def _metadata(layout: str, skeleton: Skeleton) -> dict[str, Any]:
    symmetry = [list(skeleton.left), list(skeleton.right)]
    return {
        "layout_name": layout,
        "num_joints": skeleton.joints,
        "keypoints_symmetry": symmetry,
    }
