"""Whether a training run has settled, from its curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STRETCH = (0.25, 0.75)  # of the run: after warm-up, before a schedule's end pulls the loss down
BINS = 12  # of equal width in ln(step); the median of a bin is what a spike cannot move
LEAST_BINS = 4  # fewer points make no line


def learning_slope(steps: Sequence[float], losses: Sequence[float]) -> float | None:
    """How fast the loss still falls: -d ln(loss) / d ln(step) over the middle half of a run.

    A loss that follows step^-a has slope a; 0.1 means that twice the steps lower it by 7 %. It is
    the least-squares line through medians of bins of equal width in ln(step). A cosine schedule
    bends the curve down towards its end: some of that falls into the stretch and makes the slope
    larger, which errs on the safe side, and most of it after the stretch.

    Args:
        steps: optimizer steps, from 1 on, rising to the last of the run.
        losses: the training loss at each of them.

    Returns:
        The slope; None where the stretch holds too few points, or a loss without a logarithm (a
        likelihood can be negative).
    """
    step, loss = np.asarray(steps, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if not step.size:
        return None
    first, last = (share * step.max() for share in STRETCH)
    inside = (step >= first) & (step <= last)
    step, loss = step[inside], loss[inside]
    if not (np.isfinite(loss) & (loss > 0)).all():
        return None
    edges = np.linspace(np.log(first), np.log(last), BINS + 1)
    place = np.clip(np.searchsorted(edges, np.log(step), side="right") - 1, 0, BINS - 1)
    filled = np.unique(place)
    if len(filled) < LEAST_BINS:
        return None
    x = np.array([np.log(step[place == each]).mean() for each in filled])
    y = np.array([np.median(np.log(loss[place == each])) for each in filled])
    return -float(np.polyfit(x, y, 1)[0])
