"""Which code decides a number: a hash of the definitions that a computation can reach.

From its roots (whole modules, found by name) the closure follows every global name that a
definition reads: functions, classes and constants of posekit, wherever they stand. What enters the
hash is each definition's syntax tree without docstrings, comments, layout, annotations and the
texts of errors, with references written as the bare name of what they mean. So a definition may
move to another module, and be imported in another way, without giving another version; and a name
that only an annotation mentions is no dependence.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from posekit.machine.storage import paper_folders

# What a run uses and what cannot change a number. The registries of models and data sets are left
# out as well: a run names the module of its own network and data as a root, and that of test-time
# optimisation where it optimises.
NOT_DECISIVE = (
    "posekit.datasets",
    "posekit.errors",
    "posekit.evaluation.optimisation",
    "posekit.machine",
    "posekit.models",
    "posekit.models.releases",
    "posekit.workbook.studies.runs",
)

# Where the registry of data sets stands: a new data set changes no number of the others.
DATA_SETS = ("posekit.datasets.source", "DATASETS")

# Packages that folders of the reader's own papers extend.
EXTENDED = ("posekit.models", "posekit.workbook.tasks")

ANNOTATIONS = ("annotation", "returns")

# A definition: the module it stands in and its name; "" for what the module runs when imported.
Place = tuple[str, str]
# What a name means: a definition, or with None the module itself.
Meaning = tuple[str, str | None]
# What global and imported names mean; None for a name that a function binds itself.
Scope = dict[str, Meaning | None]


@dataclass
class _Module:
    """One module as far as the closure needs it.

    Attributes:
        definitions: global name -> the statements that bind it.
        effects: statements that bind nothing, which any use of the module runs.
        imports: local name -> (module, name in it), name None for the module itself.
        tables: hashes of the JSON files beside it, which its code reads.
    """

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)
    imports: Scope = field(default_factory=dict)
    tables: tuple[str, ...] = ()


@cache
def code_version(*modules: str) -> str:
    """Hash of all definitions of the given modules and of all definitions that those reach.

    JSON tables that stand beside a module reached (calibration, measured cycles) enter as well.
    """
    found = closure(modules)
    hashes = {_hash(name, module, statement) for module, name, statement in _statements(found)}
    hashes.update(
        table for module in {place[0] for place in found} for table in _read(module).tables
    )
    return hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()[:16]


def closure(modules: tuple[str, ...]) -> set[Place]:
    """The definitions of the given modules, and those that they read from posekit."""
    roots = set(modules)
    waiting = [place for module in modules for place in _all_of(module)]
    found: set[Place] = set()
    while waiting:
        place = waiting.pop()
        module, name = place
        left_out = _not_decisive(module) and module not in roots
        if place in found or left_out or place == DATA_SETS:
            continue
        found.add(place)
        content = _read(module)
        statements = content.definitions.get(name, []) if name else content.effects
        for statement in statements:
            waiting += _dependences(statement, module)
        if name:
            waiting.append((module, ""))  # what importing the module runs
    return found


def _not_decisive(module: str) -> bool:
    return module in NOT_DECISIVE or module.rpartition(".")[0] == "posekit.machine"


def _all_of(module: str) -> list[Place]:
    return [(module, name) for name in ("", *_read(module).definitions)]


def _statements(places: set[Place]) -> Iterator[tuple[str, str, ast.stmt]]:
    for module, name in places:
        content = _read(module)
        for statement in content.definitions.get(name, []) if name else content.effects:
            yield module, name, statement


def _dependences(statement: ast.stmt, module: str) -> list[Place]:
    """The definitions of posekit that a statement reads."""
    places: list[Place] = []
    for owner, name in _references(statement, _scope(module)):
        if owner.startswith("posekit"):
            places += _all_of(owner) if name is None else [(owner, name)]
    return places


def _references(node: ast.AST, scope: Scope) -> Iterator[Meaning]:
    """What the names in a tree mean, outermost first; annotations and errors are left out."""
    meaning = _meaning(node, scope)
    if meaning is not None:
        yield meaning
        return
    scope = _inside(node, scope)
    for _, value in _fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _references(child, scope)


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Fields of a node that can change a number: no annotation, and nothing of what is raised."""
    if isinstance(node, ast.Raise):
        return
    for name, value in ast.iter_fields(node):
        if name not in ANNOTATIONS:
            yield name, value


def _scope(module: str) -> Scope:
    """What names mean at the top of a module."""
    content = _read(module)
    return {**{name: (module, name) for name in content.definitions}, **content.imports}


