"""Reaching: wrists go to places near the body on straight minimum-jerk paths.

Elbows follow by two-link inverse kinematics; the trunk turns and bends towards what is far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from posekit.datasets.synthetic.kinematics import (
    OUTWARD,
    directions,
    limb_angles,
    positions,
    turn_right,
    two_link,
)
from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.signals import interpolate_keys, keyed_ramp, soft_clamp

RIGHT, LEFT = BOTH = 0, 1
NEAREST, FARTHEST = 0.35, 0.97
"""Distance of a wrist from its shoulder, in arm lengths."""

_ARC = 0.25
_SHOULDERS, _ELBOWS, _WRISTS = (14, 11), (15, 12), (16, 13)
_ANCHOR_JOINT = {"head": 10, "nose": 9}

Anchor = Literal["shoulder", "head", "nose"]


class Place(NamedTuple):
    """A place for a wrist: metres forward, outward and up of an anchor of the body.

    ``turn`` (degrees outward) and ``bend`` (degrees forward) is what the trunk adds;
    ``beat`` metres sideways at ``rate`` Hz while the wrist is there; ``swivel`` is the angle of
    the elbow below the horizontal, degrees.
    """

    anchor: Anchor
    forward: float
    outward: float
    up: float
    turn: float = 0.0
    bend: float = 0.0
    beat: float = 0.0
    rate: float = 2.0
    swivel: float = 45.0


class Reach(NamedTuple):
    """One arm (``RIGHT`` or ``LEFT``) leaves for a place at ``start`` and stays until ``stop``.

    Seconds. An arm whose next reach starts within 0.7 s goes there directly, else it returns.
    """

    arm: int
    place: Place
    start: float
    stop: float


def reaching_place(person: Person, forward: float, outward: float, up: float) -> Place:
    """A place relative to the shoulder, with the help of the trunk that it takes.

    The trunk turns by a quarter of the azimuth beyond 40 degrees and bends for what is out of
    reach.
    """
    azimuth = np.rad2deg(np.arctan2(outward, forward))
    beyond = np.sign(azimuth) * max(abs(azimuth) - 40.0, 0.0)
    distance = float(np.sqrt(forward**2 + outward**2 + up**2))
    missing = max(distance - FARTHEST * person.arm, 0.0)
    bend = min(np.rad2deg(missing / (person.lower_trunk + person.upper_trunk)), 60.0)
    return Place("shoulder", forward, outward, up, turn=0.25 * beyond, bend=float(bend))


def apply_reaches(
    person: Person,
    motion: Motion,
    reaches: Sequence[Reach],
    time: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Let the arms of a motion do what ``reaches`` say; in place."""
    plans = [_plan(person, [r for r in reaches if r.arm == arm], rng) for arm in (RIGHT, LEFT)]
    for arm, plan in enumerate(plans):
        turns = np.array([place.turn if place else 0.0 for place in plan.places])
        bends = np.array([place.bend if place else 0.0 for place in plan.places])
        path = interpolate_keys(
            time, np.stack([turns, bends], axis=-1), plan.starts, plan.durations
        )
        motion["shoulder_yaw"] -= OUTWARD[arm] * path[:, 0]
        motion["trunk_pitch"] += path[:, 1]
    joints = positions(person, directions(motion))
    for arm, plan in enumerate(plans):
        if len(plan.starts):
            _follow(person, motion, joints, arm, plan, time)


class _Plan(NamedTuple):
    """Places of one arm in order (None: wherever the rest of the motion has it) and the moves."""

    places: list[Place | None]
    starts: np.ndarray
    durations: np.ndarray


def _plan(person: Person, reaches: list[Reach], rng: np.random.Generator) -> _Plan:
    reaches = sorted(reaches, key=lambda reach: reach.start)
    places: list[Place | None] = [None]
    moves: list[tuple[float, float]] = []

    def go(place: Place | None, start: float) -> None:
        distance = _distance(person, places[-1], place)
        duration = (0.25 + 0.9 * distance) * float(np.clip(rng.normal(1, 0.15), 0.6, 1.5))
        if moves:
            start = max(start, moves[-1][0] + moves[-1][1] + 1e-3)
        moves.append((start, duration))
        places.append(place)

    for k, reach in enumerate(reaches):
        go(reach.place, reach.start)
        if k + 1 == len(reaches) or reaches[k + 1].start > reach.stop + 0.7:
            go(None, reach.stop)
    starts, durations = np.array(moves).reshape(-1, 2).T
    return _Plan(places, starts, durations)


