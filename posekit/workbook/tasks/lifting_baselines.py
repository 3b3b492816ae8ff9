"""What trivial baselines give on the data of a lifting run, remembered beside the runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posekit.datasets.selection import some_views
from posekit.evaluation.baselines import BASELINES, evaluate_baselines
from posekit.evaluation.protocols import PROTOCOLS, scored_on
from posekit.machine.code_version import code_version
from posekit.models import network
from posekit.workbook.tasks import metrics_of
from posekit.workbook.tasks.lifting_runs import split_of
from posekit.workbook.tasks.remembered import remembered_baselines

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
    label = f"{config['dataset']}-{config['size']}-{config['keypoints']}"
    found = remembered_baselines(runs, label, decisive, lambda: _computed(config, data))
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
