"""Stand-ins for SMPL's files, made of the open body: the exact layout, and nobody's licensed data.

The open body's faces are split until it has SMPL's 6,890 vertices and 13,776 faces. Objects of
SciPy and chumpy are written as Python 2 names them, so neither package is needed.
"""

from __future__ import annotations

import pickle
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from posekit.bodies.open_body import FILE
from posekit.geometry.skeletons import SMPL_24

VERTICES = 6890
NEAREST = 200  # vertices that a joint is regressed from


@cache
def smpl_arrays() -> dict[str, np.ndarray]:
    """Keys and arrays of SMPL's file; the regressor is dense."""
    with np.load(FILE) as file:
        body = {name: file[name].astype(np.float64) for name in ("v_template", "weights")}
        shapedirs, faces = file["shapedirs"].astype(np.float64), file["f"].astype(np.int64)
        joints = np.concatenate([file["J_template"][..., None], file["J_shapedirs"]], axis=-1)
    points = np.concatenate([body["v_template"], shapedirs.reshape(-1, 30), body["weights"]], 1)
    points, faces = _split(points, faces)
    template, shapes, weights = np.split(points, [3, 33], axis=1)
    shapes = shapes.reshape(-1, 3, 10)
    parents = np.array(SMPL_24.parents)
    return {
        "v_template": template,
        "f": faces.astype(np.uint32),
        "weights": weights,
        "kintree_table": np.stack([parents % (1 << 32), np.arange(24)]),
        "J_regressor": _regressor(np.concatenate([template[..., None], shapes], -1), joints),
        "shapedirs": shapes,
        "posedirs": np.zeros((VERTICES, 3, 207), dtype=np.float16),  # a small file
    }


def write_pickle(path: Path, changes: dict[str, Any] | None = None, protocol: int = 2) -> Path:
    """A ``.pkl`` as SMPL's: a sparse regressor, shapes as an array of chumpy.

    Args:
        path: of the file.
        changes: key -> what takes its place; None leaves the key out.
        protocol: of the pickle; Python 2 knew 0 to 2.
    """
    tree = {"bs_style": "lbs", "bs_type": "lrotmin", **smpl_arrays(), **(changes or {})}
    if isinstance(tree["J_regressor"], np.ndarray):
        tree["J_regressor"] = sparse(tree["J_regressor"])
    if isinstance(tree["shapedirs"], np.ndarray):
        changed = {"x": tree["shapedirs"], "_dirty_vars": set(), "_itr": None}
        tree["shapedirs"] = foreign("chumpy.ch", "Ch", **changed)
    tree = {name: value for name, value in tree.items() if value is not None}
    with path.open("wb") as file:
        _Pickler(file, protocol=protocol).dump(tree)
    return path


def foreign(module: str, name: str, **state: Any) -> object:
    """An object that a pickle names as ``module.name``, with this state."""
    made = type(name, (), {"__module__": module, "__qualname__": name})()
    made.__dict__.update(state)
    return made


def sparse(dense: np.ndarray, **changes: Any) -> object:
    """A matrix as SciPy's ``csc_matrix`` keeps it."""
    columns, rows = dense.T.nonzero()
    starts = np.searchsorted(columns, np.arange(dense.shape[1] + 1))
    state = {
        "_shape": dense.shape,
        "data": dense[rows, columns],
        "indices": rows.astype(np.int32),
        "indptr": starts.astype(np.int32),
        "maxprint": 50,
    }
    return foreign("scipy.sparse.csc", "csc_matrix", **{**state, **changes})


class _Pickler(pickle._Pickler):
    """Writes classes of packages that are not there by their names."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if isinstance(obj, type) and obj.__module__.startswith(("chumpy", "scipy")):
            self.write(pickle.GLOBAL + f"{obj.__module__}\n{obj.__qualname__}\n".encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    def save_type(self, obj: type) -> None:
        self.save_global(obj)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, type: save_type}


def _split(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (6890, C) and faces (13776, 3): a point in the middle of faces, in rounds."""
    while len(points) < VERTICES:
        count = min(VERTICES - len(points), len(faces))
        split, rest = faces[:count], faces[count:]
        middle = len(points) + np.arange(count)
        points = np.concatenate([points, points[split].mean(1)])
        thirds = [
            np.stack([split[:, one], split[:, other], middle], axis=1)
            for one, other in ((0, 1), (1, 2), (2, 0))
        ]
        faces = np.concatenate([rest, *thirds])
    return points, faces


def _regressor(shapes: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(24, V) that gives joints (24, 3, 1 + S) from vertices (V, 3, 1 + S), rows sum to 1."""
    regressor = np.zeros((len(joints), len(shapes)))
    for joint, due in enumerate(joints):
        near = np.linalg.norm(shapes[..., 0] - due[:, 0], axis=1).argsort()[:NEAREST]
        facts = np.concatenate([shapes[near].reshape(NEAREST, -1).T, np.ones((1, NEAREST))])
        regressor[joint, near] = np.linalg.lstsq(facts, np.append(due.ravel(), 1.0), rcond=1e-10)[0]
    return regressor / regressor.sum(1, keepdims=True)
