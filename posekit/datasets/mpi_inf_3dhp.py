"""MPI-INF-3DHP from P-STMO's two ``.npz`` files, or its test set from the raw annotations.

The data set has its ground truth at two scales. ``univ_annot3``, every person scaled about the
pelvis to one height, is in P-STMO's files and behind the tables of the lifting papers;
``annot3`` is metric, in D3DP's files of the same layout, and the one that the pictures show. They
are two data sets here, ``mpi_inf_3dhp`` and ``mpi_inf_3dhp_annot3``: errors of one say nothing
about the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posekit.datasets import annot_data
from posekit.datasets.archives import load_archive
from posekit.datasets.bodies import check_bodies
from posekit.datasets.checks import (
    check_finite,
    check_pixels,
    leave_out_undetected,
    read_points,
)
from posekit.datasets.clips import Clip, Reading
from posekit.datasets.locate import find_folder, licensed, listing, not_found
from posekit.datasets.pairing import Fit, check_pairing
from posekit.datasets.sizes import choose, shorten
from posekit.datasets.source import OnDisk
from posekit.errors import InvalidData
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import MPI_INF_3DHP_17
from posekit.machine.names_from_files import shown

SUBJECTS = {
    "train": tuple(f"S{number}" for number in range(1, 9)),
    "test": tuple(f"TS{number}" for number in range(1, 7)),
}
FILES = {
    "mpi_inf_3dhp": {"train": "data_train_3dhp.npz", "test": "data_test_3dhp.npz"},
    "mpi_inf_3dhp_annot3": {"train": "data_train_3dhp_ori.npz", "test": "data_test_3dhp_ori.npz"},
}
RAW_TEST_FILES = ("TS[1-6]/annot_data.mat", "mpi_inf_3dhp_test_set/TS[1-6]/annot_data.mat")
SCALES = {"mpi_inf_3dhp": "univ_annot3", "mpi_inf_3dhp_annot3": "annot3"}
SCALE_NOTES = {
    "mpi_inf_3dhp": "Ground truth univ_annot3: persons scaled about the pelvis to one height.",
    "mpi_inf_3dhp_annot3": "Ground truth annot3: metric, of each person's own height.",
}
TEST_FPS = 25.0
OUTDOOR = ("TS5", "TS6")
# True 2D of cameras that are only nominal, of persons of one scale or the other: centred and
# scaled onto each other, they agree to some pixels.
NOMINAL = Fit(limit=25.0, share=0.95, aligned=True)
FEWEST_MILLIMETRES = 100.0  # nobody stands nearer to a camera

_SEQUENCE = re.compile(r"(S[1-8]) (Seq[12])")
_PREPARATION = (
    "convert with P-STMO's preparation (https://github.com/paTRICK-swk/P-STMO; D3DP's for annot3)"
)


def _intrinsics(
    focal: tuple[float, float], offset: tuple[float, float], size: tuple[int, int]
) -> Camera:
    """A camera at the origin; ``offset`` is the principal point from the middle, in pixels."""
    width, height = size
    return Camera.from_pixels(
        focal=focal,
        centre=(width / 2 + offset[0], height / 2 + offset[1]),
        resolution=size,
        rotation=(1.0, 0.0, 0.0, 0.0),
        translation=(0.0, 0.0, 0.0),
    )


# The test set's calibration (millimetres on a sensor 10 mm wide), as in PoSynDA's code; the
# training cameras differ by a few pixels in focal length and are in none of the files.
STUDIO = _intrinsics(
    focal=(1500.172, 1500.172), offset=(-0.0322884 * 204.8, 0.0929296 * 204.8), size=(2048, 2048)
)
OUTDOORS = _intrinsics(
    focal=(1683.983, 1683.983), offset=(-0.104908645 * 192, 0.104899704 * 192), size=(1920, 1080)
)
TRAINING = _intrinsics(focal=(1500.172, 1500.172), offset=(0.0, 0.0), size=(2048, 2048))


def camera_of_test(sequence: str) -> Camera:
    """The camera of a test sequence: 2048 x 2048 px in the studio, 1920 x 1080 px outdoors."""
    return OUTDOORS if sequence in OUTDOOR else STUDIO


@dataclass(frozen=True)
class _Sequence:
    """One camera's view of one sequence, before it is turned into a clip."""

    subject: str
    take: str
    action: str
    camera_name: str
    camera: Camera
    pixels: Any
    pose: Any
    valid: Any
    fps: float
    path: Path


