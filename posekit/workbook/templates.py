"""HTML and SVG by Jinja templates, which escape whatever they are given."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **content: Any) -> Markup:
    """A fragment from a template of the package, ``<room>/<name>.j2``."""
    return Markup(_packaged().get_template(template).render(**content).strip())


def macros(template: str) -> Any:
    """The macros of a template of the package, as functions that give ``Markup``."""
    return _packaged().get_template(template).module


def environment(folder: Path) -> Environment:
    """The templates in a folder: they escape, and a name that nobody gave is an error."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _packaged() -> Environment:
    return environment(Path(__file__).parent)
