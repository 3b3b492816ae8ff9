"""Curves over a training run, drawn by matplotlib: still, small, and fit for print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posekit.workbook.figures.style import GREY, SERIES

# Lines differ by dash as well as by colour.
DASHES = ("-", "--", "-.", ":")

# Column of the log of an adversarial training -> title.
ADVERSARIES = {"generator": "generator", "d3": "3D discriminator", "d2": "2D discriminator"}
GUESSING = 0.25  # least-squares loss of a discriminator that answers 1/2 to everything


def learning_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    label: str = "weighted position error (m)",
    logarithmic: bool = False,
) -> Figure:
    """The training loss of several runs over their optimizer steps.

    Args:
        curves: run name -> (steps, values), equally many of both.
        label: of the vertical axis, with its unit.
        logarithmic: whether that axis is, for squared errors.
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
    if logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    _plain(axes)
    if curves:
        legend = axes.legend(frameon=False, labelcolor=GREY, ncols=len(curves), loc="best")
        for text in legend.get_texts():
            text.set_parse_math(False)  # dollars in a name are dollars
    return figure


def adversarial_curves(runs: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Losses and gradient norms of a generator and two discriminators, a line for each seed.

    Args:
        runs: name of a seed -> column of its log -> values, equally many of each: "step", the
            losses "generator", "d3" and "d2", and their "norm_generator" ... A network is drawn
            where its norm is not 0; the panels of one that was never trained stay empty.
    """
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots(2, len(ADVERSARIES), sharex=True)
    for (losses, norms), (name, title) in zip(axes.T, ADVERSARIES.items(), strict=True):
        losses.set_title(title, color=GREY, fontsize=11)
        norms.set_xlabel("optimizer step", color=GREY)
        for number, (seed, log) in enumerate(runs.items()):
            look = {
                "label": seed,
                "color": SERIES[number % len(SERIES)],
                "linestyle": DASHES[number % len(DASHES)],
                "linewidth": 1.4,
            }
            columns = (log["step"], log[name], log[f"norm_{name}"])
            trained = [row for row in zip(*columns, strict=True) if row[2]]
            steps, loss, norm = zip(*trained, strict=True) if trained else ((), (), ())
            losses.plot(steps, loss, **look)
            norms.plot(steps, norm, **look)
        losses.set_ylim(bottom=0)
        if not any(any(log[f"norm_{name}"]) for log in runs.values()):
            continue
        norms.set_yscale("log")
        if name != "generator":
            losses.axhline(GUESSING, color=GREY, linewidth=1, linestyle=(0, (1, 3)))
    axes[0, 0].set_ylabel("loss", color=GREY)
    axes[1, 0].set_ylabel("norm of the gradient", color=GREY)
    for each in axes.flat:
        _plain(each)
        each.tick_params(which="both", labelsize=8)
    if runs:
        axes[0, 0].legend(frameon=False, labelcolor=GREY, fontsize=8, loc="best")
    return figure


def _plain(axes: Axes) -> None:
    axes.tick_params(which="both", colors=GREY)
    axes.grid(color=GREY, alpha=0.25, linewidth=0.8)
    axes.spines[:].set_visible(False)
