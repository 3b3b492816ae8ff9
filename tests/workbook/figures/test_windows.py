"""Frames of a window as a chain and as a pyramid."""

from __future__ import annotations

import numpy as np
import pytest
from plots import plain

from posekit.errors import InvalidData
from posekit.workbook import figures


@pytest.mark.parametrize(("frames", "labels"), [(5, 5), (243, 10)])
def test_chain_names_first_and_last_frame(frames: int, labels: int) -> None:
    text = plain(figures.frame_chain(frames))["data"][1]["text"]
    assert (text[0], text[-1], len(text)) == ("0", str(frames - 1), labels)


def test_pyramid_hangs_every_frame_on_the_one_that_stands_for_it() -> None:
    neighbours, middle, *levels = plain(figures.strided_pyramid(27))["data"]
    assert [len(level["x"]) for level in levels] == [27, 9, 3, 1]
    links = np.array([x for x in middle["x"] if x is not None]).reshape(-1, 2)
    assert len(links) == 9 + 3 + 1
    np.testing.assert_allclose(links[:, 0], links[:, 1])  # the middle one hangs straight
    assert len([x for x in neighbours["x"] if x is not None]) == 2 * 2 * len(links)
    with pytest.raises(InvalidData, match="power of 3"):
        figures.strided_pyramid(54)
