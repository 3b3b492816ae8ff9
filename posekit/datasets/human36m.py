"""Human3.6M from the community's three ``.npz`` files (VideoPose3D's preparation).

``data_3d_h36m.npz`` holds world poses, the ``data_2d_h36m_*.npz`` files hold keypoints in pixels
for four cameras; see VideoPose3D ``DATASETS.md`` and ``common/h36m_dataset.py``.
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posekit.cameras import Camera, human36m_cameras
from posekit.datasets.archives import load_archive, member_names
from posekit.datasets.checks import LARGEST_MISMATCH, check_pixels, projection_mismatch
from posekit.datasets.clips import Clip, PoseDataset, fingerprint
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import DATASETS, OnDisk
from posekit.errors import DatasetNotFound, InvalidData, InvalidParameter
from posekit.skeletons import HUMAN36M_17, HUMAN36M_32, coco_to_human36m, human36m_32_to_17

SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
FPS = 50.0
POSES_FILE = "data_3d_h36m.npz"
KEYPOINTS_FILE = "data_2d_h36m_{}.npz"
KEYPOINTS = {"gt": "gt", "cpn": "cpn_ft_h36m_dbb", "detectron": "detectron_ft_h36m"}
DETECTIONS_PAGE = "https://dl.fbaipublicfiles.com/video-pose-3d/"
STANDIN_MEMBER = "standin"
STANDIN_NOTE = "STAND-IN: generated files in the layout of Human3.6M, not Human3.6M itself."


@dataclass(frozen=True)
class _Take:
    """One camera's view of one take, before it is turned into a clip."""

    subject: str
    take: str
    camera_name: str
    camera: Camera
    pixels: np.ndarray
    world: np.ndarray

    @property
    def action(self) -> str:
        return self.take.split(" ")[0]


def load(split: str, *, root: Path, keypoints: str, size: str) -> PoseDataset:
    """Human3.6M's 17 joints in camera coordinates with keypoints of one 2D source.

    Args:
        split: "train" (S1, S5, S6, S7, S8) or "test" (S9, S11).
        root: folder that holds the files, or whose folder ``h36m`` does.
        keypoints: "gt", "cpn", "detectron", or what follows ``data_2d_h36m_`` in a file's name.
        size: "smoke", "quick", "standard" or "full".

    Raises:
        DatasetNotFound: files are missing.
        InvalidParameter: no such 2D source.
        InvalidData: files that do not hold what the layout promises.
    """
    poses_path, keypoints_path = locate(root, keypoints)
    poses = _nested(load_archive(poses_path, ["positions_3d"])["positions_3d"], poses_path)
    archive = load_archive(keypoints_path)
    if "positions_2d" not in archive:
        raise InvalidData(
            f"{keypoints_path}: no member 'positions_2d', the archive holds "
            f"{', '.join(sorted(archive))}; is it another file?"
        )
    detections = _nested(archive["positions_2d"], keypoints_path)
    subjects = [subject for subject in SUBJECTS[split] if subject in poses]
    if not subjects:
        raise InvalidData(
            f"{poses_path}: the {split} split is empty; expected subjects "
            f"{', '.join(SUBJECTS[split])}, the file holds {', '.join(poses) or 'none'}."
        )
    takes = [
        view
        for subject in subjects
        for view in _views(subject, poses[subject], detections, poses_path, keypoints_path)
    ]
    takes = choose(takes, [(take.subject, take.action) for take in takes], size)
    layout = _layout(archive)
    clips = tuple(shorten(_clip(take, layout, poses_path, keypoints_path), size) for take in takes)
    _check_pairing(clips, keypoints_path)
    standin = any(is_standin(path) for path in (poses_path, keypoints_path))
    options = {"dataset": "h36m", "split": split, "keypoints": keypoints, "size": size}
    return PoseDataset(
        name="h36m",
        split=split,
        keypoints=keypoints,
        skeleton=HUMAN36M_17,
        clips=clips,
        fingerprint=fingerprint(clips, options),
        evidence="STAND-IN" if standin else "licensed",
        notes=_notes(split, subjects, standin, layout),
    )


def locate(root: Path, keypoints: str) -> tuple[Path, Path]:
    """Paths of the 3D file and of the 2D file of one source, in ``root/h36m`` or ``root``.

    Raises:
        DatasetNotFound: one of them is missing; the message says which, where, and what to do.
        InvalidParameter: a 2D source that is neither well known nor on disk.
    """
    source = KEYPOINTS.get(keypoints, keypoints)
    if not re.fullmatch(r"\w[\w.-]*", source):
        raise InvalidParameter(
            f"unknown 2D keypoints of h36m {keypoints!r}; choose one of: {', '.join(KEYPOINTS)}."
        )
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
    for folder in (root / "h36m", root):
        if (folder / POSES_FILE).is_file() or sources_on_disk(folder):
            return folder
    return None


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
        return OnDisk(None, (), needed, "")
    present = tuple(sorted(folder.glob("data_*d_h36m*.npz")))
    missing = tuple(name for name in needed if not (folder / name).is_file())
    mark = "STAND-IN, " if any(is_standin(path) for path in present) else ""
    return OnDisk(folder, present, missing, f"{mark}2D: {', '.join(sources_on_disk(folder))}")


