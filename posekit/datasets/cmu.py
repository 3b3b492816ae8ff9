"""Real motion capture that everybody may use: the CMU Graphics Lab Motion Capture Database.

Read either from Acclaim files (``posekit data download cmu``) or from one converted archive of
joint positions. The motion is put into Human3.6M's room, seen through its cameras, and detected by
the synthetic detector; so motion is real, pictures never existed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from posekit.datasets.archives import load_archive, member_names, readable
from posekit.datasets.asf_amc import (
    FPS,
    LEAST_FPS,
    MOST_FPS,
    Y_UP_TO_Z_UP,
    read_take,
    resample,
)
from posekit.datasets.bodies import check_bodies
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import DATASETS, OnDisk
from posekit.datasets.staging import place_in_room, rig, see
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import reason

ACKNOWLEDGEMENT = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217."
)
CONVERTED = "cmu_h36m17.npz"
SUBJECT_FOLDERS = ("all_asfamc/subjects", "subjects")

# X are takes whose performer is not recorded, posed on S02's skeleton: both stay on one side.
SUBJECTS = {
    "train": (
        *("S02", "S03", "S05", "S06", "S07", "S08", "S10", "S16"),
        *("S32", "S35", "S38", "S39", "S43", "S55", "X"),
    ),
    "test": ("S01", "S11", "S49"),
}
RIGS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}

# Takes of the data base by what the person does, after the index on its page.
TAKES = {
    "walk": (
        "02_01 02_02 03_01 03_02 03_03 03_04 05_01 06_01 07_01 07_02 07_03 07_06 07_07 07_08 "
        "07_09 07_10 07_11 08_01 08_02 08_03 08_04 08_06 08_08 08_09 08_10 10_04 16_15 16_16 "
        "16_21 16_22 16_31 16_32 16_47 16_58 32_01 32_02 35_01 35_02 35_05 35_07 35_08 35_09 "
        "35_10 35_11 35_12 35_13 35_14 35_15 35_16 35_28 35_29 35_30 35_31 35_32 35_33 35_34 "
        "38_01 38_02 39_01 39_02 39_03 39_04 39_05 39_06 39_07 39_08 39_09 39_12 39_13 39_14 "
        "43_01 49_01 55_04"
    ),
    "run": "02_03",
    "jump": "01_01 02_04",
    "sit": "01_06 01_07",
    "strike": "02_05 02_07 02_08 02_09",
    "reach": "02_06 02_10",
    "ball": "11_01",
    "dance": "49_18 49_19 49_20",
}
# A capture glitch ends the first two early; the third begins with one. Frames at 50 Hz.
SOUND_FRAMES = {"01_06": slice(0, 1970), "01_07": slice(0, 1395), "03_02": slice(22, None)}

# What the index of a converted archive may declare, and what that makes of its positions.
UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
UP = {"z": np.eye(3), "y": Y_UP_TO_Z_UP}
MOST_TAKES = 10_000  # the data base has 2605
CONVERTED_JOINTS = (
    *("hip", "rhip", "rknee", "rfoot", "lhip", "lknee", "lfoot", "spine", "thorax", "neck_nose"),
    *("head", "lshoulder", "lelbow", "lwrist", "rshoulder", "relbow", "rwrist"),
)


class Take(NamedTuple):
    """A recording: CMU's subject, its name, and the group of motions that it belongs to."""

    subject: str
    name: str
    group: str


def load(split: str, *, root: Path, keypoints: str, size: str) -> Reading:
    """CMU motion as clips of Human3.6M-17 joints, four cameras per take.

    Args:
        split: "train" or "test"; subjects are disjoint, and X stays with S02.
        root: folder that holds ``cmu/`` or the converted archive itself.
        keypoints: "gt", or noise of the synthetic detector: "cpn", "noisy", "occluded".
        size: as for ``load_dataset``.
    """
    takes, read = open_takes(root)
    takes = [take for take in takes if take.subject in SUBJECTS[split]]
    views = [(take, camera) for take in takes for camera in range(4)]
    views = choose(views, [take.name for take, _ in views], size)
    clips: list[Clip] = []
    for take in dict.fromkeys(take for take, _ in views):
        wanted = [camera for other, camera in views if other == take]
        clips += _clips(take, read(take.name), split, keypoints, wanted)
    check_bodies(clips, HUMAN36M_17, find_converted(root) or find_subjects(root))
    notes = (ACKNOWLEDGEMENT, "Motion is recorded; cameras and 2D detections are simulated.")
    return Reading(HUMAN36M_17, [shorten(clip, size) for clip in clips], "motion capture", notes)


