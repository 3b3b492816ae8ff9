"""Heat maps keep the matrices that they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plots import plain

from posekit.errors import InvalidData
from posekit.workbook import figures


def test_heat_map_keeps_the_matrix() -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    drawn = plain(figures.topology_heat_map(torch.tensor(matrix), list("abcd")))["data"][0]
    np.testing.assert_allclose(drawn["z"], matrix, atol=0.5001e-4)
    assert drawn["zmin"] == -drawn["zmax"]
    with pytest.raises(InvalidData, match="labels"):
        figures.topology_heat_map(matrix, list("abc"))


def test_grid_of_heat_maps_keeps_the_matrices_and_a_scale_for_each_column() -> None:
    matrices = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    columns = {"fixed": np.abs(matrices[0]), "learned, B": 0.01 * matrices[1]}
    data = plain(figures.heat_map_grid(columns, ("x", "y", "z"), list("abcd")))["data"]
    assert len(data) == 6
    drawn = np.array([item["z"] for item in data]).reshape(2, 3, 4, 4)
    np.testing.assert_allclose(drawn, list(columns.values()), atol=0.5001e-5)
    assert len({(item["zmin"], item["zmax"]) for item in data}) == 2
    with pytest.raises(InvalidData, match=r"fixed has shape .* expected \(2, 4, 4\)"):
        figures.heat_map_grid(columns, ("x", "y"), list("abcd"))
