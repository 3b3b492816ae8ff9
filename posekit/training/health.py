"""Whether an adversarial training went well: a rule that is stated before anybody looks at errors.

Training a generator against discriminators is fragile. A run whose parts have diverged or collapsed
says nothing of the method, so it is reported as such and enters no mean. The rule reads the log
alone (``posekit.training.adaptation_steps.TERMS``), never a test error:

- **diverged**: a loss or a gradient was not finite, or the lifter's loss reached ``FARTHEST``.
- **collapsed**, by the medians over the last ``END`` of the part's steps, of which a spike moves
  none:

  - the lifter errs more at its end than at the beginning of its training on the source;
  - a discriminator's loss is below ``PINNED`` while the generator's gradient is below ``VANISHED``
    of the largest that it had: it tells all generated poses from real ones, and the generator
    learns nothing of it any more;
  - the bone directions of generated poses spread less than ``LEAST_DIVERSITY`` of those they are
    made of: whatever goes in, much the same pose comes out;
  - more than ``MOST_OUTSIDE`` of the generated poses are left out, so that the lifter trains on a
    remnant.

One rule was added later, after errors had been looked at, and is told apart from those above
(``outdone``): a discriminator's loss ends below ``OUTDONE`` *and* the lifter errs more than
``STRAYED`` times as much on what it is trained with in the end as it did on the source. Since the
gradient of a least-squares loss hardly vanishes, the rule with ``VANISHED`` missed runs that had
plainly failed. The new one is applied to stored logs when they are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

FARTHEST = 1e4
"""Squared metres of a loss, metres of a joint: a hundred metres away or more no body is."""

END = 0.2
"""Of the steps of a part; long enough for a median, short enough to be its end."""

PINNED = 0.01
"""A least-squares discriminator that knows nothing has 0.25, one that never errs 0: at 0.01 its
answers are within 0.1 of the truth."""

VANISHED = 0.01
"""Of its largest norm: a hundredth of a gradient moves a generator no more in the steps left."""

OUTDONE, STRAYED = 0.05, 2.0
"""Drawn after looking at 27 runs, each half of them because the other misleads: where the source's
cameras are others than the target's and nothing aligns them, a discriminator of 2D poses wins
without any harm; in short trainings the lifter errs more on varied poses without any harm. Runs
that failed ended at a discriminator's loss of 0.002 to 0.017 and at 2.1 to 5.7 times the lifter's
loss; others had at most one of both. The first run that was not among them has both signs, and errs
only a little more than with other seeds: the rule is rather strict than lenient."""

LEAST_DIVERSITY = 0.25
"""Varied poses should spread more than those that they are made of, not a quarter as much."""

MOST_OUTSIDE = 0.9
"""With nine in ten poses left out, a batch of a hundred holds fewer than ten."""

DIVERGED = 1  # its number among the reasons
WELL = "no part diverged or collapsed"
REASONS = (
    WELL,
    "diverged: a loss or gradient was not finite, or out of all bounds, at step {step}",
    "collapsed: the lifter errs more than before its training",
    "collapsed: the 3D discriminator never errs and the generator's gradient has vanished",
    "collapsed: the 2D discriminator never errs and the generator's gradient has vanished",
    "collapsed: the generator makes much the same pose of every pose",
    "collapsed: nearly all generated poses are out of the picture",
)


class Health(NamedTuple):
    """What became of a training.

    Attributes:
        reason: number among ``REASONS``, 0 for well.
        step: of the log's row that shows it first, or the last one.
    """

    reason: int
    step: int

    @property
    def text(self) -> str:
        """In words, for a card: begins with "diverged" or "collapsed" if it is not well."""
        return REASONS[self.reason].format(step=self.step)

    @property
    def coded(self) -> tuple[float, float]:
        """Both numbers, to be kept with the weights."""
        return float(self.reason), float(self.step)


def went_wrong(text: str) -> bool:
    """Whether a card's words, ``Health.text``, are of a training that enters no mean."""
    return text.startswith(("diverged", "collapsed"))


def health_of(rows: Sequence[Mapping[str, float]]) -> Health:
    """Judge a training by its log.

    Args:
        rows: of the whole training, in order, with the columns ``TERMS`` and "step".
    """
    last = int(rows[-1]["step"])
    diverged = next((row for row in rows if row["diverged"] > 0), None)
    if diverged is not None:
        return Health(DIVERGED, int(diverged["step"]))
    for reason, wrong in enumerate(
        (_worse(rows), _pinned(rows, "d3"), _pinned(rows, "d2"), _alike(rows), _outside(rows)),
        start=DIVERGED + 1,
    ):
        if wrong:
            return Health(reason, last)
    return Health(0, last)


def outdone(rows: Sequence[Mapping[str, float]]) -> str:
    """In a card's words that a discriminator has won and the lifter strays; "" if not so.

    Args:
        rows: as for ``health_of``.
    """
    trained = [row for row in rows if row["norm_lifter"] > 0]
    source = _column([row for row in trained if row["phase"] == 1], "lifter")
    last = _column([row for row in trained if row["phase"] == trained[-1]["phase"]], "lifter")
    if not len(source) or _end(last) <= STRAYED * _end(source):
        return ""
    times = f"{_end(last) / _end(source):.1f}"
    for name, title in (("d3", "3D"), ("d2", "2D")):
        against = [r for r in rows if r["norm_generator"] > 0 and r[f"norm_{name}"] > 0]
        if against and _end(_column(against, name)) < OUTDONE:
            loss = f"{_end(_column(against, name)):.3f}"
            return (
                f"collapsed: the {title} discriminator has won (loss {loss}) and the lifter errs "
                f"{times} times as much as on its source (lines at {OUTDONE:g} and {STRAYED:g}, "
                "drawn after the first runs)"
            )
    return ""


def _worse(rows: Sequence[Mapping[str, float]]) -> bool:
    """Whether the lifter's loss lies above its start."""
    loss = _column([row for row in rows if row["norm_lifter"] > 0], "lifter")
    return bool(len(loss)) and _end(loss) > loss[0]


def _pinned(rows: Sequence[Mapping[str, float]], name: str) -> bool:
    """Whether a discriminator is right about everything and its generator has stopped."""
    rows = [row for row in rows if row["norm_generator"] > 0 and row[f"norm_{name}"] > 0]
    if not rows:
        return False
    gradient = _column(rows, "norm_generator")
    return _end(_column(rows, name)) < PINNED and _end(gradient) < VANISHED * gradient.max()


def _alike(rows: Sequence[Mapping[str, float]]) -> bool:
    """Whether generated poses are all alike."""
    rows = [row for row in rows if row["norm_generator"] > 0]
    return bool(rows) and _end(_column(rows, "diversity")) < LEAST_DIVERSITY


def _outside(rows: Sequence[Mapping[str, float]]) -> bool:
    """Whether hardly any generated pose is used."""
    rows = [row for row in rows if row["phase"] > 1]
    return bool(rows) and _end(_column(rows, "outside")) > MOST_OUTSIDE


def _column(rows: Sequence[Mapping[str, float]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows])


def _end(values: np.ndarray) -> float:
    """The median of the last ``END`` of some values."""
    return float(np.median(values[-max(1, round(END * len(values))) :]))