def _distance(person: Person, first: Place | None, second: Place | None) -> float:
    """Rough length of a move between two places, metres."""
    spots = []
    for place in (first, second):
        if place is None:
            spots.append(np.array([0.1, 0.05, -0.9 * person.arm]))
            continue
        above = 0.0 if place.anchor == "shoulder" else person.head
        spots.append(np.array([place.forward, place.outward, place.up + above]))
    return float(np.sqrt(((spots[0] - spots[1]) ** 2).sum()))


def _follow(
    person: Person, motion: Motion, joints: np.ndarray, arm: int, plan: _Plan, time: np.ndarray
) -> None:
    shoulder, elbow, wrist = (joints[:, chain[arm]] for chain in (_SHOULDERS, _ELBOWS, _WRISTS))
    yaw = motion["shoulder_yaw"]
    # Everything below lives in the chest's own forward, left and up.
    own = {
        "wrist": turn_right(wrist - shoulder, -yaw),
        "elbow": turn_right(elbow - shoulder, -yaw),
        **{
            name: turn_right(joints[:, joint] - shoulder, -yaw)
            for name, joint in _ANCHOR_JOINT.items()
        },
        "shoulder": np.zeros_like(wrist),
    }
    spots = np.stack([_spot(place, own, motion, arm, time) for place in plan.places])
    poles = np.stack([_pole(place, own, arm) for place in plan.places])
    move, share = keyed_ramp(time, plan.starts, plan.durations)
    frame, share = np.arange(len(time)), share[:, None]
    origin, goal = spots[move, frame], spots[move + 1, frame]
    reach = (1 - share) * origin + share * goal
    # Hands pass in front of the body, not through it.
    travel = np.sqrt(((goal - origin) ** 2).sum(axis=-1))
    reach[:, 0] += _ARC * travel * 4 * (share * (1 - share))[:, 0]
    pole = (1 - share) * poles[move, frame] + share * poles[move + 1, frame]
    reach = _within_reach(reach, person.arm)
    upper, lower = two_link(reach, pole, person.upper_arm, person.forearm)
    # One arm at a time: the other side of the pair is a copy that is not used.
    angles = limb_angles(np.stack([upper] * 2, 1), np.stack([lower] * 2, 1), bend=1)
    names = ("shoulder_flexion", "shoulder_abduction", "shoulder_rotation", "elbow_flexion")
    for name, values in zip(names, angles, strict=True):
        motion[name][:, arm] = values[:, arm]


def _spot(
    place: Place | None,
    own: dict[str, np.ndarray],
    motion: Motion,
    arm: int,
    time: np.ndarray,
) -> np.ndarray:
    """(T, 3) where a place is, relative to the shoulder."""
    if place is None:
        return own["wrist"]
    sideways = place.outward + place.beat * np.sin(2 * np.pi * place.rate * time)
    offset = np.stack(
        [
            np.full(len(time), place.forward),
            OUTWARD[arm] * sideways,
            np.full(len(time), place.up),
        ],
        axis=-1,
    )
    if place.anchor == "nose":
        offset = turn_right(offset, motion["neck_yaw"])
    return own[place.anchor] + offset


def _pole(place: Place | None, own: dict[str, np.ndarray], arm: int) -> np.ndarray:
    """(T, 3) unit vector across the shoulder-wrist line, towards the elbow."""
    if place is None:
        along = own["wrist"] / np.linalg.norm(own["wrist"], axis=-1, keepdims=True)
        across = own["elbow"] - (own["elbow"] * along).sum(-1, keepdims=True) * along
        return across / np.linalg.norm(across, axis=-1, keepdims=True)
    swivel = np.deg2rad(place.swivel)
    pole = np.array([-0.25, OUTWARD[arm] * np.cos(swivel), -np.sin(swivel)])
    return np.broadcast_to(pole / np.sqrt((pole**2).sum()), own["wrist"].shape)


def _within_reach(reach: np.ndarray, arm: float) -> np.ndarray:
    distance = np.sqrt((reach**2).sum(axis=-1, keepdims=True))
    allowed = soft_clamp(distance, NEAREST * arm, FARTHEST * arm, margin=0.05 * arm)
    return reach * allowed / distance
