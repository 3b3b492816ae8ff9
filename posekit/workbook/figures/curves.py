"""Curves over a training run, drawn by matplotlib: still, small, and fit for print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from posekit.workbook.figures.style import GREY, SERIES

# Lines differ by dash as well as by colour.
DASHES = ("-", "--", "-.", ":")


def learning_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    label: str = "weighted position error (m)",
) -> Figure:
    """The training loss of several runs over their optimizer steps.

    Args:
        curves: run name -> (steps, values), equally many of both.
        label: of the vertical axis, with its unit.
    """
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, (steps, values)) in enumerate(curves.items()):
        axes.plot(
            steps,
            values,
            label=name,
            color=SERIES[number % len(SERIES)],
            linestyle=DASHES[number % len(DASHES)],
            linewidth=1.8,
        )
    axes.set_xlabel("optimizer step", color=GREY)
    axes.set_ylabel(label, color=GREY)
    axes.set_ylim(bottom=0)
    axes.tick_params(colors=GREY)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.8)
    axes.spines[:].set_visible(False)
    if curves:
        legend = axes.legend(frameon=False, labelcolor=GREY, ncols=len(curves), loc="best")
        for text in legend.get_texts():
            text.set_parse_math(False)  # dollars in a name are dollars
    return figure