def load(
    split: str, *, root: Path, keypoints: str, size: str, name: str = "mpi_inf_3dhp"
) -> Reading:
    """3DHP's 17 joints in camera coordinates at one scale; true 2D.

    Args:
        split: "train" (S1 to S8, chest-height cameras) or "test" (TS1 to TS6).
        root: folder that holds the files, or whose folder ``mpi_inf_3dhp`` does.
        keypoints: "gt"; the lifting literature uses nothing else on this data set.
        size: as for ``load_dataset``.
        name: the data set, a key of ``SCALES``, which gives the scale.
    """
    paths = _paths(name, split, root)
    sequences = list(_sequences(paths, split, SCALES[name]))
    present = {sequence.subject for sequence in sequences}
    if not present & set(SUBJECTS[split]):
        raise InvalidData(
            f"{paths[0]}: the {split} split is empty; expected {', '.join(SUBJECTS[split])}."
        )
    sequences = choose(sequences, [(item.subject, item.take) for item in sequences], size)
    clips = [_clip(sequence) for sequence in sequences]
    check_bodies(clips, MPI_INF_3DHP_17, paths[0])
    check_pairing(clips, MPI_INF_3DHP_17, paths[0], NOMINAL)
    clips, told = leave_out_undetected(clips, split)
    clips = tuple(shorten(clip, size) for clip in clips)
    notes = [*_notes(name, split, present), *told]
    return licensed("mpi_inf_3dhp", paths, MPI_INF_3DHP_17, clips, notes)


def on_disk(root: Path, name: str = "mpi_inf_3dhp") -> OnDisk:
    """Which of the files lie in ``root/mpi_inf_3dhp`` or ``root``."""
    files = FILES[name]
    folder = find_folder(root, name, (*files.values(), *RAW_TEST_FILES))
    needed = (files["train"], f"{files['test']} or TS1 ... TS6/annot_data.mat")
    if folder is None:
        return listing(None, (), needed, "")
    train, test = (_present(folder, name, split) for split in ("train", "test"))
    missing = [text for text, paths in zip(needed, (train, test), strict=True) if not paths]
    return listing(folder, train + test, missing, f"ground truth {SCALES[name]}, 2D: gt")


def _paths(name: str, split: str, root: Path) -> tuple[Path, ...]:
    file = FILES[name][split]
    folder = find_folder(root, name, (file, *(RAW_TEST_FILES if split == "test" else ())))
    if folder is None:
        missing = [file] if split == "train" else [f"{file} (or TS1 ... TS6/annot_data.mat)"]
        raise not_found(name, missing, root, _PREPARATION)
    return _present(folder, name, split)


def _present(folder: Path, name: str, split: str) -> tuple[Path, ...]:
    path = folder / FILES[name][split]
    if path.is_file():
        return (path,)
    patterns = RAW_TEST_FILES if split == "test" else ()
    return tuple(sorted(path for pattern in patterns for path in folder.glob(pattern)))


def _sequences(paths: tuple[Path, ...], split: str, scale: str) -> Iterator[_Sequence]:
    if paths[0].suffix == ".mat":
        for path in paths:
            held = annot_data.read(path, scale)
            yield _test_sequence(path.parent.name, held, path)
        return
    tree = load_archive(paths[0], ["data"])["data"]
    if not isinstance(tree, dict):
        raise InvalidData(
            f"{paths[0]}: expected a dictionary sequence -> arrays, found {type(tree).__name__}; "
            "is it another file?"
        )
    for name, held in tree.items():
        if split == "test":
            yield _test_sequence(str(name), held, paths[0])
        else:
            yield from _train_sequences(str(name), held, paths[0])


def _test_sequence(name: str, held: Any, path: Path) -> _Sequence:
    if name not in SUBJECTS["test"]:
        raise InvalidData(
            f"{path}: sequence {shown(name)!r} is none of {', '.join(SUBJECTS['test'])}; is it "
            "another file?"
        )
    arrays = _members(held, ("data_2d", "data_3d", "valid"), f"{path}: {name}")
    return _Sequence(name, name, name, "0", camera_of_test(name), *arrays, TEST_FPS, path)


