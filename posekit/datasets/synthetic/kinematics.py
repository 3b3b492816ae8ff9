"""Forward and inverse kinematics of the Human3.6M-17 skeleton.

Vectors here are (forward, left, up) of the body, whose forward is its heading.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.signals import low_pass

OUTWARD = np.array([-1.0, 1.0])
"""Sign of "left" that points away from the body, for the right and the left side."""

NOSE_UP, NOSE_FORWARD = 0.52, 0.41
LOWER_TRUNK_SHARE = 0.6


class Directions(NamedTuple):
    """Unit vectors (T, 3) of the trunk and (T, 2, 3), right then left, of the limbs."""

    hip_line: np.ndarray  # towards the left hip
    lower_trunk: np.ndarray
    upper_trunk: np.ndarray
    shoulder_line: np.ndarray  # towards the left shoulder
    head: np.ndarray
    face: np.ndarray
    thigh: np.ndarray
    shank: np.ndarray
    upper_arm: np.ndarray
    forearm: np.ndarray


def directions(motion: Motion) -> Directions:
    """Directions of all bones from the angles of a motion."""
    lower = _inclined(
        LOWER_TRUNK_SHARE * motion["trunk_pitch"], LOWER_TRUNK_SHARE * motion["trunk_roll"]
    )
    upper = _inclined(motion["trunk_pitch"], motion["trunk_roll"])
    chest = _turned(*_across(upper), motion["shoulder_yaw"])
    face = _turned(*chest, motion["neck_yaw"])[0]
    sine, cosine = _sine_cosine(motion["neck_pitch"][:, None])
    thigh, shank = _limb(
        motion["hip_flexion"],
        motion["hip_abduction"],
        -motion["knee_flexion"],
        motion["hip_rotation"],
    )
    upper_arm, forearm = _limb(
        motion["shoulder_flexion"],
        motion["shoulder_abduction"],
        motion["elbow_flexion"],
        -motion["shoulder_rotation"],
    )
    return Directions(
        hip_line=pelvis_line(motion["pelvis_yaw"], motion["pelvis_roll"]),
        lower_trunk=lower,
        upper_trunk=upper,
        shoulder_line=chest[1],
        head=cosine * upper + sine * face,
        face=cosine * face - sine * upper,
        thigh=thigh,
        shank=shank,
        upper_arm=turn_right(upper_arm, motion["shoulder_yaw"][:, None]),
        forearm=turn_right(forearm, motion["shoulder_yaw"][:, None]),
    )


def smooth(bones: Directions) -> Directions:
    """The same directions, low-passed at 8 Hz; bones keep their length since they stay units."""
    filtered = [_unit(low_pass(direction)) for direction in bones]
    smoothed = Directions(*filtered)
    face = smoothed.face - _dot(smoothed.face, smoothed.head) * smoothed.head
    return smoothed._replace(face=_unit(face))


def positions(person: Person, bones: Directions) -> np.ndarray:
    """(T, 17, 3) joints in Human3.6M-17 order, relative to the pelvis, in the body's axes."""
    joints = np.zeros((len(bones.head), 17, 3))
    side = OUTWARD[:, None]
    hips = person.hip_half_width * side * bones.hip_line[:, None]
    knees = hips + person.thigh * bones.thigh
    joints[:, [1, 4]] = hips
    joints[:, [2, 5]] = knees
    joints[:, [3, 6]] = knees + person.shank * bones.shank
    joints[:, 7] = person.lower_trunk * bones.lower_trunk
    joints[:, 8] = joints[:, 7] + person.upper_trunk * bones.upper_trunk
    joints[:, 9] = joints[:, 8] + person.head * (NOSE_UP * bones.head + NOSE_FORWARD * bones.face)
    joints[:, 10] = joints[:, 8] + person.head * bones.head
    shoulders = (
        joints[:, 8, None] + person.shoulder_half_width * side * bones.shoulder_line[:, None]
    )
    elbows = shoulders + person.upper_arm * bones.upper_arm
    joints[:, [14, 11]] = shoulders
    joints[:, [15, 12]] = elbows
    joints[:, [16, 13]] = elbows + person.forearm * bones.forearm
    return joints


def two_link(
    reach: np.ndarray, pole: np.ndarray, first: float, second: float
) -> tuple[np.ndarray, np.ndarray]:
    """Directions of two links that lead from the origin to a point.

    Args:
        reach: (..., 3) the point; a point out of reach is approached with the limb stretched.
        pole: (..., 3) the side to which the middle joint points; not parallel to ``reach``.
        first, second: lengths of the links.

    Returns:
        Unit vectors (..., 3) of the first and of the second link.
    """
    distance = np.sqrt(_dot(reach, reach))
    along = reach / distance
    distance = np.clip(distance, abs(first - second) * 1.02, (first + second) * 0.9995)
    across = _unit(pole - _dot(pole, along) * along)
    cosine = (first**2 + distance**2 - second**2) / (2 * first * distance)
    link = cosine * along + np.sqrt(1 - cosine**2) * across
    return link, _unit(distance * along - first * link)


