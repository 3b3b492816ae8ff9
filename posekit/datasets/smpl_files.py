"""Reads SMPL's body models, ``SMPL_NEUTRAL.pkl`` and the like, as their owners give them away.

A registered user's files: pickles of Python 2 with SciPy and chumpy objects inside. Nothing in
them is run and neither package is asked; the restricted unpickler keeps the state of such objects
alone. An ``.npz`` with the same keys, and a dense ``J_regressor``, is read too.

Every array is checked before it is used, so that a file of another model (SMPL-X, SMPL+H), a
damaged one, or one with too few shape parameters is told on one line.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from posekit.bodies.body import JOINTS, POSE_FEATURES, BodyModel
from posekit.bodies.body_joints import SMPL_VERTICES
from posekit.datasets.archives import ADMITTED, DAMAGED, ArrayUnpickler, load_archive, readable
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, SMPL_24
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import reason

FACES = 13_776
SHAPES: dict[str, tuple[int, ...]] = {
    "v_template": (SMPL_VERTICES, 3),
    "weights": (SMPL_VERTICES, JOINTS),
    "kintree_table": (2, JOINTS),
    "J_regressor": (JOINTS, SMPL_VERTICES),
    "posedirs": (SMPL_VERTICES, 3, POSE_FEATURES),
    "f": (FACES, 3),
}
KEYS = (*SHAPES, "shapedirs")
WHOLE = ("f", "kintree_table")  # the others have fractions
HUMAN36M_FILES = ("J_regressor_h36m.npy", "J_regressor_h36m_correct.npy")
SIDES, LEG = ("right", "left"), ("hip", "knee", "foot")
EXTRA_FILE, EXTRA_JOINTS = "J_regressor_extra.npy", 9
OTHER_MODELS = {10_475: "SMPL-X", 778: "MANO", 5_023: "FLAME", 3_889: "SMAL"}  # by vertices
GET = "get SMPL_NEUTRAL.pkl (or MALE, FEMALE) from smpl.is.tue.mpg.de"
TALLEST, SHORTEST = 3.0, 1.0  # metres, of the mean body
_OFF = 1e-3  # that weights which sum to 1 may be off
_OFF_BESIDE = 0.05  # the same of regressors that others fitted
_ROOTS = (-1, (1 << 32) - 1, (1 << 64) - 1)  # as signed and unsigned numbers spell "no parent"


def read_body(path: str | os.PathLike[str], components: int = 10) -> BodyModel:
    """SMPL's body model from the user's file.

    Regressors of further joints are read where they lie beside it: ``J_regressor_h36m.npy``
    (17, 6890), also by PersPose's name ``J_regressor_h36m_correct.npy``, and
    ``J_regressor_extra.npy`` (9, 6890). SPIN's file of Human3.6M's joints has the left leg before
    the right one; it is given in the order of ``HUMAN36M_17`` all the same.

    Args:
        path: ``.pkl``, version 1.0 (10 shape parameters) or 1.1 (300), or ``.npz``.
        components: shape parameters to keep; PersPose has 11.

    Raises:
        InvalidData: no such file, damaged, of another model, or not safe to read.
        InvalidParameter: more components than the file has, or none.
    """
    path = Path(path)
    held = _held(path)
    arrays = {name: _checked(held[name], name, path) for name in SHAPES}
    _check_content(arrays, path)
    shapedirs = _shapedirs(held["shapedirs"], components, path)
    regressor = arrays["J_regressor"]
    template = _float32(arrays["v_template"])
    human36m = _regressor(path.parent, HUMAN36M_FILES, HUMAN36M_17.joints)
    return BodyModel(
        path.stem,
        v_template=template,
        shapedirs=_float32(shapedirs),
        weights=_float32(arrays["weights"]),
        faces=torch.from_numpy(arrays["f"].astype(np.int64)),
        joint_template=_float32(regressor @ arrays["v_template"]),
        joint_shapedirs=_float32(np.einsum("jv,vks->jks", regressor, shapedirs)),
        posedirs=_float32(arrays["posedirs"]),
        human36m_regressor=None if human36m is None else _right_leg_first(human36m, template),
        extra_regressor=_regressor(path.parent, (EXTRA_FILE,), EXTRA_JOINTS),
    )


class _State:
    """Stands in for an object of another package; keeps its state, and nothing in it is run."""

    state: Mapping[str, Any] = MappingProxyType({})

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("an object whose state is no dictionary")
        self.state = state


class _Sparse(_State):
    """Stands in for SciPy's ``csc_matrix``."""


