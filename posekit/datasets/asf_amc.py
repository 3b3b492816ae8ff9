"""Acclaim motion capture (``.asf`` skeleton, ``.amc`` motion) as Human3.6M-17 joint positions.

Format and forward kinematics as the CMU Graphics Lab Motion Capture Database uses them
(http://mocap.cs.cmu.edu) and as the format is described in
http://graphics.cs.cmu.edu/nsp/course/cs229/info/ACCLAIMdef.html and
http://research.cs.wisc.edu/graphics/Courses/cs-838-1999/Jeff/ASF-AMC.html: rotations are about x,
then y, then z of the fixed frame; a bone turns within its own axis frame; lengths are inches times
the number that the header states; y points up.

What a header declares is honoured: the unit of length, the unit of angles in either file, the
order of channels. It is refused where readers of the format disagree on what it means: another
sequence of rotations (some turn in the order of the channels, some in that of the axis), and a root
that does not start at the origin. Limits of angles and masses have no part in the pose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from posekit.datasets.archives import readable
from posekit.errors import InvalidData
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import reason

INCH = 0.0254  # metres
SOURCE_FPS = 120.0
FPS = 50.0
LEAST_FPS, MOST_FPS = 10.0, 1000.0  # of any motion capture
MOST_BONES = 64  # CMU's skeletons have 30
Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])

# Human3.6M's neck/nose, in its own subjects' proportions: so far along the line from thorax to
# head and so far in front of it, relative to the length of that line.
_NOSE_ALONG, _NOSE_FORWARD = 0.52, 0.41
_LEG, _ARM = ("hipjoint", "femur", "tibia"), ("clavicle", "humerus", "wrist")
_NEEDED = {
    *("lowerback", "thorax", "upperneck"),
    *(side + bone for side in "lr" for bone in _LEG + _ARM),
}
_SECTIONS = {"version", "name", "units", "documentation", "root", "bonedata", "hierarchy", "skin"}
_VERSION = 1.10
_ANGLES = {"deg": np.pi / 180, "rad": 1.0}
_MOTION_ANGLES = {":DEGREES": np.pi / 180, ":RADIANS": 1.0}
_MOTION_KEYWORDS = {":FULLY-SPECIFIED", *_MOTION_ANGLES}
_ROTATIONS = ("rx", "ry", "rz")
_ROOT_CHANNELS = {"tx", "ty", "tz", *_ROTATIONS}
_BONE_KEYS = {
    *("id", "name", "direction", "length", "axis", "dof"),
    *("limits", "bodymass", "cofmass"),  # no part of the pose
}
_SPACES = str.maketrans("(),", "   ")
_FRAME = re.compile(r"[0-9]{1,9}")
_UNIT_LENGTH = 0.01  # by which a direction's length may differ from 1; files round to 6 digits


@dataclass(frozen=True)
class Bone:
    """A rigid segment: ``vector`` (3,) from start to end at rest in file units, ``axis`` (3, 3)
    its frame at rest, ``dof`` the names of its channels in file order, ``parent`` a bone's name."""

    vector: np.ndarray
    axis: np.ndarray
    dof: tuple[str, ...]
    parent: str


class Body(NamedTuple):
    """Bones by name, parents before children, the root without length first; ``unit`` is metres
    per unit of length in the skeleton and in its motions."""

    bones: dict[str, Bone]
    unit: float


def read_take(motion: Path, skeleton: Path, fps: float = SOURCE_FPS) -> np.ndarray:
    """One take as joints of Human3.6M-17.

    Args:
        motion: the ``.amc`` file.
        skeleton: the subject's ``.asf`` file.
        fps: frame rate of the motion, which no file tells; 120 for nearly all of the data base.

    Returns:
        (frames, 17, 3) float32, metres, z up, 50 frames per second.

    Raises:
        InvalidData: files that cannot be read, are truncated, of another format or of a variant
            of it, or do not belong together; a frame rate that no recording has.
    """
    if not LEAST_FPS <= fps <= MOST_FPS:
        raise InvalidData(
            f"{motion}: {fps:g} frames per second; {LEAST_FPS:g} to {MOST_FPS:g} are due."
        )
    with np.errstate(all="ignore"):  # what is not finite is refused below
        joints = resample(read_joints(motion, skeleton), fps, FPS).astype(np.float32)
    if not np.isfinite(joints).all():
        raise InvalidData(
            f"{motion}: joints are NaN or infinite; a number in it or in {skeleton.name} is "
            "damaged: get both again."
        )
    return joints