def _train_sequences(name: str, held: Any, path: Path) -> Iterator[_Sequence]:
    where = f"{path}: {name}"
    match = _SEQUENCE.fullmatch(name)
    if match is None:
        raise InvalidData(
            f"{path}: sequence {shown(name)!r} is none such as 'S1 Seq1'; another file?"
        )
    if not isinstance(held, list | tuple) or len(held) != 2 or not isinstance(held[0], dict):
        raise InvalidData(f"{where} must hold [cameras, frames per second]; is it another file?")
    cameras, fps = held
    if not isinstance(fps, int | float | np.number) or not 0 < float(fps) < 1000:
        raise InvalidData(f"{where} has {shown(fps)} frames per second; 25 or 50 are due.")
    for camera_name, arrays in cameras.items():
        pixels, pose = _members(arrays, ("data_2d", "data_3d"), f"{where}/{shown(camera_name)}")
        subject, take = match.groups()
        yield _Sequence(
            *(subject, take, take, shown(camera_name), TRAINING),
            *(pixels, pose, None, float(fps), path),
        )


def _members(held: Any, names: tuple[str, ...], where: str) -> list[Any]:
    if not isinstance(held, dict) or not set(names) <= set(held):
        found = ", ".join(map(shown, held)) if isinstance(held, dict) else type(held).__name__
        raise InvalidData(f"{where} must hold {', '.join(names)}; found {found or 'nothing'}.")
    return [held[name] for name in names]


def _clip(sequence: _Sequence) -> Clip:
    name = f"{sequence.subject}/{sequence.take}/{sequence.camera_name}"
    where = f"{sequence.path}: {name}"
    joints = MPI_INF_3DHP_17.joints
    pixels = read_points(sequence.pixels, joints, 2, f"{where} data_2d")
    pose = read_points(sequence.pose, joints, 3, f"{where} data_3d")
    if len(pixels) != len(pose):
        raise InvalidData(
            f"{where} has {len(pixels)} frames of keypoints for {len(pose)} poses; get the file "
            "again."
        )
    valid = _valid(sequence.valid, len(pose), where)
    # Frames that are not scored are seen by a lifter all the same.
    check_finite(pixels, f"{where} data_2d")
    check_finite(pose, f"{where} data_3d")
    if bool(valid.any()):
        check_pixels(pixels[valid], sequence.camera.resolution, where)
        if float(pose[valid].abs().amax()) < FEWEST_MILLIMETRES:
            raise InvalidData(
                f"{where}: poses reach to {float(pose[valid].abs().amax()):.2f} and look like "
                "metres; millimetres are due."
            )
    return Clip(
        subject=sequence.subject,
        action=sequence.action,
        take=sequence.take,
        camera_name=sequence.camera_name,
        camera=sequence.camera,
        keypoints=sequence.camera.normalise(pixels),
        pose=pose / 1000,
        valid=valid,
        fps=sequence.fps,
    )


def _valid(mask: Any, frames: int, where: str) -> torch.Tensor:
    if mask is None:
        return torch.ones(frames, dtype=torch.bool)
    values = np.asarray(mask)
    if (
        values.size != frames
        or values.dtype.kind not in "fiub"
        or not np.isin(values, (0, 1)).all()
    ):
        raise InvalidData(
            f"{where}: the mask of valid frames must hold {frames} values 0 or 1, found "
            f"{values.dtype} of shape {values.shape}."
        )
    return torch.from_numpy(values.reshape(frames) == 1)


def _notes(name: str, split: str, present: set[str]) -> list[str]:
    notes = [SCALE_NOTES[name]]
    absent = [subject for subject in SUBJECTS[split] if subject not in present]
    if absent:
        notes.append(f"The files lack {', '.join(absent)} of the {split} split.")
    if split == "train":
        notes.append("Cameras are nominal: the files carry no calibration.")
    else:
        notes.append(f"The files state no frame rate; {TEST_FPS:g} per second is assumed.")
    return notes
