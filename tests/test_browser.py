"""Reports in a real browser: offline, alive, narrow, dark. Needs an installed Chromium."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch
from executed_notebook import write_executed
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook import figures
from posekit.workbook.figures.style import PLOTLY_MIME, SVG_MIME, svg
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.reports.index import build_index
from posekit.workbook.reports.matrix import write_matrix
from posekit.workbook.reports.page import build_report
from posekit.workbook.studies.matrix import Cell, Matrix
from posekit.workbook.studies.measured import Figure
from posekit.workbook.tables import (
    Answer,
    ComparisonTable,
    Effect,
    JudgedClaim,
    Lamp,
    Row,
    VerdictTable,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = (
    "--no-sandbox",
    "--enable-unsafe-swiftshader",  # 3D scenes without a GPU
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)"),
]
sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def browser() -> Iterator[sync_api.Browser]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report and an index."""
    folder = tmp_path_factory.mktemp("browser")
    build_report(write_executed(folder), folder / "html" / "demo-synthetic.html")
    build_index(folder, folder / "html" / "index.html")
    return folder / "html"


class Visit:
    """A page, what it asked of the network, and the errors of its scripts."""

    def __init__(self, browser: sync_api.Browser, path: Path, **options: object) -> None:
        self.page = browser.new_page(**options)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._listen)
        self.page.goto(path.as_uri())

    def _listen(self, message: sync_api.ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def draw_all(self) -> None:
        for box in self.page.locator(".canvas").all():
            box.scroll_into_view_if_needed()
            sync_api.expect(box).to_have_attribute("data-drawn", "", timeout=60_000)


@pytest.fixture
def visit(browser: sync_api.Browser, html: Path) -> Iterator[Visit]:
    made = Visit(browser, html / "demo-synthetic.html", viewport={"width": 1280, "height": 900})
    yield made
    made.page.close()


def test_report_is_offline_and_its_figures_are_alive(visit: Visit) -> None:
    visit.draw_all()
    assert visit.page.locator(".canvas .plot-container").count() == 2
    assert visit.page.locator("math").count() == 3
    frame = visit.page.locator(".slider-label[text-anchor=left]")
    assert frame.text_content().startswith("frame 0 ")
    visit.page.locator(".slider-rail-touch-rect").click(position={"x": 400, "y": 5})
    sync_api.expect(frame).not_to_contain_text("frame 0 ")
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert visit.errors == []


def test_code_switch_opens_and_folds(visit: Visit) -> None:
    cell = visit.page.locator("details.code").first
    switch = visit.page.get_by_role("button", name="Show code")
    assert cell.get_attribute("open") is None
    switch.focus()
    visit.page.keyboard.press("Enter")
    assert cell.get_attribute("open") is not None
    visit.page.get_by_role("button", name="Hide code").click()
    assert cell.get_attribute("open") is None


def test_skip_link_is_the_first_stop_of_the_keyboard(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"


@pytest.mark.parametrize("name", ["demo-synthetic", "index"])
def test_narrow_page_does_not_scroll_sideways(
    browser: sync_api.Browser, html: Path, name: str
) -> None:
    visit = Visit(browser, html / f"{name}.html", viewport={"width": 380, "height": 800})
    visit.draw_all()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 380
    visit.page.close()


@pytest.mark.parametrize(("width", "drawn"), [(1280, 768), (390, 672)])
def test_drawings_stay_readable_and_scroll_in_their_own_box(
    browser: sync_api.Browser, tmp_path: Path, width: int, drawn: int
) -> None:
    picture = svg(figures.learning_curves({"any": ([1, 2], [1.0, 2.0])}))
    cell = new_code_cell("", outputs=[new_output("display_data", {SVG_MIME: picture})])
    source = tmp_path / "drawing.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Drawing"), cell]), source)
    build_report(source, tmp_path / "drawing.html")
    page = Visit(browser, tmp_path / "drawing.html", viewport={"width": width, "height": 800}).page
    assert page.locator("figure svg").bounding_box()["width"] == pytest.approx(drawn, abs=1)
    assert page.locator("figure").bounding_box()["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_matrix_fits_the_window_and_its_heat_maps_are_alive(
    browser: sync_api.Browser, tmp_path: Path, width: int
) -> None:
    names = ("synthetic", "synthetic_other_bodies", "synthetic_3dhp_rig")
    cells = {
        (source, target, matched): Cell(
            source=source,
            target=target,
            matched=matched,
            figures={"mpjpe": Figure.of((60.0, 62.0))},
            baselines={"linear": {"mpjpe": 80.0}},
            learned=source != "synthetic",
            remarks=(),
            ran="9 frames",
            protocol={"Data set": target},
            evidence="synthetic",
            runs=(),
        )
        for source in names
        for target in names
        for matched in (False, True)
    }
    matrix = Matrix("mixste", names, (False, True), "gt", "quick", True, (0, 1), cells)
    page, _ = write_matrix(matrix, tmp_path)
    visit = Visit(browser, page, viewport={"width": width, "height": 900})
    visit.draw_all()
    assert visit.page.locator(".canvas .heatmaplayer image").count() == 4
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
    visit.page.get_by_role("button", name="Light or dark").click()
    assert visit.errors == []
    visit.page.close()


