"""Walking and running from measured cycles.

Walking follows the average cycle of 112 strides of 14 subjects of the CMU Graphics Lab Motion
Capture Database (``walk_cycle.json``, Fourier series over the phase; obtained from
mocap.cs.cmu.edu, created with funding from NSF EIA-0196217). Running follows knots measured on
three strides of the same database.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

import numpy as np

from posekit.datasets.synthetic.kinematics import directions, positions
from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import Person, keyed_generator
from posekit.datasets.synthetic.signals import sway

MEAN_SPEED, SPEED_DEVIATION = 1.30, 0.21
MEAN_CYCLE = 1.114
_FREE_SPEED = (0.7, 1.9)
_STRIDE_PER_LEG = 1.72
_STRIDE_CORRECTION = (0.75, 1.3)

_HEEL_DOWN = (0.02, 0.12)
"""Range of the phase at which the right foot takes over from the left, which leaves the floor."""
_HAND_OVER = 0.15
_SAGITTAL = ("hip_flexion", "knee_flexion", "shoulder_flexion", "elbow_flexion")
_PAIRED = (*_SAGITTAL, "hip_abduction", "shoulder_abduction")
_CENTRAL = ("pelvis_yaw", "pelvis_roll", "shoulder_yaw", "trunk_pitch", "trunk_roll")

# Angles of a person who stands; slow walking tends towards them.
_UPRIGHT = {
    "hip_flexion": 4.0,
    "knee_flexion": 12.0,
    "shoulder_flexion": 0.0,
    "elbow_flexion": 15.0,
}

_RUN_CYCLE = 0.77
RUN_SPEED = 3.0
_RUN_KNOTS = {
    "hip_flexion": (28, 26, 18, -1, -18, -21, -7, 17, 35, 35),
    "knee_flexion": (25, 35, 47, 38, 25, 35, 71, 100, 93, 58),
    "shoulder_flexion": (-43, -36, -23, -16, -13, -15, -19, -27, -35, -40),
    "elbow_flexion": (114, 115, 114, 121, 123, 120, 112, 104, 108, 111),
}
_RUN_TRUNK_PITCH = 6.0
_RUN_STANCE = (0.07, 0.40)
_RUN_HEIGHT, _RUN_BOUNCE = 1.065, 0.055


def draw_walking_speed(rng: np.random.Generator) -> float:
    """A comfortable speed, metres per second: N(1.30, 0.21) clipped to [0.7, 1.9]."""
    return float(np.clip(rng.normal(MEAN_SPEED, SPEED_DEVIATION), *_FREE_SPEED))


def walk(
    person: Person,
    time: np.ndarray,
    rng: np.random.Generator,
    speed: float,
    turn: float = 0.0,
) -> Motion:
    """Walking on the spot of the body; the feet carry the pelvis afterwards.

    Args:
        person: sets stride and gait.
        time: (T,) seconds.
        rng: phase and restlessness.
        speed: metres per second.
        turn: degrees per second to the left; 0 leaves the course to the room.
    """
    cycle = MEAN_CYCLE + _cycle_slope() * (speed - MEAN_SPEED)
    stride = speed * cycle / (_STRIDE_PER_LEG * person.leg)
    # A person's own gait covers more or less ground than the average one at the same amplitude.
    covered = _ground_covered(person, stride)
    stride *= float(np.clip(speed * cycle / covered, *_STRIDE_CORRECTION))
    phase = rng.random() + time / cycle
    motion = _cycle(person, phase, stride)
    motion["left_support"] = _left_support(person, phase)
    motion["hip_flexion"] += sway(time, 2, rng, amplitude=(0.1, 0.3))
    motion["neck_pitch"] = 8.0
    motion["grounded"] = 1.0
    motion["speed"] = speed
    motion["turn_rate"] = turn
    motion["wander"] = 0.0 if turn else 1.0
    return motion


def run(person: Person, time: np.ndarray, rng: np.random.Generator, speed: float) -> Motion:
    """Running, with two flights per cycle; hip and shoulder swing scale with the speed."""
    phase = rng.random() + time / _RUN_CYCLE
    phases = np.stack([phase, phase + 0.5], axis=-1)
    motion = Motion(len(time))
    for name, knots in _RUN_KNOTS.items():
        values = _periodic_cubic(np.array(knots, dtype=float), phases)
        swing = speed / RUN_SPEED if name in ("hip_flexion", "shoulder_flexion") else 1.0
        motion[name] = np.mean(knots) + swing * (values - np.mean(knots))
    motion["shoulder_abduction"] = 12.0
    motion["shoulder_rotation"] = 15.0
    motion["pelvis_yaw"] = -6.0 * np.cos(2 * np.pi * phase)
    motion["shoulder_yaw"] = 10.0 * np.cos(2 * np.pi * phase)
    motion["trunk_pitch"] = _RUN_TRUNK_PITCH
    step = np.mod(phase, 0.5)
    motion["left_support"] = np.mod(phase, 1.0) > 0.5
    motion["grounded"] = _plateau(step, *_RUN_STANCE)
    bounce = -np.cos(4 * np.pi * (step - np.mean(_RUN_STANCE)))
    motion["height"] = person.leg * (_RUN_HEIGHT + _RUN_BOUNCE * bounce)
    motion["velocity"] = (speed, 0.0)
    motion["speed"] = speed
    motion["wander"] = 1.0
    return motion


def _cycle(person: Person, phase: np.ndarray, stride: float) -> Motion:
    """Angles of a person's walk at phases (T,); ``stride`` is the share of the average length."""
    phases = np.stack([phase, phase + 0.5], axis=-1)
    gait = _gait(person)
    motion = Motion(len(phase))
    for name in _PAIRED:
        motion[name] = _series(_strided(name, gait[name], stride), phases)
    for name in _CENTRAL:
        motion[name] = _series(gait[name], phase)
    for limb in ("hip", "shoulder"):
        # Measured in the frontal plane; here it is the angle out of the sagittal plane.
        frontal = np.deg2rad(motion[f"{limb}_abduction"])
        forward = np.deg2rad(motion[f"{limb}_flexion"])
        motion[f"{limb}_abduction"] = np.rad2deg(np.arctan(np.tan(frontal) * np.cos(forward)))
    return motion


