"""The transfer heat map: figures in one scale of colours, words where there are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from plots import plain

from posekit.errors import InvalidData
from posekit.workbook import figures

SETS = ("synthetic", "synthetic_other_bodies", "cmu")
ERRORS = {
    (source, target): 50.0 + 10 * row + column
    for (row, source), (column, target) in itertools.product(enumerate(SETS), enumerate(SETS))
}


def drawn(errors: dict, **more: object) -> dict:
    return plain(figures.transfer_heat_map(errors, SETS, span=(50.0, 72.0), **more))


def test_rows_were_trained_on_and_columns_tested_on() -> None:
    content = drawn(ERRORS)
    values = content["data"][1]
    np.testing.assert_allclose(values["z"], 50 + 10 * np.arange(3)[:, None] + np.arange(3))
    assert (values["zmin"], values["zmax"]) == (50.0, 72.0)
    assert values["y"][1] == "synthetic_<br>other_<br>bodies"
    layout = content["layout"]
    assert layout["yaxis"]["title"]["text"] == "trained on"
    assert layout["yaxis"]["autorange"] == "reversed"
    texts = {(note["y"], note["x"]): note["text"] for note in layout["annotations"]}
    assert texts["cmu", "synthetic"] == "70.0"
    assert len(layout["shapes"]) == len(SETS)  # frames on the diagonal


def test_a_cell_of_words_has_no_colour() -> None:
    content = drawn({**ERRORS, ("synthetic", "cmu"): "has not\nlearned"})
    grey, coloured = (np.array(item["z"], dtype=float) for item in content["data"])
    assert np.isnan(coloured[0, 2])
    assert grey[0, 2] == 1
    assert np.isnan(grey).sum() == 8
    notes = [note["text"] for note in content["layout"]["annotations"]]
    assert notes[2] == "has not<br>learned"


def test_ink_is_light_on_dark_colours_and_dark_on_light_ones() -> None:
    notes = drawn(ERRORS)["layout"]["annotations"]
    assert notes[0]["font"]["color"] == "#FFFFFF"
    assert notes[-1]["font"]["color"] == "#000000"


def test_every_pair_needs_an_entry() -> None:
    errors = {pair: value for pair, value in ERRORS.items() if pair != ("cmu", "synthetic")}
    with pytest.raises(InvalidData, match="no entry for cmu to synthetic"):
        drawn(errors)