def test_tables_fit_the_window(visit: Visit) -> None:
    scrolling = visit.page.locator(".pk-scroll").first
    # Stacked where there is no room for columns, so that this run is seen.
    visit.page.set_viewport_size({"width": 390, "height": 800})
    figure = visit.page.locator(".pk-stack td[data-label='this run']", has_text="60.0")
    place = figure.bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 390
    label = figure.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert label == '"this run"'
    # Scrolling where there is too little: the first column stays, a shadow says that more follows.
    visit.page.set_viewport_size({"width": 760, "height": 800})
    row = scrolling.locator("tbody th").first
    assert scrolling.evaluate("box => box.scrollWidth > box.clientWidth + 40")
    assert "gradient" in scrolling.evaluate("box => getComputedStyle(box).backgroundImage")
    start = row.bounding_box()["x"]
    scrolling.evaluate("box => box.scrollTo(box.scrollWidth, 0)")
    assert row.bounding_box()["x"] == pytest.approx(start, abs=1)
    # All of the window where there is much.
    for width in (1280, 1920):
        visit.page.set_viewport_size({"width": width, "height": 900})
        place = scrolling.bounding_box()
        assert place["width"] >= 0.75 * width
        assert width - (place["x"] + place["width"]) < 0.06 * width + 10


@pytest.mark.parametrize("name", ["demo-synthetic", "index"])
def test_the_answer_is_seen_at_once_narrow_or_wide_dark_or_light(
    browser: sync_api.Browser, html: Path, name: str
) -> None:
    visit = Visit(browser, html / f"{name}.html")
    box, strip = (visit.page.locator(kind).first for kind in (".pk-answer", ".pk-strip"))
    dot, published, zero = (strip.locator(f".pk-{kind}") for kind in ("dot", "published", "zero"))
    for width in (1280, 390):
        visit.page.set_viewport_size({"width": width, "height": 844})
        place = box.bounding_box()
        assert place["y"] + place["height"] < 844
        assert dot.bounding_box()["x"] < zero.bounding_box()["x"]
        assert published.bounding_box()["y"] < dot.bounding_box()["y"]
    for theme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=theme)
        sync_api.expect(visit.page.locator("html")).to_have_attribute("data-theme", theme)
        ink = dot.evaluate("mark => getComputedStyle(mark).fill")
        assert (sum(map(int, re.findall(r"\d+", ink)[:3])) > 380) == (theme == "dark")
    visit.page.close()


HOSTILE = (
    "<!--<script>",
    "</script><script>window.broken=1</script>",
    "--></figure><img src=x onerror=window.broken=1>",
    "<style>*{display:none}</style>",
    "]]>\u2028'\"\\",
)


def test_no_name_in_a_figure_or_a_table_can_break_the_page(
    browser: sync_api.Browser, tmp_path: Path
) -> None:
    name = "".join(HOSTILE)
    motion = torch.zeros(2, HUMAN36M_17.joints, 3)
    # Each name alone: one can undo what another breaks.
    plots = [
        figures.motion_viewer(motion, motion + 0.1, HUMAN36M_17, title=HOSTILE[0]),
        *(figures.effect_bars({one: 1.0}, start=one) for one in (*HOSTILE, name)),
    ]
    claim = JudgedClaim(name, name, reason=name, effects=(Effect(name, 0.1),), tags=(name,))
    claim = replace(claim, lamps=(Lamp(name, passed=None, detail=name),))
    answer = Answer(name, (claim,), name)
    table = ComparisonTable(name, {"mpjpe": "mm"}, (Row(name, {"mpjpe": 1.0}, source=name),))
    shown = [
        *({PLOTLY_MIME: json.loads(plot.to_json())} for plot in plots),
        {SVG_MIME: svg(figures.learning_curves({HOSTILE[0]: ([1, 2], [1.0, 2.0])}))},
        *({"text/html": part._repr_html_()} for part in (answer, table, VerdictTable((claim,)))),
        {"text/plain": name},
        {RESULTS_MIME: {"title": name, "answer": answer.to_json(), "evidence": name}},
    ]
    said = {kind: {"alt": name} for kind in (PLOTLY_MIME, SVG_MIME)}
    outputs = [new_output("display_data", data, metadata=said) for data in shown]
    outputs[-1].data["text/html"] = ""
    cells = [new_code_cell("", id="hostile", outputs=outputs), new_markdown_cell("## The end")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "hostile-synthetic.ipynb")
    report = build_report(tmp_path / "hostile-synthetic.ipynb", tmp_path / "report.html")
    index = build_index(tmp_path, tmp_path / "index.html")
    for path in (report, index):
        visit = Visit(browser, path)
        visit.draw_all()
        assert visit.page.locator(".colophon").is_visible()
        assert visit.page.evaluate("window.broken") is None
        assert HOSTILE[0] in visit.page.locator(".pk-answer").first.inner_text()
        assert visit.errors == []
        assert [url for url in visit.requests if not url.startswith(("file:", "data:"))] == []
        if path == report:
            assert visit.page.locator("h2").inner_text() == "The end"
            assert visit.page.locator(".canvas .plot-container").count() == len(plots)
        visit.page.close()


def test_dark_by_system_light_by_choice(browser: sync_api.Browser, html: Path) -> None:
    visit = Visit(browser, html / "demo-synthetic.html", color_scheme="dark")
    lightness = "parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert visit.page.evaluate(lightness) < 60
    visit.page.get_by_role("button", name="Light or dark").click()
    assert visit.page.evaluate(lightness) > 240
    assert visit.errors == []
    visit.page.close()


def test_index_leads_to_the_report(browser: sync_api.Browser, html: Path) -> None:
    visit = Visit(browser, html / "index.html")
    visit.page.get_by_role("link", name="Demo <paper>").click()
    assert visit.page.locator("h1").text_content().strip().startswith("Demo report")
    assert visit.errors == []
    visit.page.close()