def is_standin(path: Path) -> bool:
    """Whether an archive carries the mark of ``posekit data standin``."""
    return STANDIN_MEMBER in member_names(path)


def _nested(tree: Any, path: Path) -> dict[str, dict[str, Any]]:
    if isinstance(tree, dict) and all(isinstance(takes, dict) for takes in tree.values()):
        return tree
    raise InvalidData(
        f"{path}: expected a dictionary subject -> take -> array, found "
        f"{type(tree).__name__}; is it another file?"
    )


def _views(
    subject: str,
    poses: dict[str, np.ndarray],
    detections: dict[str, dict[str, Any]],
    poses_path: Path,
    keypoints_path: Path,
) -> list[_Take]:
    """All takes of a subject, four views each, in the order of the 3D file."""
    cameras = human36m_cameras(subject)
    views = []
    for take, world in poses.items():
        found = detections.get(subject, {}).get(take)
        if found is None:
            raise InvalidData(
                f"{keypoints_path}: no keypoints of {subject}/{take}, which is in "
                f"{poses_path.name}; 2D and 3D are of different subjects or takes: get both from "
                "the same preparation."
            )
        if not isinstance(found, list | tuple) or len(found) != len(cameras):
            raise InvalidData(
                f"{keypoints_path}: {subject}/{take} must hold {len(cameras)} arrays, one per "
                f"camera, found {len(found) if hasattr(found, '__len__') else found!r}."
            )
        for (name, camera), pixels in zip(cameras.items(), found, strict=True):
            views.append(_Take(subject, take, name, camera, pixels, world))
    return views


def _clip(view: _Take, layout: str, poses_path: Path, keypoints_path: Path) -> Clip:
    name = f"{view.subject}/{view.take}"
    world = _floats(view.world, HUMAN36M_32.joints, 3, f"{poses_path}: {name}")
    name = f"{name}/{view.camera_name}"
    pixels = _floats(view.pixels, HUMAN36M_17.joints, 2, f"{keypoints_path}: {name}")
    frames = len(world)
    if len(pixels) < frames:
        raise InvalidData(
            f"{keypoints_path}: {name} has {len(pixels)} frames of keypoints for {frames} poses; "
            "2D may be longer than 3D, never shorter: get both from the same preparation."
        )
    # Videos run on after the motion capture has stopped: what lies beyond it has no truth.
    pixels = pixels[:frames]
    check_pixels(pixels, view.camera.resolution, f"{keypoints_path}: {name}")
    if not bool(torch.isfinite(world).all()):
        raise InvalidData(f"{poses_path}: {name} holds NaN or infinity; get the file again.")
    if layout == "coco":
        pixels = coco_to_human36m(pixels)
    return Clip(
        subject=view.subject,
        action=view.action,
        take=view.take,
        camera_name=view.camera_name,
        camera=view.camera,
        keypoints=view.camera.normalise(pixels),
        pose=view.camera.world_to_camera(human36m_32_to_17(world)),
        valid=torch.ones(frames, dtype=torch.bool),
        fps=FPS,
    )


def _floats(array: Any, joints: int, channels: int, where: str) -> torch.Tensor:
    shape = getattr(array, "shape", None)
    if shape is None or len(shape) != 3 or array.dtype.kind not in "fiu":
        raise InvalidData(
            f"{where} must be a numeric array (frames, {joints}, {channels}), found "
            f"{type(array).__name__} of shape {shape}."
        )
    if shape[0] == 0 or shape[1:] != (joints, channels):
        raise InvalidData(
            f"{where} has shape {shape}, expected (frames, {joints}, {channels}): "
            f"{joints} joints are due."
        )
    return torch.from_numpy(array.astype(np.float32))


def _layout(archive: dict[str, Any]) -> str:
    metadata = archive.get("metadata")
    return metadata.get("layout_name", "h36m") if isinstance(metadata, dict) else "h36m"


def _check_pairing(clips: tuple[Clip, ...], keypoints_path: Path) -> None:
    """Keypoints must be near the projected poses; some takes are known to be shifted, so the
    median over a subject's clips decides."""
    by_subject: dict[str, list[float]] = {}
    for clip in clips:
        by_subject.setdefault(clip.subject, []).append(projection_mismatch(clip))
    for subject, mismatches in by_subject.items():
        mismatch = statistics.median(mismatches)
        if mismatch > LARGEST_MISMATCH:
            raise InvalidData(
                f"{keypoints_path}: keypoints of {subject} lie {mismatch:.0f} px (median) from "
                "its projected poses; 2D and 3D are of different subjects, takes or cameras: get "
                "both from the same preparation."
            )


def _notes(split: str, subjects: list[str], standin: bool, layout: str) -> tuple[str, ...]:
    notes = [STANDIN_NOTE] if standin else []
    absent = [subject for subject in SUBJECTS[split] if subject not in subjects]
    if absent:
        notes.append(f"The file lacks {', '.join(absent)} of the {split} split.")
    if layout == "coco":
        notes.append("Keypoints were converted from COCO's joints to Human3.6M's.")
    return tuple(notes)
