"""Learned filters in pictures: values as given, over each filter's own taps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posekit.errors import InvalidData
from posekit.models.convformer import Config, ConvFormer
from posekit.workbook import figures
from posekit.workbook.figures.convolution_kernels import reach


def arguments(sizes: tuple[int, ...]) -> dict:
    torch.manual_seed(0)
    kernels = "-".join(map(str, sizes))
    network = ConvFormer(Config(frames=5, embed_dim=8, kernels=kernels))
    blocks = network.convolutions()
    taps = {name: attention.tap_magnitudes() for name, attention in blocks.items()}
    return {
        "filters": {name: filters for name, (filters, _) in taps.items()},
        "mixtures": {name: mixture for name, (_, mixture) in taps.items()},
        "shares": {name: attention.shares() for name, attention in blocks.items()},
        "sizes": sizes,
    }


def test_every_filter_is_drawn_over_its_own_taps() -> None:
    given = arguments((3, 7))
    figure = figures.convolution_kernels(**given)
    value_of_first_temporal = figure.axes[2 * 4 + 2]
    narrow, wide, mixture = value_of_first_temporal.lines
    filters = given["filters"]["temporal.0"][2].detach().numpy()
    assert list(narrow.get_xdata()) == [-1, 0, 1]
    np.testing.assert_allclose(narrow.get_ydata(), filters[0, 2:5])
    assert list(wide.get_xdata()) == [-3, -2, -1, 0, 1, 2, 3]
    np.testing.assert_allclose(wide.get_ydata(), filters[1])
    np.testing.assert_allclose(
        mixture.get_ydata(), given["mixtures"]["temporal.0"][2].detach().numpy()
    )


def test_shares_are_bars_and_every_block_has_a_row() -> None:
    given = arguments((3, 5, 7))
    given["shares"]["spatial.1"] = [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]
    figure = figures.convolution_kernels(**given)
    assert len(figure.axes) == 4 * 4
    bars = [[bar.get_height() for bar in group] for group in figure.axes[1 * 4 + 3].containers]
    np.testing.assert_allclose(np.transpose(bars), given["shares"]["spatial.1"])
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes[::4]] == list(given["filters"])


def test_reach_tells_narrow_from_even() -> None:
    assert reach([0.0, 0.0, 0.2, 0.0, 0.0]) == 0
    np.testing.assert_allclose(reach(np.ones((2, 7))), [48 / 28] * 2)
    assert reach([0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]) == 1.5


def test_values_of_other_filters_are_refused() -> None:
    given = arguments((3, 7))
    with pytest.raises(
        InvalidData, match=r"filters of spatial\.0 has shape .*expected \(3, 1, 7\)"
    ):
        figures.convolution_kernels(**(given | {"sizes": (7,)}))
    with pytest.raises(InvalidData, match="no block has convolutions"):
        figures.convolution_kernels({}, {}, {}, (7,))
