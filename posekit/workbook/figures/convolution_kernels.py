"""The filters that convolutional attention has learned, and how it mixes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from posekit.errors import InvalidData
from posekit.workbook.figures.curves import DASHES
from posekit.workbook.figures.style import GREY, SERIES, checked

MAPS = ("Q", "K", "V")


def reach(mixture: ArrayLike) -> NDArray[np.float64]:
    """How far from its middle tap a filter looks, in taps: the mean distance, weighted by size.

    Args:
        mixture: mean absolute weight of every tap, (..., k), k odd.

    Returns:
        (...): 0 for a filter that is its middle tap, (k² - 1) / 4k for one of even taps.
    """
    sizes = np.asarray(mixture, dtype=np.float64)
    distance = np.abs(_offsets(sizes.shape[-1]))
    return (sizes * distance).sum(-1) / sizes.sum(-1)


def convolution_kernels(
    filters: Mapping[str, ArrayLike],
    mixtures: Mapping[str, ArrayLike],
    shares: Mapping[str, ArrayLike],
    sizes: Sequence[int],
) -> Figure:
    """What the filters of each block weigh tap by tap, and their shares in the mixtures.

    One row of panels for each block. Queries, keys and values have a panel each: thin lines are
    the filters, the thick one is the mixture, which alone acts, and the title tells its ``reach``.
    The last panel of a row has the shares, one bar for each filter in their order; even ones are
    the dotted line, where training starts.

    Before training, a filter of size s in C channels weighs about 0.5 / √(C s) at every tap: of
    sizes that differ, the narrow ones already start larger, so that only shares, and taps of one
    filter against each other, tell a preference.

    The alt text should say which sizes or taps weigh most in which stage, whether the shares left
    the dotted line, and by how much.

    Args:
        filters: block -> mean absolute weight of every tap, (3, n, k), zero beyond a narrow
            filter's own size (``ConvolutionalAttention.tap_magnitudes``).
        mixtures: block -> the same of the mixtures, (3, k).
        shares: block -> weights of the filters, (3, n).
        sizes: of the n filters; the largest is k.

    Raises:
        InvalidData: no block, or values of other filters than ``sizes`` tells.
    """
    if not filters:
        raise InvalidData("no block has convolutions to draw; expected at least one.")
    count, widest = len(sizes), max(sizes)
    figure = Figure(figsize=(9.5, 2.1 * len(filters) + 0.6), layout="constrained")
    rows = figure.subplots(len(filters), 4, sharex="col", squeeze=False)
    for (block, taps), panels in zip(filters.items(), rows, strict=True):
        each = checked(f"filters of {block}", taps, (3, count, widest))
        mixed = checked(f"mixture of {block}", mixtures[block], (3, widest))
        share = checked(f"shares of {block}", shares[block], (3, count))
        top = 1.08 * float(max(each.max(), mixed.max()))
        for part, axes in enumerate(panels[:3]):
            _draw_taps(axes, each[part], mixed[part], sizes)
            axes.set_ylim(0, top)
            axes.set_title(f"{MAPS[part]}, reach {reach(mixed[part]):.2f}", color=GREY, fontsize=10)
        _draw_shares(panels[3], share)
        panels[0].set_ylabel(f"{block}\nmean |weight|", color=GREY)
        for axes in panels:
            _quieten(axes)
    for axes in rows[-1, :3]:
        axes.set_xlabel(f"tap (reach of even taps {reach(np.ones(widest)):.2f})", color=GREY)
    names = [f"filter {number + 1}, size {size}" for number, size in enumerate(sizes)]
    figure.legend(
        rows[0, 0].lines,
        [*names, "mixture"],
        loc="outside upper center",
        ncols=min(count + 1, 4),
        frameon=False,
        labelcolor=GREY,
    )
    return figure


def _draw_taps(
    axes: Axes, filters: NDArray[np.float64], mixture: NDArray[np.float64], sizes: Sequence[int]
) -> None:
    """The filters (n, k), each over its own taps, and their mixture (k,)."""
    offsets = _offsets(len(mixture))
    for number, (values, size) in enumerate(zip(filters, sizes, strict=True)):
        own = np.abs(offsets) <= size // 2
        axes.plot(
            offsets[own], values[own], linewidth=1.3, marker="o", markersize=3, **_look(number)
        )
    axes.plot(offsets, mixture, color=GREY, linewidth=3.0)
    axes.set_xticks(offsets)


def _draw_shares(axes: Axes, shares: NDArray[np.float64]) -> None:
    """Shares (3, n) as bars, in a group for each of Q, K and V."""
    count = shares.shape[1]
    width = 0.8 / count
    for number, values in enumerate(shares.T):
        places = np.arange(3) + (number - (count - 1) / 2) * width
        axes.bar(places, values, width=0.9 * width, color=_look(number)["color"])
    axes.axhline(1 / count, color=GREY, linestyle=":", linewidth=1.2)
    axes.set_xticks(range(3), MAPS)
    axes.set_ylim(0, max(1.08 * float(shares.max()), 1.3 / count))
    axes.set_title("shares η", color=GREY, fontsize=10)


def _look(number: int) -> dict[str, str]:
    """Colour and dash of a filter."""
    return {"color": SERIES[number % len(SERIES)], "linestyle": DASHES[number % len(DASHES)]}


def _quieten(axes: Axes) -> None:
    axes.tick_params(colors=GREY, labelsize=8)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def _offsets(taps: int) -> NDArray[np.int64]:
    """Places of the taps of a filter, the middle one 0."""
    return np.arange(taps) - taps // 2