def on_disk(root: Path) -> OnDisk:
    """Which form of the data lies below ``root``, and how many takes posekit reads of it."""
    converted, folder = find_converted(root), find_subjects(root)
    if converted:
        index = converted.with_suffix(".json")
        if not index.is_file():
            return OnDisk(converted.parent, (converted,), (index.name,), "")
        member_names(converted)  # tells whether it can be opened
        listed = read_index(index)
        subjects = {take.subject for take in listed.takes.values()}
        frames = sum(listed.frames.values())
        contents = f"subjects: {len(subjects)}, takes: {len(listed.takes)}, frames: {frames}"
        return OnDisk(converted.parent, (converted, index), (), contents)
    if folder:
        takes, _ = open_takes(root)
        skeletons = {_skeleton(folder, take.name) for take in takes}
        motions = [_motion(folder, take.name) for take in takes]
        missing = sorted(path.name for path in skeletons if not path.is_file())
        present = [path for path in (*sorted(skeletons), *motions) if path.is_file()]
        contents = f"subjects: {len(skeletons)}, takes: {len(takes)}"
        return OnDisk(folder, tuple(present), tuple(missing), contents)
    return OnDisk(None, (), (f"{SUBJECT_FOLDERS[0]}/NN/NN_MM.amc or {CONVERTED}",), "")


def find_converted(root: Path) -> Path | None:
    """The archive of converted takes in ``root/cmu`` or ``root``, or None."""
    paths = (root / "cmu" / CONVERTED, root / CONVERTED)
    return next((path for path in paths if path.is_file()), None)


def find_subjects(root: Path) -> Path | None:
    """The folder of subjects with Acclaim files below ``root/cmu`` or ``root``, or None."""
    folders = [base / name for base in (root / "cmu", root) for name in SUBJECT_FOLDERS]
    return next((folder for folder in folders if any(folder.glob("*/*.asf"))), None)


def open_takes(root: Path) -> tuple[list[Take], Callable[[str], np.ndarray]]:
    """All takes on disk, and a function that reads one by name: (frames, 17, 3), metres, z up.

    Raises:
        DatasetNotFound: no files.
        InvalidData: files that do not hold what they should.
    """
    converted = find_converted(root)
    if converted:
        return _open_converted(converted)
    folder = find_subjects(root)
    if folder:
        takes = [
            Take(f"S{name[:2]}", name, group)
            for group, names in TAKES.items()
            for name in names.split()
            if _motion(folder, name).is_file()
        ]
        return sorted(takes), lambda name: _read_acclaim(folder, name)
    raise DatasetNotFound(
        f"CMU motion capture: neither Acclaim files ({root / 'cmu' / SUBJECT_FOLDERS[0]}/NN) nor "
        f"{CONVERTED} found in {root / 'cmu'} or {root} (POSEKIT_DATA names another folder). "
        f"Fetch the data, free for all uses, with 'posekit data download cmu --root {root}' or "
        f"from {DATASETS['cmu'].page}; without them: '-p dataset synthetic'."
    )


def _open_converted(path: Path) -> tuple[list[Take], Callable[[str], np.ndarray]]:
    index = read_index(path.with_suffix(".json"))
    arrays = load_archive(path)
    unknown = [name for name in arrays if name not in index.takes]
    if unknown:
        raise InvalidData(
            f"{path}: take {shown(unknown[0])} is not in {path.with_suffix('.json').name}."
        )
    takes = {name: _read_converted(path, index, name, array) for name, array in arrays.items()}
    return sorted(index.takes[name] for name in takes), takes.__getitem__


@dataclass(frozen=True)
class Index:
    """What stands beside an archive of converted takes.

    Attributes:
        takes: subject, name and group by the name of the take.
        frames: number of frames by the name of the take.
        metres: per unit of its positions; metres where the index does not tell.
        turn: (3, 3) that makes its positions z up; z up where the index does not tell.
        fps: frames per second; 50 where the index does not tell.
    """

    takes: dict[str, Take]
    frames: dict[str, int]
    metres: float
    turn: np.ndarray
    fps: float


