"""Acclaim files: joints where forward kinematics puts them, and every way to err."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from acclaim import BONES, REST_HEIGHT, motion_text, skeleton_text
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.datasets.asf_amc import read_joints, read_take
from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17

JOINT = HUMAN36M_17.index
UNIT = 0.0254 / 0.45  # metres per unit of length of CMU's files
# A pose in which every channel has a value of its own.
CHANNELS = {"root": ("rx", "ry", "rz"), **{name: tuple(dof.split()) for name, _, _, dof in BONES}}
TURNED = {
    name: tuple(7.0 * number + 3.0 * place - 40.0 for place in range(len(dof)))
    for number, (name, dof) in enumerate(CHANNELS.items())
    if dof
}


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


def joints_of(folder: Path, skeleton: str, motion: str) -> np.ndarray:
    (folder / "a.asf").write_text(skeleton)
    (folder / "a.amc").write_text(motion)
    return read_joints(folder / "a.amc", folder / "a.asf")


def test_a_skeleton_in_radians_is_the_same_person(tmp_path: Path) -> None:
    skeleton, motion = skeleton_text(), motion_text(3, TURNED)
    rewritten = _in_radians(skeleton, r"(axis) (\S+ \S+ \S+)(?=   XYZ)")
    rewritten = rewritten.replace("angle deg", "angle rad")
    expected = joints_of(tmp_path, skeleton, motion)
    np.testing.assert_allclose(joints_of(tmp_path, rewritten, motion), expected, atol=1e-9)
    as_declared = joints_of(tmp_path, skeleton.replace("angle deg", "angle rad"), motion)
    assert np.abs(as_declared - expected).max() > 0.1


def test_a_motion_in_radians_is_the_same_motion(tmp_path: Path) -> None:
    skeleton, motion = skeleton_text(), motion_text(3, TURNED)
    rewritten = _in_radians(motion, r"(?m)^(root \S+ \S+ \S+|[a-qs-z]\w+|r\w+(?<!root)) (.+)$")
    rewritten = rewritten.replace(":DEGREES", ":radians")
    expected = joints_of(tmp_path, skeleton, motion)
    np.testing.assert_allclose(joints_of(tmp_path, skeleton, rewritten), expected, atol=1e-9)
    as_declared = joints_of(tmp_path, skeleton, motion.replace(":DEGREES", ":RADIANS"))
    assert np.abs(as_declared - expected).max() > 0.1


def _in_radians(text: str, pattern: str) -> str:
    """The text with the numbers of every match's second group in radians."""

    def rewrite(match: re.Match[str]) -> str:
        angles = np.radians([float(word) for word in match[2].split()])
        return " ".join([match[1], *(repr(float(angle)) for angle in angles)])

    changed = re.sub(pattern, rewrite, text)
    assert changed != text
    return changed


