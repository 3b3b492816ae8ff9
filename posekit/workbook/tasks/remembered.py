"""Figures that are computed once and remembered beside the runs, each file with its own proof."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posekit.machine.storage import write_json

Scores = dict[str, dict[str, Any]]


def remembered_baselines(
    runs: Path, label: str, decisive: Mapping[str, Any], compute: Callable[[], Scores]
) -> Scores:
    """What trivial baselines gave before, or what ``compute`` gives now.

    Args:
        runs: folder of runs.
        label: readable part of the file's name.
        decisive: everything that decides the figures, as plain values.
        compute: name of a baseline -> its scores.

    Raises:
        StorageError: the folder of runs cannot be written.
    """
    text = json.dumps(decisive, sort_keys=True)
    path = runs / ".baselines" / f"{label}-{_digest(text)[:16]}.json"
    found = _read(path)
    if found is None:
        found = compute()
        write_json(path, {"baselines": found, "sha256": _digest_of(found)})
    return found


def _read(path: Path) -> Scores | None:
    """What a file holds, or None where there is none or it is damaged."""
    try:
        content = json.loads(path.read_bytes())
        known, expected = content["baselines"], content["sha256"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return known if expected == _digest_of(known) else None


def _digest_of(found: Any) -> str:
    return _digest(json.dumps(found, sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
