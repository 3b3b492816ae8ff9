"""Human3.6M as MotionBERT reads it: one pickle with stacked-hourglass 2D and confidence.

Poses are in image units, x and y as keypoints and depth in the same unit, and each test frame says
how many millimetres its unit is worth. MotionAGFormer and HoT on MotionBERT read the same file;
see MotionBERT ``lib/data/datareader_h36m.py``. Errors are not comparable to those on the CPN
files: other 2D, fewer frames, and a metric that uses the true size of each frame's unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from posekit.datasets.archives import load_pickle
from posekit.datasets.bodies import check_bodies
from posekit.datasets.checks import (
    check_confidences,
    check_finite,
    check_pixels,
    leave_out_undetected,
    read_points,
)
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.locate import find_folder, licensed, listing, not_found
from posekit.datasets.pairing import DETECTED, check_pairing
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import OnDisk
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.machine.names_from_files import shown

FILE = "h36m_sh_conf_cam_source_final.pkl"
FPS = 50.0
# Actions 2 to 16 of the official release, under the names of the field.
ACTIONS = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases"),
    *("Sitting", "SittingDown", "Smoking", "Photo", "Waiting", "Walking", "WalkDog"),
    "WalkTogether",
)
DAMAGED_SOURCES = ("S9/act_05_subact_02", "S9/act_10_subact_02", "S9/act_13_subact_01")
"""``human36m.DAMAGED_TAKES`` under the names of this file."""
LARGEST_FACTOR_ERROR = 20.0  # millimetres (median) between the two forms of a true pose

_SOURCE = re.compile(r"s_(\d+)_(act_(\d+)_subact_\d+)_ca_\d+")
_NEEDED = ("joint_2d", "joint3d_image", "camera_name", "source")
_NEEDED_IN_TEST = ("2.5d_factor", "joints_2.5d_image")
_PREPARATION = "download the file that MotionBERT's docs/pose3d.md links"


class _Video(NamedTuple):
    """Consecutive rows of the file that come from one source."""

    source: str
    rows: slice


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """Human3.6M's 17 joints in image units with detections and their confidence.

    Args:
        split: "train" or "test", as the file divides them.
        root: folder that holds the file, or whose folder ``h36m_motionbert`` does.
        keypoints: "sh" (stacked hourglass).
        size: as for ``load_dataset``.
    """
    folder = find_folder(root, "h36m_motionbert", (FILE,))
    if folder is None:
        raise not_found("h36m_motionbert", [FILE], root, _PREPARATION)
    path = folder / FILE
    held = _split(load_pickle(path), split, path)
    videos = list(_videos(held["source"], f"{path}: {split}"))
    groups = [_SOURCE.fullmatch(video.source).group(1, 3) for video in videos]
    chosen = choose(videos, groups, size)
    clips = [_clip(video, held, f"{path}: {split}") for video in chosen]
    check_bodies(clips, HUMAN36M_17, path)
    notes = _notes(held)
    notes += check_pairing(
        clips, HUMAN36M_17, path, DETECTED, displaced=DAMAGED_SOURCES, project=_in_the_picture
    )
    clips, told = leave_out_undetected(clips, split)
    clips = tuple(shorten(clip, size) for clip in clips)
    return licensed("h36m_motionbert", [path], HUMAN36M_17, clips, [*notes, *told])


def on_disk(root: Path) -> OnDisk:
    """Whether the file lies in ``root/h36m_motionbert`` or ``root``."""
    folder = find_folder(root, "h36m_motionbert", (FILE,))
    if folder is None:
        return listing(None, (), [FILE], "")
    return listing(folder, [folder / FILE], (), "2D: sh, with confidence")


def _split(tree: Any, split: str, path: Path) -> dict[str, Any]:
    held = tree.get(split) if isinstance(tree, dict) else None
    if not isinstance(held, dict):
        found = ", ".join(map(shown, tree)) if isinstance(tree, dict) else type(tree).__name__
        raise InvalidData(
            f"{path}: no split {split!r}, the file holds {found or 'nothing'}; is it another file?"
        )
    needed = (*_NEEDED, *(_NEEDED_IN_TEST if split == "test" else ()))
    missing = [name for name in needed if name not in held]
    if missing:
        raise InvalidData(
            f"{path}: {split} lacks {', '.join(missing)}, it holds {', '.join(map(shown, held))}; "
            "is it another file?"
        )
    lengths = {shown(name): _length(values) for name, values in held.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidData(f"{path}: {split} has arrays of different lengths ({told}).")
    return held


def _length(values: Any) -> int:
    """Of a list or an array; -1 of anything else."""
    listed = isinstance(values, list | tuple) or (isinstance(values, np.ndarray) and values.ndim)
    return len(values) if listed else -1


def _videos(sources: Any, where: str) -> Iterator[_Video]:
    names = np.asarray(sources)
    if names.ndim != 1 or names.dtype.kind != "U" or not len(names):
        raise InvalidData(f"{where}: source must hold one name per frame, found {names.dtype}.")
    bounds = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    for start, stop in pairwise(bounds):
        source = str(names[start])
        match = _SOURCE.fullmatch(source)
        if match is None or not 2 <= int(match[3]) < 2 + len(ACTIONS):
            raise InvalidData(
                f"{where}: source {shown(source)!r} is none such as 's_09_act_02_subact_01_ca_01'."
            )
        yield _Video(source, slice(start, stop))


def _clip(video: _Video, held: dict[str, Any], where: str) -> Clip:
    where = f"{where}, {video.source}"
    subject, take, act = _SOURCE.fullmatch(video.source).groups()
    name, camera = _camera(held["camera_name"][video.rows], f"S{int(subject)}", where)
    joints = HUMAN36M_17.joints
    pixels = _points(held, "joint_2d", video, 2, where)
    image = _points(held, "joint3d_image", video, 3, where)
    check_pixels(pixels, camera.resolution, f"{where} joint_2d")
    check_pixels(image[..., :2], camera.resolution, f"{where} joint3d_image")
    check_finite(image, f"{where} joint3d_image")
    factor = _factor(held, video, where)
    image = _evaluated(held, video, image, factor, where)
    depth = image[..., 2:] * 2 / camera.resolution[0]
    confidence = _confidence(held.get("confidence"), video, joints, where)
    return Clip(
        subject=f"S{int(subject)}",
        action=_action(held.get("action"), video, int(act)),
        take=take,
        camera_name=name,
        camera=camera,
        keypoints=torch.cat([camera.normalise(pixels), confidence], dim=-1),
        pose=torch.cat([camera.normalise(image[..., :2]), depth], dim=-1),
        valid=torch.ones(len(pixels), dtype=torch.bool),
        fps=FPS,
        metres_per_unit=(factor * float(camera.resolution[0]) / 2 / 1000).float(),
    )


def _in_the_picture(clip: Clip, frames: Tensor) -> Tensor:
    """(..., 17, 2) where poses in image units are seen: they tell it themselves."""
    return clip.pose[frames][..., :2]


def _points(held: dict, key: str, video: _Video, channels: int, where: str) -> Tensor:
    array = held[key]
    rows = array[video.rows] if isinstance(array, np.ndarray) else array
    return read_points(rows, HUMAN36M_17.joints, channels, f"{where} {key}")


def _camera(names: Any, subject: str, where: str) -> tuple[str, Camera]:
    found = sorted({shown(name) for name in names})
    try:
        cameras = human36m_cameras(subject)
    except InvalidParameter as error:
        raise InvalidData(f"{where}: {error}") from error
    if len(found) != 1 or found[0] not in cameras:
        raise InvalidData(
            f"{where}: camera_name is {', '.join(found[:8])}; one of {', '.join(cameras)} is due "
            "for all frames of a source."
        )
    return found[0], cameras[found[0]]


def _confidence(array: Any, video: _Video, joints: int, where: str) -> Tensor:
    """(frames, joints, 1); ones where the file has none, as in the released reader."""
    frames = video.rows.stop - video.rows.start
    if array is None:
        return torch.ones(frames, joints, 1)
    rows = array[video.rows] if isinstance(array, np.ndarray) else array
    if getattr(rows, "ndim", 0) == 2:
        rows = rows[..., None]
    scores = read_points(rows, joints, 1, f"{where} confidence")
    check_confidences(scores, where)
    return scores


def _action(labels: Any, video: _Video, act: int) -> str:
    return ACTIONS[act - 2] if labels is None else shown(labels[video.rows.start])


def _factor(held: dict, video: _Video, where: str) -> Tensor:
    """Millimetres of one pixel in every frame, (frames,); NaN where the file does not tell."""
    if held.get("2.5d_factor") is None:
        return torch.full((video.rows.stop - video.rows.start,), torch.nan, dtype=torch.float64)
    factor = torch.from_numpy(np.array(held["2.5d_factor"][video.rows], dtype=np.float64))
    if factor.ndim != 1 or not bool(((factor > 0) & torch.isfinite(factor)).all()):
        raise InvalidData(
            f"{where}: 2.5d_factor must hold one positive number per frame, found shape "
            f"{tuple(factor.shape)}, smallest {float(factor.min()):g}."
        )
    return factor


def _evaluated(held: dict, video: _Video, image: Tensor, factor: Tensor, where: str) -> Tensor:
    """The pose that the released evaluation compares with, in image units, (frames, 17, 3).

    That is ``joints_2.5d_image`` about its root where the file has it; ``joint3d_image`` times the
    factor is the same but for rounding.
    """
    if held.get("joints_2.5d_image") is None or held.get("2.5d_factor") is None:
        return image
    true = _points(held, "joints_2.5d_image", video, 3, where).double()
    check_finite(true, f"{where} joints_2.5d_image")
    scaled = (true - true[:, :1]) / factor[:, None, None]
    apart = (scaled - (image - image[:, :1])) * factor[:, None, None]
    error = float(apart.norm(dim=-1).median())
    if not error <= LARGEST_FACTOR_ERROR:
        raise InvalidData(
            f"{where}: joints_2.5d_image is not joint3d_image times 2.5d_factor (off by "
            f"{error:.0f} mm, median); get the file again."
        )
    return (image[:, :1] + scaled).float()


def _notes(held: dict[str, Any]) -> list[str]:
    notes = ["Poses are in image units; errors are made millimetres by 2.5d_factor."]
    if held.get("confidence") is None:
        notes.append("The file has no confidence: ones are used.")
    if held.get("2.5d_factor") is None:
        notes.append("This split has no 2.5d_factor: it can be trained on, not scored.")
    return notes