def read_joints(motion: Path, skeleton: Path) -> np.ndarray:
    """Joints of Human3.6M-17 in every recorded frame, (frames, 17, 3), metres, z up.

    Raises:
        InvalidData: as ``read_take``.
    """
    body = read_skeleton(skeleton)
    root, turns = read_motion(motion, body.bones)
    ends, frames = forward_kinematics(body.bones, root, turns)
    return _human36m_joints(ends, frames["upperneck"][..., 2]) * body.unit @ Y_UP_TO_Z_UP.T


def read_skeleton(path: Path) -> Body:
    """The skeleton of an ``.asf`` file.

    Raises:
        InvalidData: not such a file, one that declares what posekit does not know, or one without
            bones that Human3.6M's joints need.
    """
    try:
        sections = _sections(_lines(path))
        (version,) = _numbers(sections["version"][0], 1, "version")
        if version != _VERSION:
            raise ValueError(f"version {version:g}, {_VERSION:g} is due")
        unit, angle = _units(sections["units"])
        bones = _connected(
            sections["hierarchy"],
            _root(sections["root"]),
            dict(_bone(record, angle) for record in _records(sections["bonedata"])),
        )
    except KeyError as error:
        raise InvalidData(
            f"{path}: not a complete Acclaim skeleton (no {reason(error)}); get it again."
        ) from error
    except (ValueError, IndexError) as error:
        raise InvalidData(
            f"{path}: not an Acclaim skeleton as CMU's ({reason(error)}); get it again."
        ) from error
    missing = sorted(_NEEDED - bones.keys())
    if missing:
        raise InvalidData(f"{path}: the skeleton lacks {', '.join(missing)}; is it a CMU file?")
    return Body(bones, unit)


