"""Reports in a real browser: offline, alive, narrow, dark. Needs an installed Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from executed_notebook import write_executed

from posekit.workbook.reports.index import build_index
from posekit.workbook.reports.page import build_report

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
    table = visit.page.locator(".pk-scroll").first
    assert table.evaluate("box => box.scrollWidth > box.clientWidth")
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
