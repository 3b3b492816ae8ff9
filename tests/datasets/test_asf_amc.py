"""Acclaim files: joints where forward kinematics puts them, and every way to err."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from acclaim import REST_HEIGHT, motion_text, skeleton_text

from posekit.datasets.asf_amc import UNIT, read_take
from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17

JOINT = HUMAN36M_17.index


def take(tmp_path: Path, **angles: tuple[float, ...]) -> np.ndarray:
    skeleton, motion = tmp_path / "02.asf", tmp_path / "02_01.amc"
    skeleton.write_text(skeleton_text())
    motion.write_text(motion_text(241, angles))
    return read_take(motion, skeleton)


def test_a_person_at_rest_stands_upright_and_glides(tmp_path: Path) -> None:
    joints = take(tmp_path)
    assert joints.shape == (101, 17, 3)  # two seconds at 50 frames per second, both ends
    assert joints.dtype == np.float32
    # At rest a person of the data base faces +z with y up: here -y, with z up; left is +x.
    np.testing.assert_allclose(
        joints[0, JOINT("hip")], [0, 0, (REST_HEIGHT - 1.8) * UNIT], atol=1e-6
    )
    np.testing.assert_allclose(
        joints[0, JOINT("left foot"), 2], (17 - 1.8 - 14.5) * UNIT, atol=1e-6
    )
    assert joints[0, JOINT("left wrist"), 0] > joints[0, JOINT("left shoulder"), 0] > 0
    assert joints[0, JOINT("neck/nose"), 1] < -0.05
    speed = (joints[-1, 0, 1] - joints[0, 0, 1]) / 2
    assert speed == pytest.approx(-0.1 * 120 * UNIT, rel=1e-5)


def test_a_bone_turns_within_its_own_axis_frame(tmp_path: Path) -> None:
    # The femur is bone 1 of the file: axis angles 7, -5, 3 degrees about x, y, z.
    def turn(axis: str, degrees: float) -> np.ndarray:
        sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        matrix = np.eye(3)
        matrix[i, i] = matrix[j, j] = cosine
        matrix[j, i], matrix[i, j] = sine, -sine
        return matrix

    frame = turn("z", 3) @ turn("y", -5) @ turn("x", 7)
    motion = turn("z", 40) @ turn("y", 20) @ turn("x", -30)
    root = turn("z", 12) @ turn("y", 100) @ turn("x", -8)
    thigh = root @ frame @ motion @ frame.T @ np.array([0.0, -7.0, 0.0]) * UNIT
    joints = take(tmp_path, lfemur=(-30, 20, 40), root=(-8, 100, 12))
    found = joints[10, JOINT("left knee")] - joints[10, JOINT("left hip")]
    np.testing.assert_allclose(found, [thigh[0], -thigh[2], thigh[1]], atol=1e-6)


@pytest.mark.parametrize(
    ("skeleton", "motion", "message"),
    [
        ("", motion_text(10), "not a complete Acclaim skeleton"),
        (skeleton_text().replace("lwrist", "lhand"), motion_text(10), "lacks lwrist"),
        (skeleton_text(), motion_text(10)[:-20], "truncated"),
        (skeleton_text(), motion_text(10).replace("rfemur", "other"), "rfemur"),
        (skeleton_text(), motion_text(10).replace(" 17.0 ", " x "), "not the motion"),
        (skeleton_text(), ":FULLY-SPECIFIED\n", "truncated"),
    ],
)
def test_broken_acclaim_files_are_refused(
    tmp_path: Path, skeleton: str, motion: str, message: str
) -> None:
    (tmp_path / "a.asf").write_text(skeleton)
    (tmp_path / "a.amc").write_text(motion)
    with pytest.raises(InvalidData, match=message) as caught:
        read_take(tmp_path / "a.amc", tmp_path / "a.asf")
    assert "\n" not in str(caught.value)
