"""Sitting postures on chairs and on the floor, and the ways down and up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.planted import Move, Posture, upright

PELVIS_ABOVE_SEAT = 0.09
FLOOR_SEAT = 0.08


class Seat(NamedTuple):
    """Postures on one seat, the first the plain one, and the moves that lead to it.

    The moves of ``way_down`` and of ``way_up`` follow each other; their starts are not set.
    """

    postures: tuple[Posture, ...]
    way_down: list[Move]
    halfway_up: list[Move]

    def way_up(self, standing: Posture) -> list[Move]:
        """Moves from the plain posture to standing."""
        return [*self.halfway_up, Move(0.0, 1.7, standing, bow=35.0)]


def draw_seat(person: Person, rng: np.random.Generator) -> Seat:
    """A chair of 0.42 to 0.48 m: legs together, apart, stretched or crossed; leaning back."""
    plain = (
        upright(person, rng)
        ._replace(
            forward=-rng.uniform(0.40, 0.45),
            height=rng.uniform(0.42, 0.48) + PELVIS_ABOVE_SEAT,
            trunk_pitch=rng.uniform(5, 15),
            neck_pitch=rng.normal(2, 4),
            knees_outward=rng.uniform(4, 12),
            grounded=0.0,
        )
        .arms(flexion=4.0, abduction=9.0, elbow=52.0)
    )
    ahead = rng.uniform(0.15, 0.30)
    stretched = plain._replace(right_ankle_forward=ahead, left_ankle_forward=ahead - 0.05)
    tucked = plain._replace(right_ankle_forward=-0.12, left_ankle_forward=-0.08)
    crossed = plain._replace(
        right_ankle_forward=0.24,
        right_ankle_outward=-0.14,
        right_ankle_up=person.foot_height + 0.14,
        left_ankle_forward=0.05,
        left_ankle_outward=0.04,
        knees_outward=4.0,
    )
    leaning = stretched._replace(trunk_pitch=-12.0, neck_pitch=14.0)
    forward = plain._replace(trunk_pitch=28.0, neck_pitch=-8.0).arms(22.0, 10.0, 50.0)
    down = Move(0.0, rng.uniform(1.4, 2.2), plain, bow=rng.uniform(28, 34))
    return Seat((plain, plain, stretched, tucked, crossed, leaning, forward), [down], [])


def floor_seat(person: Person, rng: np.random.Generator) -> Seat:
    """On the floor: knees up, legs stretched or loosely crossed; way down through a squat.

    Ankles are so far ahead of the pelvis that hips stay within their 120 degrees.
    """
    stand = upright(person, rng)
    squat = stand._replace(
        forward=-0.22,
        height=0.36,
        trunk_pitch=42.0,
        neck_pitch=-14.0,
        knees_outward=18.0,
    ).arms(30.0, 15.0, 25.0)
    plain = stand._replace(
        forward=-0.86 * person.leg,
        height=FLOOR_SEAT + PELVIS_ABOVE_SEAT,
        trunk_pitch=rng.uniform(8, 16),
        neck_pitch=4.0,
        knees_outward=rng.uniform(6, 14),
        grounded=0.0,
    ).arms(flexion=38.0, abduction=14.0, elbow=28.0)
    ahead = 0.12 * person.leg
    stretched = plain._replace(
        right_ankle_forward=ahead,
        left_ankle_forward=ahead - 0.02,
        trunk_pitch=-8.0,
        neck_pitch=12.0,
    ).arms(-18.0, 14.0, 10.0)
    one_up = plain._replace(right_ankle_forward=ahead)
    crossed = plain._replace(
        right_ankle_forward=-0.17 * person.leg,
        left_ankle_forward=-0.20 * person.leg,
        right_ankle_outward=-0.08,
        left_ankle_outward=-0.04,
        knees_outward=66.0,
    ).arms(14.0, 12.0, 45.0)
    way_down = [
        Move(0.0, rng.uniform(1.2, 1.6), squat),
        Move(0.0, rng.uniform(0.8, 1.2), plain),
    ]
    return Seat((plain, stretched, one_up, crossed), way_down, [Move(0.0, 0.9, squat, bow=20.0)])