def read_index(path: Path) -> Index:
    """The index of an archive of converted takes, a JSON file.

    Raises:
        DatasetNotFound: no such file.
        InvalidData: not such a file, or one that declares what posekit does not know.
    """
    if not path.is_file():
        raise DatasetNotFound(
            f"CMU motion capture: {path.name}, which names subjects and actions, is missing "
            f"beside {path.with_suffix('.npz')}; copy both, or run 'posekit data download cmu'."
        )
    try:
        with readable(path):
            held = json.loads(path.read_text(encoding="utf-8"))
        takes = {name: _listed_take(name, entry) for name, entry in held["clips"].items()}
        if len(takes) > MOST_TAKES:
            raise ValueError(f"{len(takes)} takes, at most {MOST_TAKES} are due")
        frames = {name: _whole(entry["frames"]) for name, entry in held["clips"].items()}
        fps = held.get("fps", FPS)
        if isinstance(fps, bool) or not isinstance(fps, int | float):
            raise TypeError(f"fps {shown(fps)}, a number is due")
        if not LEAST_FPS <= fps <= MOST_FPS:
            raise ValueError(f"fps {shown(fps)}, {LEAST_FPS:g} to {MOST_FPS:g} are due")
        _check_joints(held)
        metres, turn = _chosen(held, "units", "m", UNITS), _chosen(held, "up", "z", UP)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InvalidData(
            f"{path}: not the index of converted takes ({reason(error)}); get it again."
        ) from error
    return Index(takes, frames, metres, turn, float(fps))


def _listed_take(name: str, entry: dict[str, Any]) -> Take:
    subject, group = entry["subject"], entry.get("group", "")
    for told in (name, subject, group):
        if not isinstance(told, str) or shown(told) != told:
            raise TypeError(f"{shown(told)} stands where the name of a take is due")
    return Take(subject, name, group)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 32:
        raise TypeError(f"frames {shown(value)}, a whole number is due")
    return value


def _chosen(held: dict[str, Any], field: str, default: str, known: dict[str, Any]) -> Any:
    value = held.get(field, default)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{field} {shown(value)}, one of {', '.join(known)} is due")
    return known[value]


def _check_joints(held: dict[str, Any]) -> None:
    """Refuse another skeleton or another order of its joints, where the index tells."""
    parents = held.get("parents")
    if parents is not None and parents != list(HUMAN36M_17.parents):
        raise ValueError("parents are not those of Human3.6M's 17 joints")
    joints = held.get("joints")
    if joints is not None and joints != list(CONVERTED_JOINTS):
        raise ValueError(f"joints are not {', '.join(CONVERTED_JOINTS)} in this order")


def _read_converted(path: Path, index: Index, name: str, array: Any) -> np.ndarray:
    """A converted take as ``open_takes`` gives it: (frames, 17, 3), metres, z up, 50 a second."""
    where = f"{path}: {shown(name)}"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InvalidData(f"{where} is no numeric array; get the file again.")
    if array.ndim != 3 or array.shape[1:] != (HUMAN36M_17.joints, 3) or len(array) < 2:
        raise InvalidData(
            f"{where} has shape {array.shape}, expected (frames, 17, 3): 17 joints and at least "
            "2 frames are due."
        )
    if len(array) != index.frames[name] or not index.takes[name].group:
        raise InvalidData(
            f"{where} has {len(array)} frames, its index names {index.frames[name]} of "
            f"{index.takes[name].group or 'no motion'}; get both again."
        )
    with np.errstate(all="ignore"):  # what is not finite is refused below
        if (index.metres, index.fps) != (1.0, FPS) or index.turn is not UP["z"]:
            array = resample(array * index.metres @ index.turn.T, index.fps, FPS)
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise InvalidData(f"{where} holds NaN or infinity; get the file again.")
    return array


def _motion(folder: Path, name: str) -> Path:
    return folder / name[:2] / f"{name}.amc"


def _skeleton(folder: Path, name: str) -> Path:
    return folder / name[:2] / f"{name[:2]}.asf"


def _read_acclaim(folder: Path, name: str) -> np.ndarray:
    skeleton = _skeleton(folder, name)
    if not skeleton.is_file():
        raise InvalidData(f"{skeleton} is missing; {name}.amc cannot be read without it.")
    return read_take(_motion(folder, name), skeleton)[SOUND_FRAMES.get(name, slice(None))]


def _clips(
    take: Take, world: np.ndarray, split: str, keypoints: str, wanted: list[int]
) -> list[Clip]:
    cameras = rig(RIGS[split], SUBJECTS[split].index(take.subject))
    placed = place_in_room(world, take.name, cameras)
    clips = []
    for name, camera in [list(cameras.items())[index] for index in wanted]:
        seen, pose = see(placed, camera, keypoints, f"{take.name}/{name}")
        clips.append(
            Clip(
                subject=take.subject,
                action=take.group,
                take=take.name,
                camera_name=name,
                camera=camera,
                keypoints=seen,
                pose=pose,
                valid=torch.ones(len(pose), dtype=torch.bool),
                fps=FPS,
            )
        )
    return clips
