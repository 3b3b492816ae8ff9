"""HumanEva-I from the community's ``.npz`` files (VideoPose3D's preparation), 15 joints.

Training and validation recordings are of the same three subjects. Papers print one cell per
subject and action and average cells, so that is what results are grouped by here. The files carry
no intrinsics: a pinhole is fitted to each camera from its poses and keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.datasets.bodies import check_bodies
from posekit.datasets.checks import converted, leave_out_undetected
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.locate import find_folder, licensed, listing, not_found
from posekit.datasets.pairing import Fit, check_pairing
from posekit.datasets.pinhole import fit_pinhole
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import OnDisk
from posekit.datasets.videopose3d import (
    View,
    all_valid,
    present_subjects,
    read_keypoints,
    read_poses,
    views_of,
)
from posekit.errors import InvalidData
from posekit.geometry.calibration import load_calibration
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import COCO_17, HUMANEVA_15, coco_to_humaneva

SUBJECTS = ("S1", "S2", "S3")
FOLDS = {"train": "Train", "test": "Validate"}
ACTIONS = ("Walking", "Jog", "Box")
FPS = 60.0
POSES_FILE = "data_3d_humaneva15.npz"
KEYPOINTS = {
    "gt": "data_2d_humaneva15_gt.npz",
    "mrcnn": "data_2d_humaneva15_detectron_pt_coco.npz",
}
# Keypoints are compared with poses in the median of the cameras that are fitted to one recording
# each. The real cameras' distortion, which nobody's files carry, leaves some pixels.
FITS = {"gt": Fit(limit=30.0, share=0.95), "mrcnn": Fit(limit=60.0, share=0.5)}
LAYOUTS = {"humaneva15": HUMANEVA_15, "coco": COCO_17}
_PREPARATION = (
    "convert with VideoPose3D's ConvertHumanEva.m and prepare_data_humaneva.py; detections are at "
    "https://dl.fbaipublicfiles.com/video-pose-3d/"
)


class _Recording(NamedTuple):
    """One view with its pose in the camera frame, in metres, and its keypoints in pixels."""

    view: View
    pose: Tensor
    pixels: Tensor

    @property
    def subject(self) -> str:
        return self.view.subject.rpartition("/")[2]


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """HumanEva's 15 joints in camera coordinates; walking, jogging and boxing.

    Args:
        split: "train" (Train/S1 to S3) or "test" (Validate/S1 to S3).
        root: folder that holds the files, or whose folder ``humaneva`` does.
        keypoints: "gt", or "mrcnn" for Mask R-CNN's COCO joints, made HumanEva's.
        size: as for ``load_dataset``.
    """
    paths = poses_path, keypoints_path = _locate(root, keypoints)
    poses = read_poses(poses_path)
    detections, layout = read_keypoints(keypoints_path, LAYOUTS)
    wanted = [f"{FOLDS[split]}/{subject}" for subject in SUBJECTS]
    subjects = present_subjects(poses, wanted, split, poses_path)
    recordings = [
        _recording(view, layout)
        for subject in subjects
        for view in views_of(
            subject,
            {take: held for take, held in poses[subject].items() if take.startswith(ACTIONS)},
            detections,
            tuple(extrinsics("S1")),
            *paths,
        )
    ]
    _check(recordings, paths, FITS[keypoints])
    cameras = _calibrate(recordings)
    groups = [(item.subject, item.view.action) for item in recordings]
    chosen = choose(recordings, groups, size)
    clips, told = leave_out_undetected([_clip(item, cameras) for item in chosen], split)
    clips = tuple(shorten(clip, size) for clip in clips)
    absent = [name for name in wanted if name not in subjects]
    notes = [*_notes(split, absent, layout), *told]
    return licensed("humaneva", paths, HUMANEVA_15, clips, notes)


def on_disk(root: Path) -> OnDisk:
    """Which of the files lie in ``root/humaneva`` or ``root``."""
    needed = (POSES_FILE, *KEYPOINTS.values())
    folder = find_folder(root, "humaneva", needed)
    if folder is None:
        return listing(None, (), needed, "")
    present = [folder / name for name in needed if (folder / name).is_file()]
    missing = [name for name in needed if folder / name not in present]
    sources = [name for name, file in KEYPOINTS.items() if folder / file in present]
    return listing(folder, present, missing, f"2D: {', '.join(sources) or 'none'}")


def extrinsics(subject: str) -> dict[str, Camera]:
    """The three cameras of a subject where they stand; their intrinsics are placeholders.

    Args:
        subject: "S1", "S2" or "S3".
    """
    table = load_calibration("humaneva_cameras")
    return {
        intrinsic["id"]: Camera.from_pixels(
            focal=intrinsic["resolution"],
            centre=[side / 2 for side in intrinsic["resolution"]],
            resolution=intrinsic["resolution"],
            rotation=extrinsic["orientation"],
            translation=[millimetres / 1000 for millimetres in extrinsic["translation"]],
        )
        for intrinsic, extrinsic in zip(
            table["intrinsics"], table["extrinsics"][subject], strict=True
        )
    }


def _locate(root: Path, keypoints: str) -> tuple[Path, Path]:
    names = (POSES_FILE, KEYPOINTS[keypoints])
    folder = find_folder(root, "humaneva", (POSES_FILE, *KEYPOINTS.values()))
    missing = [name for name in names if folder is None or not (folder / name).is_file()]
    if missing:
        raise not_found("humaneva", missing, root, _PREPARATION)
    return folder / names[0], folder / names[1]


def _recording(view: View, layout: str) -> _Recording:
    camera = extrinsics(view.subject.rpartition("/")[2])[view.camera_name]
    world, pixels = view.arrays(HUMANEVA_15.joints, LAYOUTS[layout].joints, camera.resolution)
    if layout == "coco":
        pixels = converted(pixels, coco_to_humaneva)
    return _Recording(view, camera.world_to_camera(world), pixels)


def _check(recordings: Sequence[_Recording], paths: tuple[Path, Path], fit: Fit) -> None:
    """Refuse recordings whose bodies or keypoints are not due, whatever the others are.

    Cameras fitted to all recordings would be spoilt by one that does not belong to them. So each
    is fitted alone, and the median of them stands for the camera.
    """
    rigs: dict[str, dict[str, Camera]] = {}
    placed = {
        (subject, name): extrinsics(subject)[name] for subject, name in _by_camera(recordings)
    }
    check_bodies([_clip(item, placed) for item in recordings], HUMANEVA_15, paths[0])
    for (subject, name), items in _by_camera(recordings).items():
        alone = torch.tensor([found for item in items if (found := _fitted_alone(item))])
        middle = alone.median(0).values.tolist() if len(alone) else _intrinsics(items)
        rigs.setdefault(subject, {})[name] = _placed(subject, name, *middle)
    cameras = {(subject, name): rigs[subject][name] for subject, name in placed}
    clips = [_clip(item, cameras) for item in recordings]
    check_pairing(clips, HUMANEVA_15, paths[1], fit, rigs=rigs)


def _fitted_alone(item: _Recording) -> tuple[list[float], list[float]] | None:
    """Intrinsics of one recording; None where its poses and keypoints fit no camera.

    Left and right count as their middle, so that it does not matter which is called which.
    """
    middles = _Recording(item.view, _middles(item.pose), converted(item.pixels, _middles))
    try:
        return _intrinsics([middles])
    except InvalidData:  # it is judged by the camera that the others give
        return None


def _middles(points: Tensor) -> Tensor:
    return (points + points[:, list(HUMANEVA_15.mirror)]) / 2


def _calibrate(recordings: Sequence[_Recording]) -> dict[tuple[str, str], Camera]:
    """(subject, camera) -> the camera with intrinsics fitted to all its recordings."""
    return {
        (subject, name): _placed(subject, name, *_intrinsics(items))
        for (subject, name), items in _by_camera(recordings).items()
    }


def _by_camera(recordings: Sequence[_Recording]) -> dict[tuple[str, str], list[_Recording]]:
    groups: dict[tuple[str, str], list[_Recording]] = {}
    for item in recordings:
        groups.setdefault((item.subject, item.view.camera_name), []).append(item)
    return groups


def _intrinsics(items: Sequence[_Recording]) -> tuple[list[float], list[float]]:
    """Focal lengths and principal point in pixels, fitted to all joints that were detected."""
    view = items[0].view
    pixels = torch.cat([item.pixels[..., :2] for item in items])
    seen = (pixels != 0).any(-1)
    where = f"{view.keypoints_path}: {view.subject}/{view.take}/{view.camera_name}"
    return fit_pinhole(torch.cat([item.pose for item in items])[seen], pixels[seen], where)


def _placed(subject: str, name: str, focal: Sequence[float], centre: Sequence[float]) -> Camera:
    """A camera of the room with its intrinsics, in pixels."""
    placed = extrinsics(subject)[name]
    return Camera.from_pixels(
        focal=focal,
        centre=centre,
        resolution=placed.resolution.tolist(),
        rotation=placed.rotation.tolist(),
        translation=placed.translation.tolist(),
    )


def _clip(item: _Recording, cameras: dict[tuple[str, str], Camera]) -> Clip:
    camera = cameras[item.subject, item.view.camera_name]
    return Clip(
        subject=item.subject,
        action=f"{item.view.action} {item.subject}",
        take=item.view.take,
        camera_name=item.view.camera_name,
        camera=camera,
        keypoints=torch.cat([camera.normalise(item.pixels[..., :2]), item.pixels[..., 2:]], dim=-1),
        pose=item.pose,
        valid=all_valid(len(item.pose)),
        fps=FPS,
    )


def _notes(split: str, absent: Sequence[str], layout: str) -> list[str]:
    notes = []
    if absent:
        notes.append(f"The file lacks {', '.join(absent)} of the {split} split.")
    if layout == "coco":
        notes.append("Keypoints were converted from COCO's joints to HumanEva's.")
    notes.append("Intrinsics were fitted to poses and keypoints: the files carry none.")
    notes.append("The head of S3 in Walking is wrong in most frames of the recording itself.")
    return notes
