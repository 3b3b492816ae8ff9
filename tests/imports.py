"""Who imports whom: the import graph of the package, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import posekit

PACKAGE = Path(posekit.__file__).parent

# Folders whose parts are rooms of their own; every other folder is one room.
HALLS = ("posekit", "posekit.workbook")


def modules() -> dict[str, Path]:
    """Name -> file of every module of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: Iterable[str]) -> set[str]:
    """The modules of the package that a file imports, those inside functions too.

    What is imported for annotations alone (``if TYPE_CHECKING``) does not count.
    """
    names = set(known)
    found = set()
    for node in _outside_type_checking(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & names
            if inner - names:
                found.add(node.module)
    return found & names


def graph() -> dict[str, set[str]]:
    """Module -> the modules that it imports."""
    known = modules()
    return {name: imports(path, known) - {name} for name, path in known.items()}


def room(module: str) -> str:
    """The room that a module stands in: a file of a hall, or a folder with all that is below it."""
    for hall in sorted(HALLS, key=len, reverse=True):
        if module.startswith(f"{hall}."):
            return f"{hall}.{module.removeprefix(f'{hall}.').partition('.')[0]}"
    return module


def rooms(arrows: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Room -> the rooms that it imports from."""
    found: dict[str, set[str]] = {}
    for module, others in arrows.items():
        own = found.setdefault(room(module), set())
        own |= {room(other) for other in others} - {room(module)}
    return found


def circle(arrows: Mapping[str, set[str]]) -> list[str]:
    """The names on a way that ends where it began; [] where there is none."""
    done: set[str] = set()

    def follow(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(arrows.get(name, ())):
            found = follow(other, [*way, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in sorted(arrows) if (found := follow(name, []))), [])


def floors(arrows: Mapping[str, set[str]]) -> dict[str, int]:
    """Room -> its floor: 1 for what imports nothing, else one above the highest that it imports."""
    found: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in found:
            found[name] = 1 + max((floor(other) for other in arrows.get(name, ())), default=0)
        return found[name]

    for name in arrows:
        floor(name)
    return found


def _outside_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_type_checking(child)
