"""Effects in words and as strips on one scale."""

from __future__ import annotations

import math
import re

import pytest
from html_pages import Page
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import InvalidData
from posekit.workbook.tables import Effect
from posekit.workbook.tables.forest import Scale, axis, percent, strip

SHARES = st.floats(-5, 5, allow_nan=False)
MAYBE = st.none() | SHARES
EFFECTS = st.lists(
    st.builds(Effect, st.just("a"), MAYBE, MAYBE, MAYBE, MAYBE, MAYBE), min_size=1, max_size=4
)


def test_an_effect_says_all_that_is_known_of_it() -> None:
    known = Effect("A against B", -0.021, -0.03, -0.0121, -0.02, difference=-1.1, least=0.008)
    assert known.said.replace("\N{NO-BREAK SPACE}", " ") == (
        "A against B: here −2.1 % [−3.0, −1.2] (−1.1 mm), published −2.0 %, smallest visible 0.8 %"
    )
    allowed = Effect("A", 0.034, margin=0.01)
    assert allowed.said.replace("\N{NO-BREAK SPACE}", " ") == (
        "A: here +3.4 %, no interval, published not available, at most +1.0 % allowed"
    )
    assert "not measured" in Effect("A").said
    ranks = Effect("rank", 0.21, -0.05, 0.47, relative=False, unit="")
    assert ranks.measured == "0.21 [−0.05, 0.47]"


@pytest.mark.parametrize(
    ("share", "text"),
    [(-0.021, "−2.1"), (0.0004, "0.04"), (-0.00001, "0.0"), (0.0, "0.0"), (-0.26, "−26.0")],
)
def test_shares_read_as_per_cent(share: float, text: str) -> None:
    assert percent(share) == text


@given(SHARES)
def test_per_cent_is_near_and_never_a_minus_zero(share: float) -> None:
    text = percent(share)
    assert float(text.replace("−", "-")) == pytest.approx(100 * share, abs=0.0501)
    assert not re.fullmatch(r"−[0.]+", text)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(InvalidData, match=r"effect 'A': low is .*; give None"):
        Effect("A", 0.1, low=value)


@given(EFFECTS)
def test_every_effect_has_its_place_on_the_scale(effects: list[Effect]) -> None:
    scale = Scale.over(effects, relative=True)
    points = [v for e in effects for v in (0.0, e.value, e.published, e.margin) if v is not None]
    assert all(scale.holds(point) and 0 < scale.place(point) < 100 for point in points)
    in_order = sorted(points)
    assert [scale.place(p) for p in in_order] == sorted(scale.place(p) for p in points)
    assert 2 <= len(scale.ticks) <= 7
    assert "0" in [text for _, text in scale.ticks]


def test_a_strip_marks_what_is_known_and_nothing_else() -> None:
    effect = Effect("A <b>", -0.02, -9.0, 0.01, -0.03, margin=0.01)
    scale = Scale.over([effect], relative=True)
    drawn = Page(strip(effect, scale))
    assert drawn.faults == []
    classes = [item.get("class") for _, item in drawn.elements]
    assert {"pk-zero", "pk-margin", "pk-published", "pk-ours", "pk-dot"} <= set(classes)
    assert drawn.of("svg")[0]["aria-label"] == effect.said
    ends = [path["d"] for path in drawn.of("path") if path["class"] == "pk-ours"]
    assert ends == ["M7-4 0 0 7 4", "M0-4V4"]  # an arrow out of the scale, a cap on it
    bare = {item.get("class") for _, item in Page(strip(Effect("A"), scale)).elements}
    assert bare == {"pk-strip", "pk-zero"}
    assert Page(axis(scale)).faults == []
