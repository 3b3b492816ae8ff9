"""A report: everything is on the page, nothing is fetched, what failed says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from executed_notebook import executed_notebook, failed_notebook, write_executed
from html_pages import Page

from posekit.errors import InvalidData
from posekit.workbook.reports import page
from posekit.workbook.reports.page import build_report


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    target = build_report(write_executed(folder), folder / "html" / "demo.html")
    assert target.stat().st_size < 8_000_000
    return target.read_text("utf-8")


@pytest.fixture(scope="module")
def body(text: str) -> str:
    """The page without its style and scripts, figures' JSON included."""
    return re.sub(r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.DOTALL)


def test_page_is_well_formed(body: str) -> None:
    found = Page(body)
    assert found.faults == []
    assert found.open == []
    assert found.of("html")[0]["lang"]
    assert len(found.of("h1")) == 1
    ids = [attributes["id"] for _, attributes in found.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_page_loads_nothing(body: str) -> None:
    found = Page(body)
    for tag in ("script", "img", "link", "iframe", "source"):
        for attributes in found.of(tag):
            address = attributes.get("src") or attributes.get("href") or ""
            assert address == "" or address.startswith("data:")
    policy = next(item for item in found.of("meta") if item.get("http-equiv"))
    assert "default-src 'none'" in policy["content"]


def test_contents_lead_to_headings(body: str) -> None:
    found = Page(body)
    anchors = {attributes.get("id") for _, attributes in found.elements}
    links = [item["href"][1:] for item in found.of("a") if item["href"].startswith("#")]
    assert {"content", "results", "results-2"} <= set(links) <= anchors


def test_formulas_are_mathml_and_code_is_left_alone(body: str) -> None:
    assert len(Page(body).of("math")) == 3
    assert "cost $5$" in body
    assert "<mfrac>" in body


def test_code_is_folded_hidden_or_open(body: str) -> None:
    folded = Page(body).of("details")
    code = [item for item in folded if item.get("class") == "code"]
    assert [("open" in item) for item in code] == [False, True]
    assert "&lt;b&gt;" in body
    assert "x = 1" not in re.sub(r"<[^>]+>", "", body)


def test_streams_are_joined_as_a_terminal_shows_them(body: str) -> None:
    assert '<pre class="stream" tabindex="0">epoch 2: &lt;50&gt; mm</pre>' in body


def test_figures_are_whole_with_their_texts(text: str, body: str) -> None:
    figures = re.findall(r'data-figure="([^"]+)">(.*?)</script>', body, flags=re.DOTALL)
    assert len(figures) == 2
    contents = [json.loads(content) for _, content in figures]
    assert len(contents[0]["frames"]) == 4
    assert contents[1]["data"][0]["y"] == ["</script><!--<script>"]
    assert not any("<" in content for _, content in figures)
    boxes = [item for item in Page(body).of("div") if item.get("class") == "canvas"]
    assert boxes[0]["aria-label"] == 'Prediction beside "truth".'
    assert [box["id"] for box in boxes] == [name for name, _ in figures]
    assert text.count("plotly.js v") == 1


def test_the_answer_stands_once_below_the_title_wherever_its_cell_is(body: str) -> None:
    assert len([item for item in Page(body).of("section") if "pk-answer" in item["class"]]) == 1
    title, box, prose = (body.index(part) for part in ("</h1>", "pk-answer", "The error is"))
    assert title < box < prose


def test_a_page_without_title_begins_with_the_answer(tmp_path: Path) -> None:
    notebook = executed_notebook()
    notebook.cells = notebook.cells[1:]
    nbformat.write(notebook, tmp_path / "bare.ipynb")
    text = build_report(tmp_path / "bare.ipynb", tmp_path / "bare.html").read_text("utf-8")
    shown = text.partition('<main id="content">')[2]
    assert shown.index("pk-answer") < shown.index("epoch 2")


def test_images_have_alternative_text(body: str) -> None:
    assert [image["alt"] for image in Page(body).of("img")] == ["A dot."]


def test_a_page_without_figures_is_small(tmp_path: Path) -> None:
    notebook = executed_notebook()
    notebook.cells = notebook.cells[:1]
    nbformat.write(notebook, tmp_path / "plain.ipynb")
    assert build_report(tmp_path / "plain.ipynb", tmp_path / "p.html").stat().st_size < 60_000


def test_facts_name_data_profile_and_time(body: str) -> None:
    words = re.sub(r"<[^>]+>", " ", body)
    for fact in ("synthetic", "smoke", "2026-11-20 12:00", "12 s"):
        assert fact in words


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text("{")
    with pytest.raises(InvalidData, match=r"broken\.ipynb: not a readable notebook"):
        build_report(path, tmp_path / "broken.html")
    assert not (tmp_path / "broken.html").exists()


def test_a_failed_run_says_so(tmp_path: Path) -> None:
    path = failed_notebook(tmp_path)
    assert page.failure(nbformat.read(path, 4)) == "InvalidData: a <bad> file."
    text = build_report(path, tmp_path / "demo.html").read_text("utf-8")
    assert "This run failed.</strong> InvalidData: a &lt;bad&gt; file." in text


def test_a_killed_kernel_is_a_failure() -> None:
    notebook = executed_notebook()
    notebook.metadata.papermill.exception = True
    assert "kernel died" in page.failure(notebook)
