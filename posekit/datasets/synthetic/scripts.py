"""What a person does in each action: segments of body motion, and what the hands do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from posekit.datasets.synthetic.arms import LEFT, RIGHT, Place, Reach, reaching_place
from posekit.datasets.synthetic.locomotion import draw_walking_speed, run, walk
from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.planted import Move, Posture, jump, planted, upright
from posekit.datasets.synthetic.seats import Seat, draw_seat, floor_seat

Segment = Callable[[Person, np.ndarray, np.random.Generator], Motion]

BOTH = (RIGHT, LEFT)


@dataclass
class Script:
    """A take in the making.

    Attributes:
        person: who acts.
        seconds: length of the take.
        rng: source of every choice.
        stance: how this person stands in this take.
        segments: body motion and its length in seconds, in order.
        reaches: what the hands do on top of it.
    """

    person: Person
    seconds: float
    rng: np.random.Generator
    stance: Posture
    segments: list[tuple[Segment, float]] = field(default_factory=list)
    reaches: list[Reach] = field(default_factory=list)

    @property
    def elapsed(self) -> float:
        """Length of the segments so far, seconds."""
        return sum(length for _, length in self.segments)

    @property
    def remaining(self) -> float:
        """Seconds that no segment fills yet."""
        return self.seconds - self.elapsed

    def add(self, segment: Segment, seconds: float | None = None) -> None:
        """Append a segment; without a length it fills the rest of the take."""
        self.segments.append((segment, self.remaining if seconds is None else seconds))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.rng.random() < probability

    def arm(self) -> int:
        """The arm for a task; most people use the right one."""
        return LEFT if self.chance(0.25) else RIGHT


def write_script(person: Person, action: str, seconds: float, rng: np.random.Generator) -> Script:
    """The script of one take of an action; ``action`` is a key of ``ACTIONS``."""
    script = Script(person, seconds, rng, stance=upright(person, rng))
    ACTIONS[action](script)
    return script


# ----- body motion


def _stand(script: Script, seconds: float | None = None, *, lively: float = 1.0) -> None:
    """Stand about: shift weight, look around, lean a little."""
    length = script.remaining if seconds is None else seconds
    rng, stance = script.rng, script.stance
    moves, start = [], rng.uniform(0.2, 1.0)
    while start < length:
        duration = rng.uniform(0.6, 1.2)
        shift = rng.normal(0, 0.025) * lively
        posture = stance._replace(
            left=shift,
            forward=rng.normal(0, 0.01),
            trunk_roll=-40 * shift + rng.normal(0, 1.0),
            trunk_pitch=stance.trunk_pitch + rng.normal(0, 2.5) * lively,
            shoulder_yaw=rng.normal(0, 6.0) * lively,
            neck_yaw=float(np.clip(rng.normal(0, 22.0) * lively, -50, 50)),
            neck_pitch=stance.neck_pitch + rng.normal(0, 5.0),
        )
        moves.append(Move(start, duration, posture))
        start += duration + rng.uniform(0.3, 2.0)
    script.add(partial(_planted, stance, moves), length)


def _planted(
    first: Posture, moves: list[Move], person: Person, time: np.ndarray, rng: np.random.Generator
) -> Motion:
    return planted(person, first, moves, time, rng)


def _walk(script: Script, seconds: float | None = None, speed: float | None = None) -> None:
    pace = draw_walking_speed(script.rng) if speed is None else speed
    script.add(partial(walk, speed=pace), seconds)


def _turn(script: Script) -> None:
    """Turn on the spot with small steps."""
    rate = script.rng.choice([-1, 1]) * script.rng.uniform(30, 60)
    script.add(partial(walk, speed=0.25, turn=float(rate)), script.rng.uniform(1.2, 2.2))


def _sit(script: Script, seat: Seat) -> None:
    """Sit for the rest of the take; a long take also shows sitting down and getting up."""
    rng, length = script.rng, script.remaining
    moves: list[Move] = []
    standing = script.stance
    down = length > 7 and script.chance(0.6)
    up = length > 10 and script.chance(0.5)
    first = standing if down else seat.postures[0]
    start = rng.uniform(0.3, 1.0)
    if down:
        start = _append(moves, start, seat.way_down)
    stop = length - 3.5 if up else length
    while start + 1.0 < stop:
        posture = seat.postures[rng.integers(len(seat.postures))]
        posture = posture._replace(
            trunk_pitch=posture.trunk_pitch + rng.normal(0, 4.0),
            shoulder_yaw=rng.normal(0, 6.0),
            neck_yaw=float(np.clip(rng.normal(0, 20.0), -50, 50)),
            neck_pitch=posture.neck_pitch + rng.normal(0, 5.0),
        )
        duration = rng.uniform(0.9, 1.5)
        moves.append(Move(start, duration, posture))
        start += duration + rng.uniform(0.8, 3.0)
    if up:
        ready = Move(0.0, 0.6, seat.postures[0])
        _append(moves, start, [ready, *(step for step in seat.way_up(standing))])
    script.add(partial(_planted, first, moves), length)


def _append(moves: list[Move], start: float, steps: list[Move]) -> float:
    """Add moves one after the other from ``start``; returns when the last one ends."""
    for step in steps:
        moves.append(step._replace(start=start))
        start += step.duration + 0.02
    return start


def _stoop(script: Script, depth: float, pitch: float, hold: float) -> float:
    """Go down by ``depth`` metres with the trunk at ``pitch`` and come up; returns when down."""
    stance, length = script.stance, 1.1 + hold + 1.1 + 0.4
    low = stance._replace(
        height=stance.height - depth,
        forward=-0.08 - 0.25 * depth,
        trunk_pitch=pitch,
        neck_pitch=-0.25 * pitch,
        knees_outward=12.0,
    ).arms(12.0, 12.0, 15.0)
    moves = [Move(0.2, 1.1, low), Move(1.3 + hold, 1.1, stance)]
    down = script.elapsed + 1.2
    script.add(partial(_planted, stance, moves), length)
    return down


def _adjusted(segment: Segment, adjust: Callable[[Motion], None]) -> Segment:
    """A segment whose motion is changed by ``adjust``."""

    def adjusted(person: Person, time: np.ndarray, rng: np.random.Generator) -> Motion:
        motion = segment(person, time, rng)
        adjust(motion)
        return motion

    return adjusted


# ----- hands


def _gestures(script: Script, rate: float, two_handed: float = 0.5) -> None:
    """Random gestures in front of the body, ``rate`` per second."""
    rng = script.rng
    start = rng.uniform(0.0, 0.6)
    while start < script.seconds:
        hold = rng.uniform(0.4, 1.2)
        arms = BOTH if script.chance(two_handed) else (script.arm(),)
        forward, outward, up = rng.uniform((0.15, -0.1, -0.4), (0.42, 0.25, -0.05))
        beat = rng.uniform(0.01, 0.05)
        for arm in arms:
            place = reaching_place(script.person, forward, outward + rng.normal(0, 0.03), up)
            place = place._replace(beat=beat, rate=rng.uniform(1.0, 2.0))
            script.reaches.append(Reach(arm, place, start, start + 0.5 + hold))
        start += max(0.5 + hold, rng.exponential(1 / rate))


def _points(script: Script) -> None:
    """Point somewhere with one arm, now and then."""
    rng, reach = script.rng, 0.85 * script.person.arm
    start = rng.uniform(0.1, 0.5)
    while start < script.seconds:
        azimuth = np.deg2rad(rng.uniform(-25, 95))
        up = rng.uniform(-0.1, 0.5) * reach
        flat = np.sqrt(reach**2 - up**2)
        place = reaching_place(script.person, flat * np.cos(azimuth), flat * np.sin(azimuth), up)
        stop = start + rng.uniform(1.3, 2.6)
        script.reaches.append(Reach(script.arm(), place, start, stop))
        start = stop + rng.uniform(0.3, 1.8)


def _to_mouth(script: Script, rest: Place, pause: tuple[float, float]) -> None:
    """Bring one hand to the mouth again and again, resting at ``rest`` in between."""
    rng, arm = script.rng, script.arm()
    start = 0.0
    while start < script.seconds:
        mouth = Place("nose", 0.12, rng.uniform(-0.02, 0.04), rng.uniform(-0.1, -0.04), swivel=60.0)
        there = start + rng.uniform(*pause)
        away = there + rng.uniform(1.2, 2.2)
        script.reaches.append(Reach(arm, rest, start, there))
        script.reaches.append(Reach(arm, mouth, there, away))
        start = away


def _hold_throughout(script: Script, arm: int, place: Place) -> None:
    """The wrist is at ``place`` for the whole take."""
    script.reaches.append(Reach(arm, place, -2.0, script.seconds + 1.0))


# ----- the 15 actions of Human3.6M, and two more


def _directions(script: Script) -> None:
    while script.remaining > 5:
        _stand(script, script.rng.uniform(2.5, 4.0))
        _turn(script)
    _stand(script)
    _points(script)


def _discussion(script: Script) -> None:
    if script.seconds > 8 and script.chance(0.5):
        _walk(script, 2.0, speed=0.8)
    _stand(script)
    _gestures(script, script.rng.uniform(0.5, 1.0))


def _eating(script: Script) -> None:
    if script.chance(0.7):
        _sit(script, draw_seat(script.person, script.rng))
    else:
        _stand(script, lively=0.6)
    _to_mouth(script, Place("shoulder", 0.32, -0.05, -0.30), pause=(0.6, 1.6))


def _greeting(script: Script) -> None:
    rng = script.rng
    if script.seconds > 6:
        _walk(script, rng.uniform(1.5, 2.5))
    if script.chance(0.5):
        arm, start = script.arm(), script.elapsed + 0.2
        _stoop(script, depth=0.03, pitch=rng.uniform(25, 40), hold=0.4)
    else:
        arm, start = script.arm(), script.elapsed
    _stand(script)
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
        _walk(script, speed=script.rng.uniform(0.7, 1.0))
    elif kind < 0.8:
        _sit(script, draw_seat(script.person, script.rng))
    else:
        _stand(script)
    arm = script.arm()
    _hold_throughout(script, arm, Place("head", 0.10, 0.08, -0.08, swivel=75.0))


def _photo(script: Script) -> None:
    rng = script.rng
    while script.remaining > 6:
        if script.chance(0.4):
            _walk(script, rng.uniform(1.5, 2.5), speed=0.8)
        elif script.chance(0.5):
            _stoop(script, depth=rng.uniform(0.15, 0.4), pitch=rng.uniform(10, 30), hold=1.0)
        else:
            _stand(script, rng.uniform(2.0, 4.0), lively=0.6)
    _stand(script, lively=0.6)
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
    _stand(script, lively=1.6)
    start = -1.0
    while start < script.seconds:
        stop = start + rng.uniform(1.5, 3.5)
        for arm in BOTH:
            direction = rng.normal(size=3) * (0.5, 0.6, 0.8) + (0.5, 0.5, 0.1)
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
        down = _stoop(
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
            script.add(_adjusted(partial(walk, speed=pace), carry), min(3.0, script.remaining))
    _stand(script)
    segment, length = script.segments[-1]
    script.segments[-1] = (_adjusted(segment, carry), length)


def _sitting(script: Script) -> None:
    _sit(script, draw_seat(script.person, script.rng))
    if script.chance(0.7):
        _gestures(script, 0.4)


def _sitting_down(script: Script) -> None:
    _sit(script, floor_seat(script.person, script.rng))


def _smoking(script: Script) -> None:
    kind = script.rng.random()
    if kind < 0.5:
        _sit(script, draw_seat(script.person, script.rng))
    elif kind < 0.8:
        _stand(script, lively=0.7)
    else:
        _walk(script, speed=script.rng.uniform(0.7, 1.0))
    _to_mouth(script, Place("shoulder", 0.20, 0.10, -0.36), pause=(1.0, 3.5))


def _waiting(script: Script) -> None:
    kind = script.rng.random()
    if kind < 0.4:
        _sit(script, draw_seat(script.person, script.rng))
    else:
        if script.seconds > 6:
            _stand(script, script.rng.uniform(2.0, 0.5 * script.seconds))
            _turn(script)
        _stand(script)


def _walking_a_dog(script: Script) -> None:
    rng, arm = script.rng, script.arm()
    phase = rng.uniform(0, 2 * np.pi)

    def pull(motion: Motion) -> None:
        time = np.arange(motion.frames) / 50
        tug = 4.0 * np.sin(2 * np.pi * 0.6 * time + phase)
        motion["shoulder_flexion"][:, arm] = 32.0 + tug
        motion["elbow_flexion"][:, arm] = 20.0 + tug
        motion["trunk_pitch"] += 15.0 * (0.5 + 0.5 * np.sin(2 * np.pi * 0.15 * time + phase))

    pace = draw_walking_speed(rng) * 0.9
    script.add(_adjusted(partial(walk, speed=pace), pull))


def _walking(script: Script) -> None:
    _walk(script)


def _walking_together(script: Script) -> None:
    rng = script.rng
    yaw = rng.choice([-1, 1]) * rng.uniform(10, 20)

    def look_aside(motion: Motion) -> None:
        motion["shoulder_yaw"] += yaw
        motion["neck_yaw"] += 1.2 * yaw

    script.add(_adjusted(partial(walk, speed=0.9), look_aside))
    if script.chance(0.5):
        _gestures(script, 0.2, two_handed=0.0)


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
