"""A stand-in for MotionBERT's pickle of Human3.6M with synthetic motion in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posekit.datasets.h36m_motionbert import ACTIONS, FILE
from posekit.datasets.human36m import SUBJECTS
from posekit.datasets.staging import see
from posekit.datasets.standins.files import (
    TakeMaker,
    made_note,
    refuse_real_files,
    standin_writer,
    write_pickle,
    write_readme,
)
from posekit.datasets.synthetic.person import keyed_generator
from posekit.geometry.cameras import Camera, human36m_cameras

NAME = "h36m_motionbert"
MISSING = ("S11", "Directions", 1)  # damaged in the data set itself
_KEY = NAME.removeprefix("h36m_")  # of random draws: another key, other files from a seed


def write_layout(folder: Path, make_take: TakeMaker, lengths: tuple[int, int], seed: str) -> Path:
    """Write the layout with takes from ``make_take``, of ``lengths`` (fewest, most) frames.

    Raises:
        StorageError: the folder holds a file that is not a stand-in, or cannot be written.
    """
    path = folder / FILE
    refuse_real_files([path])
    note = made_note(NAME, seed)
    content = {}
    for split, subjects in SUBJECTS.items():
        videos = list(_videos(subjects, make_take, lengths, seed))
        content[split] = {key: _joined([video[key] for video in videos]) for key in videos[0]}
    write_readme(folder, note)
    write_pickle(path, content, note)
    return folder


write_standin = standin_writer(NAME, write_layout)


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], list):
        return [item for part in parts for item in part]
    return np.concatenate(parts)


def _videos(
    subjects: tuple[str, ...], make_take: TakeMaker, lengths: tuple[int, int], seed: str
) -> Iterator[dict[str, Any]]:
    """Every source of the subjects in turn: 15 actions, two takes, four cameras."""
    for subject in subjects:
        cameras = human36m_cameras(subject)
        for act, action in enumerate(ACTIONS, start=2):
            for take in (1, 2):
                if (subject, action, take) == MISSING:
                    continue
                rng = keyed_generator("stand-in", _KEY, seed, subject, action, take)
                frames = int(rng.integers(lengths[0], lengths[1] + 1))
                world = torch.from_numpy(make_take(subject, action, take, frames))
                for number, (name, camera) in enumerate(cameras.items(), start=1):
                    person = int(subject.removeprefix("S"))
                    source = f"s_{person:02d}_act_{act:02d}_subact_{take:02d}_ca_{number:02d}"
                    yield {
                        **_view(world, camera, f"stand-in/{_KEY}/{source}"),
                        "camera_name": [name] * frames,
                        "source": [source] * frames,
                        "action": [action] * frames,
                    }


def _view(world: torch.Tensor, camera: Camera, key: str) -> dict[str, np.ndarray]:
    """Detections, and the pose with depth in pixels of a plane through the root."""
    keypoints, pose = see(world, camera, "cpn", key)
    detected = camera.to_pixels(keypoints[..., :2])
    # Millimetres that a pixel spans at the root's distance.
    factor = 1000 * pose[:, 0, 2] / (camera.focal[0] * camera.resolution[0] / 2)
    depth = 1000 * (pose[..., 2] - pose[:, :1, 2]) / factor[:, None]
    image = torch.cat([camera.to_pixels(camera.project(pose)), depth[..., None]], dim=-1)
    return {
        "joint_2d": detected.numpy().astype(np.float32),
        "confidence": keypoints[..., 2].numpy().astype(np.float32),
        "joint3d_image": image.numpy().astype(np.float32),
        "2.5d_factor": factor.double().numpy(),
        "joints_2.5d_image": (image * factor[:, None, None]).numpy().astype(np.float32),
    }
