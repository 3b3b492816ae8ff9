"""The scripts of all actions: Human3.6M's fifteen, and running and jumping."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from posekit.datasets.synthetic.arms import BOTH, Place, Reach, reaching_place
from posekit.datasets.synthetic.locomotion import draw_walking_speed, run, walk
from posekit.datasets.synthetic.motion import Motion, seconds
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.planted import jump, upright
from posekit.datasets.synthetic.scripts import (
    Script,
    adjusted,
    gestures,
    hand_to_mouth,
    hold_throughout,
    point_around,
    sit,
    stand,
    stoop,
    turn_round,
    walk_about,
)
from posekit.datasets.synthetic.seats import draw_seat, floor_seat


def _directions(script: Script) -> None:
    while script.remaining > 5:
        stand(script, script.rng.uniform(2.5, 4.0))
        turn_round(script)
    stand(script)
    point_around(script)


def _discussion(script: Script) -> None:
    if script.seconds > 8 and script.chance(0.5):
        walk_about(script, 2.0, speed=0.8)
    stand(script)
    gestures(script, script.rng.uniform(0.6, 1.0))


def _eating(script: Script) -> None:
    if script.chance(0.7):
        sit(script, draw_seat(script.person, script.rng))
    else:
        stand(script, lively=0.6)
    hand_to_mouth(script, Place("shoulder", 0.32, -0.05, -0.30), pause=(0.6, 1.6))


def _greeting(script: Script) -> None:
    rng = script.rng
    if script.seconds > 6:
        walk_about(script, rng.uniform(1.5, 2.5))
    bows = script.chance(0.5)
    arm, start = script.arm(), script.elapsed
    if bows:
        start += 0.2
        stoop(script, depth=0.03, pitch=rng.uniform(25, 40), hold=0.4)
    stand(script)
    while start < script.seconds:
        wave = Place("shoulder", 0.16, 0.22, 0.22, beat=0.09, rate=rng.uniform(1.5, 2.5))
        shake = reaching_place(script.person, 0.85 * script.person.arm, -0.05, -0.15)
        place = wave if script.chance(0.7) else shake
        stop = start + rng.uniform(1.5, 3.0)
        script.reaches.append(Reach(arm, place, start, stop))
        start = stop + rng.uniform(0.8, 2.0)


def _phoning(script: Script) -> None:
    kind = script.rng.random()
    if kind < 0.4:
        walk_about(script, speed=script.rng.uniform(0.7, 1.0))
    elif kind < 0.8:
        sit(script, draw_seat(script.person, script.rng))
    else:
        stand(script)
    arm = script.arm()
    hold_throughout(script, arm, Place("head", 0.12, 0.08, -0.13, swivel=75.0))


def _photo(script: Script) -> None:
    rng = script.rng
    while script.remaining > 6:
        if script.chance(0.4):
            walk_about(script, rng.uniform(1.5, 2.5), speed=0.8)
        elif script.chance(0.5):
            stoop(script, depth=rng.uniform(0.15, 0.4), pitch=rng.uniform(10, 30), hold=1.0)
        else:
            stand(script, rng.uniform(2.0, 4.0), lively=0.6)
    stand(script, lively=0.6)
    start = -1.5 if script.chance(0.5) else rng.uniform(0.2, 0.8)
    while start < script.seconds:
        stop = start + rng.uniform(3.0, 5.0)
        up = rng.uniform(-0.08, 0.0)
        for arm in BOTH:
            place = Place("nose", 0.25, 0.07, up, swivel=60.0)
            script.reaches.append(Reach(arm, place, start, stop))
        start = stop + rng.uniform(1.0, 2.0)


def _posing(script: Script) -> None:
    rng = script.rng
    stand(script, lively=1.6)
    start = -1.0
    while start < script.seconds:
        stop = start + rng.uniform(1.5, 3.5)
        for arm in BOTH:
            # In front and outside: elsewhere the elbow has no one way to go.
            forward, outward = np.abs(rng.normal(0.5, 0.5, 2)) + 0.1
            direction = np.array([forward, outward, rng.normal(0.1, 0.8)])
            direction *= rng.uniform(0.45, 0.95) / np.sqrt((direction**2).sum())
            place = reaching_place(script.person, *(direction * script.person.arm))
            script.reaches.append(Reach(arm, place, start, stop))
        start = stop


def _purchases(script: Script) -> None:
    rng = script.rng
    elbow = rng.uniform(60, 90)

    def carry(motion: Motion) -> None:
        motion["elbow_flexion"] = elbow + 0.1 * motion["elbow_flexion"]
        motion["shoulder_flexion"] = 8.0 + 0.15 * motion["shoulder_flexion"]

    while script.remaining > 3.5:
        down = stoop(
            script,
            depth=rng.uniform(0.15, 0.45),
            pitch=rng.uniform(35, 65),
            hold=rng.uniform(0.3, 0.8),
        )
        place = reaching_place(script.person, 0.3, 0.0, -0.4)
        for arm in BOTH:
            script.reaches.append(Reach(arm, place._replace(bend=0.0), down - 0.7, down + 0.6))
        if script.remaining > 3:
            pace = draw_walking_speed(rng) * 0.8
            script.add(adjusted(partial(walk, speed=pace), carry), min(3.0, script.remaining))
    stand(script)
    segment, length = script.segments[-1]
    script.segments[-1] = (adjusted(segment, carry), length)


def _sitting(script: Script) -> None:
    sit(script, draw_seat(script.person, script.rng))
    if script.chance(0.7):
        gestures(script, 0.4)


def _sitting_down(script: Script) -> None:
    sit(script, floor_seat(script.person, script.rng))


def _smoking(script: Script) -> None:
    kind = script.rng.random()
    if kind < 0.5:
        sit(script, draw_seat(script.person, script.rng))
    elif kind < 0.8:
        stand(script, lively=0.7)
    else:
        walk_about(script, speed=script.rng.uniform(0.7, 1.0))
    hand_to_mouth(script, Place("shoulder", 0.20, 0.10, -0.36), pause=(1.0, 3.5))


def _waiting(script: Script) -> None:
    kind = script.rng.random()
    if kind < 0.4:
        sit(script, draw_seat(script.person, script.rng))
    else:
        if script.seconds > 6:
            stand(script, script.rng.uniform(2.0, 0.5 * script.seconds))
            turn_round(script)
        stand(script)


def _walking_a_dog(script: Script) -> None:
    rng, arm = script.rng, script.arm()
    phase = rng.uniform(0, 2 * np.pi)

    def pull(motion: Motion) -> None:
        time = seconds(motion.frames)
        tug = 4.0 * np.sin(2 * np.pi * 0.6 * time + phase)
        motion["shoulder_flexion"][:, arm] = 32.0 + tug
        motion["elbow_flexion"][:, arm] = 20.0 + tug
        motion["trunk_pitch"] += 15.0 * (0.5 + 0.5 * np.sin(2 * np.pi * 0.15 * time + phase))

    pace = draw_walking_speed(rng) * 0.9
    script.add(adjusted(partial(walk, speed=pace), pull))


def _walking(script: Script) -> None:
    walk_about(script)


def _walking_together(script: Script) -> None:
    rng = script.rng
    yaw = rng.choice([-1, 1]) * rng.uniform(10, 20)

    def look_aside(motion: Motion) -> None:
        motion["shoulder_yaw"] += yaw
        motion["neck_yaw"] += 1.2 * yaw

    script.add(adjusted(partial(walk, speed=0.9), look_aside))
    if script.chance(0.5):
        gestures(script, 0.2, two_handed=0.0)


def _running(script: Script) -> None:
    script.add(partial(run, speed=script.rng.uniform(2.2, 3.2)))


def _jumping(script: Script) -> None:
    while script.remaining > 3.0:
        script.add(partial(jump, distance=script.rng.uniform(0.0, 0.5)), 2.6)
    script.add(jump)


ACTIONS: dict[str, Callable[[Script], None]] = {
    "Directions": _directions,
    "Discussion": _discussion,
    "Eating": _eating,
    "Greeting": _greeting,
    "Phoning": _phoning,
    "Photo": _photo,
    "Posing": _posing,
    "Purchases": _purchases,
    "Sitting": _sitting,
    "SittingDown": _sitting_down,
    "Smoking": _smoking,
    "Waiting": _waiting,
    "WalkDog": _walking_a_dog,
    "Walking": _walking,
    "WalkTogether": _walking_together,
    "Running": _running,
    "Jumping": _jumping,
}
HUMAN36M_ACTIONS = tuple(ACTIONS)[:15]


def write_script(person: Person, action: str, seconds: float, rng: np.random.Generator) -> Script:
    """The script of one take of an action; ``action`` is a key of ``ACTIONS``."""
    script = Script(person, seconds, rng, stance=upright(person, rng))
    ACTIONS[action](script)
    return script
