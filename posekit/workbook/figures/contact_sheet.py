"""Pictures of bodies in rows, to be looked at: photo, truth drawn on it, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from posekit.errors import InvalidData
from posekit.geometry.skeletons import Skeleton
from posekit.workbook.figures.style import GREY, ORANGE, SIDE_COLOURS, checked, side

_PANEL_INCHES, _CAPTION_INCHES = 1.45, 0.22


@dataclass(frozen=True)
class Panel:
    """One column of a contact sheet: N pictures, and what is drawn on them.

    Attributes:
        pictures: (N, S, S, 3) uint8; label maps in the colours of their palette.
        points: (N, J, 2) pixels of the joints, centres at +0.5; None draws no skeleton.
        silhouettes: (N, S, S) bool, drawn as outlines; None draws none.
    """

    pictures: ArrayLike
    points: ArrayLike | None = None
    silhouettes: ArrayLike | None = None


def contact_sheet(
    panels: Mapping[str, Panel], captions: Sequence[str], *, skeleton: Skeleton
) -> Figure:
    """A row for each picture, a column for each way to look at it.

    Args:
        panels: heading -> column; all hold the same N pictures.
        captions: N lines, each below its row.
        skeleton: joins the points; left limbs blue, right limbs orange-red.

    Raises:
        InvalidData: no panel, or panels with other numbers of pictures, joints or pixels.
    """
    if not panels or not captions:
        raise InvalidData("a contact sheet needs one panel and one picture at least.")
    rows, columns = len(captions), len(panels)
    figure = Figure(
        figsize=(columns * _PANEL_INCHES, rows * (_PANEL_INCHES + _CAPTION_INCHES) + 0.3)
    )
    axes = figure.subplots(rows, columns, squeeze=False)
    for (heading, panel), column in zip(panels.items(), axes.T, strict=True):
        _draw_column(heading, panel, column, skeleton)
    for caption, first in zip(captions, axes[:, 0], strict=True):
        first.text(0, -0.04, caption, transform=first.transAxes, va="top", fontsize=8, color=GREY)
    height = figure.get_figheight()
    figure.subplots_adjust(
        left=0.005,
        right=0.995,
        top=1 - 0.28 / height,
        bottom=_CAPTION_INCHES / height,
        wspace=0.03,
        hspace=_CAPTION_INCHES / _PANEL_INCHES,
    )
    return figure


def _draw_column(heading: str, panel: Panel, column: np.ndarray, skeleton: Skeleton) -> None:
    pictures = np.asarray(panel.pictures)
    rows, size = len(column), pictures.shape[1] if pictures.ndim == 4 else 0
    checked(heading, pictures, (rows, size, size, 3))
    column[0].set_title(heading, fontsize=9, color=GREY, pad=3)
    for axes, picture in zip(column, pictures, strict=True):
        axes.set_axis_off()
        axes.imshow(picture, extent=(0, size, size, 0), interpolation="nearest")
        axes.set(xlim=(0, size), ylim=(size, 0))
    if panel.silhouettes is not None:
        masks = checked(f"{heading}: silhouettes", panel.silhouettes, (rows, size, size))
        centres = np.arange(size) + 0.5
        for axes, mask in zip(column, masks, strict=True):
            if 0 < mask.mean() < 1:
                axes.contour(centres, centres, mask, [0.5], colors=ORANGE, linewidths=0.9)
    if panel.points is not None:
        shape = (rows, skeleton.joints, 2)
        every = checked(f"{heading}: points", panel.points, shape, f" of {skeleton.name}")
        for axes, points in zip(column, every, strict=True):
            _draw_skeleton(axes, points, skeleton)


def _draw_skeleton(axes: Axes, points: np.ndarray, skeleton: Skeleton) -> None:
    for child, parent in skeleton.bones:
        ends = points[[child, parent]]
        axes.plot(*ends.T, color=SIDE_COLOURS[side(skeleton, child)], linewidth=1.2, clip_on=True)
