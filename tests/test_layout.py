"""The layout: two halves, imports that go downwards only, and tests that mirror the package."""

from __future__ import annotations

from pathlib import Path

import pytest
from imports import PACKAGE, circle, floors, graph, modules, rooms

TESTS = Path(__file__).parent
# 15 since methods on pictures came: bodies stand between geometry and what is drawn or measured.
MOST_ENTRIES, MOST_FLOORS = 15, 12


def test_the_library_never_imports_the_workbook() -> None:
    upwards = [
        f"{module} -> {other}"
        for module, others in graph().items()
        if not module.startswith(("posekit.workbook", "posekit.cli", "posekit.__main__"))
        for other in sorted(others)
        if other.startswith(("posekit.workbook", "posekit.cli"))
    ]
    assert upwards == []


def test_no_module_imports_itself_by_a_detour() -> None:
    # A package's face imports what stands in the package, which imports its neighbours directly.
    arrows = {
        name: {other for other in others if not name.startswith(f"{other}.")}
        for name, others in graph().items()
    }
    assert " -> ".join(circle(arrows)) == ""


def test_no_room_imports_itself_by_a_detour() -> None:
    assert " -> ".join(circle(rooms(graph()))) == ""


def test_a_circle_is_found_and_told() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_the_house_is_small_and_flat() -> None:
    entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= MOST_ENTRIES, sorted(entries)
    found = floors(rooms(graph()))
    assert max(found.values()) <= MOST_FLOORS, sorted(found.items(), key=lambda item: item[1])


# Modules without a test file of their own name, and where they are tested instead.
TESTED_ELSEWHERE: dict[str, str] = {
    # `python -m posekit` is one line, which starts the command line.
    "posekit.__main__": "test_cli.py",
    # A movement is judged on the whole takes that it makes: feet, limits, seats, hands, room and
    # golden digests.
    **{
        f"posekit.datasets.synthetic.{name}": "datasets/synthetic/test_generate.py"
        for name in ("actions", "arms", "pelvis", "planted", "scripts", "seats")
    },
}


def test_every_module_has_its_test_file() -> None:
    without = {name for name, path in modules().items() if not _test_file(path).is_file()}
    faces = {name for name in without if modules()[name].name == "__init__.py"}
    assert without - faces == set(TESTED_ELSEWHERE)


@pytest.mark.parametrize("place", sorted(set(TESTED_ELSEWHERE.values())))
def test_where_a_module_is_tested_instead_exists(place: str) -> None:
    assert (TESTS / place).is_file()


def _test_file(module: Path) -> Path:
    inside = module.relative_to(PACKAGE)
    return TESTS / inside.with_name(f"test_{inside.name}")
