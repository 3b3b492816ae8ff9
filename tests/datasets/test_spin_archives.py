"""SPIN's lists of pictures: what protocols take from them, and every way to err."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_files import change_archive, damaged
from hypothesis import HealthCheck, given, settings

from posekit.datasets.spin_archives import human36m_every_20th, read_spin_archive
from posekit.errors import InvalidData, InvalidParameter

NAMES = [
    *(f"images/S9_Walking 1.60457274_{frame:06d}.jpg" for frame in range(1, 102, 5)),
    *(f"images/S11_Directions 1.60457274_{frame:06d}.jpg" for frame in range(1, 22, 5)),
    *(f"images/S11_Walking.54138969_{frame:06d}.jpg" for frame in range(6, 47, 5)),
]
ROWS = len(NAMES)


def members() -> dict[str, np.ndarray]:
    """Every member that any list has, in random order of the pictures."""
    rng = np.random.default_rng(0)
    joints = np.ones((ROWS, 24, 4))
    joints[..., :3] = rng.uniform(-0.9, 0.9, (ROWS, 24, 3))
    return {
        "imgname": np.array(NAMES)[rng.permutation(ROWS)],
        "center": rng.uniform(100, 900, (ROWS, 2)),
        "scale": rng.uniform(1, 5, ROWS),
        "pose": rng.normal(0, 0.5, (ROWS, 72)),
        "shape": rng.normal(0, 1, (ROWS, 10)),
        "has_smpl": np.arange(ROWS) % 2,
        "gender": np.array(["m", "f"] * ROWS)[:ROWS],
        "part": rng.uniform(0, 1000, (ROWS, 24, 3)),
        "openpose": rng.uniform(0, 1000, (ROWS, 25, 3)),
        "S": joints,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez(tmp_path / "list.npz", **members())
    return tmp_path / "list.npz"


def test_what_is_read_is_what_is_written(path: Path) -> None:
    held, archive = members(), read_spin_archive(path)
    assert archive.pictures == tuple(held["imgname"])
    assert archive.genders[:3] == ("male", "female", "male")
    assert archive.has_body.tolist() == [k % 2 == 1 for k in range(ROWS)]
    np.testing.assert_allclose(archive.pose[4, 7], held["pose"][4, 21:24], rtol=1e-6)
    x, y, width, height = archive.boxes()[2].tolist()
    assert (x + width / 2, y + height / 2) == pytest.approx(held["center"][2], rel=1e-5)
    assert width == height == pytest.approx(200 * held["scale"][2], rel=1e-5)


def test_each_data_set_has_the_members_it_scores(path: Path) -> None:
    archive = read_spin_archive(path)
    assert torch.equal(archive.scored_joints("h36m"), archive.joints[:, :14, :3])
    expected = archive.joints[:, [*range(13), 18, 14, 16, 17], :3]
    assert torch.equal(archive.scored_joints("mpi_inf_3dhp"), expected)
    with pytest.raises(InvalidParameter, match="data set with scored joints 'pw3d'"):
        archive.scored_joints("pw3d")


def test_a_list_without_bodies_or_joints_says_so(path: Path) -> None:
    change_archive(path, lambda held: [held.pop(name) for name in ("pose", "shape", "S", "part")])
    archive = read_spin_archive(path)
    assert archive.pose is archive.shape is archive.has_body is archive.keypoints is None
    with pytest.raises(InvalidData, match="no member S"):
        archive.scored_joints("h36m")


def test_joints_that_are_not_annotated_are_not_scored(path: Path) -> None:
    change_archive(path, of("S", lambda a: a * np.append([1, 1, 1], 0)))
    with pytest.raises(InvalidData, match="confidence 0 in S"):
        read_spin_archive(path).scored_joints("h36m")


def test_perspose_takes_one_frame_in_20_without_s11s_directions(path: Path) -> None:
    archive = read_spin_archive(path)
    chosen = archive.rows(human36m_every_20th(archive))
    names = sorted(name.removeprefix("images/") for name in chosen.pictures)
    walks = [f"S9_Walking 1.60457274_{frame:06d}.jpg" for frame in range(1, 102, 20)]
    assert names == sorted([*walks, *(f"S11_Walking.54138969_{k:06d}.jpg" for k in (6, 26, 46))])
    assert len(chosen) == len(chosen.joints) == len(chosen.genders) == 9


def test_other_pictures_are_no_list_of_human36m(path: Path) -> None:
    change_archive(path, of("imgname", lambda a: np.char.replace(a, "60457274", "cam")))
    with pytest.raises(InvalidData, match=r"not named as Human3\.6M's"):
        human36m_every_20th(read_spin_archive(path))


def of(name: str, edit: Callable[[np.ndarray], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda held: held.update({name: edit(np.array(held[name]))})


def first(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def put(array: np.ndarray) -> np.ndarray:
        array.flat[0] = value
        return array

    return put


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no pictures": (lambda held: held.pop("imgname"), "no member imgname"),
    "no shape": (lambda held: held.pop("shape"), "pose without shape"),
    "fewer boxes": (of("center", lambda a: a[1:]), f"center must have shape ({ROWS}, 2)"),
    "text": (of("scale", lambda a: a.astype(str)), "scale must have shape"),
    "objects": (of("pose", lambda a: a.astype(object)), "pose must have shape"),
    "pixels": (of("scale", lambda a: a * 200), "the box's side divided by 200 px is due"),
    "scale 0": (of("scale", first(0)), "scale goes from 0"),
    "NaN": (of("S", first(np.nan)), "S holds NaN"),
    "millimetres": (of("S", lambda a: a * 1000), "metres from the pelvis are due"),
    "large betas": (of("shape", first(99)), "no person has more than 20"),
    "bodies known by halves": (of("has_smpl", lambda a: a * 0.5), "has_smpl must hold 0 or 1"),
    "gender": (of("gender", first("x")), "gender 'x'; 'm' or 'f' is due"),
    "absolute path": (of("imgname", first("/etc/passwd")), "lies outside"),
    "path upwards": (of("imgname", first("a/../../b.jpg")), "lies outside"),
    "two lines": (of("imgname", first("a\nb.jpg")), "lies outside"),
    "nothing": (
        lambda held: held.update({name: array[:0] for name, array in held.items()}),
        "lists no picture",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_told_in_one_line(path: Path, name: str) -> None:
    edit, message = BROKEN[name]
    change_archive(path, edit)
    with pytest.raises(InvalidData) as caught:
        read_spin_archive(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=damaged())
def test_a_damaged_list_is_one_line_or_the_intact_list(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "list.npz"
    np.savez(path, **members())
    intact = read_spin_archive(path)
    path.write_bytes(damage(path.read_bytes()))
    told, found = "", None
    try:
        found = read_spin_archive(path)
    except InvalidData as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 1000
    if found is not None:
        assert found.pictures == intact.pictures
        assert found.joints is None or torch.equal(found.joints, intact.joints)
