"""What the notebook looks at: bodies where they are seen, channels, errors by bin, watched fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import pictures_folder, smoke_pictures

from posekit.datasets.rendered import BINS
from posekit.training.body_regression import BodyEstimate
from posekit.workbook.notebooks import body_pictures
from posekit.workbook.studies import Study
from posekit.workbook.tasks.image_to_body_data import taken


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    runs: Path = tmp_path_factory.mktemp("runs")
    return Study("dsr", "synthetic", "smoke", runs=runs, data=pictures_folder(), device="cpu")


def truth() -> BodyEstimate:
    images = smoke_pictures("test")
    parts = (images.rotations, images.betas, images.translation)
    return BodyEstimate(*(torch.from_numpy(part) for part in parts))


def test_the_naked_body_lies_inside_of_tight_clothes() -> None:
    images = smoke_pictures("test")
    tight = taken(images, np.flatnonzero(images.bins["looseness"] == BINS["looseness"][0]))
    body, person = body_pictures.naked(tight), tight.labels > 0
    # Where a person leaves the full picture there is no label.
    seen = tight.images.any(-1)
    assert (body & person).sum() > 0.93 * (body & seen).sum()


def test_joints_are_seen_on_the_body() -> None:
    images = smoke_pictures("test")
    pixels, body = body_pictures.joints_seen(images), body_pictures.naked(images)
    hips = pixels[:, [1, 4]].round().astype(int).clip(0, images.crop_px - 1)
    hit = [body[number, y, x] for number, points in enumerate(hips) for x, y in points]
    assert np.mean(hit) > 0.9


def test_pictures_are_spread_in_the_order_of_the_bins() -> None:
    some = body_pictures.spread(smoke_pictures("test"), "looseness", 5)
    places = [BINS["looseness"].index(name) for name in some.bins["looseness"]]
    assert places == sorted(places)
    assert len(set(places)) == 3
    assert len(body_pictures.picture_sheet(smoke_pictures("test"), count=3).axes) == 12


def test_channels_are_probabilities() -> None:
    found = body_pictures.rendered_channels(smoke_pictures("test"), count=2)
    channels = found.tensors["rendered channels (batch, MC and 8 classes, ...)"]
    assert channels.shape == (2, 9, 64, 64)
    assert channels.min() >= 0
    assert channels.max() <= 1 + 1e-5
    assert len(found.picture.axes) == 10


def test_true_bodies_err_by_nothing_under_any_rule() -> None:
    bars = body_pictures.effects_on_bodies(smoke_pictures("test"), truth())
    assert len(bars.data[0].y) >= 5
    shown = body_pictures.bodies_to_view(smoke_pictures("test"), truth())
    assert list(shown) == [f"looseness {name}" for name in BINS["looseness"]]
    for found, true in shown.values():
        assert torch.allclose(found, true)


def test_nothing_is_drawn_before_anything_has_run(study: Study) -> None:
    assert body_pictures.errors_over_bins(study, "table-fit", "fatter", label="mm") is None
