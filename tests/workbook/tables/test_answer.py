"""The box below a title: all that has to be seen, and back from a results file unchanged."""

from __future__ import annotations

import json
import re

import pytest
from executed_notebook import ANSWER
from html_pages import Page
from IPython.core.formatters import DisplayFormatter

from posekit.errors import InvalidData
from posekit.workbook.tables import Answer, Effect, JudgedClaim
from posekit.workbook.tables.answer import PLACE


def test_the_box_shows_claim_effect_words_lamps_and_tags() -> None:
    html = ANSWER.to_html()
    found = Page(html)
    assert found.faults == []
    assert len(found.of("svg")) > 3
    assert found.of("script") == []
    assert "http" not in re.sub(r"xmlns=\S+", "", html)
    text = re.sub(r"<[^>]+>", " ", html).replace("\N{NO-BREAK SPACE}", " ").replace("&nbsp;", " ")
    words = " ".join(text.split())
    for part in (
        "The paper claims: Both priors together are best.",
        "supports oracle",
        "−2.1 % [−3.0, −1.2]",
        "published −2.0 %",
        "synthetic, standard, 10 seeds",
        "✓ learned",
    ):
        assert part in words, part


def test_a_card_has_the_plots_and_words_without_the_gates() -> None:
    brief = ANSWER.brief()
    assert brief.startswith("<style>")
    assert "pk-strip" in brief
    assert "supports" in brief
    assert "pk-lamps" not in brief.partition("</style>")[2]


def test_relative_effects_and_differences_of_a_claim_have_scales_of_their_own() -> None:
    mixed = JudgedClaim(
        "mixed", "supports", effects=(Effect("a", -0.5), Effect("b", 0.9, relative=False, unit=""))
    )
    drawn = Page(Answer("Claim.", (mixed,)).to_html())
    axes = [item for item in drawn.of("svg") if item.get("class") == "pk-axis"]
    zeros = [line["x1"] for line in drawn.of("line") if line.get("class") == "pk-zero"]
    assert len(axes) == len(set(zeros)) == 2


def test_a_box_without_plots_has_no_key_to_them() -> None:
    assert "pk-key" not in Answer("Claim.", (JudgedClaim("a", "not assessed"),)).to_html()


def test_a_box_comes_back_from_json_unchanged() -> None:
    assert Answer.from_json(json.loads(json.dumps(ANSWER.to_json()))) == ANSWER


@pytest.mark.parametrize("content", [{}, {"claim": 1, "claims": []}, {"claim": "a", "claims": [7]}])
def test_other_content_is_refused_in_one_line(content: dict) -> None:
    with pytest.raises(InvalidData, match=r"^answer box, .*run the notebook anew") as caught:
        Answer.from_json(content)
    assert "\n" not in str(caught.value)


def test_the_output_says_where_a_page_shows_it() -> None:
    data, metadata = DisplayFormatter().format(ANSWER)
    assert metadata["text/html"] == {"place": PLACE}
    assert "pk-answer" in data["text/html"]
    assert data["text/plain"].startswith("The paper claims: Both priors")
