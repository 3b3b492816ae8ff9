"""DSR's labels: classes, targets at any size, mirrors, and what is refused."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.bodies.semantic_labels import (
    ID,
    LABELS,
    MERGED,
    MERGED_OF,
    MINIMAL,
    OTHER_SIDE,
    Thresholds,
    class_weights,
    distance_to,
    face_textures,
    merged_probability,
    mirrored,
    mirrored_targets,
    prepare,
)
from posekit.errors import InvalidData

seeds = st.integers(0, 2**31)


def drawn(seed, pictures=2, size=32, cell=8):
    """Label maps of square cells, as a parser's regions are larger than a pixel."""
    cells = torch.randint(
        len(LABELS),
        (pictures, size // cell, size // cell),
        generator=torch.manual_seed(seed),
    )
    return cells.repeat_interleave(cell, 1).repeat_interleave(cell, 2)


def test_every_label_is_of_one_class():
    names = [name for members in MERGED.values() for name in members]
    assert sorted(names) == sorted(LABELS)
    assert len(LABELS) == len(MERGED_OF) == 20
    assert sorted(set(MERGED_OF)) == list(range(8))
    by_class = {name: {LABELS.index(label) for label in MERGED[name]} for name in MERGED}
    assert by_class == {
        "background": {0},
        "head": {1, 2, 4, 11, 13},
        "upperclothes": {3, 5, 6, 7, 10},
        "pants": {8, 9, 12},
        "leftArm": {14},
        "rightArm": {15},
        "leftLeg": {16, 18},
        "rightLeg": {17, 19},
    }


def test_other_side_exchanges_arms_legs_and_shoes():
    exchanged = {number for number, other in enumerate(OTHER_SIDE) if number != other}
    assert exchanged == {14, 15, 16, 17, 18, 19}
    assert all(OTHER_SIDE[OTHER_SIDE[number]] == number for number in range(20))


@given(seed=seeds, size=st.sampled_from([32, 64]))
@settings(max_examples=15, deadline=None)
def test_targets_are_what_they_say(seed, size):
    labels = drawn(seed, size=size)
    targets = prepare(labels)
    assert targets.merged.dtype == torch.uint8
    assert bool((targets.merged < len(MERGED)).all())
    least = Thresholds.at(size).pixels
    for picture in range(len(labels)):
        counts = [int((labels[picture] == ID[name]).sum()) for name in MINIMAL]
        assert targets.valid[picture].tolist() == [count > least for count in counts]
        ids = [
            ID[name] for name, valid in zip(MINIMAL, targets.valid[picture], strict=True) if valid
        ]
        shown = torch.isin(labels[picture], torch.tensor(ids, dtype=torch.long))
        assert torch.equal(targets.minimal_mask[picture], shown)
    assert bool((targets.distance[targets.minimal_mask] == 0).all())


@given(seed=seeds, pixels=st.sampled_from([4.9, 15.0, 60.0]))
@settings(max_examples=20, deadline=None)
def test_rarest_class_that_counts_has_weight_one(seed, pixels):
    merged = torch.tensor(MERGED_OF)[drawn(seed, size=32, cell=4)]
    weights = class_weights(merged, pixels)
    counts = torch.stack([(merged == number).sum(dim=(1, 2)) for number in range(8)], dim=1)
    assert bool(((weights > 0) == (counts > pixels)).all())
    assert bool((weights.amax(dim=1)[(counts > pixels).any(dim=1)] == 1).all())
    for picture in range(len(merged)):
        of_class = (weights * counts)[picture][weights[picture] > 0]
        torch.testing.assert_close(of_class, of_class[:1].expand_as(of_class))


def test_no_class_of_enough_pixels_has_no_weight():
    assert class_weights(torch.zeros(1, 4, 4, dtype=torch.long), 60.0).tolist() == [[0.0] * 8]


def test_thresholds_follow_the_size_of_the_crop():
    assert Thresholds.at(224) == Thresholds(60.0, 30.0)
    assert Thresholds.at(112) == Thresholds(15.0, 15.0)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_distance_is_that_to_the_nearest_pixel(seed):
    mask = torch.rand(2, 9, 13, generator=torch.manual_seed(seed)) > 0.9
    mask[1] = False
    found = distance_to(mask)
    assert bool((found[1] == 0).all())
    inside = mask[0].nonzero().float()
    if len(inside):
        places = torch.cartesian_prod(torch.arange(9.0), torch.arange(13.0))
        expected = torch.cdist(places, inside).amin(dim=1).unflatten(0, (9, 13))
        torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=0)


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_targets_of_a_mirrored_map_are_mirrored_targets(seed):
    labels = drawn(seed)
    for exchange in (True, False):
        expected = prepare(mirrored(labels, exchange=exchange))
        found = mirrored_targets(prepare(labels), exchange=exchange)
        for name, mine, theirs in zip(expected._fields, found, expected, strict=True):
            torch.testing.assert_close(mine, theirs, msg=name)
    assert torch.equal(mirrored(mirrored(labels)), labels)
    assert torch.equal(mirrored(labels, exchange=False), labels.flip(-1))


