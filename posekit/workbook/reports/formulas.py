"""Formulas between dollars -> MathML, which browsers draw without any script."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

from posekit.errors import InvalidData

FORMULA = re.compile(
    r"\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?!\s)(?P<inline>[^$\n]+?)(?<!\s)\$(?!\d)", re.DOTALL
)
_CODE = re.compile(r"(<code.*?</code>|<pre.*?</pre>)", re.DOTALL)


def formulas_to_mathml(fragment: str) -> str:
    """Rendered Markdown with TeX between dollars -> the same with MathML; code is left alone.

    Raises:
        InvalidData: a formula that cannot be converted.
    """
    parts = _CODE.split(fragment)
    return "".join(part if _CODE.match(part) else FORMULA.sub(_mathml, part) for part in parts)


def _mathml(found: re.Match[str]) -> str:
    block = found["block"]
    formula = html.unescape(block or found["inline"]).strip()
    try:
        return convert(formula, display="block" if block else "inline")
    except Exception as error:  # latex2mathml raises many kinds of its own
        raise InvalidData(f"formula {formula!r} cannot be converted: {error}.") from error
