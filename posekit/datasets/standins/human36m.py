"""A stand-in for Human3.6M: its file layout, filled with motion that everybody may use.

It exercises every code path of the licensed data set. The files carry a mark, so that whatever is
computed from them is labelled STAND-IN.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from posekit.datasets import cmu
from posekit.datasets.human36m import KEYPOINTS, KEYPOINTS_FILE, POSES_FILE, SUBJECTS
from posekit.datasets.locate import standin_note
from posekit.datasets.staging import place_in_room, see
from posekit.datasets.standins.files import (
    FRAMES,
    TakeMaker,
    check_size,
    refuse_real_files,
    synthetic_takes,
    write_archive,
    write_readme,
)
from posekit.datasets.synthetic.person import keyed_generator
from posekit.errors import InvalidParameter, unknown
from posekit.geometry.calibration import load_calibration
from posekit.geometry.cameras import human36m_cameras
from posekit.geometry.skeletons import HUMAN36M_17, HUMAN36M_32, human36m_32_to_17
from posekit.machine.progress import Progress
from posekit.machine.storage import data_root

MOTIONS = ("synthetic", "cmu")
LONGEST_TAIL = 4  # detections run on after the motion capture, as in some of the real takes


def write_standin(
    root: Path,
    *,
    motion: str = "synthetic",
    seed: str = "posekit",
    size: str = "quick",
    source: Path | None = None,
) -> Path:
    """Write the three files of Human3.6M with other motion in them.

    Args:
        root: data folder; the files go to ``root/h36m``.
        motion: "synthetic" (generated) or "cmu" (recorded, must be on disk).
        seed: same seed, same files.
        size: length of the takes, "smoke", "quick" or "standard"; all takes are always there.
        source: data folder that holds the CMU motion; ``POSEKIT_DATA`` by default.

    Returns:
        The folder written.

    Raises:
        InvalidParameter: an unknown motion or size.
        StorageError: the folder holds files that are not a stand-in, or cannot be written.
        DatasetNotFound: CMU motion is not on disk.
    """
    check_size(size)
    if motion not in MOTIONS:
        raise InvalidParameter(unknown("motion of a stand-in", motion, MOTIONS))
    maker = synthetic_takes(seed) if motion == "synthetic" else _recorded(data_root(source), seed)
    return write_layout(root / "h36m", maker, FRAMES[size], f"{motion} motion, seed {seed}", seed)


def write_layout(
    folder: Path, make_take: TakeMaker, lengths: tuple[int, int], origin: str, seed: str
) -> Path:
    """Write the layout with takes from ``make_take``, of ``lengths`` (fewest, most) frames.

    Takes, their names, subjects, cameras, joint count, types and metadata are those of the real
    files; S11 lacks its first Directions, some detections outlast the poses, and the detections
    also hold subjects without poses.

    Raises:
        StorageError: the folder holds files that are not a stand-in, or cannot be written.
    """
    paths = [
        folder / POSES_FILE,
        *(folder / KEYPOINTS_FILE.format(KEYPOINTS[name]) for name in ("gt", "cpn")),
    ]
    refuse_real_files(paths)
    poses, truth, detections = _make_takes(make_take, lengths, seed)
    note = f"{standin_note('h36m')} Made from {origin}."
    write_readme(folder, note)
    left, right = HUMAN36M_17.left, HUMAN36M_17.right
    numpy_symmetry = [[np.int64(joint) for joint in side] for side in (left, right)]
    gt_metadata = {"num_joints": 17, "keypoints_symmetry": numpy_symmetry}
    cpn_metadata = {
        "layout_name": "h36m",
        "num_joints": 17,
        "keypoints_symmetry": [list(left), list(right)],
    }
    contents = (
        {"positions_3d": poses},
        {"positions_2d": truth, "metadata": gt_metadata},
        {"positions_2d": detections, "metadata": cpn_metadata},
    )
    for path, members in zip(paths, contents, strict=True):
        write_archive(path, members, note)
    return folder


def _make_takes(
    make_take: TakeMaker, lengths: tuple[int, int], seed: str
) -> tuple[dict[str, dict], dict[str, dict], dict[str, dict]]:
    """World poses, true keypoints and detections: subject -> take -> array(s)."""
    listing = load_calibration("h36m_takes")
    takes = [
        (subject, action, number, name)
        for subject in (*SUBJECTS["train"], *SUBJECTS["test"])
        for action, names in listing["takes"][subject].items()
        for number, name in enumerate(names)
    ]
    poses: dict[str, dict[str, np.ndarray]] = {}
    truth: dict[str, dict[str, list[np.ndarray]]] = {}
    detections: dict[str, dict[str, list[np.ndarray]]] = {}
    with Progress("stand-in takes", len(takes)) as progress:
        for subject, action, number, name in takes:
            rng = keyed_generator("stand-in", seed, subject, name)
            frames = int(rng.integers(lengths[0], lengths[1] + 1))
            tail = int(rng.integers(0, LONGEST_TAIL + 1))
            world = torch.from_numpy(make_take(subject, action, number, frames + tail))
            frames = len(world) - tail
            poses.setdefault(subject, {})[name] = _with_32_joints(world[:frames])
            truth.setdefault(subject, {})[name] = _pixels(world[:frames], subject, "gt", name)
            detections.setdefault(subject, {})[name] = _pixels(world, subject, "cpn", name)
            progress.advance(f"{subject}/{name}")
    for subject in listing["unlabelled"]:  # detected, but without poses and calibration
        detections[subject] = {"Walking": detections["S1"]["Walking"]}
    return poses, truth, detections


def _with_32_joints(world: torch.Tensor) -> np.ndarray:
    """(frames, 17, 3) -> (frames, 32, 3); joints that nobody keeps lie on the next one inward."""
    kept = human36m_32_to_17(torch.arange(32.0)[:, None])[:, 0].int().tolist()
    column = {old: new for new, old in enumerate(kept)}
    for joint in range(32):
        inward = joint
        while inward not in column:
            inward = HUMAN36M_32.parents[inward]
        column[joint] = column[inward]
    return world[:, [column[joint] for joint in range(32)]].numpy().astype(np.float32)


def _pixels(world: torch.Tensor, subject: str, level: str, take: str) -> list[np.ndarray]:
    views = []
    for name, camera in human36m_cameras(subject).items():
        keypoints, _ = see(world, camera, level, f"stand-in/{subject}/{take}/{name}")
        views.append(camera.to_pixels(keypoints[..., :2]).numpy().astype(np.float32))
    return views


def _recorded(root: Path, seed: str) -> TakeMaker:
    """CMU takes in turn, test subjects' for test subjects; the shorter ones as long as they are."""
    takes, read = cmu.open_takes(root)

    def make_take(subject: str, action: str, number: int, frames: int) -> np.ndarray:
        split = "train" if subject in SUBJECTS["train"] else "test"
        pool = [take for take in takes if take.subject in cmu.SUBJECTS[split]]
        rng = keyed_generator("stand-in", seed, subject, action, number)
        chosen = pool[int(rng.integers(len(pool)))]
        world = read(chosen.name)[:frames]
        return place_in_room(world, f"{subject}/{chosen.name}", human36m_cameras(subject)).numpy()

    return make_take
