"""Small intact files of every licensed layout, and their views: what tests exchange and damage.

Each layout is written by its stand-in's writer and cut down to a few takes of one person.
"""

from __future__ import annotations

import copy
import pickle
import tempfile
import zlib
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest

from posekit.datasets import (
    PoseDataset,
    human36m,
    humaneva,
    load_dataset,
    mpi_inf_3dhp,
    poseaug_3dhp,
)
from posekit.datasets import h36m_motionbert as motionbert
from posekit.datasets.archives import load_archive, load_pickle
from posekit.datasets.synthetic.generate import generate_take
from posekit.errors import InvalidData
from posekit.geometry.skeletons import (
    COCO_17,
    HUMAN36M_16,
    HUMAN36M_17,
    HUMANEVA_15,
    MPI_INF_3DHP_17,
    Skeleton,
)

FRAMES = 160
MOTIONS = ("Walking", "Running", "WalkTogether", "WalkDog")  # nobody stands still
SUBJECTS = {
    "h36m": {"train": ("S1",), "test": ("S9",)},
    "h36m_motionbert": {"train": ("S1",), "test": ("S9",)},
    "mpi_inf_3dhp": {"train": ("S1",), "test": ("TS1", "TS2", "TS5")},
    "humaneva": ("S1",),
}
TAKES = {
    "h36m": ("Walking", "Walking 1", "Posing"),
    "humaneva": ("Walking 1 chunk0", "Jog 1 chunk0", "Box 1 chunk0"),
    "h36m_motionbert": ("s_09_act_14_subact_01", "s_09_act_14_subact_02", "s_09_act_07_subact_01"),
}


class Place(NamedTuple):
    """Where an array, or some rows of one, lies in nested containers."""

    holder: Any
    key: Any
    rows: slice = slice(None)

    def get(self) -> np.ndarray:
        return np.array(self.holder[self.key][self.rows])

    def put(self, array: np.ndarray) -> None:
        if self.rows == slice(None):
            self.holder[self.key] = array
        else:
            self.holder[self.key] = np.array(self.holder[self.key])
            self.holder[self.key][self.rows] = array


class View(NamedTuple):
    """One view of one take: the name that its clip gets, and where its arrays lie."""

    name: str
    keypoints: Place
    poses: tuple[Place, ...]

    @property
    def take(self) -> str:
        return self.name.rpartition("/")[0]


@dataclass
class Layout:
    """How a data set is laid out: its files, the joints of its keypoints, and its views."""

    dataset: str
    split: str
    source: str
    skeleton: Skeleton
    paths: tuple[str, ...]
    views_of: Callable[[Mapping[str, Any]], Iterator[View]]


class Files:
    """The content of a layout's files in memory."""

    def __init__(self, layout: Layout, contents: dict[str, Any]) -> None:
        self.layout = layout
        self.contents = contents
        self.views = list(layout.views_of(ChainMap(*contents.values())))

    def load(self, root: Path) -> PoseDataset:
        """What posekit reads from them, written below ``root``."""
        for name, members in self.contents.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".pkl":
                path.write_bytes(pickle.dumps(members, protocol=3))
                continue
            np.savez(path, **{key: _held(value) for key, value in members.items()})
        layout = self.layout
        return load_dataset(layout.dataset, layout.split, root=root, keypoints=layout.source)

    def refusal(self, root: Path) -> str:
        """The one line with which posekit refuses them."""
        with pytest.raises(InvalidData) as caught:
            self.load(root)
        assert "\n" not in str(caught.value)
        assert str(root) in str(caught.value)
        return str(caught.value)