def _left_support(person: Person, phase: np.ndarray) -> np.ndarray:
    right_carries = np.sin(2 * np.pi * (phase - _heel_down(person)))
    return 0.5 - 0.5 * np.tanh(right_carries / _HAND_OVER)


@lru_cache(maxsize=256)
def _heel_down(person: Person) -> float:
    """Phase at which both feet move backwards alike under the pelvis: nobody slips."""
    phase = np.linspace(*_HEEL_DOWN, 41)
    joints = positions(person, directions(_cycle(person, phase, 1.0)))
    backwards = -np.gradient(joints[:, [3, 6], 0], axis=0)
    return float(phase[np.argmax(backwards.min(axis=1))])


def _ground_covered(person: Person, stride: float) -> float:
    """Metres that the supporting foot travels backwards under the pelvis in a whole cycle."""
    phase = _heel_down(person) + np.array([0.0, 0.5])
    right_ankle = positions(person, directions(_cycle(person, phase, stride)))[:, 3, 0]
    return float(2 * (right_ankle[0] - right_ankle[1]))


@lru_cache(maxsize=1)
def _measured() -> dict:
    return json.loads(files(__package__).joinpath("walk_cycle.json").read_text(encoding="utf-8"))


def _cycle_slope() -> float:
    return _measured()["step_time_vs_speed"][0]


@lru_cache(maxsize=256)
def _gait(person: Person) -> dict[str, np.ndarray]:
    """Fourier coefficients of a person's own gait, around the average one."""
    rng = keyed_generator(person.habits, "gait")
    gait = {}
    for name, mean in _measured()["mean"].items():
        own = np.array(mean) * (1 + 0.15 * rng.standard_normal(len(mean)))
        own[0] = mean[0] + rng.normal(0, _measured()["sd_between_cycles"][name][0])
        gait[name] = own
    return gait


def _strided(name: str, coefficients: np.ndarray, stride: float) -> np.ndarray:
    """Coefficients for another stride length (share of the average one)."""
    if name not in _SAGITTAL:
        return coefficients
    scaled = coefficients * stride
    slow = min(1.0, stride)
    scaled[0] = _UPRIGHT[name] + slow * (coefficients[0] - _UPRIGHT[name])
    return scaled


def _series(coefficients: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Fourier series c0 + sum of c[2k-1] cos(2 pi k phase) + c[2k] sin(2 pi k phase)."""
    total = np.full(phase.shape, coefficients[0])
    for k in range(1, len(coefficients) // 2 + 1):
        angle = 2 * np.pi * k * phase
        total += coefficients[2 * k - 1] * np.cos(angle) + coefficients[2 * k] * np.sin(angle)
    return total


def _periodic_cubic(knots: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Catmull-Rom curve through equally spaced knots of one period."""
    place = np.mod(phase, 1.0) * len(knots)
    index = place.astype(int) % len(knots)
    u = place - np.floor(place)
    before, here, after, beyond = (knots[(index + k) % len(knots)] for k in (-1, 0, 1, 2))
    slope, next_slope = (after - before) / 2, (beyond - here) / 2
    return (
        here
        + u * slope
        + u**2 * (3 * (after - here) - 2 * slope - next_slope)
        + u**3 * (2 * (here - after) + slope + next_slope)
    )


def _plateau(phase: np.ndarray, start: float, stop: float) -> np.ndarray:
    """1 between start and stop, 0 elsewhere, with soft edges."""
    return 1 / (1 + np.exp(-(phase - start) / 0.01)) / (1 + np.exp((phase - stop) / 0.01))
