"""What the published configuration of a row costs, counted and not timed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from posekit.machine.code_version import code_version
from posekit.machine.storage import write_json
from posekit.workbook.papers import COST_METRICS, RowRun
from posekit.workbook.tasks import find_task


def published_costs(run: RowRun, runs: Path) -> dict[str, float]:
    """Parameters in millions and multiply-accumulates in billions of one forward pass.

    ``macs`` counts all matrix products, ``macs_linear`` linear layers and convolutions only, the
    convention of most papers; ``flops`` and ``flops_all`` are twice the linear and twice all
    multiply-accumulates, as HoT prints them. For a diffusion lifter: one denoising step of one
    hypothesis. Counting takes about a second, so results are cached.

    Args:
        run: a row's, as published.
        runs: folder of runs, where results are cached.
    """
    path = _cached(run, runs)
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        known = {}
    if set(known) != set(COST_METRICS):
        size = find_task(run.task).size(run)
        known = {
            "params": size.parameters / 1e6,
            "macs": size.product_macs / 1e9,
            "macs_linear": size.layer_macs / 1e9,
            "flops": 2 * size.layer_macs / 1e9,
            "flops_all": 2 * size.product_macs / 1e9,
        }
        write_json(path, known)
    return known


def _cached(run: RowRun, runs: Path) -> Path:
    code = code_version("posekit.profiling.counting", *find_task(run.task).modules(run))
    text = json.dumps([run.task, run.model, run.settings, code], sort_keys=True, default=dict)
    return runs / ".costs" / f"{run.model}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
