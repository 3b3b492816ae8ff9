"""SMPL's files: what is read from them, and that every wrong one is told on one line."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from smpl_files import foreign, smpl_arrays, sparse, write_pickle

from posekit.bodies import open_body
from posekit.bodies.body_joints import human36m_17, spin_49
from posekit.datasets.smpl_files import read_body
from posekit.errors import InvalidData, InvalidParameter, PosekitError
from posekit.geometry.skeletons import HUMAN36M_17, SMPL_24

STRAIGHT = torch.eye(3).expand(1, 24, 3, 3)
MANY = 300  # shape parameters of version 1.1


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pickle(tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.pkl")


def told(path: Path, kind: type[PosekitError] = InvalidData, **asked: Any) -> str:
    with pytest.raises(kind) as refused:
        read_body(path, **asked)
    message = str(refused.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_the_body_is_the_one_that_was_written(intact: Path) -> None:
    body, own = read_body(intact), open_body()
    kept = len(own.v_template)
    torch.testing.assert_close(body.v_template[:kept], own.v_template)
    torch.testing.assert_close(body.shapedirs[:kept], own.shapedirs)
    torch.testing.assert_close(body.joint_template, own.joint_template, atol=1e-3, rtol=0)
    assert (body.name, body.components) == ("SMPL_NEUTRAL", 10)
    assert (body.faces.dtype, body.faces.shape) == (torch.int64, (13_776, 3))
    posed = body(STRAIGHT, torch.zeros(1, 10))
    torch.testing.assert_close(posed.vertices[0], body.v_template)


def test_the_oldest_protocol_of_python_2_is_read(tmp_path: Path) -> None:
    changes = {"posedirs": smpl_arrays()["posedirs"]}
    old = write_pickle(tmp_path / "SMPL_MALE.pkl", changes, protocol=0)
    assert read_body(old).components == 10


def test_an_archive_with_the_same_keys_is_read(tmp_path: Path, intact: Path) -> None:
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **smpl_arrays())
    body, same = read_body(tmp_path / "SMPL_NEUTRAL.npz"), read_body(intact)
    for (_, one), (_, other) in zip(body.named_buffers(), same.named_buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_version_1_1_keeps_the_shape_parameters_that_are_asked_for(tmp_path: Path) -> None:
    shapes = np.zeros((6890, 3, MANY), dtype=np.float32)
    shapes[..., :10] = smpl_arrays()["shapedirs"]
    shapes[..., 10] = 0.01
    path = write_pickle(tmp_path / "SMPL_FEMALE.pkl", {"shapedirs": shapes})
    body = read_body(path, components=11)
    assert body.components == 11
    torch.testing.assert_close(body.joint_shapedirs[..., 10], torch.full((24, 3), 0.01))


def test_more_shape_parameters_than_the_file_has(intact: Path) -> None:
    assert "1.1.0" in told(intact, InvalidParameter, components=11)
    told(intact, InvalidParameter, components=0)


def test_regressors_that_lie_beside_the_file_are_read(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "SMPL_NEUTRAL.pkl")
    np.save(tmp_path / "J_regressor_h36m.npy", np.full((17, 6890), 1 / 6890))
    np.save(tmp_path / "J_regressor_extra.npy", np.full((9, 6890), 1 / 6890))
    body = read_body(path)
    posed = body(STRAIGHT, torch.zeros(1, 10))
    middle = posed.vertices.mean(1, keepdim=True)
    torch.testing.assert_close(human36m_17(body, posed), middle.expand(1, 17, 3))
    assert spin_49(body, posed).shape == (1, 49, 3)


SPINS_ORDER = [0, 1, 4, 7, 2, 5, 8, 6, 9, 12, 15, 16, 18, 20, 17, 19, 21]  # left leg first


@pytest.mark.parametrize("rows", [SPINS_ORDER, [0, 2, 5, 8, 1, 4, 7, *SPINS_ORDER[7:]]])
def test_the_right_leg_is_the_first_whatever_the_regressors_order(
    tmp_path: Path, intact: Path, rows: list[int]
) -> None:
    (tmp_path / intact.name).symlink_to(intact)
    np.save(tmp_path / "J_regressor_h36m.npy", smpl_arrays()["J_regressor"][rows])
    body = read_body(tmp_path / intact.name)
    posed = body(STRAIGHT, torch.zeros(1, 10))
    found = human36m_17(body, posed)[0]
    for name in ("hip", "knee", "ankle"):
        place = {"ankle": "foot"}.get(name, name)
        for side in ("left", "right"):
            joint = posed.joints[0, SMPL_24.index(f"{side} {name}")]
            regressed = found[HUMAN36M_17.index(f"{side} {place}")]
            torch.testing.assert_close(regressed, joint, atol=1e-4, rtol=0)
    assert float(found[HUMAN36M_17.index("left wrist"), 0]) > 0


@pytest.mark.parametrize(
    "array", [np.ones((17, 100)), np.ones((17, 6890), dtype=int), np.full((17, 6890), np.nan), None]
)
def test_a_wrong_regressor_is_refused_by_its_name(
    tmp_path: Path, intact: Path, array: np.ndarray | None
) -> None:
    (tmp_path / intact.name).symlink_to(intact)
    beside = tmp_path / "J_regressor_h36m.npy"
    beside.write_bytes(b"no array") if array is None else np.save(beside, array)
    with pytest.raises(InvalidData, match=beside.name) as refused:
        read_body(tmp_path / intact.name)
    assert "\n" not in str(refused.value)


def without(name: str) -> dict[str, Any]:
    return {name: None}


def altered(name: str, at: tuple, value: float) -> dict[str, Any]:
    array = smpl_arrays()[name].copy()
    array[at] = value
    return {name: array}


DENSE = smpl_arrays()["J_regressor"]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "SMPL-X": ({"v_template": np.zeros((10_475, 3))}, "SMPL-X"),
    "MANO": ({"v_template": np.zeros((778, 3))}, "MANO"),
    "SMPL+H": ({"weights": np.zeros((6890, 52))}, r"weights is float64 \(6890, 52\)"),
    "no regressor": (without("J_regressor"), "no J_regressor"),
    "no template": (without("v_template"), "no v_template"),
    "another tree": (altered("kintree_table", (0, 4), 2), "kintree_table"),
    "not finite": (altered("v_template", (5, 1), np.nan), "NaN"),
    "infinite shapes": (altered("shapedirs", (5, 1, 3), np.inf), "NaN or infinity"),
    "whole numbers": ({"posedirs": np.zeros((6890, 3, 207), dtype=np.int8)}, "posedirs is int8"),
    "broken numbers of faces": ({"f": np.zeros((13_776, 3))}, "f is float64"),
    "faces of no vertices": (altered("f", (3, 1), 6890), "vertices that do not exist"),
    "weights": (altered("weights", (3, 1), 7.0), "rows of weights"),
    "millimetres": ({"v_template": 1000 * smpl_arrays()["v_template"]}, "metres"),
    "shapes of other vertices": ({"shapedirs": np.zeros((100, 3, 10))}, "shapedirs"),
    "text": ({"v_template": "template"}, "v_template is str"),
    "a list": ({"weights": [1.0, 2.0]}, "weights is list"),
    "sparse of another shape": ({"J_regressor": sparse(DENSE[:, :100])}, "another shape"),
    "sparse without numbers": ({"J_regressor": sparse(DENSE, data=None)}, "without its numbers"),
    "sparse with rows beyond": (
        {"J_regressor": sparse(DENSE, indices=np.full(np.count_nonzero(DENSE), 24))},
        "rows are forged",
    ),
    "sparse with columns beyond": (
        {"J_regressor": sparse(DENSE, indptr=np.zeros(3, dtype=int))},
        "columns are forged",
    ),
    "computed by chumpy": (
        {"shapedirs": foreign("chumpy.reordering", "Select", a=None, idxs=None)},
        "computed by chumpy",
    ),
    "another class of chumpy": (
        {"shapedirs": foreign("chumpy.linalg", "Svd", x=None)},
        "chumpy.linalg.Svd",
    ),
    "another class of SciPy": (
        {"J_regressor": foreign("scipy.sparse.csr", "csr_matrix", data=None)},
        "csr_matrix",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_is_told_on_one_line(tmp_path: Path, wrong: str) -> None:
    changes, words = WRONG[wrong]
    message = told(write_pickle(tmp_path / "SMPL_NEUTRAL.pkl", changes))
    assert re.search(words, message)
    assert len(message) < 400


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(b"cos\nsystem\n(S'touch " + bytes(tmp_path / "run") + b"'\ntR.")
    assert "os.system" in told(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["SMPL_NEUTRAL.pkl", "SMPL_NEUTRAL.npz", "SMPL_NEUTRAL.obj"])
def test_files_that_are_missing_or_none_of_these(tmp_path: Path, name: str) -> None:
    told(tmp_path / name)
    (tmp_path / name).write_bytes(b"not a body")
    told(tmp_path / name)


def test_a_pickle_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    path.write_bytes(pickle.dumps([1, 2], protocol=2))
    assert "no dictionary" in told(path)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_read_or_told_on_one_line(
    tmp_path: Path, intact: Path, data: st.DataObject
) -> None:
    content = bytearray(intact.read_bytes())
    if data.draw(st.booleans(), label="cut off"):
        del content[data.draw(st.integers(0, len(content) - 1), label="bytes left") :]
    else:
        # Arrays fill the file, so most of the damage goes where names and shapes stand.
        places = st.integers(0, 2000) | st.integers(0, len(content) - 1)
        for place in data.draw(st.lists(places, min_size=1, max_size=4), label="places"):
            content[place] = data.draw(st.integers(0, 255), label="byte")
    damaged = tmp_path / "SMPL_NEUTRAL.pkl"
    damaged.write_bytes(content)
    try:
        body = read_body(damaged)
    except InvalidData:
        told(damaged)
    else:
        assert all(bool(torch.isfinite(of).all()) for _, of in body.named_buffers())
