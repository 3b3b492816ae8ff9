"""What trivial baselines give on the data of a lifting run, remembered beside the runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posekit.datasets.selection import some_views
from posekit.evaluation.baselines import BASELINES, evaluate_baselines
from posekit.evaluation.protocols import PROTOCOLS, scored_on
from posekit.machine.code_version import code_version
from posekit.machine.storage import write_json
from posekit.models import network
from posekit.workbook.tasks import metrics_of
from posekit.workbook.tasks.lifting_runs import split_of

DATA = ("dataset", "data", "size", "keypoints", "one_frame_in")
"""Entries of a run's configuration that say what its data are."""


def stored_baselines(
    config: Mapping[str, Any], data: Path, runs: Path
) -> dict[str, dict[str, Any]]:
    """Name of ``BASELINES`` -> "aggregate", "per_action" and "per_joint"; see ``Task.baselines``.

    They are computed once for all rows of the same data and scoring.
    """
    decisive = {
        **{name: config[name] for name in DATA},
        "views": config["evaluation"]["cameras"],
        "protocol": _protocol(config),
        "code": code_version(__name__),
    }
    text = json.dumps(decisive, sort_keys=True)
    label = f"{config['dataset']}-{config['size']}-{config['keypoints']}"
    path = runs / ".baselines" / f"{label}-{_digest(text)[:16]}.json"
    found = _remembered(path)
    if found is None:
        found = _computed(config, data)
        write_json(path, {"baselines": found, "sha256": _digest_of(found)})
    return {name: found[name] for name in BASELINES}


def _protocol(config: Mapping[str, Any]) -> str:
    """The row's protocol, or for hypotheses that of the network's release."""
    if config["evaluation"]["hypotheses"] is None:
        return config["evaluation"]["protocol"]
    return network(config["model"]).release_protocol


def _computed(config: Mapping[str, Any], data: Path) -> dict[str, dict[str, Any]]:
    test = some_views(split_of(config, "test", data), config["evaluation"]["cameras"])
    protocol = scored_on(PROTOCOLS[_protocol(config)], test.name)
    scores = evaluate_baselines(split_of(config, "train", data), test, protocol)
    return {name: metrics_of(evaluation) for name, evaluation in scores.items()}


def _remembered(path: Path) -> dict[str, dict[str, Any]] | None:
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
