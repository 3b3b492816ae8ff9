"""Reading papers: the YAML files of this folder, and those in the reader's own folders."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from reprlib import repr as shortened

import yaml
from pydantic import ValidationError

from posekit.errors import InvalidData, InvalidParameter, unknown
from posekit.machine.storage import paper_folders
from posekit.workbook.papers.schema import USUAL_TASK, Paper


def list_papers() -> tuple[str, ...]:
    """Keys of the papers that have a YAML file, in alphabetical order.

    Raises:
        InvalidData: two files have the same name.
    """
    return tuple(sorted(_files()))


def load_paper(key: str) -> Paper:
    """The paper of that key, validated.

    Raises:
        InvalidParameter: no paper has that key.
        InvalidData: its YAML breaks the schema or points at rows that do not exist, or two files
            have the same name.
    """
    files = _files()
    if key not in files:
        raise InvalidParameter(unknown("paper", key, sorted(files)))
    paper = _read_once(files[key])
    if paper.key != key:
        raise InvalidData(
            f"{files[key]}: its key is {paper.key!r}; name the file {paper.key}.yaml."
        )
    return paper


def read_paper(path: Path) -> Paper:
    """A paper from any YAML file of the same schema.

    Raises:
        InvalidData: the file is not YAML, breaks the schema or points at rows that do not exist.
    """
    try:
        content = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise InvalidData(f"{path.name} is not YAML: {' '.join(str(error).split())}.") from error
    context = {"task": USUAL_TASK, "sources": {}}
    if isinstance(content, dict):
        content.pop("definitions", None)  # anchors, which stand where they are used
        context["task"] = content.get("task", USUAL_TASK)
        if isinstance(content.get("sources"), dict):
            context["sources"] = content["sources"]
    try:
        return Paper.model_validate(content, context=context)
    except ValidationError as error:
        raise InvalidData(f"{path.name}: {_fault(error)}.") from error


_read_once = cache(read_paper)


def _files() -> dict[str, Path]:
    """Key -> file."""
    found: dict[str, Path] = {}
    for folder in (Path(__file__).parent, *paper_folders()):
        for path in folder.glob("*.yaml"):
            if path.stem in found:
                raise InvalidData(
                    f"two papers have the key {path.stem!r}: {found[path.stem]} and {path}; "
                    "rename one."
                )
            found[path.stem] = path
    return found


def _fault(error: ValidationError) -> str:
    """The first mistake in one line, a misspelt key before what is missing for it."""
    faults = error.errors(include_url=False)
    fault = min(faults, key=lambda each: each["type"] != "extra_forbidden")
    where = "/".join(map(str, fault["loc"]))
    if "error" in fault.get("ctx", {}):
        said = str(fault["ctx"]["error"])
    elif fault["type"] == "extra_forbidden":
        said = "no such key; correct or remove it"
    elif fault["type"] == "missing":
        said = "this key is missing; add it"
    else:
        said = f"{fault['msg']}, not {shortened(fault['input'])}"
    return f"at {where}: {said}" if where else said
