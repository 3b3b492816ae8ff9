"""Learning curves keep their values."""

from __future__ import annotations

from posekit.workbook import figures
from posekit.workbook.figures.style import svg


def test_curves_keep_their_values() -> None:
    (curve,) = figures.learning_curves({"a": ([5, 10], [3.0, 2.0])}).axes[0].lines
    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([5, 10], [3.0, 2.0])


def test_names_are_printed_as_they_are() -> None:
    figure = figures.learning_curves({r"$\no \math$": ([1], [1.0])})
    assert r"$\no \math$" in svg(figure)