class _Chumpy(_State):
    """Stands in for an array of chumpy, whose numbers are its attribute ``x``."""


class _Object:
    """Stands in for the name ``object``; cannot be called."""


def _reconstructed(kind: object, base: object, state: object) -> _State:
    # How Python 2 spells a new object in its oldest protocols.
    if kind not in (_Sparse, _Chumpy) or not isinstance(base, _Object) or state is not None:
        raise pickle.UnpicklingError("an object that no body model holds")
    return kind()


def _forgotten(_members: object = None) -> None:
    """Stands in for a set: chumpy keeps the names of what changed, which nobody needs."""


class _Unpickler(ArrayUnpickler):
    admitted: ClassVar = {
        **ADMITTED,
        ("scipy.sparse.csc", "csc_matrix"): _Sparse,
        ("scipy.sparse._csc", "csc_matrix"): _Sparse,
        ("chumpy.ch", "Ch"): _Chumpy,
        ("chumpy", "Ch"): _Chumpy,
        **{("chumpy.reordering", name): _Chumpy for name in ("Select", "Reshape", "Transpose")},
        ("copy_reg", "_reconstructor"): _reconstructed,
        ("copyreg", "_reconstructor"): _reconstructed,
        ("__builtin__", "object"): _Object(),
        ("builtins", "object"): _Object(),
        ("__builtin__", "set"): _forgotten,
        ("builtins", "set"): _forgotten,
    }
    stateful = (*ArrayUnpickler.stateful, _State)
    stateless = "is no array, sparse matrix or array of chumpy"


def _held(path: Path) -> dict[str, Any]:
    """What the file holds under the keys of a body model."""
    if path.suffix == ".npz":
        with readable(path):
            return load_archive(path, KEYS)
    if path.suffix != ".pkl":
        raise InvalidData(
            f"{shown(path)}: a body model is read from .pkl or .npz, this is "
            f"{shown(path.suffix) or 'neither'}; {GET}."
        )
    try:
        with readable(path), path.open("rb") as file:
            reader = _Unpickler(file, encoding="latin1")
            tree = reader.load()
            if not isinstance(tree, dict):
                raise pickle.UnpicklingError("it holds no dictionary")
            missing = [name for name in KEYS if name not in tree]
            if missing:
                raise InvalidData(f"{shown(path)}: no {missing[0]}; is it another file? {GET}.")
            return {name: _array(tree[name], name, reader) for name in KEYS}
    except DAMAGED as error:
        raise InvalidData(
            f"{shown(path)}: the pickle is refused: {reason(error)}. Nothing in it was run; {GET}."
        ) from error


def _array(node: Any, name: str, reader: ArrayUnpickler) -> Any:
    if isinstance(node, _Sparse):
        return _dense({key: reader.whole(part) for key, part in node.state.items()})
    if isinstance(node, _Chumpy):
        if "x" not in node.state:
            raise pickle.UnpicklingError(
                f"{name} is computed by chumpy from other arrays; save numpy.array({name}) instead"
            )
        return reader.whole(node.state["x"])
    return reader.whole(node)


def _dense(state: Mapping[str, Any]) -> np.ndarray:
    """A sparse matrix of compressed columns as SciPy keeps it, written out."""
    shape = state.get("_shape", state.get("shape"))
    if shape != SHAPES["J_regressor"]:
        raise pickle.UnpicklingError(
            f"a sparse matrix of another shape than {SHAPES['J_regressor']}, SMPL's regressor"
        )
    data, rows, starts = (state.get(name) for name in ("data", "indices", "indptr"))
    for part, kinds in ((data, "f"), (rows, "iu"), (starts, "iu")):
        if not isinstance(part, np.ndarray) or part.ndim != 1 or part.dtype.kind not in kinds:
            raise pickle.UnpicklingError("a sparse matrix without its numbers")
    counts = np.diff(starts.astype(np.int64))
    if len(counts) != shape[1] or (counts < 0).any() or starts[0] != 0:
        raise pickle.UnpicklingError("a sparse matrix whose columns are forged")
    if not len(data) == len(rows) == starts[-1] or not _all_in(rows, shape[0]):
        raise pickle.UnpicklingError("a sparse matrix whose rows are forged")
    columns = np.repeat(np.arange(shape[1]), counts)
    dense = np.zeros(shape)
    np.add.at(dense, (rows.astype(np.int64), columns), data)
    return dense


def _all_in(indices: np.ndarray, end: int) -> bool:
    return not indices.size or (int(indices.min()) >= 0 and int(indices.max()) < end)


