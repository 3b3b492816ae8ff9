"""Building blocks of a take: segments of body motion, and what the hands do meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from posekit.datasets.synthetic.arms import BOTH, LEFT, RIGHT, Place, Reach, reaching_place
from posekit.datasets.synthetic.locomotion import draw_walking_speed, walk
from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person
from posekit.datasets.synthetic.planted import Move, Posture, planted
from posekit.datasets.synthetic.seats import Seat

Segment = Callable[[Person, np.ndarray, np.random.Generator], Motion]


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


# ----- body motion


def stand(script: Script, seconds: float | None = None, *, lively: float = 1.0) -> None:
    """Stand about: shift weight, look around, lean a little."""
    length = script.remaining if seconds is None else seconds
    rng, stance = script.rng, script.stance
    moves, start = [], rng.uniform(0.2, 1.0)
    while start < length:
        duration = rng.uniform(0.5, 1.0)
        shift = rng.normal(0, 0.03) * lively
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
        start += duration + rng.uniform(0.2, 1.5)
    script.add(partial(_planted, stance, moves), length)


def _planted(
    first: Posture, moves: list[Move], person: Person, time: np.ndarray, rng: np.random.Generator
) -> Motion:
    return planted(person, first, moves, time, rng)


def walk_about(script: Script, seconds: float | None = None, speed: float | None = None) -> None:
    """Walk through the room, at a comfortable speed unless one is given (metres per second)."""
    pace = draw_walking_speed(script.rng) if speed is None else speed
    script.add(partial(walk, speed=pace), seconds)


def turn_round(script: Script) -> None:
    """Turn on the spot with small steps."""
    rate = script.rng.choice([-1, 1]) * script.rng.uniform(30, 60)
    script.add(partial(walk, speed=0.25, turn=float(rate)), script.rng.uniform(1.2, 2.2))


def sit(script: Script, seat: Seat) -> None:
    """Sit for the rest of the take; a long take also shows sitting down and getting up."""
    rng, length = script.rng, script.remaining
    moves: list[Move] = []
    standing = script.stance
    down = length > 4.5 and script.chance(0.6)
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
        start += duration + rng.uniform(0.5, 2.0)
    if up:
        ready = Move(0.0, 0.6, seat.postures[0])
        _append(moves, start, [ready, *seat.way_up(standing)])
    script.add(partial(_planted, first, moves), length)


def _append(moves: list[Move], start: float, steps: list[Move]) -> float:
    """Add moves one after the other from ``start``; returns when the last one ends."""
    for step in steps:
        moves.append(step._replace(start=start))
        start += step.duration + 0.02
    return start


def stoop(script: Script, depth: float, pitch: float, hold: float) -> float:
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


def adjusted(segment: Segment, adjust: Callable[[Motion], None]) -> Segment:
    """A segment whose motion is changed by ``adjust``."""

    def changed(person: Person, time: np.ndarray, rng: np.random.Generator) -> Motion:
        motion = segment(person, time, rng)
        adjust(motion)
        return motion

    return changed


# ----- hands


def gestures(script: Script, rate: float, two_handed: float = 0.5) -> None:
    """Random gestures in front of the body, ``rate`` per second."""
    rng = script.rng
    start = rng.uniform(0.0, 0.6)
    while start < script.seconds:
        hold = rng.uniform(0.4, 1.2)
        arms = BOTH if script.chance(two_handed) else (script.arm(),)
        forward, outward, up = rng.uniform((0.15, -0.1, -0.4), (0.42, 0.25, -0.05))
        beat = rng.uniform(0.02, 0.06)
        for arm in arms:
            place = reaching_place(script.person, forward, outward + rng.normal(0, 0.03), up)
            place = place._replace(beat=beat, rate=rng.uniform(1.2, 2.4))
            script.reaches.append(Reach(arm, place, start, start + 0.5 + hold))
        start += max(0.5 + hold, rng.exponential(1 / rate))


def point_around(script: Script) -> None:
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


def hand_to_mouth(script: Script, rest: Place, pause: tuple[float, float]) -> None:
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


def hold_throughout(script: Script, arm: int, place: Place) -> None:
    """The wrist is at ``place`` for the whole take."""
    script.reaches.append(Reach(arm, place, -2.0, script.seconds + 1.0))
