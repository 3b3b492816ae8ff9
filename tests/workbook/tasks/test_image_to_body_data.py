"""Pictures of a study: even parts of them, and what changes while a study runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import pictures_folder, smoke_pictures

from posekit.datasets.rendered import BINS
from posekit.errors import DataChanged, InvalidParameter
from posekit.workbook.tasks.image_to_body_data import (
    evenly,
    known_rendered,
    load_pictures,
    pictures_of,
    rendered_fingerprints,
    taken,
)


def test_pictures_are_taken_evenly_over_looseness() -> None:
    images = smoke_pictures("test")
    some = evenly(images, 6)
    names = some.bins["looseness"].tolist()
    assert all(names.count(name) == 2 for name in BINS["looseness"])
    assert len(set(some.persons.tolist())) > 1
    assert evenly(images, 1000) is images
    one = taken(images, np.array([3]))
    assert np.array_equal(one.images[0], images.images[3])


def test_changed_pictures_end_a_run() -> None:
    config = {"dataset": "synthetic", "size": "smoke", "crop_px": 64, "model": "dsr"}
    with pytest.raises(DataChanged, match="the test pictures of synthetic changed"):
        pictures_of({**config, "data": {"test": "other"}}, "test", pictures_folder())


def test_fingerprints_are_remembered(tmp_path: Path) -> None:
    where = ("synthetic", "smoke", 64, pictures_folder(), tmp_path)
    assert known_rendered(*where) is None
    found = rendered_fingerprints(*where)
    assert found == known_rendered(*where)
    assert found["test"] == smoke_pictures("test").fingerprint
    assert found["train"] != found["test"]


def test_no_pictures_are_made_of_other_motion() -> None:
    with pytest.raises(InvalidParameter, match="no pictures are made of h36m"):
        load_pictures("h36m", "test", "smoke", 64, pictures_folder())
