"""The open image benchmark: dressed bodies before known cameras, made once and kept on disk."""

from __future__ import annotations

import hashlib
import itertools
import math
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from posekit.bodies.clothing import Wardrobe
from posekit.bodies.open_body import open_body
from posekit.bodies.semantic_prior import semantic_prior
from posekit.datasets import cmu
from posekit.datasets.rendered.body_images import BodyImages, contents_hash
from posekit.datasets.rendered.cache import Arrays, kept_or_made
from posekit.datasets.rendered.cameras import Range
from posekit.datasets.rendered.poses import pose_sampler
from posekit.datasets.rendered.scenes import (
    Conditions,
    chance,
    draw_scene,
    draw_stand,
    photograph,
    survey,
)
from posekit.errors import InvalidParameter, unknown
from posekit.machine.code_version import code_version

SPLITS = ("train", "test")
# Pictures of the training and of the test split; a smaller size is the beginning of a larger.
PICTURES = {
    "smoke": {"train": 24, "test": 16},
    "quick": {"train": 400, "test": 160},
    "standard": {"train": 4000, "test": 800},
    "full": {"train": 20_000, "test": 2000},
}
# Persons of whom no picture is made: they cost little, and methods of keypoints need many.
PEOPLE = {
    "smoke": {"train": 72, "test": 36},
    "quick": {"train": 2000, "test": 360},
    "standard": {"train": 12_000, "test": 1200},
    "full": {"train": 50_000, "test": 2400},
}
CACHE = "cache"
"""Folder below that of the data sets in which pictures are usually kept."""

CROPS_PX = (64, 128, 256)
MOTIONS = ("synthetic", "cmu")

# Names of the bins with their ends, in order; angles in degrees, looseness in centimetres.
_ENDS = {
    "off_axis": {
        **{"0 to 10°": (0, 10), "10 to 20°": (10, 20)},
        **{"20 to 30°": (20, 30), "30 to 45°": (30, 45)},
    },
    "field_of_view": {"below 24°": (0, 24), "24 to 35°": (24, 35), "above 35°": (35, 120)},
    "looseness": {"0 to 1 cm": (0, 1), "1 to 3 cm": (1, 3), "3 to 6 cm": (3, 6)},
}
_UNITS = {"off_axis": math.pi / 180, "field_of_view": math.pi / 180, "looseness": 0.01}
BINS = {name: tuple(ends) for name, ends in _ENDS.items()}
_CELLS = tuple(itertools.product(*BINS.values()))
_STRIDE = 7  # no divisor of the number of cells: few test pictures already differ in every bin


def load_rendered(
    split: str,
    *,
    size: str = "quick",
    crop_px: int = 64,
    motion: str = "synthetic",
    cache: Path,
    data: Path,
    pictures: bool = True,
) -> BodyImages:
    """One split of the benchmark, from the cache or made now (with a progress bar).

    The same arguments give the same bytes on processors of one kind, whatever the number of
    threads. Test pictures are balanced over all combinations of ``BINS``; training pictures are as
    lenses, distances and places happen to be.

    Args:
        split: "train" or "test"; their persons, poses and outfits are drawn apart.
        size: "smoke", "quick", "standard" or "full": pictures as in ``PICTURES``.
        crop_px: side of the crops, 64, 128 or 256.
        motion: where poses come from: "synthetic" (the generator) or "cmu" (motion capture).
        cache: folder below which pictures are kept, such as ``data / "cache"``.
        data: folder of data sets, read for "cmu" only.
        pictures: whether there are pictures. Without, the arrays of pictures and labels are empty
            (S = 0), persons are naked and as many as in ``PEOPLE``, and ``crop_px`` tells the side
            of the crops that the cameras are of.

    Raises:
        InvalidParameter: an unknown split, size, crop or motion.
        DatasetNotFound: CMU motion is not on disk.
        InvalidData: its files do not hold what they should.
        StorageError: the cache cannot be written.
    """
    for kind, value, choices in (
        ("split", split, SPLITS),
        ("size", size, PICTURES),
        ("side of a crop", crop_px, CROPS_PX),
        ("motion", motion, MOTIONS),
    ):
        if value not in choices:
            raise InvalidParameter(unknown(kind, value, map(str, choices)))
    wardrobe = Wardrobe(open_body())
    poses = pose_sampler(motion, split, wardrobe.body.joint_template, data)

    def picture(number: int) -> Arrays:
        rng = chance(motion, split, number)
        asked = conditions_of(split, number)
        if pictures:
            return photograph(draw_scene(wardrobe, poses, split, asked, rng), crop_px, rng)
        return survey(draw_stand(wardrobe.body, poses, split, asked, rng)[0], crop_px)

    kind, counts = ("rendered", PICTURES) if pictures else ("people", PEOPLE)
    folder = cache / kind / folder_of(split, size=size, crop_px=crop_px, motion=motion, data=data)
    label = f"{motion} {split} {'pictures' if pictures else 'persons'} of {crop_px} px"
    with _one_thread():
        arrays = kept_or_made(folder, counts[size][split], picture, label)
        prior = _prior()
    names = {"motion": motion, "split": split}
    return BodyImages(
        **arrays,
        bins={name: _binned(name, arrays[name]) for name in BINS},
        prior=prior,
        **names,
        fingerprint=contents_hash({**arrays, "prior": prior}, **names),
    )


def folder_of(split: str, *, size: str, crop_px: int, motion: str, data: Path) -> str:
    """Name of the folder of a split; another version of code or motion has another."""
    return f"{motion}-{split}-{size}-{crop_px}px-{_version(motion, data)}"


def conditions_of(split: str, number: int) -> Conditions:
    """What is asked of a picture: nothing much in training, a cell of the bins in the test."""
    if split == "train":
        return Conditions()
    names = _CELLS[number * _STRIDE % len(_CELLS)]
    ranges = zip(BINS, names, strict=True)
    return Conditions(**{kind: _range(kind, name) for kind, name in ranges})


def _range(kind: str, name: str) -> Range:
    low, high = _ENDS[kind][name]
    return low * _UNITS[kind], high * _UNITS[kind]


def _binned(kind: str, values: NDArray[np.float32]) -> NDArray[np.str_]:
    """(N,) names of the bins that values lie in."""
    inner = [_range(kind, name)[1] for name in BINS[kind][:-1]]
    return np.array(BINS[kind])[np.digitize(values, inner)]


@lru_cache(maxsize=1)
def _prior() -> NDArray[np.float32]:
    return semantic_prior(Wardrobe(open_body()), chance("train")("prior")).numpy()


def _version(motion: str, data: Path) -> str:
    """Hash of what decides the bytes: code, body, libraries, the processor's kind, CMU's files."""
    parts = [code_version(__name__), f"numpy {np.__version__}", f"torch {torch.__version__}"]
    parts.append(f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}")
    parts.append(contents_hash({name: b.numpy() for name, b in open_body().named_buffers()}))
    if motion == "cmu":
        parts += [f"{path.name} {path.stat().st_size}" for path in cmu.on_disk(data).present]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order: with more threads the last digits would depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
