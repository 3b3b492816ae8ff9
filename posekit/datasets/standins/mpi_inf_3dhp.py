"""A stand-in for MPI-INF-3DHP: P-STMO's and D3DP's files and the raw test annotations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch

from posekit.datasets.mpi_inf_3dhp import (
    FILES,
    OUTDOOR,
    SCALES,
    SUBJECTS,
    TRAINING,
    camera_of_test,
)
from posekit.datasets.standins.files import (
    TakeMaker,
    made_note,
    refuse_real_files,
    standin_writer,
    write_archive,
    write_readme,
)
from posekit.datasets.synthetic.person import keyed_generator
from posekit.datasets.synthetic.rigs import draw_rig
from posekit.geometry.cameras import Camera
from posekit.machine.storage import atomic_path

CAMERAS = ("0", "1", "2", "4", "5", "6", "7", "8")  # the eight at chest height
ACTIONS = ("Walking", "Sitting", "Greeting", "Posing", "Directions", "Running")
RAW_FILE = "annot_data.mat"
USERBLOCK = 512  # bytes before the HDF5 content, as MATLAB leaves them for its own title
LONGEST_INVALID = 0.2  # share of a test sequence that is not scored
# Joint of Human3.6M-17 that stands for each of 3DHP's.
_3DHP_FROM_17 = (10, 8, 14, 15, 16, 11, 12, 13, 1, 2, 3, 4, 5, 6, 0, 7, 9)
_PELVIS = 14


class Seen(NamedTuple):
    """Pixels (frames, 17, 2), and millimetres (frames, 17, 3) at both scales. float64."""

    annot2: np.ndarray
    annot3: np.ndarray
    univ_annot3: np.ndarray


def write_layout(folder: Path, make_take: TakeMaker, lengths: tuple[int, int], seed: str) -> Path:
    """Write the layout with takes from ``make_take``, of ``lengths`` (fewest, most) frames.

    Raises:
        StorageError: the folder holds files that are not a stand-in, or cannot be written.
    """
    raw = {subject: folder / subject / RAW_FILE for subject in SUBJECTS["test"]}
    npz = [folder / name for files in FILES.values() for name in files.values()]
    refuse_real_files([*npz, *raw.values()])
    train = dict(_train(make_take, lengths, seed))
    test = dict(_test(make_take, lengths, seed))
    note = made_note("mpi_inf_3dhp", seed)
    write_readme(folder, note)
    for name, files in FILES.items():
        contents = {
            files["train"]: {
                sequence: [
                    {camera: _arrays(seen, SCALES[name]) for camera, seen in views.items()},
                    fps,
                ]
                for sequence, (views, fps) in train.items()
            },
            files["test"]: {
                sequence: {**_arrays(seen, SCALES[name]), "valid": valid}
                for sequence, (seen, valid) in test.items()
            },
        }
        for file, tree in contents.items():
            write_archive(folder / file, {"data": tree}, note)
    for sequence, path in raw.items():
        write_annotations(path, *test[sequence], note)
    return folder


write_standin = standin_writer("mpi_inf_3dhp", write_layout)


def write_annotations(path: Path, seen: Seen, valid: np.ndarray, note: str) -> None:
    """One ``annot_data.mat``, MATLAB 7.3: HDF5 behind a title, axes as h5py shows them."""
    frames = len(valid)
    numbers = {name: array[:, None] for name, array in seen._asdict().items()}
    numbers |= {
        "valid_frame": valid[:, None],
        "activity_annotation": np.ones((frames, 1)),
    }
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=USERBLOCK, track_order=False) as file:
            for name, array in numbers.items():
                file.create_dataset(name, data=array, compression="gzip", track_times=False)
            boxes = file.create_group("#refs#").create_dataset(
                "a", data=np.zeros((34, 1)), track_times=False
            )
            references = np.full((frames, 1), boxes.ref, dtype=h5py.ref_dtype)
            file.create_dataset("bb_crop", data=references, dtype=h5py.ref_dtype)
        with temporary.open("r+b") as file:
            title = f"MATLAB 7.3 MAT-file. {note}".encode()[: USERBLOCK - 4]
            file.write(title.ljust(USERBLOCK - 4) + b"\x00\x02IM")


def _train(
    make_take: TakeMaker, lengths: tuple[int, int], seed: str
) -> Iterator[tuple[str, tuple[dict[str, Seen], int]]]:
    for place, subject in enumerate(SUBJECTS["train"]):
        for number in (1, 2):
            rng = keyed_generator("stand-in", "3dhp", seed, subject, number)
            frames = int(rng.integers(lengths[0], lengths[1] + 1))
            action = ACTIONS[(2 * place + number) % len(ACTIONS)]
            world = make_take(subject, action, number, frames)
            scale = rng.uniform(0.93, 1.05)
            rig = draw_rig("3dhp-like", rng).values()
            views = {
                name: _see(world, placed(TRAINING, mount), scale)
                for name, mount in zip(CAMERAS, rig, strict=True)
            }
            yield f"{subject} Seq{number}", (views, 25 if number == 1 else 50)


def _test(
    make_take: TakeMaker, lengths: tuple[int, int], seed: str
) -> Iterator[tuple[str, tuple[Seen, np.ndarray]]]:
    for place, subject in enumerate(SUBJECTS["test"]):
        rng = keyed_generator("stand-in", "3dhp", seed, subject)
        frames = int(rng.integers(lengths[0], lengths[1] + 1))
        world = make_take(subject, ACTIONS[place], 1, frames)
        style = "outdoor" if subject in OUTDOOR else "3dhp-like"
        mount = next(iter(draw_rig(style, rng).values()))
        valid = np.ones(frames)
        valid[: int(frames * rng.uniform(0, LONGEST_INVALID))] = 0
        seen = _see(world, placed(camera_of_test(subject), mount), rng.uniform(0.93, 1.05))
        yield subject, (seen, valid)


def placed(camera: Camera, mount: Camera) -> Camera:
    """The intrinsics of one camera where another stands."""
    return replace(camera, rotation=mount.rotation, translation=mount.translation)


def _see(world: np.ndarray, camera: Camera, scale: float) -> Seen:
    joints = torch.from_numpy(world[:, list(_3DHP_FROM_17)].copy())
    pose = camera.world_to_camera(joints)
    pixels = camera.to_pixels(camera.project(pose)).double().numpy()
    metric = 1000 * pose.double().numpy()
    pelvis = metric[:, _PELVIS, None]
    return Seen(pixels, metric, pelvis + scale * (metric - pelvis))


def _arrays(seen: Seen, scale: str) -> dict[str, np.ndarray]:
    return {"data_2d": seen.annot2, "data_3d": getattr(seen, scale)}
