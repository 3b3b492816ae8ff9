"""3DPW's sequence files: what is read, Python 2's pickles, and every way to err."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import copy_of, damaged
from hypothesis import HealthCheck, given, settings
from pw3d_files import ONE, change_sequence

from posekit.datasets.archives import load_pickle
from posekit.datasets.pw3d_sequences import PW3DSequence, read_sequence
from posekit.errors import InvalidData


@pytest.fixture
def path(small_pw3d: Path, tmp_path: Path) -> Path:
    """A sequence file that a test may damage."""
    return copy_of(small_pw3d, tmp_path / "data") / "pw3d" / ONE


def test_a_sequence_has_two_persons_before_one_camera(path: Path) -> None:
    held, sequence = load_pickle(path, encoding="latin1"), read_sequence(path)
    assert (sequence.name, len(sequence.people)) == ("downtown_bar_00", 2)
    assert sequence.resolution == (1920, 1080)
    for number, person in enumerate(sequence.people):
        assert person.poses.shape == person.joints.shape == (sequence.frames, 24, 3)
        assert person.gender == {"m": "male", "f": "female"}[held["genders"][number]]
        written = torch.tensor(held["jointPositions"][number]).reshape(-1, 24, 3)
        assert torch.equal(person.joints, written)
    here = sequence.in_camera(sequence.people[0].joints)
    matrix = held["cam_poses"][3]
    expected = matrix[:3, :3] @ held["jointPositions"][0][3, :3] + matrix[:3, 3]
    np.testing.assert_allclose(here[3, 0], expected, atol=1e-12)


def test_more_betas_than_ten_are_cut(path: Path) -> None:
    change_sequence(path, lambda held: held["betas"].append(np.append(held["betas"].pop(), 9.0)))
    assert read_sequence(path).people[1].betas.shape == (10,)


def python_2(value: Any) -> bytes:
    """A value as Python 2 pickled it: protocol 2, texts and the bytes of arrays as its ``str``."""

    def string(content: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(content)) + content

    if isinstance(value, str):
        return string(value.encode("latin1"))
    if isinstance(value, list):
        return b"](" + b"".join(map(python_2, value)) + b"e"
    if isinstance(value, dict):
        items = b"".join(python_2(key) + python_2(item) for key, item in value.items())
        return b"}(" + items + b"u"
    array = np.ascontiguousarray(value)
    shape = b"(" + b"".join(b"J" + struct.pack("<i", side) for side in array.shape) + b"t"
    dtype = b"cnumpy\ndtype\n" + string(array.dtype.str[1:].encode()) + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
    empty += string(b"b") + b"\x87R"
    return empty + b"(K\x01" + shape + dtype + b"\x89" + string(array.tobytes()) + b"tb"


def test_pickles_of_python_2_are_read(path: Path) -> None:
    def same(first: PW3DSequence, second: PW3DSequence) -> bool:
        people = zip(first.people, second.people, strict=True)
        return torch.equal(first.rotation, second.rotation) and all(
            torch.equal(one.poses, other.poses) and one.gender == other.gender
            for one, other in people
        )

    before = read_sequence(path)
    held = load_pickle(path, encoding="latin1")
    path.write_bytes(b"\x80\x02" + python_2(held) + b".")
    assert same(before, read_sequence(path))


def of(
    name: str, edit: Callable[[np.ndarray], Any], person: int | None = 0
) -> Callable[[dict[str, Any]], None]:
    """A change to one array, a person's by default."""

    def change(held: dict[str, Any]) -> None:
        holder, key = (held, name) if person is None else (held[name], person)
        holder[key] = edit(np.array(holder[key]))

    return change


def first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def put(array: np.ndarray) -> np.ndarray:
        array = array.astype(float)
        array.flat[0] = value
        return array

    return put


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no joints": (lambda held: held.pop("jointPositions"), "no jointPositions"),
    "other sequence": (lambda held: held.update(sequence="flat_guitar_01"), "flat_guitar_01"),
    "three persons": (lambda held: held["poses"].append(0), "poses must list one or two persons"),
    "a person too few": (lambda held: held["trans"].pop(), "different numbers of persons"),
    "frames": (of("poses", lambda a: a[:-1]), "poses must be numbers of shape"),
    "23 joints": (of("jointPositions", lambda a: a[:, 3:]), "jointPositions must be numbers"),
    "text": (of("trans", lambda a: a.astype(str)), "trans must be numbers"),
    "NaN": (of("poses", first(np.nan)), "poses hold NaN"),
    "millimetres": (of("jointPositions", lambda a: a * 1e5), "metres are due"),
    "gender": (lambda held: held["genders"].__setitem__(0, "x\n"), "'m' or 'f' is due"),
    "gender of another kind": (
        lambda held: held["genders"].__setitem__(0, ["m"]),
        "has gender 'list'",
    ),
    "name of another kind": (lambda held: held.update(sequence=[[]]), "the sequence 'list'"),
    "nine betas": (of("betas", lambda a: a[:9]), "expected (10 or more,)"),
    "large betas": (of("betas", first(1e3)), "no person has more than 20"),
    "validity": (of("campose_valid", first(2)), "must hold 0 or 1"),
    "camera": (of("cam_poses", lambda a: a * 2, None), "is no rotation and translation"),
    "mirrored camera": (
        of("cam_poses", lambda a: a @ np.diag([-1, 1, 1, 1]), None),
        "is no rotation and translation",
    ),
    "no picture": (of("cam_poses", lambda a: a[:0], None), "no picture"),
    "no camera": (of("cam_poses", lambda a: a[0, 0, 0], None), "cam_poses must be numbers"),
    "focal length 0": (of("cam_intrinsics", first(0), None), "no matrix of a camera in pixels"),
    "normalised intrinsics": (
        of("cam_intrinsics", lambda a: a / np.array([[1e3], [1e3], [1]]), None),
        "in pixels",
    ),
    "half the picture": (
        of("cam_intrinsics", lambda a: a / np.array([[2], [2], [1]]), None),
        "is not near the middle",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_in_one_line(path: Path, name: str) -> None:
    edit, message = BROKEN[name]
    change_sequence(path, edit)
    with pytest.raises(InvalidData) as caught:
        read_sequence(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_code_in_a_file_is_not_run(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    with pytest.raises(InvalidData, match=r"asks for os\.system.*Nothing in it was run"):
        read_sequence(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x02N.", b"\x80\x02](K\x01e.", b"<html>"])
def test_other_files_are_told_in_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidData, match=path.name):
        read_sequence(path)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=damaged())
def test_a_damaged_file_is_one_line_or_passes_every_check(
    small_pw3d: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    content = (small_pw3d / "pw3d" / "sequenceFiles/test/flat_guitar_01.pkl").read_bytes()
    path = tmp_path / "flat_guitar_01.pkl"
    path.write_bytes(damage(content))
    told, people = "", ()
    try:
        people = read_sequence(path).people
    except InvalidData as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 1000
    assert all(bool(torch.isfinite(person.joints).all()) for person in people)
