"""Acclaim motion capture (``.asf`` skeleton, ``.amc`` motion) as Human3.6M-17 joint positions.

Format and forward kinematics as the CMU Graphics Lab Motion Capture Database uses them
(http://mocap.cs.cmu.edu): rotations are degrees about x, then y, then z of the fixed frame; a bone
turns within its own axis frame; lengths are inches times 0.45; y points up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posekit.errors import InvalidData

UNIT = 0.0254 / 0.45  # metres per unit of length in every CMU skeleton
SOURCE_FPS = 120.0
FPS = 50.0
_Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

# Human3.6M's neck/nose, in its own subjects' proportions: so far along the line from thorax to
# head and so far in front of it, relative to the length of that line.
_NOSE_ALONG, _NOSE_FORWARD = 0.52, 0.41
_LEG, _ARM = ("hipjoint", "femur", "tibia"), ("clavicle", "humerus", "wrist")
_NEEDED = {
    *("lowerback", "thorax", "upperneck"),
    *(side + bone for side in "lr" for bone in _LEG + _ARM),
}


@dataclass(frozen=True)
class Bone:
    """A rigid segment: ``vector`` (3,) from start to end at rest in file units, ``axis`` (3, 3)
    its frame at rest, ``dof`` the names of its angles in file order, ``parent`` a bone's name."""

    vector: np.ndarray
    axis: np.ndarray
    dof: tuple[str, ...]
    parent: str


def read_take(motion: Path, skeleton: Path, fps: float = SOURCE_FPS) -> np.ndarray:
    """One take as joints of Human3.6M-17.

    Args:
        motion: the ``.amc`` file.
        skeleton: the subject's ``.asf`` file.
        fps: frame rate of the motion; 120 for nearly all of the data base.

    Returns:
        (frames, 17, 3) float32, metres, z up, 50 frames per second.

    Raises:
        InvalidData: files that are truncated, of another format, or do not belong together.
    """
    bones = read_skeleton(skeleton)
    root, turns = read_motion(motion, bones)
    ends, frames = forward_kinematics(bones, root, turns)
    joints = _human36m_joints(ends, frames["upperneck"][..., 2]) * UNIT @ _Y_UP_TO_Z_UP.T
    return resample(joints, fps, FPS).astype(np.float32)


def read_skeleton(path: Path) -> dict[str, Bone]:
    """Bones of an ``.asf`` file by name, parents before children, the root without length first.

    Raises:
        InvalidData: not such a file, or bones that Human3.6M's joints need are missing.
    """
    sections = _sections(path)
    try:
        records = dict(_bone(lines) for lines in _records(sections["bonedata"]))
        bones = {"root": Bone(np.zeros(3), np.eye(3), ("tx", "ty", "tz", "rx", "ry", "rz"), "")}
        for parent, *children in sections["hierarchy"]:
            for child in children:
                direction, axis, dof = records[child]
                bones[child] = Bone(direction, axis, dof, parent)
    except (KeyError, ValueError, IndexError) as error:
        raise InvalidData(f"{path}: not a complete Acclaim skeleton ({error!r}).") from error
    missing = sorted(_NEEDED - bones.keys())
    if missing:
        raise InvalidData(f"{path}: the skeleton lacks {', '.join(missing)}; is it a CMU file?")
    return bones


