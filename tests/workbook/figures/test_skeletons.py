"""The diagram of a skeleton places every joint, and shows what a graph adds and leaves out."""

from __future__ import annotations

import numpy as np
import pytest
from plots import JOINTS, plain

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS
from posekit.workbook import figures
from posekit.workbook.figures.skeletons import joint_places


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda item: item.name)
def test_graph_places_every_joint_apart_and_sides_mirrored(skeleton: object) -> None:
    places = joint_places(skeleton)
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(distances, 1)
    coincident = {tuple(sorted(pair)) for pair in np.argwhere(distances < 1e-9).tolist()}
    assert not coincident
    np.testing.assert_allclose(
        places[list(skeleton.left)], places[list(skeleton.right)] * [-1, 1], atol=1e-9
    )


def test_graph_shows_links_that_are_no_bones_and_bones_that_are_no_links() -> None:
    adjacency = np.zeros((JOINTS, JOINTS))
    for child, parent in HUMAN36M_17.bones[1:]:
        adjacency[child, parent] = 1
    adjacency[3, 6] = 0.5
    data = plain(figures.skeleton_diagram(HUMAN36M_17, adjacency))["data"]
    lines = [item["line"] for item in data if item["mode"] == "lines"]
    assert [line["width"] for line in lines].count(1) == 1  # the bone left out
    assert [line.get("dash") for line in lines].count("dot") == 1  # the link added


def test_graph_refuses_an_adjacency_of_another_size() -> None:
    with pytest.raises(InvalidData, match=r"expected \(17, 17\)"):
        figures.skeleton_diagram(HUMAN36M_17, np.zeros((16, 16)))
