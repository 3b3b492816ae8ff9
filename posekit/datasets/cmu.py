"""Real motion capture that everybody may use: the CMU Graphics Lab Motion Capture Database.

Read either from Acclaim files (``posekit data download cmu``) or from one converted archive of
joint positions. The motion is put into Human3.6M's room, seen through its cameras, and detected by
the synthetic detector; so motion is real, pictures never existed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from posekit.datasets.archives import load_archive
from posekit.datasets.asf_amc import FPS, read_take
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import DATASETS, OnDisk
from posekit.datasets.staging import place_in_room, rig, see
from posekit.errors import DatasetNotFound, InvalidData
from posekit.geometry.skeletons import HUMAN36M_17

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
    notes = (ACKNOWLEDGEMENT, "Motion is recorded; cameras and 2D detections are simulated.")
    return Reading(HUMAN36M_17, [shorten(clip, size) for clip in clips], "motion capture", notes)


def on_disk(root: Path) -> OnDisk:
    """Which form of the data lies below ``root``, and how many takes posekit reads of it."""
    converted, folder = find_converted(root), find_subjects(root)
    if converted:
        index = converted.with_suffix(".json")
        if not index.is_file():
            return OnDisk(converted.parent, (converted,), (index.name,), "")
        takes = _read_index(index).values()
        subjects = {take["subject"] for take in takes}
        frames = sum(take["frames"] for take in takes)
        contents = f"subjects: {len(subjects)}, takes: {len(takes)}, frames: {frames}"
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
        index = _read_index(converted.with_suffix(".json"))
        arrays = load_archive(converted)
        return _converted_takes(index, arrays, converted), arrays.__getitem__
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


def _read_index(path: Path) -> dict[str, dict]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))["clips"]
    except FileNotFoundError:
        raise DatasetNotFound(
            f"CMU motion capture: {path.name}, which names subjects and actions, is missing "
            f"beside {path.with_suffix('.npz')}; copy both, or run 'posekit data download cmu'."
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidData(f"{path}: not the index of converted takes ({error!r}).") from error


def _converted_takes(
    index: dict[str, dict], arrays: dict[str, np.ndarray], path: Path
) -> list[Take]:
    for name, array in arrays.items():
        if name not in index:
            raise InvalidData(f"{path}: take {name} is not in {path.with_suffix('.json').name}.")
        if getattr(array, "ndim", 0) != 3 or array.shape[1:] != (HUMAN36M_17.joints, 3):
            raise InvalidData(
                f"{path}: {name} has shape {getattr(array, 'shape', None)}, expected (frames, 17, "
                "3): 17 joints are due."
            )
    return sorted(Take(index[name]["subject"], name, index[name]["group"]) for name in arrays)


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
