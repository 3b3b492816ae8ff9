"""Human3.6M from the community's three ``.npz`` files (VideoPose3D's preparation).

``data_3d_h36m.npz`` holds world poses, the ``data_2d_h36m_*.npz`` files hold keypoints in pixels
for four cameras; see VideoPose3D ``DATASETS.md`` and ``common/h36m_dataset.py``.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from posekit.datasets.bodies import check_bodies
from posekit.datasets.checks import converted, leave_out_undetected
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.locate import find_folder as find_folder_of
from posekit.datasets.locate import licensed, listing
from posekit.datasets.pairing import DETECTED, EXACT, check_pairing
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import DATASETS, OnDisk
from posekit.datasets.videopose3d import (
    View,
    all_valid,
    present_subjects,
    read_keypoints,
    read_poses,
    views_of,
)
from posekit.errors import DatasetNotFound, InvalidParameter, unknown
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.geometry.skeletons import (
    COCO_17,
    HUMAN36M_17,
    HUMAN36M_32,
    coco_to_human36m,
    human36m_32_to_17,
)

SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
FPS = 50.0
DAMAGED_TAKES = ("S9/Greeting", "S9/SittingDown 1", "S9/Waiting 1")
"""Takes whose poses are shifted against the video, in the data set itself.

MotionBERT and its successors leave them out; the other lifting papers keep them
(https://github.com/facebookresearch/VideoPose3D/issues/119).
"""
LAYOUTS = {"h36m": HUMAN36M_17, "coco": COCO_17}
POSES_FILE = "data_3d_h36m.npz"
KEYPOINTS_FILE = "data_2d_h36m_{}.npz"
KEYPOINTS = {"gt": "gt", "cpn": "cpn_ft_h36m_dbb", "detectron": "detectron_ft_h36m"}
DETECTIONS_PAGE = "https://dl.fbaipublicfiles.com/video-pose-3d/"


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """Human3.6M's 17 joints in camera coordinates with keypoints of one 2D source.

    Args:
        split: "train" (S1, S5, S6, S7, S8) or "test" (S9, S11).
        root: folder that holds the files, or whose folder ``h36m`` does.
        keypoints: "gt", "cpn", "detectron", or what follows ``data_2d_h36m_`` in a file's name.
        size: as for ``load_dataset``.
    """
    paths = poses_path, keypoints_path = locate(root, keypoints)
    poses = read_poses(poses_path)
    detections, layout = read_keypoints(keypoints_path, LAYOUTS)
    subjects = present_subjects(poses, SUBJECTS[split], split, poses_path)
    cameras = {subject: human36m_cameras(subject) for subject in subjects}
    views = [
        view
        for subject in subjects
        for view in views_of(subject, poses[subject], detections, tuple(cameras[subject]), *paths)
    ]
    views = choose(views, [(view.subject, view.action) for view in views], size)
    clips = [_clip(view, cameras[view.subject][view.camera_name], layout) for view in views]
    check_bodies(clips, HUMAN36M_17, poses_path)
    fit = EXACT if keypoints == "gt" and layout == "h36m" else DETECTED
    notes = _notes(split, subjects, layout)
    notes += check_pairing(
        clips, HUMAN36M_17, keypoints_path, fit, rigs=cameras, displaced=DAMAGED_TAKES
    )
    clips, told = leave_out_undetected(clips, split)
    clips = tuple(shorten(clip, size) for clip in clips)
    return licensed("h36m", paths, HUMAN36M_17, clips, [*notes, *told])


def locate(root: Path, keypoints: str) -> tuple[Path, Path]:
    """Paths of the 3D file and of the 2D file of one source, in ``root/h36m`` or ``root``.

    Raises:
        DatasetNotFound: one of them is missing; the message says which, where, and what to do.
        InvalidParameter: a 2D source that is neither well known nor on disk.
    """
    source = KEYPOINTS.get(keypoints, keypoints)
    if not re.fullmatch(r"\w[\w.-]*", source):
        raise InvalidParameter(unknown("2D keypoints of h36m", keypoints, KEYPOINTS))
    folder = find_folder(root)
    names = (POSES_FILE, KEYPOINTS_FILE.format(source))
    missing = [name for name in names if folder is None or not (folder / name).is_file()]
    if not missing:
        return folder / names[0], folder / names[1]
    found = sources_on_disk(folder) if folder else ()
    if found and source not in KEYPOINTS.values() and missing == [names[1]]:
        raise InvalidParameter(
            f"unknown 2D keypoints of h36m {keypoints!r}; in {folder} there are: "
            f"{', '.join(found)}."
        )
    searched = str(folder) if folder else f"{root / 'h36m'} or {root}"
    raise DatasetNotFound(
        f"Human3.6M: {' and '.join(missing)} not found in {searched} (POSEKIT_DATA names another "
        f"folder). Register at {DATASETS['h36m'].page} and convert with VideoPose3D's "
        f"prepare_data_h36m.py; detections are at {DETECTIONS_PAGE}. To try without them: "
        f"'-p dataset synthetic', or 'posekit data standin h36m --root {root}' for a labelled "
        "stand-in."
    )


def find_folder(root: Path) -> Path | None:
    """``root/h36m`` or ``root``, whichever holds files of Human3.6M first; None if neither."""
    return find_folder_of(root, "h36m", (POSES_FILE, KEYPOINTS_FILE.format("*")))


def sources_on_disk(folder: Path) -> tuple[str, ...]:
    """2D sources whose files lie in ``folder``, by the short name where they have one."""
    short = {source: name for name, source in KEYPOINTS.items()}
    prefix, suffix = KEYPOINTS_FILE.split("{}")
    found = sorted(path.name for path in folder.glob(f"{prefix}*{suffix}"))
    sources = [name.removeprefix(prefix).removesuffix(suffix) for name in found]
    return tuple(short.get(source, source) for source in sources)


def on_disk(root: Path) -> OnDisk:
    """Which of the files lie in ``root/h36m`` or ``root``, and which 2D sources they give."""
    folder = find_folder(root)
    needed = (POSES_FILE, *(KEYPOINTS_FILE.format(KEYPOINTS[name]) for name in ("gt", "cpn")))
    if folder is None:
        return listing(None, (), needed, "")
    present = sorted(folder.glob("data_*d_h36m*.npz"))
    missing = [name for name in needed if not (folder / name).is_file()]
    return listing(folder, present, missing, f"2D: {', '.join(sources_on_disk(folder))}")


def _clip(view: View, camera: Camera, layout: str) -> Clip:
    world, pixels = view.arrays(HUMAN36M_32.joints, HUMAN36M_17.joints, camera.resolution)
    if layout == "coco":
        pixels = converted(pixels, coco_to_human36m)
    return Clip(
        subject=view.subject,
        action=view.action,
        take=view.take,
        camera_name=view.camera_name,
        camera=camera,
        keypoints=torch.cat([camera.normalise(pixels[..., :2]), pixels[..., 2:]], dim=-1),
        pose=camera.world_to_camera(human36m_32_to_17(world)),
        valid=all_valid(len(world)),
        fps=FPS,
    )


def _notes(split: str, subjects: list[str], layout: str) -> list[str]:
    notes = []
    absent = [subject for subject in SUBJECTS[split] if subject not in subjects]
    if absent:
        notes.append(f"The file lacks {', '.join(absent)} of the {split} split.")
    if layout == "coco":
        notes.append("Keypoints were converted from COCO's joints to Human3.6M's.")
    return notes