def _inside(node: ast.AST, scope: Scope) -> Scope:
    """What names mean inside a node: a function's own names hide the module's."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return scope
    hidden: Scope = {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.arg):
            hidden[inner.arg] = None
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            hidden[inner.id] = None
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import | ast.ImportFrom):
            hidden.update(_imported(inner))
    return {**scope, **hidden}


def _meaning(node: ast.AST, scope: Scope) -> Meaning | None:
    """What a name or a chain of attributes refers to; None for local names and other nodes.

    A chain that goes on behind a definition means that definition.
    """
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        known = scope.get(node.id)
        return None if known is None else _resolved(*known)
    if isinstance(node, ast.Attribute):
        base = _meaning(node.value, scope)
        if base is not None and base[1] is None:
            return _resolved(base[0], node.attr)
    return None


def _resolved(module: str, name: str | None) -> Meaning:
    """The definition behind a name that may be re-exported, or a module of that name."""
    if name is None or not module.startswith("posekit"):
        return (module, None) if name is None else (f"{module}.{name}", None)
    if _path(f"{module}.{name}") is not None and name not in _read(module).definitions:
        return f"{module}.{name}", None
    content = _read(module)
    if name not in content.definitions and name in content.imports:
        return _resolved(*content.imports[name])
    return module, name


@cache
def _read(module: str) -> _Module:
    path = _path(module)
    found = _Module()
    if path is None:
        return found
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        _sort_in(statement, found)
    beside = sorted(path.parent.glob("*.json"))
    found.tables = tuple(hashlib.sha256(table.read_bytes()).hexdigest() for table in beside)
    return found


def _sort_in(statement: ast.stmt, into: _Module) -> None:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        into.imports.update(_imported(statement))
    elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test):
        return
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return  # a docstring
    else:
        names = _bound(statement)
        if names == ["__all__"]:
            return
        for name in names:
            into.definitions.setdefault(name, []).append(statement)
        if not names:
            into.effects.append(statement)


def _bound(statement: ast.stmt) -> list[str]:
    """Global names that a statement of a module binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        parts: list[ast.AST] = [*statement.targets]
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        parts = [statement.target]
    else:
        parts = [statement]
    nodes = (node for part in parts for node in ast.walk(part))
    return [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]


def _imported(node: ast.Import | ast.ImportFrom) -> Scope:
    if isinstance(node, ast.ImportFrom):
        return {item.asname or item.name: (node.module or "", item.name) for item in node.names}
    return {
        item.asname or item.name.partition(".")[0]: (
            item.name if item.asname else item.name.partition(".")[0],
            None,
        )
        for item in node.names
    }


@cache
def _path(module: str) -> Path | None:
    """The file of a module of posekit, found without importing it.

    A network or a task may also stand in a folder of the reader's own papers.
    """
    if not module.startswith("posekit"):
        return None
    parent, _, name = module.rpartition(".")
    bases = [Path(__file__).parents[1]]
    if parent:
        folder = _path(parent)
        if folder is None or folder.name != "__init__.py":
            return None
        own = paper_folders() if parent in EXTENDED else ()
        bases = [place / name for place in (folder.parent, *own)]
    files = (file for base in bases for file in (base.with_suffix(".py"), base / "__init__.py"))
    return next((file for file in files if file.is_file()), None)


def _hash(name: str, module: str, statement: ast.stmt) -> str:
    return hashlib.sha256(repr((name, _normal(statement, _scope(module)))).encode()).hexdigest()


def _normal(node: Any, scope: Scope) -> Any:
    """A tree as nested tuples, the same under every Python version that can parse it."""
    if isinstance(node, list):
        kept = [item for item in node if not isinstance(item, ast.Import | ast.ImportFrom)]
        return tuple(_normal(item, scope) for item in _without_docstring(kept))
    if not isinstance(node, ast.AST):
        return None if node is None else repr(node)
    meaning = _meaning(node, scope)
    if meaning is not None:
        owner, name = meaning
        return ("reference", name or (owner.rpartition(".")[2] if _path(owner) else owner))
    scope = _inside(node, scope)
    fields = ((name, _normal(value, scope)) for name, value in _fields(node))
    return (type(node).__name__, *((name, value) for name, value in fields if value))


def _without_docstring(body: list[Any]) -> list[Any]:
    first = body[0] if body else None
    bare = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if bare and isinstance(first.value.value, str) else body
