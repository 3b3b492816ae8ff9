"""Verdicts in the form in which notebooks show them: every claim once, with its figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.evidence import CHECK_PASSED, NOT_ASSESSED, ConditionResult, Gate, Verdict
from posekit.workbook.notebooks import judged_claims
from posekit.workbook.studies import Study


def study(paper: str, folder: Path) -> Study:
    made = Study(paper, profile="smoke", runs=folder, device="cpu")
    made.reference = None
    return made


def condition(metric: str, lower: object, than: object, **more: object) -> ConditionResult:
    unknown = dict.fromkeys(
        ("low", "high", "published", "margin", "least_effect", "p", "adjusted_p"), None
    )
    values = {"difference": -2.0, "effect": -0.04, "degrees_of_freedom": None, "verdict": ""}
    return ConditionResult(metric, lower, than, **{**unknown, **values, **more})


@pytest.mark.parametrize("paper", ["ktpformer", "hot", "gla_gcn", "uao", "convformer", "poseda"])
def test_every_claim_stands_in_one_table(paper: str, counted: Path) -> None:
    made = study(paper, counted)
    table = judged_claims.verdict_table(made)
    shown = [claim.text for claim in (*table.claims, *table.questions)]
    assert sorted(shown) == sorted(map(judged_claims.claim_text, made.paper.claims))
    asked = [claim for claim in made.paper.claims if claim.asked_by == "workbook"]
    assert [claim.text for claim in table.questions] == list(map(judged_claims.claim_text, asked))


@pytest.mark.parametrize("paper", ["ktpformer", "hot", "gla_gcn", "uao", "convformer", "poseda"])
def test_the_box_holds_the_headline_claims_and_the_finding(paper: str, counted: Path) -> None:
    made = study(paper, counted)
    box = judged_claims.answer(made, "Know this.")
    headline = [claim for claim in made.paper.claims if claim.headline]
    assert box.claim == made.paper.sentence
    assert box.finding == "Know this."
    assert [claim.text for claim in box.claims] == list(map(judged_claims.claim_text, headline))


def test_a_claim_says_what_of_it_is_judged_and_counts_need_no_run(counted: Path) -> None:
    table = judged_claims.verdict_table(study("hot", counted))
    (sizes,) = (claim for claim in table.claims if "frames per second rise clearly" in claim.text)
    assert "Judged here: Parameters only" in sizes.text
    assert (sizes.verdict, sizes.tone) == (CHECK_PASSED, "for")
    # TPC adds nothing: at most and at least the parameters of its host.
    pair = "parameters, TPC w. MixSTE against MixSTE"
    found = [cost for cost in sizes.costs if cost.label.startswith(pair)]
    assert [cost.value == cost.than > 30 for cost in found] == [True, True]


def test_what_the_authors_print_is_shown_before_anything_is_measured(counted: Path) -> None:
    box = judged_claims.answer(study("ktpformer", counted))
    first, *_ = box.claims
    assert first.verdict == NOT_ASSESSED
    (effect,) = first.effects
    assert effect.label == "both against neither, MPJPE"
    assert effect.value is None
    assert effect.published == pytest.approx(40.1 / 40.9 - 1, abs=1e-4)
    # Of either prior alone nothing is published, so that there is nothing to draw.
    assert [claim.effects for claim in box.claims if "alone" in claim.text] == [(), ()]


def judged(monkeypatch, folder: Path, verdict: Verdict):
    made = study("uao", folder)
    claim = next(claim for claim in made.paper.claims if claim.id == verdict.claim)
    monkeypatch.setattr(Study, "verdicts", lambda self: (verdict,))
    (found,) = judged_claims.judged_claims(made, [claim])
    return found


def test_effects_are_relative_and_lamps_are_the_gates(monkeypatch, counted: Path) -> None:
    rows = ("table-h36m-readme/gumlp-uao-fitted-root", "table-h36m-readme/gumlp")
    gates = (
        Gate("learned", True, "all"),
        Gate("power", False, "sees 3 %"),
        Gate("size", None, "does not apply", applies=False),
    )
    shown = {"low": -0.06, "high": -0.02, "published": -0.0547, "least_effect": 0.01}
    result = condition("mpjpe", *rows, **shown)
    verdict = Verdict("optimisation-lowers-error", "supports", "why", (result,), gates, "runs")
    found = judged(monkeypatch, counted, verdict)
    (effect,) = found.effects
    assert (effect.value, effect.low, effect.high) == (-0.04, -0.06, -0.02)
    assert (effect.published, effect.difference, effect.unit) == (-0.0547, -2.0, "mm")
    assert effect.label == "GUMLP + UAO, root fitted to the keypoints against GUMLP, MPJPE"
    assert effect.relative
    assert [(lamp.name, lamp.passed) for lamp in found.lamps] == [
        *(("learned", True), ("power", False), ("size", True))
    ]
    assert (found.tone, found.reason, found.basis) == ("for", "why", "runs")


def test_a_correlation_is_no_relative_effect_and_no_millimetres(monkeypatch, counted) -> None:
    row = "table-uncertainty-calibration/all-joints"
    result = condition("rank_correlation", 0.0, row)
    verdict = Verdict("uncertainty-is-informative", "against", "why", (result,))
    found = judged(monkeypatch, counted, verdict)
    assert not found.effects[0].relative
    assert found.effects[0].difference is None
    assert found.tone == "against"


def test_counted_conditions_that_no_line_can_say_are_refused(counted: Path) -> None:
    result = condition("params", ("a/b", "c/d"), ("e/f", "g/h"))
    with pytest.raises(InvalidParameter, match="a ratio of two rows with a number"):
        judged_claims._pair_and_bound(result)


def test_a_count_of_one_row_has_bounds_on_both_sides(counted: Path) -> None:
    table = judged_claims.verdict_table(study("convformer", counted))
    (counts,) = (claim for claim in table.claims if "Parameter counts at 9" in claim.text)
    assert counts.verdict == CHECK_PASSED
    nine, other = counts.costs[:2]
    assert nine.label == "parameters, ConvFormer, 9 frames, below 2.566 M"
    assert other.label == "parameters, ConvFormer, 9 frames, above 2.554 M"
    assert nine.value == other.value == pytest.approx(2.560533)
