"""A small stand-in of 3DPW for tests, and ways to change its sequence files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from posekit.datasets.archives import load_pickle
from posekit.datasets.standins import pw3d as standin
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.pw3d_pictures import write_pictures

SEQUENCES = {
    "train": ("courtyard_golf_00", "courtyard_golf_01"),
    "validation": ("courtyard_box_00",),
    "test": ("downtown_bar_00", "downtown_cafe_00", "flat_guitar_01"),
}
EVERY = 20  # pictures of a person, of which one is there
ONE = "sequenceFiles/test/downtown_bar_00.pkl"  # two persons


def write_small(root: Path) -> Path:
    """Six sequences of some frames below ``root/pw3d``."""
    with patch.object(standin, "SEQUENCES", SEQUENCES):
        return standin.write_layout(root / "pw3d", synthetic_takes("seed"), (20, 24), "seed")


def write_small_with_pictures(root: Path) -> Path:
    """The same with one or two pictures of each person of the test part."""
    folder = write_small(root)
    write_pictures(root, "STAND-IN: of a test.", every=EVERY)
    return folder


def change_sequence(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite a sequence file after ``edit`` has changed its members."""
    held = load_pickle(path, encoding="latin1")
    for name, member in held.items():
        if isinstance(member, list):
            held[name] = [np.array(item) if hasattr(item, "shape") else item for item in member]
        elif hasattr(member, "shape"):
            held[name] = np.array(member)
    edit(held)
    path.write_bytes(pickle.dumps(held, protocol=3))
