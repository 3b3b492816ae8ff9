"""The benchmark at its smallest size: what is in it, and that it is the same every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from posekit.bodies.open_body import open_body
from posekit.datasets.rendered import BINS, PICTURES, BodyImages, load_rendered
from posekit.datasets.rendered.benchmark import PEOPLE, conditions_of
from posekit.errors import InvalidParameter


def test_splits_have_their_sizes_and_persons_of_their_own(
    train: BodyImages, test: BodyImages
) -> None:
    assert (len(train), len(test)) == tuple(PICTURES["smoke"].values())
    assert not {*train.persons} & {*test.persons}
    assert len({*train.persons}) > 12
    assert len({*train.actions}) > 6
    np.testing.assert_array_equal(train.prior, test.prior)
    assert train.fingerprint != test.fingerprint


def test_test_pictures_are_spread_over_the_bins(test: BodyImages) -> None:
    for name, bins in BINS.items():
        counts = Counter(test.bins[name].tolist())
        assert set(counts) == set(bins)
        assert max(counts.values()) - min(counts.values()) <= 2
    cells = [conditions_of("test", number) for number in range(72)]
    assert len({*cells[:36]}) == 36
    assert cells[36:] == cells[:36]


def test_bins_hold_the_values_that_their_names_say(train: BodyImages) -> None:
    degrees = np.rad2deg(train.off_axis)
    for name, low, high in zip(BINS["off_axis"], (0, 10, 20, 30), (10, 20, 30, 45), strict=True):
        inside = degrees[train.bins["off_axis"] == name]
        assert ((low <= inside) & (inside < high)).all()
    assert (train.looseness <= 0.06).all()


def test_truth_and_pictures_belong_together(train: BodyImages) -> None:
    posed = open_body()(*map(torch.from_numpy, (train.rotations, train.betas, train.translation)))
    seen = posed.vertices @ torch.from_numpy(train.intrinsics).mT
    pixels = (seen[..., :2] / seen[..., 2:]).numpy()
    np.testing.assert_allclose(pixels.min(1), train.box[:, :2], atol=0.1)
    np.testing.assert_allclose(pixels.max(1) - pixels.min(1), train.box[:, 2:], atol=0.1)
    inside = ((pixels > 0) & (pixels < [1280, 720])).all(-1).mean(1)
    assert inside.min() >= 0.8
    centre = np.concatenate([train.box[:, :2] + train.box[:, 2:] / 2, np.ones((24, 1))], 1)
    rays = np.einsum("nij,njk,nk->ni", train.rotation, np.linalg.inv(train.intrinsics), centre)
    np.testing.assert_allclose(rays[:, :2] / rays[:, 2:], 0, atol=1e-4)
    for suffix in ("", "_rotated"):
        affine, cropped = (
            getattr(train, f"crop_{name}{suffix}") for name in ("affine", "intrinsics")
        )
        np.testing.assert_allclose(affine @ train.intrinsics, cropped, rtol=1e-4, atol=1e-2)
        labels = getattr(train, f"labels{suffix}")
        assert (labels > 0).mean((1, 2)).min() > 0.02
        assert labels.max() < 20


def test_a_parser_errs_but_not_much(train: BodyImages) -> None:
    agreement = (train.parsed == train.labels).mean((1, 2))
    assert 0.9 < agreement.mean() < 0.999


def test_threads_and_the_cache_change_no_byte(
    test: BodyImages, cache: Path, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    try:
        again = load_rendered("test", size="smoke", cache=tmp_path, data=tmp_path)
        assert torch.get_num_threads() == 3 - min(threads, 2)
    finally:
        torch.set_num_threads(threads)
    assert again.fingerprint == test.fingerprint
    np.testing.assert_array_equal(again.images, test.images)
    files = [sorted(folder.rglob("synthetic-test-*/*.npz")) for folder in (cache, tmp_path)]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    read = load_rendered("test", size="smoke", cache=tmp_path, data=tmp_path)
    assert read.fingerprint == test.fingerprint


def test_persons_without_pictures_are_those_of_the_pictures_and_more(
    test: BodyImages, cache: Path
) -> None:
    people = load_rendered("test", size="smoke", cache=cache, data=cache, pictures=False)
    assert len(people) == PEOPLE["smoke"]["test"] > len(test)
    assert people.crop_px == 0
    shared = ("rotations", "betas", "translation", "intrinsics", "box", "rotation")
    for name in (*shared, "crop_intrinsics", "crop_intrinsics_rotated", "persons", "actions"):
        np.testing.assert_array_equal(getattr(people, name)[:16], getattr(test, name))
    assert (people.looseness == 0).all()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"split": "training"}, "unknown split 'training'; did you mean 'train'?"),
        ({"size": "small"}, "unknown size 'small'"),
        ({"crop_px": 65}, "unknown side of a crop 65"),
        ({"motion": "h36m"}, "unknown motion 'h36m'"),
    ],
)
def test_unknown_names_are_told_in_one_line(
    wrong: dict[str, object], told: str, tmp_path: Path
) -> None:
    asked = {"split": "train", "size": "smoke", **wrong}
    with pytest.raises(InvalidParameter) as caught:
        load_rendered(asked.pop("split"), **asked, cache=tmp_path, data=tmp_path)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
