"""Forward and inverse kinematics of the body: angles mean what they say, and come back."""

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
from posekit.datasets.synthetic.motion import Motion
from posekit.datasets.synthetic.person import draw_person, keyed_generator

PERSON = draw_person("S1", "posekit")


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


def test_smoothing_keeps_lengths_and_the_right_angle_of_the_face() -> None:
    motion = Motion(60, keyed_generator("smooth").normal(0, 20, (60, Motion(1).values.shape[1])))
    motion.clamp()
    bones = smooth(directions(motion))
    for vectors in bones:
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose((bones.head * bones.face).sum(-1), 0, atol=1e-12)
