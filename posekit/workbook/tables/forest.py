"""Forest plots: the effect that is published, and ours with its interval, on one scale.

A plot is a strip for every effect, as wide as there is room; the text beside it is HTML, so that
it breaks and grows like any other. Shapes tell published and measured apart, not colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

from markupsafe import Markup

from posekit.errors import InvalidData
from posekit.workbook.tables.grids import (
    MINUS,
    NOT_AVAILABLE,
    format_value,
    signed,
    without_minus_zero,
)
from posekit.workbook.templates import render

# An interval that reaches further than this many times the largest effect ends in an arrow.
LONGEST_INTERVAL = 2.0
SMALLEST_REACH = {True: 0.01, False: 0.1}  # of a scale; relative effects, others
MOST_TICKS = 5
PER_CENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Effect:
    """One comparison of a claim. Below zero is the side of those who claim it.

    Attributes:
        label: what is compared, such as "both priors against neither, MPJPE".
        value, low, high: measured, with its 95 % interval; None where it is not known.
        published: the same as the authors print it, None where they do not.
        margin: how far above zero the claim allows; None where it says lower.
        difference: the measured effect in ``unit``, None where there is none.
        unit: of the difference.
        least: the smallest effect that the runs could have seen, None where it is not known.
        relative: whether effects are shares (-0.02: 2 % lower), else plain differences.

    Raises:
        InvalidData: a figure is not finite.
    """

    label: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    published: float | None = None
    margin: float | None = None
    difference: float | None = None
    unit: str = "mm"
    least: float | None = None
    relative: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            found = getattr(self, field.name)
            if isinstance(found, float) and not math.isfinite(found):
                raise InvalidData(
                    f"effect {self.label!r}: {field.name} is {found}; give None for what is not "
                    "known."
                )

    @property
    def measured(self) -> str:
        """Our effect with its interval: ``-2.1 % [-3.0, -1.2]``."""
        if self.value is None:
            return "not measured"
        text = self._printed(self.value)
        if self.low is None or self.high is None:
            return f"{text}, no interval"
        return f"{text} [{self._bare(self.low)}, {self._bare(self.high)}]"

    @property
    def as_published(self) -> str:
        """The published effect, or that there is none."""
        return NOT_AVAILABLE if self.published is None else self._printed(self.published)

    @property
    def absolute(self) -> str:
        """The effect in millimetres, "" where it is not known or is one already."""
        if self.difference is None or not self.relative:
            return ""
        return f"{signed(self.difference)} {self.unit}".strip()

    @property
    def asked(self) -> str:
        """What the claim asks for, "" where it asks for lower."""
        return "" if self.margin is None else f"at most {self._printed(self.margin)} allowed"

    @property
    def visible(self) -> str:
        """The smallest effect that could have been seen, "" where it is not known."""
        return "" if self.least is None else f"smallest visible {self._sized(abs(self.least))}"

    @property
    def said(self) -> str:
        """All of it in one line, for text and for readers who do not see the plot."""
        parts = (
            f"{self.label}: here {self.measured}",
            f"({self.absolute})" if self.absolute else "",
            f"published {self.as_published}",
            self.asked,
            self.visible,
        )
        return ", ".join(part for part in parts if part).replace(", (", " (")

    def _printed(self, value: float) -> str:
        rises = self.relative and percent(value) != percent(-abs(value))
        return "+" * rises + self._sized(value)

    def _sized(self, value: float) -> str:
        return self._bare(value) + (PER_CENT if self.relative else "")

    def _bare(self, value: float) -> str:
        return percent(value) if self.relative else format_value(value)


@dataclass(frozen=True)
class Scale:
    """The axis of a forest plot: its ends, and whether it counts per cent."""

    low: float
    high: float
    relative: bool

    @classmethod
    def over(cls, effects: Iterable[Effect], *, relative: bool) -> Scale:
        """The scale that holds all effects of a kind, and of their intervals what is near."""
        shown = [effect for effect in effects if effect.relative == relative]
        points = [0.0] + [
            value
            for effect in shown
            for value in (effect.value, effect.published, effect.margin)
            if value is not None
        ]
        ends = [end for e in shown for end in (e.low, e.high) if end is not None]
        reach = max([SMALLEST_REACH[relative], *map(abs, points)])
        far = LONGEST_INTERVAL * reach
        low = min([-0.3 * reach, *points, *(max(end, -far) for end in ends)])
        high = max([0.3 * reach, *points, *(min(end, far) for end in ends)])
        room = 0.08 * (high - low)
        return cls(low - room, high + room, relative)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the scale."""
        return self.low <= value <= self.high

    def place(self, value: float) -> float:
        """Where a value stands, in per cent of the width; at the end if it lies further out."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Place and text of round values, zero among them."""
        step = _round_step((self.high - self.low) / MOST_TICKS)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        values = [number * step for number in range(first, last + 1)]
        return [(self.place(value), self._text(value)) for value in values]

    def _text(self, value: float) -> str:
        if not value:
            return "0"
        shown = f"{100 * value:+.3g}{PER_CENT}" if self.relative else f"{value:+.3g}"
        return shown.replace("-", MINUS)


def strip(effect: Effect, scale: Scale) -> Markup:
    """One effect as SVG: a hollow diamond for what is published, a dot with a line for ours."""
    return render("tables/forest_strip.svg.j2", effect=effect, scale=scale)


def axis(scale: Scale) -> Markup:
    """The scale below the strips, as SVG."""
    return render("tables/forest_axis.svg.j2", scale=scale)


def percent(share: float) -> str:
    """A share as per cent, the sign of which is left out: -0.021 reads -2.1, 0.0004 reads 0.04."""
    size = abs(100 * share)
    digits = 2 if 0.005 <= size < 0.095 else 1
    return without_minus_zero(f"{100 * share:.{digits}f}".replace("-", MINUS))


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... times a power of ten that is not below ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    steps = [factor * power for factor in (1, 2, 5, 10)]
    return next((step for step in steps if step >= least), steps[-1])