def read_motion(path: Path, bones: dict[str, Bone]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Root positions (frames, 3) in file units and local rotations of an ``.amc`` file.

    Returns:
        The positions, and per bone (frames, 3, 3), or (1, 3, 3) where it never turns.

    Raises:
        InvalidData: not such a file, truncated, with frames left out, or of another skeleton.
    """
    try:
        angle, tables = _tables(_lines(path), bones)
        turns = {}
        for name, bone in bones.items():
            angles = np.zeros((len(tables[name]) if bone.dof else 1, 3))
            for column, dof in enumerate(bone.dof):
                if dof in _ROTATIONS:
                    angles[:, _ROTATIONS.index(dof)] = tables[name][:, column]
            turns[name] = bone.axis @ _euler(angles * angle) @ bone.axis.T
    except ValueError as error:
        raise InvalidData(
            f"{path}: truncated, or not the motion of this skeleton ({reason(error)}); get it "
            "again."
        ) from error
    places = [bones["root"].dof.index(channel) for channel in ("tx", "ty", "tz")]
    return tables["root"][:, places], turns


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


def _lines(path: Path) -> list[list[str]]:
    """The words of each line that has any, without comments."""
    with readable(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    lines = (line.partition("#")[0].translate(_SPACES).split() for line in text.splitlines())
    return [words for words in lines if words]


def _numbers(words: Sequence[str], count: int, what: str) -> np.ndarray:
    try:
        values = np.array(words, dtype=float)
    except ValueError:
        values = np.empty(0)
    if values.shape != (count,) or not np.isfinite(values).all():
        raise ValueError(f"{what} is {shown(' '.join(words))}, {count} numbers are due")
    return values


def _sections(lines: Iterable[list[str]]) -> dict[str, list[list[str]]]:
    """Lines by keyword; what stands on the keyword's own line is the first."""
    sections: dict[str, list[list[str]]] = {}
    held: list[list[str]] = []
    for keyword, *rest in lines:
        if keyword.startswith(":"):
            name = keyword[1:].lower()
            if name not in _SECTIONS or name in sections:
                raise ValueError(f"section {shown(keyword)} is unknown or repeated")
            held = sections[name] = [rest] if rest else []
        else:
            held.append([keyword, *rest])
    return sections


def _fields(lines: Iterable[list[str]], known: Iterable[str], what: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for key, *values in lines:
        if key.lower() not in known or key.lower() in fields:
            raise ValueError(f"{what}: {shown(key)} is unknown or repeated")
        fields[key.lower()] = values
    return fields


def _units(lines: Iterable[list[str]]) -> tuple[float, float]:
    """Metres per unit of length, and radians per unit of angle."""
    fields = _fields(lines, ("mass", "length", "angle"), "units")
    (length,) = _numbers(fields["length"], 1, "length")
    if length <= 0:
        raise ValueError(f"units: length {length:g}, a positive number is due")
    angle = " ".join(fields["angle"]).lower()
    if angle not in _ANGLES:
        raise ValueError(f"units: angle {shown(angle)}, deg or rad is due")
    return float(INCH / length), _ANGLES[angle]


def _root(lines: Iterable[list[str]]) -> Bone:
    fields = _fields(lines, ("order", "axis", "position", "orientation"), "root")
    for name in ("position", "orientation"):
        if _numbers(fields[name], 3, f"root {name}").any():
            raise ValueError(f"root {name} {' '.join(fields[name])}, 0 0 0 is due")
    _check_axis(fields["axis"], "root")
    order = tuple(word.lower() for word in fields["order"])
    if len(order) != len(_ROOT_CHANNELS) or set(order) != _ROOT_CHANNELS:
        raise ValueError("root order names other channels than TX TY TZ RX RY RZ")
    _check_sequence(order, "root")
    return Bone(np.zeros(3), np.eye(3), order, "")


def _records(lines: Iterable[list[str]]) -> list[dict[str, list[str]]]:
    """The bones' fields; each stands between ``begin`` and ``end``."""
    records: list[dict[str, list[str]]] = []
    held: list[list[str]] | None = None
    for words in lines:
        if words[0].lower() == "begin" and held is None:
            held = []
        elif words[0].lower() == "end" and held is not None:
            records.append(_fields(held, _BONE_KEYS, "bone"))
            held = None
        elif held is None:
            raise ValueError(f"{shown(words[0])} stands outside a bone")
        elif not _is_number(words[0]):  # numbers go on with the limits of the line before
            held.append(words)
    if held is not None or len(records) > MOST_BONES:
        raise ValueError(f"bones without their end, or more than {MOST_BONES}")
    names = [record["name"] for record in records]
    if any(len(name) != 1 or names.count(name) > 1 for name in names):
        raise ValueError("a bone without a name of its own")
    return records


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _bone(record: dict[str, list[str]], angle: float) -> tuple[str, Bone]:
    """Name and bone; its parent is told elsewhere."""
    (name,) = record["name"]
    told = f"bone {shown(name)}:"
    direction = _numbers(record["direction"], 3, f"{told} direction")
    (length,) = _numbers(record["length"], 1, f"{told} length")
    if length < 0 or abs(np.linalg.norm(direction) - 1) > _UNIT_LENGTH:
        raise ValueError(f"{told} a direction of length 1 and a length of 0 or more are due")
    _check_axis(record["axis"][3:], told)
    axis = _euler(_numbers(record["axis"][:3], 3, f"{told} axis") * angle)
    dof = tuple(word.lower() for word in record.get("dof", ()))
    if not set(dof) <= set(_ROTATIONS) or len(set(dof)) < len(dof):
        raise ValueError(f"{told} dof {shown(' '.join(dof))}, some of rx ry rz are due")
    _check_sequence(dof, told)
    return name, Bone(direction * length, axis, dof, "")


def _check_axis(words: Sequence[str], told: str) -> None:
    if [word.upper() for word in words] != ["XYZ"]:
        raise ValueError(f"{told} axis {shown(' '.join(words))}, XYZ is due")


def _check_sequence(channels: Sequence[str], told: str) -> None:
    turned = [channel for channel in channels if channel in _ROTATIONS]
    if turned != sorted(turned):
        raise ValueError(f"{told} rotations in the order {' '.join(turned)}, x before y before z")


def _connected(lines: Iterable[list[str]], root: Bone, free: dict[str, Bone]) -> dict[str, Bone]:
    """All bones with their parents, parents first, in whatever order the file names them."""
    parents: dict[str, str] = {}
    for parent, *children in lines:
        for child in children:
            if child in parents or child not in free:
                raise ValueError(f"hierarchy: {shown(child)} is no bone or has two parents")
            parents[child] = parent
    bones = {"root": root}
    while len(bones) <= len(free):
        ready = [name for name, above in parents.items() if above in bones and name not in bones]
        if not ready:
            raise ValueError("hierarchy: some bones do not hang on the root")
        bones |= {name: replace(free[name], parent=parents[name]) for name in ready}
    return bones


def _tables(
    lines: Iterable[list[str]], bones: dict[str, Bone]
) -> tuple[float, dict[str, np.ndarray]]:
    """Radians per unit of angle, and (frames, channels) of every bone that has channels."""
    rows: dict[str, list[list[str]]] = {name: [] for name, bone in bones.items() if bone.dof}
    keywords: list[str] = []
    count = number = 0
    for words in lines:
        if len(words) == 1 and _FRAME.fullmatch(words[0]):
            if count and int(words[0]) != number + 1:
                raise ValueError(f"frame {words[0]} follows on frame {number}")
            count, number = count + 1, int(words[0])
        elif not count:
            keywords.append(words[0].upper() if len(words) == 1 else " ".join(words))
        elif words[0] not in rows:
            raise ValueError(f"frame {number}: {shown(words[0])} is no bone that moves")
        elif len(rows[words[0]]) != count - 1 or len(words) - 1 != len(bones[words[0]].dof):
            raise ValueError(f"frame {number}: {words[0]} stands twice, late, or without a value")
        else:
            rows[words[0]].append(words[1:])
    absent = [name for name, held in rows.items() if len(held) != count]
    if absent or count < 2:
        raise ValueError(f"{count} frames, the last without {', '.join(absent[:3]) or 'a next'}")
    tables = {name: np.array(held, dtype=float) for name, held in rows.items()}
    if not all(np.isfinite(table).all() for table in tables.values()):
        raise ValueError("it holds NaN or infinity")
    return _motion_angle(keywords), tables


def _motion_angle(keywords: Sequence[str]) -> float:
    unknown = [word for word in keywords if word not in _MOTION_KEYWORDS]
    units = [_MOTION_ANGLES[word] for word in keywords if word in _MOTION_ANGLES]
    if unknown or len(units) != 1:
        told = shown(unknown[0]) if unknown else " ".join(keywords)
        raise ValueError(f"its header says {told or 'nothing'}, :DEGREES or :RADIANS is due")
    return units[0]


def _euler(angles: np.ndarray) -> np.ndarray:
    """Matrices (..., 3, 3) that rotate by radians (..., 3) about x, then y, then z."""
    (sx, sy, sz), (cx, cy, cz) = (
        np.moveaxis(function(angles), -1, 0) for function in (np.sin, np.cos)
    )
    entries = (
        *(cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx),
        *(sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx),
        *(-sy, cy * sx, cy * cx),
    )
    return np.stack(entries, axis=-1).reshape(*angles.shape[:-1], 3, 3)


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
