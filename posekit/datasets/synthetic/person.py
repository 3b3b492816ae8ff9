"""Persons of the synthetic data set: bone lengths and habits, drawn once per subject."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Mean of the five Human3.6M training subjects, metres, for a stature of 1.75 m.
MEAN_STATURE = 1.75
MEAN_BONES = {
    "hip_half_width": 0.1355,
    "thigh": 0.4517,
    "shank": 0.4470,
    "lower_trunk": 0.2415,
    "upper_trunk": 0.2555,
    "head": 0.1820,
    "shoulder_half_width": 0.1505,
    "upper_arm": 0.2820,
    "forearm": 0.2499,
}
FOOT_HEIGHT = 0.075


def keyed_generator(*key: str | int) -> np.random.Generator:
    """A random generator that depends on the words of ``key`` only, on every platform."""
    digest = hashlib.sha256(":".join(map(str, key)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


@dataclass(frozen=True)
class Person:
    """Bone lengths in metres; left equals right.

    Attributes:
        stature: body height.
        hip_half_width, thigh, shank, lower_trunk, upper_trunk, shoulder_half_width, upper_arm,
            forearm: bones between Human3.6M joints (lower trunk: hip to spine; upper trunk: spine
            to thorax).
        head: distance from thorax to head; the nose lies at 0.52 of it and 0.41 of it in front.
        foot_height: height of the ankle above the floor in stance.
        habits: key of the person's own random generators, for what stays the same in all takes.
    """

    stature: float
    hip_half_width: float
    thigh: float
    shank: float
    lower_trunk: float
    upper_trunk: float
    head: float
    shoulder_half_width: float
    upper_arm: float
    forearm: float
    foot_height: float
    habits: str

    @property
    def leg(self) -> float:
        """Thigh and shank, metres."""
        return self.thigh + self.shank

    @property
    def arm(self) -> float:
        """Upper arm and forearm, metres."""
        return self.upper_arm + self.forearm


@lru_cache(maxsize=256)
def draw_person(subject: str, seed: str) -> Person:
    """The person behind a subject's name; the same name and seed give the same person.

    Stature N(1.75, 0.07) m clipped to [1.55, 1.95]; bones scale with it and vary by 3 % per group,
    hip and shoulder widths by a further 7 % and 6 %.
    """
    rng = keyed_generator(seed, subject)
    stature = float(np.clip(rng.normal(MEAN_STATURE, 0.07), 1.55, 1.95))
    scale = stature / MEAN_STATURE
    bones = {name: length * scale * rng.normal(1.0, 0.03) for name, length in MEAN_BONES.items()}
    bones["hip_half_width"] *= rng.normal(1.0, 0.07)
    bones["shoulder_half_width"] *= rng.normal(1.0, 0.06)
    return Person(
        stature=stature,
        foot_height=FOOT_HEIGHT * scale,
        habits=f"{seed}:{subject}:habits",
        **bones,
    )
