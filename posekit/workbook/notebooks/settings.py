"""The parameters of a notebook: what they may be, and one line about each mistake."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from posekit.datasets import DATASETS
from posekit.errors import InvalidParameter, unknown
from posekit.machine.devices import choose_device
from posekit.machine.storage import atomic_path, runs_root
from posekit.workbook.papers.profiles import PROFILES


@dataclass(frozen=True)
class Settings:
    """The checked parameters of one notebook run.

    Attributes:
        paper: key of the paper.
        dataset: a name in ``posekit.datasets.DATASETS``.
        profile: "auto", "smoke", "quick", "standard", "gpu" or "paper".
        claims: for which claims rows are run: "auto", "headline" or "all".
        rows: paths ``table/row`` of rows that are run besides.
        seeds: number of seeds; 0 leaves it to the profile.
        checkpoint: an author's file to evaluate instead of training, or None.
        heads: attention heads of the checkpoint's network; 0 assumes its default.
        device: where to compute.
        output_dir: folder of the runs and of the results file.
    """

    paper: str
    dataset: str
    profile: str
    claims: str
    rows: tuple[str, ...]
    seeds: int
    checkpoint: Path | None
    heads: int
    device: torch.device
    output_dir: Path

    @property
    def results_file(self) -> Path:
        """Where ``export`` writes the results."""
        return self.output_dir / f"{self.paper}-{self.dataset}-{self.profile}.json"


# Name -> (type, default) of every line in a parameters cell; the order is the order of the cell.
PARAMETERS: dict[str, tuple[type, Any]] = {
    "dataset": (str, "synthetic"),
    "profile": (str, "auto"),
    "claims": (str, "auto"),
    "rows": (str, ""),
    "seeds": (int, 0),
    "checkpoint": (str, ""),
    "heads": (int, 0),
    "device": (str, "auto"),
    "output_dir": (str, ""),
}


def parameters(namespace: Mapping[str, Any], paper: str) -> Settings:
    """Check the parameters of a notebook and give them back with their types.

    A notebook begins here, so the process keeps freed memory from here on, and the results file
    of an earlier run with the same parameters is taken away: a run that fails leaves no old
    figures behind.

    Args:
        namespace: ``globals()`` of the notebook. Its input history shows the names that the
            parameters cell and papermill have just assigned, so that a misspelt one is found.
        paper: key of the paper.

    Raises:
        InvalidParameter: a missing or unknown name, a wrong type such as the string "false", or
            an unknown choice; the message lists the valid ones.
        StorageError: the output folder cannot be written.
    """
    for name in assigned_names(namespace.get("In", [])):
        if name not in PARAMETERS:
            raise InvalidParameter(unknown("parameter", name, PARAMETERS))
    values = {name: _typed(name, namespace) for name in PARAMETERS}
    if values["dataset"] not in DATASETS:
        raise InvalidParameter(unknown("data set", values["dataset"], DATASETS))
    profiles = ("auto", *PROFILES)
    if values["profile"] not in profiles:
        raise InvalidParameter(unknown("profile", values["profile"], profiles))
    if values["seeds"] < 0:
        raise InvalidParameter(f"seeds is {values['seeds']}; give 0 (as the profile) or more.")
    if values["heads"] < 0 or (values["heads"] and not values["checkpoint"]):
        raise InvalidParameter(
            f"heads is {values['heads']}; give the attention heads of a checkpoint, together with "
            "the file, or 0 to assume the network's default."
        )
    settings = Settings(
        paper=paper,
        dataset=values["dataset"],
        profile=values["profile"],
        claims=values["claims"],
        rows=tuple(path.strip() for path in values["rows"].split(",") if path.strip()),
        seeds=values["seeds"],
        checkpoint=_existing_file(values["checkpoint"]),
        heads=values["heads"],
        device=choose_device(values["device"]),
        output_dir=runs_root(values["output_dir"]),
    )
    _forget_results(settings.results_file)
    return settings


def assigned_names(history: list[str]) -> list[str]:
    """Names assigned by the cells of plain ``name = literal`` lines just before the last one.

    ``history`` is IPython's ``In``: its last entry is the cell that runs now; the parameters cell
    and papermill's injected one stand before it. Looking only there spares a notebook in which
    later cells have already made other variables.
    """
    names: list[str] = []
    for source in reversed(history[:-1]):
        found = _literal_assignments(source)
        if found is None:
            break
        names = found + names
    return names


def _typed(name: str, namespace: Mapping[str, Any]) -> Any:
    kind, _ = PARAMETERS[name]
    if name not in namespace:
        raise InvalidParameter(f"parameter {name!r} is missing; run the parameters cell first.")
    value = namespace[name]
    if type(value) is not kind:
        raise InvalidParameter(
            f"parameter {name!r} is {value!r} of type {type(value).__name__}; "
            f"expected {kind.__name__}."
        )
    return value


def _forget_results(path: Path) -> None:
    """Remove old results, and find out now rather than after training if the folder is closed."""
    with atomic_path(path) as temporary:
        temporary.write_text("{}", encoding="utf-8")
    path.unlink()


def _existing_file(name: str) -> Path | None:
    if not name:
        return None
    path = Path(name).expanduser()
    if not path.is_file():
        raise InvalidParameter(f"checkpoint {name}: no such file; give the path of a .bin or .pth.")
    return path.resolve()


def _literal_assignments(source: str) -> list[str] | None:
    """Names of a cell that consists of ``name = literal`` only; None for any other cell."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return None
    names = []
    for statement in statements:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(target, ast.Name):
            return None
        try:
            ast.literal_eval(statement.value)
        except ValueError:
            return None
        names.append(target.id)
    return names
