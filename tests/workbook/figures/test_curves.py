"""Learning curves keep their values."""

from __future__ import annotations

from posekit.workbook import figures
from posekit.workbook.figures.style import svg


def test_curves_keep_their_values() -> None:
    (curve,) = figures.learning_curves({"a": ([5, 10], [3.0, 2.0])}).axes[0].lines
    assert (list(curve.get_xdata()), list(curve.get_ydata())) == ([5, 10], [3.0, 2.0])


def test_squared_errors_stand_on_a_logarithmic_axis() -> None:
    values = {"a": ([5, 10], [3.0, 0.002])}
    (axes,) = figures.learning_curves(values, logarithmic=True).axes
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[0] > 0
    assert figures.learning_curves(values).axes[0].get_yscale() == "linear"


def test_names_are_printed_as_they_are() -> None:
    figure = figures.learning_curves({r"$\no \math$": ([1], [1.0])})
    assert r"$\no \math$" in svg(figure)


def log(**columns: list[float]) -> dict[str, list[float]]:
    """Four steps; what is not named was not trained."""
    names = ("generator", "d3", "d2", "norm_generator", "norm_d3", "norm_d2")
    return {"step": [1, 2, 3, 4], **{name: [0.0] * 4 for name in names}, **columns}


def test_adversaries_are_drawn_where_they_were_trained() -> None:
    judged = {"d3": [0.0, 0.4, 0.3, 0.3], "norm_d3": [0.0, 2.0, 1.0, 1.0]}
    made = {"generator": [3.0, 2.0, 2.0, 1.0], "norm_generator": [9.0, 8.0, 7.0, 6.0]}
    figure = figures.adversarial_curves({"seed 0": log(**made, **judged), "seed 1": log(**made)})
    losses, norms = figure.axes[:3], figure.axes[3:]
    drawn = [[line.get_xydata().tolist() for line in axes.lines] for axes in losses]
    assert drawn[0] == [[[1, 3], [2, 2], [3, 2], [4, 1]]] * 2
    assert drawn[1][:2] == [[[2, 0.4], [3, 0.3], [4, 0.3]], []]
    assert drawn[2] == [[], []]
    assert norms[1].lines[0].get_xydata().tolist() == [[2, 2], [3, 1], [4, 1]]
    assert svg(figure)