def test_others_beside_the_person_become_background():
    labels = torch.full((2, 64, 64), ID["face"], dtype=torch.uint8)
    unseen = [63.0, 63.0, 0.3]  # not above the confidence that counts
    keypoints = torch.tensor([[[20.0, 24.0, 1.0], [40.0, 30.0, 0.9], unseen], [unseen] * 3])
    targets = prepare(labels, keypoints, thresholds=Thresholds(pixels=4, margin_px=8.5))
    rows, columns = (
        targets.minimal_mask[0].any(1).nonzero(),
        targets.minimal_mask[0].any(0).nonzero(),
    )
    assert (int(rows.min()), int(rows.max())) == (15, 37)
    assert (int(columns.min()), int(columns.max())) == (11, 47)
    assert not targets.minimal_mask[1].any()
    assert not targets.valid[1].any()
    assert bool((targets.merged[1] == 0).all())


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_faces_show_probabilities_of_valid_labels_and_classes(seed):
    generator = torch.manual_seed(seed)
    prior = torch.rand(30, 20, generator=generator).softmax(dim=1)
    valid = torch.rand(3, 5, generator=generator) > 0.5
    textures = face_textures(prior, valid)
    assert textures.shape == (3, 30, 9)
    torch.testing.assert_close(textures[..., 1:].sum(-1), torch.ones(3, 30))
    for picture in range(3):
        ids = [ID[name] for name, counts in zip(MINIMAL, valid[picture], strict=True) if counts]
        torch.testing.assert_close(textures[picture, :, 0], prior[:, ids].sum(dim=1))
    assert torch.equal(textures[0, :, 1:], merged_probability(prior))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (torch.zeros(4, 4, dtype=torch.long), r"shape \(4, 4\)"),
        (torch.zeros(1, 4, 4), "float32"),
        (torch.zeros(1, 0, 4, dtype=torch.long), r"shape \(1, 0, 4\)"),
        (torch.full((1, 4, 4), 20), "ids 20 to 20"),
        (torch.full((1, 4, 4), -1), "ids -1 to -1"),
        (torch.zeros(1, 4, 4, 3, dtype=torch.uint8), r"shape \(1, 4, 4, 3\)"),
    ],
)
def test_what_is_no_label_map_is_refused(labels, told):
    with pytest.raises(InvalidData, match=told) as caught:
        prepare(labels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "keypoints", [torch.zeros(2, 5, 3), torch.zeros(1, 5, 2), torch.full((1, 5, 3), math.nan)]
)
def test_keypoints_of_other_pictures_are_refused(keypoints):
    with pytest.raises(InvalidData, match="keypoints") as caught:
        prepare(torch.zeros(1, 8, 8, dtype=torch.long), keypoints)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "prior", [torch.ones(20, 8), torch.ones(20), -torch.ones(8, 20), torch.full((8, 20), math.nan)]
)
def test_what_is_no_prior_is_refused(prior):
    with pytest.raises(InvalidData, match="semantic prior") as caught:
        face_textures(prior, torch.ones(1, 5, dtype=torch.bool))
    assert "\n" not in str(caught.value)
