"""What the published configuration of a row costs, counted and not timed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from posekit.machine.code_version import code_version
from posekit.profiling.counting import size_of
from posekit.workbook.papers import COST_METRICS, RowRun
from posekit.workbook.studies.runs import write_json


def published_costs(run: RowRun, runs: Path) -> dict[str, float]:
    """Parameters in millions and multiply-accumulates in billions of one forward pass.

    ``macs`` counts all matrix products, ``macs_linear`` linear layers and convolutions only, the
    convention of most papers; ``flops`` and ``flops_all`` are twice the linear and twice all
    multiply-accumulates, as HoT prints them. For a diffusion lifter: one denoising step of one
    hypothesis. Counting takes about a second, so results are remembered.

    Args:
        run: its model and options, as published.
        runs: folder of runs, where results are remembered.
    """
    path = _memory(run, runs)
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        known = {}
    if set(known) != set(COST_METRICS):
        size = size_of(run.model, **run.options)
        known = {
            "params": size.parameters / 1e6,
            "macs": size.product_macs / 1e9,
            "macs_linear": size.layer_macs / 1e9,
            "flops": 2 * size.layer_macs / 1e9,
            "flops_all": 2 * size.product_macs / 1e9,
        }
        write_json(path, known)
    return known


def _memory(run: RowRun, runs: Path) -> Path:
    code = code_version(
        "posekit.profiling.counting", *(f"posekit.models.{model}" for model in sorted(run.models))
    )
    text = json.dumps([run.model, dict(run.options), code], sort_keys=True)
    return runs / ".costs" / f"{run.model}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
