"""Templates escape what they are given, and a name that nobody gave is an error."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from posekit.workbook.tables import Card
from posekit.workbook.templates import environment, macros, render


def test_text_is_escaped_and_a_rendered_fragment_is_not() -> None:
    inner = render("tables/card.html.j2", card=Card("<Data>", {"a": '"b" & c'}))
    assert "<strong>&lt;Data&gt;</strong>" in inner
    assert "<dd>&#34;b&#34; &amp; c</dd>" in inner
    assert inner in render("tables/shown.html.j2", body=inner)
    stream = macros("reports/cells.html.j2").stream
    assert stream("<a>") == '<pre class="stream" tabindex="0">&lt;a&gt;</pre>\n'


def test_a_name_that_nobody_gave_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text("{{ title }}")
    with pytest.raises(UndefinedError, match="title"):
        environment(tmp_path).get_template("page.j2").render()
