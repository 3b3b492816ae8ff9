"""The viewer of the domain gap draws the samples that it is given, and tells their distances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from plots import plain

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17
from posekit.metrics.domain_gap import Statistics, statistics
from posekit.workbook import figures
from posekit.workbook.figures.domain_gap import MOST_POINTS

PEOPLE = 400


def sample(seed: int, right: float = 0.0) -> Statistics:
    generator = torch.Generator().manual_seed(seed)
    pose = torch.randn(PEOPLE, 17, 3, generator=generator)
    return statistics(0.1 * pose[..., :2] + torch.tensor([right, 0.0]), pose, HUMAN36M_17)


def pair(right: float) -> dict[str, Statistics]:
    return {"source": sample(0, right), "aligned": sample(0), "target": sample(0)}


@pytest.fixture(scope="module")
def pairs() -> dict[str, dict[str, Statistics]]:
    return {"a to b": pair(0.3), "b to a": {**pair(-0.2), "target": sample(1)}}


@pytest.fixture(scope="module")
def figure(pairs: dict[str, dict[str, Statistics]]) -> dict:
    return plain(figures.domain_gap_viewer(pairs, HUMAN36M_17, title="Gap"))


def traces(figure: dict, kind: str) -> Iterator[dict]:
    axis = {"places": "x", "sizes": "x2", "bones": "x3"}[kind]
    return (trace for trace in figure["data"] if trace.get("xaxis", "x") == axis)


def test_places_and_sizes_are_those_of_the_samples(
    figure: dict, pairs: dict[str, dict[str, Statistics]]
) -> None:
    given = [each for samples in pairs.values() for each in samples.values()]
    for drawn, one in zip(traces(figure, "places"), given, strict=True):
        assert len(drawn["x"]) == MOST_POINTS
        np.testing.assert_allclose(drawn["x"], one.root_x[:MOST_POINTS], atol=0.51e-3)
        np.testing.assert_allclose(drawn["y"], one.root_y[:MOST_POINTS], atol=0.51e-3)
    for drawn, one in zip(traces(figure, "sizes"), given, strict=True):
        assert 98 < sum(drawn["y"]) <= 100.2
        mean = np.average(drawn["x"], weights=drawn["y"])
        assert mean == pytest.approx(float(one.scale.mean()), abs=0.01)
    bottom, top = figure["layout"]["yaxis"]["range"]
    assert bottom > top  # y points down, as in the picture


def test_boxes_hold_the_quantiles_of_every_bone(
    figure: dict, pairs: dict[str, dict[str, Statistics]]
) -> None:
    given = [each for samples in pairs.values() for each in samples.values()]
    ticks = figure["layout"]["yaxis3"]
    for drawn, one in zip(traces(figure, "bones"), given, strict=True):
        blocks = [*one.directions[..., [1, 0, 2]].unbind(-1), one.angles, 100 * one.lengths]
        values = torch.cat(blocks, dim=1)
        for field, share in (("lowerfence", 0.05), ("q1", 0.25), ("median", 0.5), ("q3", 0.75)):
            wanted = values.quantile(share, dim=0)
            np.testing.assert_allclose(drawn[field], wanted, rtol=1e-4, atol=1e-3)
        assert len(drawn["y"]) == len(ticks["tickvals"]) == values.shape[1]
        assert np.abs(np.array(drawn["y"]) - ticks["tickvals"]).max() < 0.3
    names = dict(zip(ticks["tickvals"], ticks["ticktext"], strict=True))
    assert (names[0], names[100], names[415]) == ("right hip", "right hip", "right wrist")
    assert (names[300], len(ticks["tickvals"])) == ("right knee", 4 * 16 + 13)


def test_a_menu_shows_one_pair_and_its_distances(figure: dict) -> None:
    choices = figure["layout"]["updatemenus"][0]["buttons"]
    assert [choice["label"] for choice in choices] == ["a to b", "b to a"]
    for number, choice in enumerate(choices):
        visible, layout = choice["args"]
        assert visible["visible"] == [k // 9 == number for k in range(18)]
        assert len(layout["annotations"]) == 2 + 5
    first, second = (choice["args"][1]["annotations"] for choice in choices)
    assert figure["layout"]["annotations"] == first
    assert "x 0.300 → 0.000" in first[0]["text"]
    assert first[1]["text"].endswith("0.000 → 0.000")
    assert second[-1]["text"].endswith(" cm")
    assert [trace["visible"] for trace in figure["data"]] == [True] * 9 + [False] * 9


def test_a_menu_moves_the_view_to_another_quantity(figure: dict) -> None:
    choices = figure["layout"]["updatemenus"][1]["buttons"]
    notes = figure["layout"]["annotations"][2:]
    for block, (choice, note) in enumerate(zip(choices, notes, strict=True)):
        assert choice["method"] == "relayout"
        bottom, top = choice["args"][0]["yaxis3.range"]
        inside = [tick for tick in figure["layout"]["yaxis3"]["tickvals"] if top < tick < bottom]
        assert len(inside) == (13 if block == 3 else 16)
        assert [top < other["y"] < bottom for other in notes] == [k == block for k in range(5)]
        assert note["yref"] == "y3"
    assert choices[0]["args"][0]["yaxis3.range"] == figure["layout"]["yaxis3"]["range"]


def test_a_target_without_3d_has_no_boxes() -> None:
    flat = replace(sample(1), directions=None, angles=None, lengths=None)
    figure = plain(figures.domain_gap_viewer({"one": {**pair(0.1), "target": flat}}, HUMAN36M_17))
    assert [len(trace["y"]) for trace in traces(figure, "bones")] == [77, 77, 0]
    assert "3D is lacking" in figure["layout"]["annotations"][-1]["text"]


def test_what_is_not_a_pair_is_refused() -> None:
    with pytest.raises(InvalidData, match="no pair of data sets"):
        figures.domain_gap_viewer({}, HUMAN36M_17)
    with pytest.raises(InvalidData, match="one has the samples source; expected source, aligned"):
        figures.domain_gap_viewer({"one": {"source": sample(0)}}, HUMAN36M_17)
    with pytest.raises(InvalidData, match="16 bones; expected 15"):
        figures.domain_gap_viewer({"one": pair(0.1)}, HUMAN36M_16)
