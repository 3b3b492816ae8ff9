"""One executed notebook -> one HTML file that works offline."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode
from plotly.offline import get_plotlyjs

from posekit.errors import InvalidData
from posekit.machine.storage import atomic_path, repository_root
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.reports.cells import answer_html, cell_html
from posekit.workbook.templates import environment

ERROR_TAG = "papermill-error-cell-tag"  # papermill's own banner; the page has one
_HEADING = re.compile(r'(<h([1-3]) id=")([^"]+)(">(.*?)</h\2>)', re.DOTALL)
_PARTS = {"style_css": "style.css", "theme_js": "theme.js", "report_js": "report.js"}


@dataclass(frozen=True)
class Heading:
    """One entry of the table of contents."""

    level: int
    anchor: str
    text: str


def render(template: str, **content: Any) -> str:
    """A page from a template in the repository's folder ``reports/``.

    Raises:
        InvalidData: posekit is installed without its repository.
    """
    root = repository_root()
    if root is None or not (root / "reports").is_dir():
        raise InvalidData(
            "the report templates stand in the repository's folder reports/; "
            "run posekit report from a clone installed with pip install -e."
        )
    folder = root / "reports"
    # Style and scripts go into the page as they are: nothing in them is anybody's input.
    parts = {name: Markup((folder / file).read_text("utf-8")) for name, file in _PARTS.items()}
    return environment(folder).get_template(template).render(**parts, **content)


def build_report(notebook: Path, target: Path) -> Path:
    """Write the report of an executed notebook, failed ones included.

    Args:
        notebook: executed by papermill, JupyterLab or nbconvert.
        target: the HTML file, about 5 MB, of which nearly all is plotly.js.

    Raises:
        InvalidData: the notebook is unreadable, or holds an output that no page can show.
        StorageError: the target cannot be written.
    """
    content = read_notebook(notebook)
    cells = [cell for cell in content.cells if ERROR_TAG not in cell.metadata.get("tags", [])]
    return write_report(
        [cell_html(cell) for cell in cells],
        target,
        name=notebook.stem,
        origin="from an executed notebook",
        answer=Markup().join(map(answer_html, cells)),
        facts=report_facts(content),
        failure=failure(content),
    )


def write_report(
    fragments: Sequence[Markup],
    target: Path,
    *,
    name: str,
    origin: str,
    facts: Mapping[str, str],
    answer: str = "",
    failure: str = "",
) -> Path:
    """Write a page of HTML fragments; its title is their first heading.

    Args:
        fragments: the body.
        target: the HTML file.
        name: the title where there is no heading.
        origin: what it was written from, for the foot of the page.
        facts: what stands in a line above the body.
        answer: what stands below the title.
        failure: the error that ended what the page shows, "" for none.

    Raises:
        InvalidData: posekit is installed without its repository.
        StorageError: the target cannot be written.
    """
    body, headings = _anchored(fragments)
    body = _below_title(body, Markup(answer))
    titles = [heading.text for heading in headings if heading.level == 1]
    page = render(
        "report.html.j2",
        title=titles[0] if titles else name,
        headings=[heading for heading in headings if heading.level > 1],
        body=body,
        facts=facts,
        failure=failure,
        origin=origin,
        has_code='class="code"' in body,
        plotly_js=Markup(get_plotlyjs()) if 'class="plot"' in body else "",
    )
    with atomic_path(target) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return target


def read_notebook(path: Path) -> NotebookNode:
    """An executed notebook.

    Raises:
        InvalidData: it is no notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise InvalidData(f"{path}: not a readable notebook ({error}).") from error


def results(notebook: NotebookNode) -> dict[str, Any]:
    """What the notebook handed over through ``export``; {} if it did not."""
    for cell in reversed(notebook.cells):
        for output in cell.get("outputs", []):
            if RESULTS_MIME in output.get("data", {}):
                return dict(output["data"][RESULTS_MIME])
    return {}


def failure(notebook: NotebookNode) -> str:
    """The one line of the error that ended the run, "" for a run that ended well."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"{output.ename}: {output.evalue}"
    if notebook.metadata.get("papermill", {}).get("exception"):
        return "the kernel died (out of memory, or killed)"
    return ""


def report_facts(notebook: NotebookNode) -> dict[str, str]:
    """Data set, profile, date and duration of the run, as far as the notebook tells."""
    found = results(notebook)
    run = notebook.metadata.get("papermill", {})
    given = run.get("parameters", {})
    facts = {
        "data set": found.get("dataset") or given.get("dataset", ""),
        "evidence": found.get("evidence", ""),
        "profile": found.get("profile") or given.get("profile", ""),
        "run": str(run.get("start_time") or "")[:16].replace("T", " "),
        "duration": f"{run['duration']:.0f} s" if run.get("duration") else "",
    }
    return {name: value for name, value in facts.items() if value}


def _below_title(body: Markup, answer: Markup) -> Markup:
    """The body with the answer behind its first title, in front of everything without one.

    A title stands in a block of prose, which is narrower than the answer and ends before it.
    """
    title, end, rest = body.partition("</h1>")
    if not answer or not end:
        return answer + body
    return title + end + Markup("</div>") + answer + Markup('<div class="prose">') + rest


def _anchored(fragments: Sequence[Markup]) -> tuple[Markup, list[Heading]]:
    """The page's body with headings of unique ids, and those headings."""
    headings: list[Heading] = []
    taken: set[str] = set()

    def anchor(found: re.Match[str]) -> str:
        name = found[3].lower()
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique)
        headings.append(Heading(int(found[2]), unique, Markup(found[5]).striptags()))
        return f"{found[1]}{unique}{found[4]}"

    return Markup(_HEADING.sub(anchor, "\n".join(fragments))), headings
