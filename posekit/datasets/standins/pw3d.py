"""A stand-in for 3DPW: open bodies in generated motion before a walking camera.

Parameters are those of posekit's open body, not of SMPL: they mean other persons and another pose
at rest. Of the test part there are a few pictures, see ``pw3d_pictures``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from posekit.bodies import BodyModel, open_body
from posekit.datasets.pw3d_sequences import COMPONENTS, SIZES, TEST_SEQUENCES
from posekit.datasets.rendered.joint_rotations import joint_rotations
from posekit.datasets.standins.files import (
    TakeMaker,
    made_note,
    refuse_real_files,
    standin_writer,
    write_pickle,
    write_readme,
)
from posekit.datasets.standins.pw3d_pictures import write_pictures
from posekit.datasets.synthetic.person import keyed_generator
from posekit.geometry.rotations import matrix_to_axis_angle
from posekit.geometry.skeletons import HUMAN36M_17

SEQUENCES = {
    "train": tuple(f"courtyard_golf_{number:02d}" for number in range(6)),
    "validation": ("courtyard_box_00",),
    "test": TEST_SEQUENCES,
}
ACTIONS = ("Walking", "Greeting", "Sitting", "Posing", "Directions", "Phoning")
PROTOCOL_OF_PYTHON_2 = 2
FOCAL = 1962.0  # pixels, about a telephone's
APART = 1.2  # metres between two persons
_HIP = HUMAN36M_17.index("hip")
# A joint of SMPL for each of OpenPose's 18; nose, eyes and ears are the head's.
_OPENPOSE_18 = (15, 12, 17, 19, 21, 16, 18, 20, 2, 5, 8, 1, 4, 7, 15, 15, 15, 15)


def write_layout(folder: Path, make_take: TakeMaker, lengths: tuple[int, int], seed: str) -> Path:
    """Write the layout with takes from ``make_take``, of ``lengths`` (fewest, most) frames.

    Raises:
        StorageError: the folder holds files that are not a stand-in, or cannot be written.
    """
    paths = {
        name: folder / "sequenceFiles" / part / f"{name}.pkl"
        for part, names in SEQUENCES.items()
        for name in names
    }
    refuse_real_files(paths.values())
    note = made_note("pw3d", seed)
    write_readme(folder, note)
    for place, (name, path) in enumerate(paths.items()):
        content = _sequence(name, place, make_take, lengths, seed)
        write_pickle(path, content, note, PROTOCOL_OF_PYTHON_2)
    return folder


_write_sequences = standin_writer("pw3d", write_layout)


def write_standin(root: Path, *, seed: str = "posekit", size: str = "quick") -> Path:
    """Write all sequence files, and a few pictures of the test part; see ``standin_writer``."""
    folder = _write_sequences(root, seed=seed, size=size)
    write_pictures(root, made_note("pw3d", seed))
    return folder


def _sequence(
    name: str, place: int, make_take: TakeMaker, lengths: tuple[int, int], seed: str
) -> dict[str, Any]:
    """One or two persons, seen by a camera that walks around them."""
    rng = keyed_generator("stand-in", "pw3d", seed, name)
    frames = int(rng.integers(lengths[0], lengths[1] + 1))
    body = open_body().double()
    people = [
        _person(body, make_take(f"{name} {k}", ACTIONS[(place + k) % len(ACTIONS)], 1, frames), k)
        for k in range(1 + place % 2)
    ]
    for person in people:
        person |= _posed(body, person["rotations"], rng.normal(0, 0.5, COMPONENTS), person["hips"])
    cameras = _cameras(torch.cat([person["joints"] for person in people], dim=1), rng)
    width, height = SIZES[place % 2]
    intrinsics = np.array([[FOCAL, 0, width / 2], [0, FOCAL, height / 2], [0, 0, 1]])
    valid = np.ones(frames, dtype=np.int64)
    valid[: int(frames * rng.uniform(0, 0.1))] = 0
    poses = [matrix_to_axis_angle(person["rotations"]).flatten(1).numpy() for person in people]
    trans = [person["translation"].numpy() for person in people]
    betas = [person["betas"].numpy() for person in people]
    return {
        "sequence": name,
        "poses": poses,
        "trans": trans,
        "betas": betas,
        "betas_clothed": betas,
        "v_template_clothed": [body.v_template.numpy() for _ in people],
        "texture_maps": [np.zeros((1, 1, 3), dtype=np.uint8) for _ in people],
        "genders": ["mf"[(place + k) % 2] for k in range(len(people))],
        "poses2d": [_detections(person["joints"], cameras, intrinsics) for person in people],
        "jointPositions": [person["joints"].flatten(1).numpy() for person in people],
        "img_frame_ids": 2 * np.arange(frames),
        "cam_poses": cameras,
        "campose_valid": [valid.copy() for _ in people],
        "cam_intrinsics": intrinsics,
        "poses_60Hz": [np.repeat(pose, 2, axis=0) for pose in poses],
        "trans_60Hz": [np.repeat(step, 2, axis=0) for step in trans],
    }


def _person(body: BodyModel, world: np.ndarray, number: int) -> dict[str, Tensor]:
    """Rotations and path of the hips, y up, of joints (N, 17, 3), z up."""
    x, y, z = np.moveaxis(np.asarray(world, dtype=np.float64), -1, 0)
    joints = torch.from_numpy(np.stack([x, z, -y], axis=-1))
    joints[..., [0, 2]] -= joints[:, _HIP, [0, 2]].mean(0)
    joints[..., 0] += APART * number
    return {
        "rotations": joint_rotations(joints, body.joint_template),
        "hips": joints[:, _HIP],
    }


def _posed(
    body: BodyModel, rotations: Tensor, betas: np.ndarray, hips: Tensor
) -> dict[str, Tensor]:
    shape = torch.from_numpy(betas)[None]
    translation = hips - body.rest(shape).joints[:, 0]
    posed = body(rotations, shape.expand(len(hips), -1), translation)
    return {"betas": shape[0], "translation": translation, "joints": posed.joints}


def _cameras(joints: Tensor, rng: np.random.Generator) -> np.ndarray:
    """(N, 4, 4) world to camera: some metres away, walking on an arc, looking at the persons."""
    middle = joints.mean(1).numpy()
    steps = np.linspace(0, 1, len(middle))
    angle = rng.uniform(0, 2 * np.pi) + rng.uniform(-0.5, 0.5) * steps
    away = rng.uniform(4, 6) * np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=-1)
    eye = middle.mean(0) + away
    forward = middle - eye
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    turn = np.stack([right, np.cross(forward, right), forward], axis=1)
    matrices = np.tile(np.eye(4), (len(middle), 1, 1))
    matrices[:, :3, :3] = turn
    matrices[:, :3, 3] = -(turn @ eye[..., None])[..., 0]
    return matrices


def _detections(joints: Tensor, cameras: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """(N, 3, 18) pixels and score as OpenPose finds them; zeros where it found nobody."""
    points = joints[:, list(_OPENPOSE_18)].numpy()
    seen = points @ cameras[:, :3, :3].transpose(0, 2, 1) + cameras[:, None, :3, 3]
    pixels = seen @ intrinsics.T
    found = np.full((len(points), 3, len(_OPENPOSE_18)), 0.9)
    found[:, :2] = (pixels[..., :2] / pixels[..., 2:]).transpose(0, 2, 1)
    found[::10] = 0
    return found