def _checked(array: Any, name: str, path: Path) -> np.ndarray:
    """An array of the shape and kind that SMPL has, numbers with a fraction in float64."""
    due, found = SHAPES[name], getattr(array, "shape", None)
    kinds, numbers = ("iu", "whole") if name in WHOLE else ("f", "floating-point")
    if name == "v_template" and found and found[0] in OTHER_MODELS:
        raise InvalidData(f"{shown(path)}: a body of {OTHER_MODELS[found[0]]}, not SMPL; {GET}.")
    if found != due or array.dtype.kind not in kinds:
        what = shown(type(array).__name__) if found is None else f"{array.dtype} {found}"
        raise InvalidData(
            f"{shown(path)}: {name} is {what}; expected {numbers} numbers {due}, SMPL's: {GET}."
        )
    return array if kinds == "iu" else _finite(array, name, path)


def _finite(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    array = array.astype(np.float64)
    # Numbers that float32 cannot hold are as damaged as those that are not finite.
    if not (np.abs(array) <= np.finfo(np.float32).max).all():
        raise InvalidData(f"{shown(path)}: {name} holds NaN or infinity; get the file again.")
    return array


def _shapedirs(array: Any, components: int, path: Path) -> np.ndarray:
    shape = getattr(array, "shape", ())
    if len(shape) != 3 or shape[:2] != (SMPL_VERTICES, 3) or array.dtype.kind != "f":
        raise InvalidData(
            f"{shown(path)}: shapedirs of shape {shape}; expected floating-point numbers "
            f"({SMPL_VERTICES}, 3, 10 or 300), SMPL's: {GET}."
        )
    if not 1 <= components <= shape[2]:
        raise InvalidParameter(
            f"{shown(path)} has {shape[2]} shape parameters, {components} are asked for; take "
            "version 1.1.0 of SMPL, which has 300, or ask for fewer."
        )
    return _finite(array[..., :components], "shapedirs", path)


def _check_content(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Refuse arrays of the right shape that are no body."""
    parents = tuple(-1 if int(of) in _ROOTS else int(of) for of in arrays["kintree_table"][0])
    if parents != SMPL_24.parents:
        raise InvalidData(f"{shown(path)}: kintree_table is not SMPL's tree of joints; {GET}.")
    if not _all_in(arrays["f"], SMPL_VERTICES):
        raise InvalidData(f"{shown(path)}: f names vertices that do not exist; get it again.")
    for name in ("weights", "J_regressor"):
        _check_sums(arrays[name], name, path)
    tall = float(np.ptp(arrays["v_template"][:, 1]))
    if not SHORTEST <= tall <= TALLEST:
        raise InvalidData(
            f"{shown(path)}: v_template is {tall:.3g} tall along y; expected an adult in metres, "
            f"{SHORTEST:g} to {TALLEST:g}, y up: {GET}."
        )


def _check_sums(weights: np.ndarray, name: str, path: Path, most: float = _OFF) -> None:
    off = float(np.abs(weights.sum(1) - 1).max())
    if not off <= most:
        raise InvalidData(
            f"{shown(path)}: rows of {name} sum to 1 +- {off:.3g}; expected 1: get the file again."
        )


def _regressor(folder: Path, names: tuple[str, ...], joints: int) -> Tensor | None:
    """(joints, 6890) float32 of the first of these files that is there, None without any."""
    path = next((folder / name for name in names if (folder / name).exists()), None)
    if path is None:
        return None
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, kind = array.shape, array.dtype
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise InvalidData(
            f"{shown(path)}: not a readable .npy of numbers ({type(error).__name__}); get it from "
            "SPIN's page again, or take it away."
        ) from error
    if shape != (joints, SMPL_VERTICES) or kind.kind != "f":
        raise InvalidData(
            f"{shown(path)}: holds {kind} {shape}; expected floating-point numbers "
            f"({joints}, {SMPL_VERTICES}): get it from SPIN's page again, or take it away."
        )
    array = _finite(np.array(array), "the regressor", path)
    _check_sums(array, "the regressor", path, _OFF_BESIDE)
    return _float32(array)


def _right_leg_first(regressor: Tensor, template: Tensor) -> Tensor:
    """The rows in the order of ``HUMAN36M_17``; where they regress to tells which leg is which."""
    right, left = ([HUMAN36M_17.index(f"{side} {name}") for name in LEG] for side in SIDES)
    across = (regressor @ template)[:, 0]  # SMPL's left side is at +x
    if float(across[right].mean()) <= float(across[left].mean()):
        return regressor
    rows = torch.arange(len(regressor))
    rows[right], rows[left] = rows[left], rows[right]
    return regressor[rows]


def _float32(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