def read_motion(path: Path, bones: dict[str, Bone]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Root positions (frames, 3) and local rotations (frames, 3, 3) per bone of an ``.amc`` file.

    Raises:
        InvalidData: not such a file, truncated, or of another skeleton.
    """
    values: dict[str, list[list[str]]] = {}
    frames = 0
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if len(words) == 1 and words[0].isdigit():
            frames += 1
        elif frames and words:
            values.setdefault(words[0], []).append(words[1:])
    root, turns = np.zeros((frames, 3)), {}
    try:
        for name, bone in bones.items():
            table = np.zeros((frames, 0))
            if bone.dof:
                table = np.array(values[name], dtype=float).reshape(frames, len(bone.dof))
            angles = np.zeros((frames, 3))
            for column, dof in enumerate(bone.dof):
                target = angles if dof[0] == "r" else root
                target[:, "xyz".index(dof[1])] = table[:, column]
            turns[name] = bone.axis @ _euler(angles) @ bone.axis.T
    except (KeyError, ValueError) as error:
        raise InvalidData(
            f"{path}: truncated, or not the motion of this skeleton ({error}); get it again."
        ) from error
    if frames < 2:
        raise InvalidData(f"{path}: {frames} frames found; an Acclaim motion file is expected.")
    return root, turns


def forward_kinematics(
    bones: dict[str, Bone], root: np.ndarray, turns: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """End (frames, 3) and orientation (frames, 3, 3) of every bone, file units, y up."""
    ends, frames = {"root": root}, {"root": turns["root"]}
    for name, bone in bones.items():
        if name != "root":
            frames[name] = frames[bone.parent] @ turns[name]
            ends[name] = ends[bone.parent] + frames[name] @ bone.vector
    return ends, frames


def resample(joints: np.ndarray, source_fps: float, fps: float) -> np.ndarray:
    """Linear interpolation of positions (frames, joints, 3) in time; the first frame is kept."""
    count = int(np.floor((len(joints) - 1) * fps / source_fps + 1e-9)) + 1
    place = np.arange(count) * source_fps / fps
    low = np.minimum(place.astype(int), len(joints) - 2)
    share = (place - low)[:, None, None]
    return (1.0 - share) * joints[low] + share * joints[low + 1]


def _sections(path: Path) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    lines: list[list[str]] = []
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if words and words[0].startswith(":"):
            lines = sections.setdefault(words[0][1:].lower(), [])
        elif words and words != ["begin"] and not words[0].startswith("#"):
            lines.append(words)
    return sections


def _records(lines: list[list[str]]) -> list[dict[str, list[str]]]:
    records: list[dict[str, list[str]]] = [{}]
    for key, *values in lines:
        if key == "end":
            records.append({})
        else:
            records[-1][key] = values
    return records[:-1]


def _bone(record: dict[str, list[str]]) -> tuple[str, tuple[np.ndarray, np.ndarray, tuple]]:
    direction = np.array(record["direction"][:3], dtype=float) * float(record["length"][0])
    axis = _euler(np.array(record["axis"][:3], dtype=float))
    return record["name"][0], (direction, axis, tuple(record.get("dof", ())))


def _euler(degrees: np.ndarray) -> np.ndarray:
    """Matrices (..., 3, 3) that rotate about x, then y, then z of the fixed frame."""
    (sx, sy, sz), (cx, cy, cz) = (
        np.moveaxis(function(np.radians(degrees)), -1, 0) for function in (np.sin, np.cos)
    )
    entries = (
        *(cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        *(sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        *(-sy, cy * sx, cy * cx),
    )
    return np.stack(entries, axis=-1).reshape(*degrees.shape[:-1], 3, 3)


def _human36m_joints(ends: dict[str, np.ndarray], face: np.ndarray) -> np.ndarray:
    """(frames, 17, 3) from bone ends; ``face`` (frames, 3) points where the head looks."""
    thorax, head = ends["thorax"], ends["upperneck"]
    line = head - thorax
    length = np.linalg.norm(line, axis=-1, keepdims=True)
    front = face - line * (face * line).sum(-1, keepdims=True) / length**2
    front /= np.linalg.norm(front, axis=-1, keepdims=True)
    leg = {side: [ends[side + bone] for bone in _LEG] for side in "lr"}
    # The wrist is the end of the wrist bone: the radius bone is two thirds of the forearm.
    arm = {side: [ends[side + bone] for bone in _ARM] for side in "lr"}
    joints = [
        (leg["l"][0] + leg["r"][0]) / 2,
        *leg["r"],
        *leg["l"],
        ends["lowerback"],
        thorax,
        thorax + _NOSE_ALONG * line + _NOSE_FORWARD * length * front,
        head,
        *arm["l"],
        *arm["r"],
    ]
    return np.stack(joints, axis=1)
