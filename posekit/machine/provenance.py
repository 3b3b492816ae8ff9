"""Where a number comes from: code, packages, machine, time.

Nothing recorded here names a person, a host or a folder: reports are published.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from posekit import __version__
from posekit.machine.storage import repository_root

PACKAGES = ("torch", "lightning-fabric", "numpy", "safetensors")


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


def environment_entries(device: torch.device | str = "cpu") -> dict[str, str]:
    """Commit, versions and hardware of this process as texts, for a card."""
    entries = {}
    for name, value in environment(device).items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {version}" for key, version in value.items())
        entries[name] = "not recorded" if value is None else str(value)
    return entries


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
