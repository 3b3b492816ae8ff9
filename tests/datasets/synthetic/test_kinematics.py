"""Angles, inverse kinematics and signals of the synthetic motion, each on its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.datasets.synthetic.kinematics import (
    directions,
    limb_angles,
    positions,
    smooth,
    two_link,
)
from posekit.datasets.synthetic.motion import LARGEST_TWIST, LIMITS, Motion, join
from posekit.datasets.synthetic.person import draw_person, keyed_generator
from posekit.datasets.synthetic.signals import (
    cubic_path,
    interpolate_keys,
    low_pass,
    minimum_jerk,
    ornstein_uhlenbeck,
    soft_clamp,
)

PERSON = draw_person("S1", "posekit")
angle = st.floats(-60, 60)


def test_a_body_at_rest_stands_straight_and_faces_forward() -> None:
    joints = positions(PERSON, directions(Motion(1)))[0]
    np.testing.assert_allclose(joints[3], [0, -PERSON.hip_half_width, -PERSON.leg], atol=1e-12)
    np.testing.assert_allclose(joints[6], [0, PERSON.hip_half_width, -PERSON.leg], atol=1e-12)
    trunk = PERSON.lower_trunk + PERSON.upper_trunk
    np.testing.assert_allclose(joints[10], [0, 0, trunk + PERSON.head], atol=1e-12)
    np.testing.assert_allclose(
        joints[9], [0.41 * PERSON.head, 0, trunk + 0.52 * PERSON.head], atol=1e-12
    )
    assert joints[13, 1] > 0 > joints[16, 1]


@pytest.mark.parametrize(
    ("name", "joint", "axis", "sign"),
    [
        ("hip_flexion", 2, 0, 1),  # knee forward
        ("knee_flexion", 3, 0, -1),  # foot backward
        ("shoulder_flexion", 15, 0, 1),
        ("elbow_flexion", 16, 0, 1),
        ("hip_abduction", 2, 1, -1),  # the right knee to the right
        ("shoulder_abduction", 12, 1, 1),  # the left elbow to the left
        ("trunk_pitch", 8, 0, 1),
        ("trunk_roll", 8, 1, -1),
        ("pelvis_yaw", 1, 0, -1),  # right hip behind
        ("pelvis_roll", 1, 2, 1),  # right hip higher
        ("shoulder_yaw", 14, 0, -1),
        ("neck_yaw", 9, 1, -1),
        ("neck_pitch", 10, 0, 1),
    ],
)
def test_positive_angles_mean_what_they_say(name: str, joint: int, axis: int, sign: int) -> None:
    motion = Motion(1)
    rest = positions(PERSON, directions(motion))[0, joint, axis]
    motion[name] = 30.0
    moved = positions(PERSON, directions(motion))[0, joint, axis]
    assert sign * (moved - rest) > 0.02


@settings(max_examples=25, deadline=None)
@given(reach=st.tuples(*[st.floats(-0.5, 0.5)] * 3), pole=st.tuples(*[st.floats(-1, 1)] * 3))
def test_two_links_reach_what_is_in_reach(reach: tuple, pole: tuple) -> None:
    target, side = np.array([reach]), np.array([pole])
    distance = np.linalg.norm(target)
    off_axis = np.linalg.norm(np.cross(target, side))
    if not 0.06 < distance < 0.84 or off_axis < 0.02:
        return
    first, second = two_link(target, side, 0.45, 0.40)
    np.testing.assert_allclose(0.45 * first + 0.40 * second, target, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(first, axis=-1), 1, atol=1e-9)
    assert ((first - target * (first @ target.T) / distance**2) @ side.T)[0, 0] > 0


@settings(max_examples=25, deadline=None)
@given(st.floats(-55, 170), st.floats(-70, 70), st.floats(-80, 80), st.floats(5, 140))
def test_limb_angles_undo_the_kinematics(
    flexion: float, abduction: float, rotation: float, bending: float
) -> None:
    for limb, bend, joint in (("hip", -1, "knee"), ("shoulder", 1, "elbow")):
        motion = Motion(1)
        motion[f"{limb}_flexion"], motion[f"{limb}_abduction"] = flexion, abduction
        motion[f"{limb}_rotation"], motion[f"{joint}_flexion"] = rotation, bending
        bones = directions(motion)
        pair = (bones.thigh, bones.shank) if limb == "hip" else (bones.upper_arm, bones.forearm)
        found = np.stack(limb_angles(*pair, bend=bend))[:, 0]
        expected = np.array([flexion, abduction, rotation, bending])[:, None]
        np.testing.assert_allclose(found, np.broadcast_to(expected, (4, 2)), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_clamping_keeps_every_limit(seed: int) -> None:
    motion = Motion(
        20, keyed_generator("clamp", seed).normal(0, 120, (20, Motion(1).values.shape[1]))
    )
    motion.clamp()
    for name, (low, high) in LIMITS.items():
        assert low <= motion[name].min()
        assert motion[name].max() <= high
    assert np.abs(motion["shoulder_yaw"] - motion["pelvis_yaw"]).max() < LARGEST_TWIST + 1e-9


def test_limits_are_soft() -> None:
    value = np.linspace(-200, 200, 4001)
    clamped = soft_clamp(value, -25, 120)
    inside = (value > -20) & (value < 115)
    assert (clamped[inside] == value[inside]).all()
    slope = np.diff(clamped) / np.diff(value)
    assert (slope >= 0).all()
    assert np.abs(np.diff(slope)).max() < 0.03


def test_smoothing_keeps_lengths_and_the_right_angle_of_the_face() -> None:
    motion = Motion(60, keyed_generator("smooth").normal(0, 20, (60, Motion(1).values.shape[1])))
    motion.clamp()
    bones = smooth(directions(motion))
    for vectors in bones:
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose((bones.head * bones.face).sum(-1), 0, atol=1e-12)


def test_low_pass_halves_the_power_at_eight_hertz_without_delay() -> None:
    time = np.arange(500) / 50
    for rate, gain in ((1.0, 0.995), (8.0, np.sqrt(0.5)), (20.0, 0.12)):
        wave = np.sin(2 * np.pi * rate * time + 0.3)
        passed = low_pass(wave)[50:-50]
        assert np.abs(passed).max() == pytest.approx(gain, abs=0.02)
        np.testing.assert_allclose(passed, wave[50:-50] * passed.max() / wave.max(), atol=0.03)
    line = np.linspace(0, 3, 40)
    np.testing.assert_allclose(low_pass(line), line, atol=1e-12)


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    ramp = minimum_jerk(np.linspace(-0.2, 1.2, 1401))
    assert ramp[0] == 0
    assert ramp[-1] == 1
    assert ramp[700] == pytest.approx(0.5)
    speed = np.diff(ramp) * 1000
    assert speed.max() == pytest.approx(1.875, abs=1e-3)
    assert abs(speed[200]) < 1e-4
    assert abs(speed[1199]) < 1e-4


def test_paths_pass_their_keys() -> None:
    time = np.arange(200) / 50
    keys = np.array([0.0, 1.0, -2.0])
    path = interpolate_keys(time, keys, np.array([0.5, 2.0]), np.array([1.0, 1.0]))
    assert path[10] == 0
    assert path[80] == pytest.approx(1)
    assert path[-1] == pytest.approx(-2)
    drop = cubic_path(time, [(0.0, 1.0, 2.0), (0.4, 1.0, -2.0)])
    peak = 1.0 + 2.0**2 / (2 * 10.0)
    assert drop.max() == pytest.approx(peak, abs=1e-3)


def test_noise_has_its_deviation_and_its_memory() -> None:
    noise = ornstein_uhlenbeck(20_000, 1.2, 0.008, keyed_generator("ou"), columns=3)
    assert noise.std() == pytest.approx(0.008, rel=0.1)
    lag = round(1.2 * 50)
    correlation = (noise[:-lag] * noise[lag:]).mean() / noise.var()
    assert correlation == pytest.approx(np.exp(-1), abs=0.08)


def test_parts_join_without_a_jump() -> None:
    first, second = Motion(60), Motion(50)
    second["trunk_pitch"] = 40.0
    whole = join([(first, 0, 0), (second, 50, 30)], 100)["trunk_pitch"]
    assert (whole[:50] == 0).all()
    assert whole[-1] == 40
    assert np.abs(np.diff(whole)).max() < 3
