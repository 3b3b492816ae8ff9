"""The rules that notebooks in git follow; ``problems`` names every breach of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from posekit.errors import InvalidData
from posekit.workbook.notebooks.settings import PARAMETERS
from posekit.workbook.reports.cells import HIDE_INPUT, SHOW_INPUT
from posekit.workbook.reports.formulas import FORMULA, formulas_to_mathml

TAGS = {"parameters", HIDE_INPUT, SHOW_INPUT}
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
LONGEST_CELL = 20
MOST_IMPORTS = 5

# Lines that stand in every notebook, by what follows the paper in the id of their cell. A slice
# leaves out the headings and remarks that are the paper's own.
SHARED = {
    "parameters": slice(1, None),
    "answer-about": slice(6),
    "answer": slice(3),
    "tables": slice(7),
    "verdicts-about": slice(16),
    "data-status": slice(None),
    "protocol": slice(3),
    "checkpoint-about": slice(1, 4),
    "runs": slice(6),
    "effects-about": slice(4),
    "viewer-about": slice(-1, None),
    "settings": slice(None),
    "provenance-about": slice(None),
}
# What notebooks of papers that lift keypoints share besides.
SHARED_BY_LIFTERS = {"protocol": slice(5)}
# Cells that follow one another in every notebook, by what follows the paper in their ids: the
# answer first, what it rests on next, how to use the notebook last.
ORDER = (
    *("title", "parameters", "start", "answer-about", "answer", "headline-about", "headline"),
    *(
        "tables",
        "doubts",
        "verdicts-about",
        "verdicts",
        "noticed",
        "protocol",
        "data-status",
        "data",
        "runs",
    ),
    *("curves", "more", "ablations", "efficiency-about", "effects-about", "viewer-about"),
    *("exercises", "settings", "provenance-about", "provenance"),
)
_ID = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)+$")
_RANDOM_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){0,3}")
_MAGIC = re.compile(r"^\s*[%!]|^\s*\w+\s*=\s*[%!]|\?\s*$", re.MULTILINE)
_PATH = re.compile(r"""^(\.{0,2}/|~|[A-Za-z]:[\\/])|\.\./|\\\\""")
_TIME = re.compile(r"^(\| `\w+` \|.*\|).*\|$", re.MULTILINE)
_PARAMETER = re.compile(r"^(\w+) = (.+?)  # type: (\w+),? (\S.+)$")


def problems(path: Path) -> list[str]:
    """Every breach of a rule in the notebook, one line each."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    found = []
    if dict(notebook.metadata.get("kernelspec", {})) != KERNEL:
        found.append(f"kernelspec is not {KERNEL}")
    if set(notebook.metadata) - {"kernelspec", "language_info", "title"}:
        found.append(f"metadata of an editor: {sorted(notebook.metadata)}")
    if dict(notebook.metadata.get("language_info", {})) not in ({}, {"name": "python"}):
        found.append("language_info says more than the name")
    if 2 * len(prose) < len(code):
        found.append(f"{len(prose)} markdown cells for {len(code)} code cells: explain more")
    titles = [line for cell in prose for line in headings(cell.source) if line.startswith("# ")]
    if len(titles) != 1:
        found.append(f"{len(titles)} headings of level 1: exactly one is the title")
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        found.append(f"{len(tagged)} cells tagged parameters: exactly one is needed")
    for cell in tagged:
        found += parameter_problems(cell.source)
    names = imported_names(code)
    if len(names) > MOST_IMPORTS:
        found.append(f"imports {', '.join(names)}: at most {MOST_IMPORTS} names")
    for cell in notebook.cells:
        found += [f"{cell.id}: {problem}" for problem in cell_problems(cell)]
    return found


def imported_names(code: list[NotebookNode]) -> list[str]:
    """Every name that the code cells import."""
    return [
        alias.asname or alias.name
        for cell in code
        if not _MAGIC.search(cell.source)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]


def shared_text(path: Path, shared: Mapping[str, slice] = SHARED) -> dict[str, str]:
    """What a notebook says as all others do, by cell: its key and its times are left out."""
    cells = {cell.id.partition("-")[2]: cell.source for cell in nbformat.read(path, 4).cells}
    found = {}
    for name, lines in shared.items():
        text = "\n".join(cells.get(name, "no such cell").splitlines()[lines])
        found[name] = _TIME.sub(r"\1", text.replace(path.name, "paper.ipynb"))
    return found


def order_problems(path: Path) -> list[str]:
    """Cells of the common anatomy that are missing or stand elsewhere than in ``ORDER``."""
    names = [cell.id.partition("-")[2] for cell in nbformat.read(path, 4).cells]
    missing = [name for name in ORDER if name not in names]
    if missing:
        return [f"no cell {name}" for name in missing]
    places = [names.index(name) for name in ORDER]
    return [
        f"{ORDER[number + 1]} stands before {ORDER[number]}"
        for number in range(len(places) - 1)
        if places[number + 1] < places[number]
    ]


def headings(source: str) -> list[str]:
    """Heading lines of a Markdown cell, code blocks left out."""
    outside = re.sub(r"```.*?```", "", source, flags=re.DOTALL)
    return re.findall(r"^#+ .+$", outside, re.MULTILINE)


def cell_problems(cell: NotebookNode) -> list[str]:
    """Breaches of rules that hold for every cell."""
    found = []
    if not _ID.match(cell.id) or _RANDOM_ID.match(cell.id):
        found.append("the id is not of the form paper-topic")
    unknown = set(cell.metadata.get("tags", [])) - TAGS
    if unknown:
        found.append(f"unknown tags {sorted(unknown)}; known are {sorted(TAGS)}")
    if set(cell.metadata) - {"tags"}:
        found.append(f"metadata of an editor: {sorted(cell.metadata)}")
    return found + (code_problems(cell) if cell.cell_type == "code" else prose_problems(cell))


def code_problems(cell: NotebookNode) -> list[str]:
    """Outputs, magics, paths, length."""
    found = []
    if cell.outputs or cell.execution_count is not None:
        found.append("outputs are kept in reports, not in git")
    if len(cell.source.splitlines()) > LONGEST_CELL:
        found.append(f"longer than {LONGEST_CELL} lines: move code into the package")
    if _MAGIC.search(cell.source):
        return [*found, "a magic or a shell command"]
    for node in ast.walk(ast.parse(cell.source)):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and _PATH.search(text):
            found.append(f"a path: {text!r}")
    return found


def prose_problems(cell: NotebookNode) -> list[str]:
    """Formulas that the report cannot draw."""
    outside = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.DOTALL)
    found = []
    try:
        formulas_to_mathml(outside)
    except InvalidData as error:
        found.append(str(error))
    if "$" in FORMULA.sub("", outside).replace(r"\$", ""):
        found.append("a dollar without its partner")
    return found


def parameter_problems(source: str) -> list[str]:
    """The parameters cell: known names in order, literals, type and help on every line."""
    found, names = [], []
    for line in source.splitlines():
        parts = _PARAMETER.match(line)
        if not parts:
            found.append(f"parameters: {line!r} is not: name = literal  # type: kind, help")
            continue
        name, value, kind, _ = parts.groups()
        names.append(name)
        if name in PARAMETERS:
            expected, default = PARAMETERS[name]
            if (ast.literal_eval(value), kind) != (default, expected.__name__):
                found.append(f"parameters: {name} is not {default!r} of type {expected.__name__}")
    if names != list(PARAMETERS):
        found.append(f"parameters are {names}, expected {list(PARAMETERS)}")
    return found
