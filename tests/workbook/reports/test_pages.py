"""Reports: everything is on the page, nothing is fetched, what failed says so."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from executed_notebook import comparison, executed_notebook, write_executed
from nbformat.v4 import new_code_cell, new_output

from posekit.datasets import DATASETS
from posekit.errors import InvalidData
from posekit.workbook.reports import page
from posekit.workbook.reports.cells import cell_html, prose_html
from posekit.workbook.reports.index import build_index, data_table
from posekit.workbook.reports.page import build_report
from posekit.workbook.tables import Card, ComparisonTable, Grid, Measured, Row, format_value
from posekit.workbook.tables.grids import signed

VOID = {"meta", "link", "br", "img", "hr", "input", "circle", "path", "line"}


class Page(HTMLParser):
    """Elements of a page with their attributes, and whether tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


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
    assert contents[1]["data"][0]["y"] == ["</script>"]
    boxes = [item for item in Page(body).of("div") if item.get("class") == "canvas"]
    assert boxes[0]["aria-label"] == 'Prediction beside "truth".'
    assert [box["id"] for box in boxes] == [name for name, _ in figures]
    assert text.count("plotly.js v") == 1


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


def test_an_output_without_representation_is_an_error() -> None:
    output = new_output("display_data", {"application/x-unknown": "1"})
    cell = new_code_cell("x", id="demo-cell", outputs=[output])
    with pytest.raises(InvalidData, match="demo-cell: nothing to show"):
        cell_html(cell)


def test_a_formula_that_cannot_be_drawn_is_an_error() -> None:
    with pytest.raises(InvalidData, match="cannot be converted"):
        prose_html("broken $x^{$ formula")


def test_a_file_that_is_no_notebook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    path.write_text("{")
    with pytest.raises(InvalidData, match=r"broken\.ipynb: not a readable notebook"):
        build_report(path, tmp_path / "broken.html")
    assert not (tmp_path / "broken.html").exists()


def failed_notebook(folder: Path) -> Path:
    notebook = executed_notebook()
    error = new_output("error", ename="InvalidData", evalue="a <bad> file.", traceback=["a <bad>"])
    notebook.cells[2].outputs = [error]
    notebook.cells[1].outputs = []
    nbformat.write(notebook, folder / "demo-cmu.ipynb")
    return folder / "demo-cmu.ipynb"


def test_a_failed_run_says_so(tmp_path: Path) -> None:
    path = failed_notebook(tmp_path)
    assert page.failure(nbformat.read(path, 4)) == "InvalidData: a <bad> file."
    text = build_report(path, tmp_path / "demo.html").read_text("utf-8")
    assert "This run failed.</strong> InvalidData: a &lt;bad&gt; file." in text


def test_a_killed_kernel_is_a_failure() -> None:
    notebook = executed_notebook()
    notebook.metadata.papermill.exception = True
    assert "kernel died" in page.failure(notebook)


def test_index_has_a_card_per_run_with_verdicts_and_failures(tmp_path: Path) -> None:
    write_executed(tmp_path)
    failed_notebook(tmp_path)
    (tmp_path / ".demo-h36m.partial.ipynb").write_text("")
    text = build_index(tmp_path, tmp_path / "html" / "index.html").read_text("utf-8")
    found = Page(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    assert found.faults == []
    links = [item["href"] for item in found.of("a")]
    assert {"demo-synthetic.html", "demo-cmu.html"} <= set(links)
    assert "Demo &lt;paper&gt;" in text
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    for fact in ("1 reproduced", "2 undecided", "synthetic motion", "This run failed", "Human3.6M"):
        assert fact in words
    assert "ktpformer: no run yet" in words
    assert str(Path.home()) not in text


def test_the_index_names_no_folder_of_damaged_data(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "h36m").mkdir()
    (tmp_path / "h36m" / "data_3d_h36m.npz").write_bytes(b"cut off")
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    (row,) = (row for row in data_table().rows if row[0] == DATASETS["h36m"].title)
    assert row[1] == "damaged"
    assert str(tmp_path) not in str(row)


def test_differences_are_taken_within_a_column() -> None:
    table = comparison()
    assert table.differences("mpjpe", "published") == {"ours": pytest.approx(-0.8)}
    assert table.differences("mpjpe", "reference") == {"ours": pytest.approx(-0.7)}
    assert table.differences("mpjpe", "measured") == {}


def test_figures_that_do_not_compare_get_no_difference() -> None:
    here = {"mpjpe": Measured(50.0)}
    rows = (
        Row("base", {"mpjpe": 40.0}, measured={"mpjpe": Measured(48.0)}, input_2d="cpn"),
        Row("another detector", {"mpjpe": 39.0}, measured=here, input_2d="stacked hourglass"),
        Row("oracle", {"mpjpe": 30.0}, measured=here, oracle=True),
        Row("plain", {"mpjpe": 41.0}, measured=here),
    )
    table = ComparisonTable("Table", {"mpjpe": "mm"}, rows, baseline="base")
    assert table.differences("mpjpe", "published") == {"plain": 1.0}
    assert table.differences("mpjpe", "measured") == {"another detector": 2.0, "plain": 2.0}
    html = table._repr_html_()
    assert "No difference stands between an oracle and what is none." in html
    assert "Published figures on stacked hourglass keypoints are not set against" in html


def test_comparison_shows_every_state_of_a_cell() -> None:
    html = comparison()._repr_html_()
    words = " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())
    for part in (
        "40.1 [1] −0.8",
        "52.3 ± 0.4",
        "not available",
        "not run a",
        "Not run: a: oracle &lt;only&gt;.",
        "best of 20 †",
        "† oracle",
        "STAND-IN",
        "What was run: 27 frames, 2 seeds",
        "Protocol root zeroed",
        "https://example.org/paper",
    ):
        assert part in words
    found = Page(html.partition("</style>")[2])
    assert found.faults == []
    assert len(found.of("caption")) == 1
    assert all(header.get("scope") for header in found.of("th"))


def test_comparison_reads_as_text() -> None:
    lines = str(comparison()).splitlines()
    assert lines[0] == "Main table [STAND-IN]"
    assert lines[3].startswith("| ours | 40.1 | 52.3 | not run |")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not available"),
        (40.06, "40.1"),
        (1.348856, "1.35"),
        (-2.3, "−2.3"),
        (-0.8, "−0.800"),
        (0.0123, "0.012"),
        (35_200_000, "35,200,000"),
        (1.4e11, "140,000,000,000"),
        ("word", "word"),
    ],
)
def test_values_read_well(value: float | str | None, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.84, "+0.8"), (-0.84, "−0.8"), (-0.04, "0.0"), (0.0, "0.0")]
)
def test_differences_carry_their_sign(value: float, text: str) -> None:
    assert signed(value) == text


def test_grid_and_card_escape_their_content() -> None:
    grid = Grid("A & B", ("name", "value"), (("<x>", 1.5), ("y", None)), note="n < m")
    assert "&lt;x&gt;" in grid.to_html()
    assert "A &amp; B" in grid.to_html()
    assert "| y | not available |" in grid.to_text()
    card = Card("Data", {"a": "<b>"}, label="synthetic", folded=True)
    assert "<dd>&lt;b&gt;</dd>" in card.to_html()
    assert str(card) == "Data [synthetic]\na: <b>"
