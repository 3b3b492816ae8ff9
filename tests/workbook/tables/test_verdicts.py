"""Verdict tables: the authors' claims and our questions apart, lamps that need no colour."""

from __future__ import annotations

import re

import pytest
from html_pages import Page

from posekit.workbook.tables import Counted, Effect, JudgedClaim, Lamp, VerdictTable

CLAIM = JudgedClaim(
    "Both are <best>.",
    "supports",
    "for",
    "all gates passed",
    "synthetic, standard, 10 seeds",
    effects=(Effect("both against neither", -0.021, -0.03, -0.012, -0.02, difference=-1.1),),
    costs=(Counted("parameters", 35.0, 33.65, "M", 1.04, 1.05),),
    lamps=(Lamp("learned", True, "22 % better"), Lamp("power", False), Lamp("size", None)),
    tags=("oracle", "one seed"),
)
QUESTION = JudgedClaim("Does it last?", "not assessed", reason="no runs")


def words(html: str) -> str:
    return " ".join(
        re.sub(r"<[^>]+>", " ", html)
        .replace("\N{NO-BREAK SPACE}", " ")
        .replace("&nbsp;", " ")
        .split()
    )


def test_claims_and_questions_stand_in_two_tables() -> None:
    html = VerdictTable((CLAIM,), (QUESTION,)).to_html()
    found = Page(html)
    assert found.faults == []
    captions = [box["aria-label"] for box in found.of("div") if "pk-scroll" in box["class"]]
    assert captions == ["Claims of the authors", "Questions of this workbook"]
    assert len(Page(VerdictTable((CLAIM,)).to_html()).of("table")) == 1
    text = (
        str(VerdictTable((CLAIM,), (QUESTION,)))
        .replace("\N{NO-BREAK SPACE}", " ")
        .replace("&nbsp;", " ")
    )
    assert text.index("Both are <best>") < text.index("Questions") < text.index("Does it last?")
    assert "| Does it last? | not assessed | - | - | no runs |" in text
    assert "−2.1 % [−3.0, −1.2] (−1.1 mm), published −2.0 %" in text


def test_a_claim_shows_effect_costs_tags_and_gates() -> None:
    html = VerdictTable((CLAIM,)).to_html()
    said = words(html)
    for part in (
        "Both are &lt;best&gt;.",
        "both against neither −2.1 % [−3.0, −1.2] (−1.1 mm) published −2.0 %",
        "parameters 35.0 M = 1.04 × published 1.04 ×, at most 1.05 × allowed",
        "supports oracle one seed",
        "✓ learned : passed",
        "× power : failed",
        "? size : not known",
        "synthetic, standard, 10 seeds : all gates passed",
    ):
        assert part in said, part
    lamps = [item["title"] for item in Page(html).of("span") if item.get("title")]
    assert lamps == ["learned: passed (22 % better)", "power: failed", "size: not known"]


def test_lamps_differ_by_sign_and_shape_and_not_by_colour_alone() -> None:
    marks = {lamp.mark for lamp in CLAIM.lamps}
    classes = {item.get("class") for item in Page(VerdictTable((CLAIM,)).to_html()).of("span")}
    assert len(marks) == 3
    assert {"pk-passed", "pk-failed", "pk-not-known"} <= classes


@pytest.mark.parametrize(
    ("value", "than", "text"),
    [
        (35.0, 33.65, "35.0 M = 1.04 ×"),
        (33.6, 33.6, "33.6 M = 1.00 ×"),
        (33.7, 33.6, "33.7 M = 1.003 ×"),
        (0.5, 0.0, "0.5 M"),
    ],
)
def test_costs_read_as_ratios(value: float, than: float, text: str) -> None:
    assert (
        Counted("p", value, than, "M")
        .measured.replace("\N{NO-BREAK SPACE}", " ")
        .replace("&nbsp;", " ")
        == text
    )