def _held(value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    held = np.array(None, dtype=object)
    held[()] = value
    return held


def files(name: str) -> Files:
    """Intact files of a layout, a key of ``LAYOUTS``, to be damaged at will."""
    return Files(LAYOUTS[name], copy.deepcopy(_contents(name)))


@cache
def _contents(name: str) -> dict[str, Any]:
    layout = LAYOUTS[name]
    with tempfile.TemporaryDirectory() as folder:
        _write(layout.dataset, Path(folder))
        contents = {}
        for path in layout.paths:
            read = load_pickle if path.endswith(".pkl") else load_archive
            contents[path] = _cut(layout, read(Path(folder) / path))
    return contents


@cache
def _motion(action: str) -> np.ndarray:
    return generate_take("S9", action, 1, FRAMES + 10, "seed")


def _write(dataset: str, root: Path) -> None:
    """The stand-in of two persons and two motions, below ``root``."""
    name = {"h36m": "human36m"}.get(dataset, dataset)
    standin = import_module(f"posekit.datasets.standins.{name}")

    def make_take(subject: str, action: str, number: int, frames: int) -> np.ndarray:
        # Any function that gives three takes of a person three motions.
        motion = _motion(MOTIONS[zlib.crc32(f"1{action}{number}".encode()) % len(MOTIONS)])
        return np.tile(motion, (-(-frames // len(motion)), 1, 1))[:frames]

    extra = {"h36m": ((FRAMES, FRAMES), "walks"), "poseaug_3dhp": ()}
    arguments = extra.get(dataset, ((FRAMES, FRAMES),))
    with patch.object(standin, "SUBJECTS", SUBJECTS.get(dataset), create=True):
        standin.write_layout(root / dataset, make_take, *arguments, "seed")


def _cut(layout: Layout, members: dict[str, Any]) -> dict[str, Any]:
    """Without the stand-in's mark, and without most takes."""
    members.pop("standin", None)
    wanted = TAKES.get(layout.dataset, ())
    if layout.dataset in ("h36m", "humaneva"):
        subject = "S9" if layout.dataset == "h36m" else "Validate/S1"
        for key in {"positions_3d", "positions_2d"} & set(members):
            takes = members[key][subject]
            members[key] = {subject: {take: takes[take] for take in wanted}}
    elif layout.dataset == "h36m_motionbert":
        held = members.pop("train") and members["test"]
        rows = [k for k, name in enumerate(held["source"]) if name[:-6] in wanted]
        for key, value in held.items():
            held[key] = value[rows] if isinstance(value, np.ndarray) else [value[k] for k in rows]
    return members


def _videopose3d(cameras: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Iterator[View]]:
    def views(members: Mapping[str, Any]) -> Iterator[View]:
        for subject, takes in members["positions_2d"].items():
            for take, seen in takes.items():
                pose = Place(members["positions_3d"][subject], take)
                for number, camera in enumerate(cameras):
                    name = f"{subject.rpartition('/')[2]}/{take}/{camera}"
                    yield View(name, Place(seen, number), (pose,))

    return views


def _motionbert(members: Mapping[str, Any]) -> Iterator[View]:
    held = members["test"]
    for source in dict.fromkeys(held["source"]):
        rows = [k for k, name in enumerate(held["source"]) if name == source]
        part = slice(rows[0], rows[-1] + 1)
        poses = tuple(Place(held, key, part) for key in ("joint3d_image", "joints_2.5d_image"))
        name = f"S9/{source[5:-6]}/{held['camera_name'][rows[0]]}"
        yield View(name, Place(held, "joint_2d", part), poses)


def _mpi_train(members: Mapping[str, Any]) -> Iterator[View]:
    for sequence, (cameras, _) in members["data"].items():
        for camera, arrays in cameras.items():
            name = f"{sequence.replace(' ', '/')}/{camera}"
            yield View(name, Place(arrays, "data_2d"), (Place(arrays, "data_3d"),))


def _mpi_test(members: Mapping[str, Any]) -> Iterator[View]:
    for sequence, arrays in members["data"].items():
        name = f"{sequence}/{sequence}/0"
        yield View(name, Place(arrays, "data_2d"), (Place(arrays, "data_3d"),))


def _poseaug(members: Mapping[str, Any]) -> Iterator[View]:
    start = 0
    for sequence, frames in poseaug_3dhp.FRAMES.items():
        part = slice(start, start + frames)
        pose = Place(members, "pose3d", part)
        yield View(f"{sequence}/{sequence}/0", Place(members, "pose2d", part), (pose,))
        start += frames


_HUMAN36M = _videopose3d(("54138969", "55011271", "58860488", "60457274"))
_HUMANEVA = _videopose3d(("C1", "C2", "C3"))
_POSES = {"h36m": f"h36m/{human36m.POSES_FILE}", "humaneva": f"humaneva/{humaneva.POSES_FILE}"}


def _human36m(source: str) -> Layout:
    detected = human36m.KEYPOINTS_FILE.format(human36m.KEYPOINTS[source])
    paths = (_POSES["h36m"], f"h36m/{detected}")
    return Layout("h36m", "test", source, HUMAN36M_17, paths, _HUMAN36M)


def _humaneva(source: str, skeleton: Skeleton) -> Layout:
    paths = (_POSES["humaneva"], f"humaneva/{humaneva.KEYPOINTS[source]}")
    return Layout("humaneva", "test", source, skeleton, paths, _HUMANEVA)


def _mpi(split: str, views: Callable[[Mapping[str, Any]], Iterator[View]]) -> Layout:
    path = f"mpi_inf_3dhp/{mpi_inf_3dhp.FILES['mpi_inf_3dhp'][split]}"
    return Layout("mpi_inf_3dhp", split, "gt", MPI_INF_3DHP_17, (path,), views)


LAYOUTS = {
    "h36m gt": _human36m("gt"),
    "h36m cpn": _human36m("cpn"),
    "h36m_motionbert": Layout(
        *("h36m_motionbert", "test", "sh", HUMAN36M_17),
        *((f"h36m_motionbert/{motionbert.FILE}",), _motionbert),
    ),
    "mpi_inf_3dhp train": _mpi("train", _mpi_train),
    "mpi_inf_3dhp test": _mpi("test", _mpi_test),
    "humaneva gt": _humaneva("gt", HUMANEVA_15),
    "humaneva mrcnn": _humaneva("mrcnn", COCO_17),
    "poseaug_3dhp": Layout(
        *("poseaug_3dhp", "test", "gt", HUMAN36M_16),
        *((f"poseaug_3dhp/{poseaug_3dhp.FILE}",), _poseaug),
    ),
}
