"""Formulas between dollars become MathML; amounts of money and code stay."""

from __future__ import annotations

import pytest

from posekit.errors import InvalidData
from posekit.workbook.reports.formulas import formulas_to_mathml


@pytest.mark.parametrize(
    ("fragment", "formulas"),
    [
        ("<p>$a$ and $$b$$</p>", 2),
        ("<p>$a &lt; b$</p>", 1),
        ("<p>it costs $5 or $6</p>", 0),
        (r"<p>\$a\$</p>", 0),
        ("<code>$a$</code><pre>$$b$$</pre>", 0),
    ],
)
def test_what_is_a_formula(fragment: str, formulas: int) -> None:
    converted = formulas_to_mathml(fragment)
    assert converted.count("<math") == formulas
    assert (converted == fragment) == (formulas == 0)


def test_between_two_dollars_a_formula_stands_alone() -> None:
    assert 'display="block"' in formulas_to_mathml("$$a$$")
    assert 'display="inline"' in formulas_to_mathml("$a$")


def test_a_formula_that_cannot_be_drawn_is_an_error() -> None:
    with pytest.raises(InvalidData, match=r"formula 'x\^\{' cannot be converted"):
        formulas_to_mathml("broken $x^{$ formula")
