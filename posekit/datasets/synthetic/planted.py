"""Movements with both feet planted: standing, crouching, bowing, jumping, sitting, getting up.

A movement is a sequence of postures joined by minimum-jerk moves. A posture says where pelvis and
ankles are; the angles of the legs follow by two-link inverse kinematics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from posekit.datasets.synthetic.kinematics import OUTWARD, limb_angles, pelvis_line, two_link
from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.signals import (
    FRAMES_PER_SECOND,
    cubic_path,
    interpolate_keys,
    low_pass,
    minimum_jerk,
    ornstein_uhlenbeck,
    sway,
)

_SWAY_DEVIATION, _SWAY_TIME = 0.008, 1.2


class Posture(NamedTuple):
    """Pelvis and ankles (metres, forward and left of a fixed spot, and up) and angles (degrees).

    Ankles: forward, outward (away from the body's middle) and up, right then left.
    """

    forward: float
    left: float
    height: float
    right_ankle_forward: float
    left_ankle_forward: float
    right_ankle_outward: float
    left_ankle_outward: float
    right_ankle_up: float
    left_ankle_up: float
    knees_outward: float = 6.0
    pelvis_yaw: float = 0.0
    pelvis_roll: float = 0.0
    trunk_pitch: float = 1.0
    trunk_roll: float = 0.0
    shoulder_yaw: float = 0.0
    neck_pitch: float = 8.0
    neck_yaw: float = 0.0
    right_shoulder_flexion: float = -2.0
    left_shoulder_flexion: float = -2.0
    right_shoulder_abduction: float = 8.0
    left_shoulder_abduction: float = 8.0
    right_elbow_flexion: float = 18.0
    left_elbow_flexion: float = 18.0
    grounded: float = 1.0

    def arms(self, flexion: float, abduction: float, elbow: float) -> Posture:
        """The same posture with both arms alike."""
        return self._replace(
            right_shoulder_flexion=flexion,
            left_shoulder_flexion=flexion,
            right_shoulder_abduction=abduction,
            left_shoulder_abduction=abduction,
            right_elbow_flexion=elbow,
            left_elbow_flexion=elbow,
        )


class Move(NamedTuple):
    """A minimum-jerk move to a posture.

    ``bow`` degrees of trunk pitch come and go during the move, at most at 45 % of it.
    """

    start: float
    duration: float
    posture: Posture
    bow: float = 0.0


def upright(person: Person, rng: np.random.Generator) -> Posture:
    """Standing with the feet a hip's width apart, knees all but straight."""
    outward = person.hip_half_width * rng.uniform(0.75, 1.15)
    stagger = rng.normal(0, 0.03)
    return Posture(
        forward=0.0,
        left=0.0,
        height=person.foot_height + 0.985 * person.leg,
        right_ankle_forward=stagger,
        left_ankle_forward=-stagger,
        right_ankle_outward=outward,
        left_ankle_outward=outward,
        right_ankle_up=person.foot_height,
        left_ankle_up=person.foot_height,
        trunk_pitch=rng.normal(1.0, 2.0),
        neck_pitch=rng.normal(8.0, 4.0),
    )


def planted(
    person: Person,
    first: Posture,
    moves: Sequence[Move],
    time: np.ndarray,
    rng: np.random.Generator,
) -> Motion:
    """Motion through postures, with the sway of a living body.

    Args:
        person: bone lengths.
        first: posture at the beginning.
        moves: in order of time; each ends before the next begins.
        time: (T,) seconds.
        rng: source of the sway.
    """
    columns = _interpolate(first, moves, time)
    _add_sway(columns, time, rng)
    return _motion(person, columns)


def jump(
    person: Person, time: np.ndarray, rng: np.random.Generator, distance: float = 0.0
) -> Motion:
    """One jump: crouch, push-off, flight, landing crouch, recovery.

    Args:
        person: bone lengths.
        time: (T,) seconds; the jump begins at 0 and takes about 2 seconds.
        rng: depth, flight time (0.30 to 0.56 s), swing of the arms.
        distance: metres covered forward in the air.
    """
    stand = upright(person, rng)
    depth, flight = rng.uniform(0.15, 0.28), rng.uniform(0.30, 0.56)
    lower = rng.uniform(0.35, 0.5)
    takeoff = lower + 0.25
    landing = takeoff + flight
    speed = 9.81 * flight / 2
    absorb = min(0.18, 2.6 * 0.5 * depth / speed)
    # In flight the cubic through equal heights and opposite speeds is the ballistic parabola.
    height = cubic_path(
        time,
        [
            (0.0, stand.height, 0.0),
            (lower, stand.height - depth, 0.0),
            (takeoff, stand.height, speed),
            (landing, stand.height, -speed),
            (landing + absorb, stand.height - 0.5 * depth, 0.0),
            (landing + absorb + 0.6, stand.height, 0.0),
        ],
    )
    crouched = stand._replace(forward=-0.1, trunk_pitch=rng.uniform(30, 45), neck_pitch=-10.0).arms(
        -30.0, 10.0, 20.0
    )
    flying = stand._replace(trunk_pitch=4.0).arms(rng.uniform(120, 160), 20.0, 25.0)
    landed = stand._replace(forward=-0.06, trunk_pitch=20.0, neck_pitch=0.0).arms(35.0, 20.0, 30.0)
    moves = [
        Move(0.0, lower, crouched),
        Move(lower, 0.25 + 0.3 * flight, flying),
        Move(landing - 0.4 * flight, 0.4 * flight + absorb, landed),
        Move(landing + absorb + 0.05, 0.6, stand),
    ]
    columns = _interpolate(stand, moves, time)
    lift = np.maximum(height - stand.height, 0)
    airborne = np.clip((time - takeoff) / flight, 0, 1)
    tuck = 0.015 * person.leg * np.sin(np.pi * airborne) ** 2
    columns["height"] = height
    for ankle in ("right_ankle_up", "left_ankle_up"):
        columns[ankle] = columns[ankle] + lift + tuck
    in_air = (time > takeoff) & (time < landing)
    columns["grounded"] = 1.0 - in_air
    motion = _motion(person, columns)
    motion["velocity"][:, 0] = np.where(in_air, distance / flight, motion["velocity"][:, 0])
    return motion


def _interpolate(first: Posture, moves: Sequence[Move], time: np.ndarray) -> dict[str, np.ndarray]:
    """The fields of a posture over time, each (T,)."""
    keys = np.array([first, *(move.posture for move in moves)])
    starts = np.array([move.start for move in moves])
    durations = np.array([move.duration for move in moves])
    path = interpolate_keys(time, keys, starts, durations)
    columns = dict(zip(Posture._fields, path.T.copy(), strict=True))
    for move in moves:
        if move.bow:
            columns["trunk_pitch"] += move.bow * _bump((time - move.start) / move.duration)
    return columns


def _bump(u: np.ndarray) -> np.ndarray:
    return minimum_jerk(u / 0.45) - minimum_jerk((u - 0.45) / 0.55)


def _add_sway(columns: dict[str, np.ndarray], time: np.ndarray, rng: np.random.Generator) -> None:
    """Body sway of a standing person; half of it for one who sits."""
    share = 0.5 + 0.5 * columns["grounded"]
    drift = ornstein_uhlenbeck(len(time), _SWAY_TIME, 1.0, rng, columns=9)
    drift = low_pass(drift, cutoff=2.0) * share[:, None]
    scales = {
        "forward": _SWAY_DEVIATION,
        "left": _SWAY_DEVIATION,
        "trunk_pitch": 1.5,
        "trunk_roll": 1.5,
        "right_shoulder_flexion": 3.0,
        "left_shoulder_flexion": 3.0,
        "right_elbow_flexion": 3.0,
        "left_elbow_flexion": 3.0,
        "neck_yaw": 3.0,
    }
    for k, (name, scale) in enumerate(scales.items()):
        columns[name] = columns[name] + scale * drift[:, k]
    rock = sway(time, 2, rng, amplitude=(0.3, 0.8)) * columns["grounded"][:, None]
    columns["pelvis_yaw"] = columns["pelvis_yaw"] + rock[:, 0]
    columns["pelvis_roll"] = columns["pelvis_roll"] + rock[:, 1]


def _motion(person: Person, columns: dict[str, np.ndarray]) -> Motion:
    motion = Motion(len(columns["height"]))
    for name in (
        "pelvis_yaw",
        "pelvis_roll",
        "trunk_pitch",
        "trunk_roll",
        "shoulder_yaw",
        "neck_pitch",
        "neck_yaw",
        "grounded",
        "height",
    ):
        motion[name] = columns[name]
    for name in ("shoulder_flexion", "shoulder_abduction", "elbow_flexion"):
        motion[name] = np.stack([columns[f"right_{name}"], columns[f"left_{name}"]], axis=-1)
    motion["left_support"] = 0.5
    plane = np.stack([columns["forward"], columns["left"]], axis=-1)
    motion["velocity"] = np.gradient(plane, axis=0) * FRAMES_PER_SECOND
    _bend_legs(person, motion, columns)
    return motion


def _bend_legs(person: Person, motion: Motion, columns: dict[str, np.ndarray]) -> None:
    pelvis = np.stack([columns["forward"], columns["left"], columns["height"]], axis=-1)
    sides = ("right", "left")
    ankles = np.stack(
        [
            np.stack([columns[f"{side}_ankle_forward"] for side in sides], axis=-1),
            np.stack([columns[f"{side}_ankle_outward"] for side in sides], axis=-1) * OUTWARD,
            np.stack([columns[f"{side}_ankle_up"] for side in sides], axis=-1),
        ],
        axis=-1,
    )
    line = pelvis_line(motion["pelvis_yaw"], motion["pelvis_roll"])
    hips = pelvis[:, None] + person.hip_half_width * OUTWARD[:, None] * line[:, None]
    aside = np.tan(np.deg2rad(columns["knees_outward"]))[:, None] * OUTWARD
    # Knees point forward and up: forward alone would not do for legs stretched on the floor.
    pole = np.stack([np.ones_like(aside), aside, np.ones_like(aside)], axis=-1)
    angles = limb_angles(*two_link(ankles - hips, pole, person.thigh, person.shank), bend=-1)
    for name, values in zip(
        ("hip_flexion", "hip_abduction", "hip_rotation", "knee_flexion"), angles, strict=True
    ):
        motion[name] = values