def limb_angles(
    upper: np.ndarray, lower: np.ndarray, bend: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Flexion, abduction, rotation, bend (degrees, (T, 2)) that give two links (T, 2, 3).

    ``bend`` is -1 for a leg (the shank bends backwards), +1 for an arm; rotation is outward for a
    leg and inward for an arm. Flexion is returned between -120 and 240 degrees.
    """
    outward = OUTWARD * upper[..., 1]
    flexion = np.rad2deg(np.arctan2(upper[..., 0], -upper[..., 2]))
    flexion = np.mod(flexion + 120, 360) - 120
    abduction = np.rad2deg(np.arcsin(np.clip(outward, -1, 1)))
    ahead, aside = _tangents(flexion, abduction)
    forward, sideward = (lower * ahead).sum(-1), (lower * aside).sum(-1)
    angle = np.rad2deg(np.arctan2(np.sqrt(forward**2 + sideward**2), (upper * lower).sum(-1)))
    rotation = np.rad2deg(np.arctan2(-sideward, bend * forward))
    return flexion, abduction, rotation, angle


def pelvis_line(yaw: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """(T, 3) unit vectors towards the left hip; positive yaw: right hip behind the left."""
    sine_y, cosine_y = _sine_cosine(yaw)
    sine_r, cosine_r = _sine_cosine(roll)
    return np.stack([sine_y * cosine_r, cosine_y * cosine_r, -sine_r], axis=-1)


def turn_right(vectors: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) turned about the vertical, to the right for positive degrees (...)."""
    sine, cosine = _sine_cosine(np.asarray(degrees))
    forward = cosine * vectors[..., 0] + sine * vectors[..., 1]
    left = cosine * vectors[..., 1] - sine * vectors[..., 0]
    return np.stack([forward, left, np.broadcast_to(vectors[..., 2], left.shape)], axis=-1)


def _limb(
    flexion: np.ndarray, abduction: np.ndarray, bend: np.ndarray, outward_rotation: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Directions (T, 2, 3) of the upper and lower link; ``bend`` positive forward."""
    upper = _limb_direction(flexion, abduction)
    ahead, aside = _tangents(flexion, abduction)
    sine, cosine = _sine_cosine(bend[..., None])
    turn_sine, turn_cosine = _sine_cosine(outward_rotation[..., None])
    return upper, cosine * upper + sine * (turn_cosine * ahead + turn_sine * aside)


def _limb_direction(flexion: np.ndarray, abduction: np.ndarray) -> np.ndarray:
    sine_f, cosine_f = _sine_cosine(flexion)
    sine_a, cosine_a = _sine_cosine(abduction)
    return np.stack([cosine_a * sine_f, OUTWARD * sine_a, -cosine_a * cosine_f], axis=-1)


def _tangents(flexion: np.ndarray, abduction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (T, 2, 3) in which more flexion and more abduction move the limb."""
    sine_f, cosine_f = _sine_cosine(flexion)
    sine_a, cosine_a = _sine_cosine(abduction)
    ahead = np.stack([cosine_f, np.zeros_like(cosine_f), sine_f], axis=-1)
    aside = np.stack([-sine_a * sine_f, OUTWARD * cosine_a, sine_a * cosine_f], axis=-1)
    return ahead, aside


def _inclined(pitch: np.ndarray, roll: np.ndarray) -> np.ndarray:
    sine_p, cosine_p = _sine_cosine(pitch)
    sine_r, cosine_r = _sine_cosine(roll)
    return np.stack([cosine_r * sine_p, -sine_r, cosine_r * cosine_p], axis=-1)


def _across(up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forward and left of a trunk that points along ``up``, neither twisted."""
    left = _unit(np.stack([-up[:, 1] * up[:, 0], 1 - up[:, 1] ** 2, -up[:, 1] * up[:, 2]], -1))
    return np.cross(left, up), left


def _turned(
    forward: np.ndarray, left: np.ndarray, degrees: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A pair of axes turned to the right in their own plane."""
    sine, cosine = _sine_cosine(degrees[:, None])
    return cosine * forward - sine * left, cosine * left + sine * forward


def _sine_cosine(degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    radians = np.deg2rad(degrees)
    return np.sin(radians), np.cos(radians)


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(axis=-1, keepdims=True)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt(_dot(vectors, vectors))
