"""Where a number comes from: code, packages, machine, time.

Nothing recorded here names a person, a host or a folder: reports are published.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from posekit import __version__
from posekit.storage import repository_root

PACKAGES = ("torch", "lightning-fabric", "numpy", "safetensors")

# Modules that a run imports and that cannot change a number. The registries of models and data
# sets are left out as well, and what few runs use: those modules are named by the runs that they
# serve, so that a new model leaves the runs of the others valid.
NOT_DECISIVE = (
    "posekit",
    "posekit.datasets",
    "posekit.devices",
    "posekit.errors",
    "posekit.models",
    "posekit.models.releases",
    "posekit.optimisation",
    "posekit.progress",
    "posekit.provenance",
    "posekit.runs",
    "posekit.storage",
)


def environment(device: torch.device | str = "cpu") -> dict[str, Any]:
    """What a run or a report records: date, commit, versions, hardware, threads."""
    device = torch.device(device)
    commit, dirty = git_state()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "posekit": __version__,
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "cuda": torch.version.cuda,
        "tf32": torch.get_float32_matmul_precision() != "highest",
        "threads": torch.get_num_threads(),
    }


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout and whether files differ from it; None outside a checkout."""
    root = repository_root()
    if root is None or not (root / ".git").exists():
        return None, None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit, bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def peak_memory_megabytes(device: torch.device | str = "cpu") -> float:
    """Largest memory so far: of the device for a GPU, of this process otherwise."""
    device = torch.device(device)
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


@cache
def code_version(*modules: str) -> str:
    """Hash of the given modules and of all posekit modules that they import.

    Comments, docstrings and layout do not enter, so that only changes which can change a number
    give another version. Calibration files stand beside the code and do enter.
    """
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for name in sorted(_closure(modules)):
        digest.update(f"{name}\n{_normal(_tree(name))}\n".encode())
    for path in sorted((folder / "calibration").glob("*.json")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _closure(modules: Iterable[str]) -> set[str]:
    """The modules, and what they import from posekit, directly or not."""
    found: set[str] = set()
    roots = set(modules)
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        left_out = name in NOT_DECISIVE and name not in roots
        if name in found or left_out or _path(name) is None:
            continue
        found.add(name)
        for node in ast.walk(_tree(name)):
            if isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names if alias.name.startswith("posekit")]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("posekit"):
                waiting.append(node.module)
                waiting += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _path(module: str) -> Path | None:
    base = Path(__file__).parent.joinpath(*module.split(".")[1:])
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@cache
def _tree(module: str) -> ast.Module:
    """Syntax tree of a module without docstrings."""
    path = _path(module)
    assert path is not None, module
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:]
    return tree


def _normal(node: Any) -> Any:
    """The tree as nested tuples, the same under every Python version that can parse it."""
    if isinstance(node, ast.AST):
        fields = ((name, _normal(value)) for name, value in ast.iter_fields(node))
        return (type(node).__name__, *((name, value) for name, value in fields if value))
    if isinstance(node, list):
        return tuple(_normal(item) for item in node)
    return None if node is None else repr(node)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    return answer.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