@pytest.mark.parametrize("length", [0.9, 2.54, 1.0])
def test_lengths_and_paths_are_in_the_unit_that_the_header_states(
    tmp_path: Path, length: float
) -> None:
    motion = motion_text(3, TURNED)
    expected = joints_of(tmp_path, skeleton_text(), motion)
    other = skeleton_text().replace("length 0.45", f"length {length}")
    np.testing.assert_allclose(
        joints_of(tmp_path, other, motion), expected * 0.45 / length, atol=1e-12
    )


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(["TX", "TY", "TZ", "R", "R", "R"]))
def test_channels_of_the_root_come_in_the_order_that_the_header_states(
    tmp_path_factory: pytest.TempPathFactory, order: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("order")
    rotations = iter(("RX", "RY", "RZ"))
    order = [next(rotations) if channel == "R" else channel for channel in order]
    declared = ("TX", "TY", "TZ", "RX", "RY", "RZ")
    skeleton, motion = skeleton_text(), motion_text(3, TURNED)
    lines = motion.splitlines()
    for place, line in enumerate(lines):
        if line.startswith("root "):
            held = dict(zip(declared, line.split()[1:], strict=True))
            lines[place] = " ".join(["root", *(held[channel] for channel in order)])
    reordered = skeleton.replace(f"order {' '.join(declared)}", f"order {' '.join(order)}")
    np.testing.assert_array_equal(
        joints_of(folder, reordered, "\n".join(lines)), joints_of(folder, skeleton, motion)
    )


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_the_order_in_which_bones_are_named_is_no_part_of_the_pose(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("bones")
    skeleton, motion = skeleton_text(), motion_text(3, TURNED)
    before, _, rest = skeleton.partition(":bonedata\n")
    bones, _, hierarchy = rest.partition(":hierarchy\n")
    records = [f"  begin{record}" for record in bones.split("  begin")[1:]]
    children = [line for line in hierarchy.splitlines() if line.split()[0] not in ("begin", "end")]
    records = data.draw(st.permutations(records))
    children = data.draw(st.permutations(children))
    shuffled = f"{before}:bonedata\n{''.join(records)}:hierarchy\n" + "\n".join(children)
    frames = motion.split("\nroot")
    heads = [frame.splitlines() for frame in frames]
    lines = [*heads[0]]
    for head in heads[1:]:
        number = [head.pop()] if head[-1].isdigit() else []
        lines += [*data.draw(st.permutations([f"root{head[0]}", *head[1:]])), *number]
    np.testing.assert_array_equal(
        joints_of(folder, shuffled, "\n".join(lines)), joints_of(folder, skeleton, motion)
    )


def test_frames_may_begin_with_any_number(tmp_path: Path) -> None:
    motion = motion_text(3)
    later = re.sub(r"(?m)^(\d+)$", lambda match: str(int(match[1]) + 129), motion)
    np.testing.assert_array_equal(
        joints_of(tmp_path, skeleton_text(), later), joints_of(tmp_path, skeleton_text(), motion)
    )


# What the header declares, changed to something that no file of the data base has.
OTHER_SKELETONS = {
    "version": (":version 1.10", ":version 1.20"),
    "no version": (":version 1.10\n", ""),
    "angle": ("angle deg", "angle grad"),
    "no angle": ("  angle deg\n", ""),
    "no length": ("  length 0.45\n", ""),
    "length zero": ("length 0.45", "length 0"),
    "length negative": ("length 0.45", "length -0.45"),
    "length nan": ("length 0.45", "length nan"),
    "another unit": ("  mass 1.0", "  time 1.0"),
    "another section": (":root", ":camera\n:root"),
    "section twice": (":root", ":units\n:root"),
    "no root": (":root\n", ""),
    "rotations in another order": ("TX TY TZ RX RY RZ", "TX TY TZ RZ RY RX"),
    "five channels": ("TX TY TZ RX RY RZ", "TX TY TZ RX RY"),
    "channel twice": ("TX TY TZ RX RY RZ", "TX TY TY RX RY RZ"),
    "axis of the root": ("   axis XYZ", "   axis ZYX"),
    "position": ("position 0 0 0", "position 0 1 0"),
    "orientation": ("orientation 0 0 0", "orientation 0 0 90"),
    "orientation nan": ("orientation 0 0 0", "orientation 0 0 nan"),
    "axis of a bone": ("axis 7 -5 3   XYZ", "axis 7 -5 3   ZYX"),
    "axis without its order": ("axis 7 -5 3   XYZ", "axis 7 -5 3"),
    "axis infinite": ("axis 7 -5 3   XYZ", "axis 7 inf 3   XYZ"),
    "dof in another order": ("dof rx ry rz", "dof rz ry rx"),
    "dof twice": ("dof rx ry rz", "dof rx rx rz"),
    "a translation": ("dof rx ry rz", "dof tx ry rz"),
    "a length channel": ("dof rx ry rz", "dof rx ry rz l"),
    "direction": ("direction 0.000000000 -1.000000000", "direction 0.000000000 -2.000000000"),
    "bone's length": ("     length 7.000000000", "     length -7"),
    "bone's length nan": ("     length 7.000000000", "     length nan"),
    "bone's field": ("     length 7.000000000", "     length 7\n     offset 1 2 3"),
    "two parents": ("    root lhipjoint", "    root ltibia lhipjoint"),
    "a bone that hangs on nothing": ("    lhipjoint lfemur\n", ""),
    "a circle": ("    lhipjoint lfemur\n", "    ltibia lfemur\n"),
    "unknown bone": ("    lhipjoint lfemur\n", "    lhipjoint lfemur tail\n"),
    "name twice": ("name rfemur", "name lfemur"),
}


@pytest.mark.parametrize("case", OTHER_SKELETONS)
def test_a_header_that_declares_something_else_is_refused(tmp_path: Path, case: str) -> None:
    before, after = OTHER_SKELETONS[case]
    changed = skeleton_text().replace(before, after, 1)
    assert changed != skeleton_text()
    with pytest.raises(InvalidData, match=r"a\.asf: not a") as caught:
        joints_of(tmp_path, changed, motion_text(3))
    assert "\n" not in str(caught.value)


# The frames of a motion, damaged in ways that keep its length.
OTHER_MOTIONS = {
    "no unit of angles": (":DEGREES\n", ""),
    "two units of angles": (":DEGREES", ":DEGREES\n:RADIANS"),
    "another keyword": (":DEGREES", ":DEGREES\n:SAMPLES-PER-SECOND 60"),
    "a gap": ("\n2\n", "\n12\n"),
    "a frame twice": ("\n2\n", "\n1\n"),
    "a frame without its number": ("\n2\n", "\n"),
    "a bone twice": ("\nltibia 0.0", "\nltibia 0.0\nltibia 0.0"),
    "a bone left out": ("\nltibia 0.0", ""),
    "a value left out": ("\nlfemur 0.0 0.0 0.0", "\nlfemur 0.0 0.0"),
    "a value too many": ("\nltibia 0.0", "\nltibia 0.0 0.0"),
    "a bone that never moves": ("\nltibia 0.0", "\nltibia 0.0\nlhipjoint 1.0"),
    "nan": ("\nltibia 0.0", "\nltibia nan"),
    "infinity": ("\nltibia 0.0", "\nltibia 1e999"),
}


@pytest.mark.parametrize("case", OTHER_MOTIONS)
def test_a_motion_that_declares_something_else_is_refused(tmp_path: Path, case: str) -> None:
    before, after = OTHER_MOTIONS[case]
    changed = motion_text(4).replace(before, after, 1)
    assert changed != motion_text(4)
    with pytest.raises(InvalidData, match=r"a\.amc: truncated, or not the motion") as caught:
        joints_of(tmp_path, skeleton_text(), changed)
    assert "\n" not in str(caught.value)


def test_values_that_overflow_and_bodies_without_extent_are_refused(tmp_path: Path) -> None:
    for before, after in (("root 0 17.0", "root 0 1e300"), ("root 0 17.0", "root 0 1e40")):
        (tmp_path / "a.asf").write_text(skeleton_text())
        (tmp_path / "a.amc").write_text(motion_text(4).replace(before, after))
        with pytest.raises(InvalidData, match="NaN or infinite"):
            read_take(tmp_path / "a.amc", tmp_path / "a.asf")


@pytest.mark.parametrize("fps", [0.0, -120.0, float("nan"), float("inf"), 1e-9, 1e9])
def test_frame_rates_that_no_recording_has_are_refused(tmp_path: Path, fps: float) -> None:
    (tmp_path / "a.asf").write_text(skeleton_text())
    (tmp_path / "a.amc").write_text(motion_text(4))
    with pytest.raises(InvalidData, match="frames per second; 10 to 1000 are due"):
        read_take(tmp_path / "a.amc", tmp_path / "a.asf", fps)


@pytest.mark.parametrize(
    ("skeleton", "motion", "message"),
    [
        ("", motion_text(10), "not a complete Acclaim skeleton"),
        (skeleton_text().replace("lwrist", "lhand"), motion_text(10), "lacks lwrist"),
        (skeleton_text(), motion_text(10)[:-20], "truncated"),
        (skeleton_text(), motion_text(10).replace("rfemur", "other"), "other is no"),
        (skeleton_text(), motion_text(10).replace(" 17.0 ", " x "), "not the motion"),
        (skeleton_text(), ":FULLY-SPECIFIED\n", "truncated"),
        (skeleton_text(), motion_text(10).encode()[:500].decode(), "truncated"),
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
