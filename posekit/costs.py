"""What the published configuration of a row costs, counted and not timed."""

from __future__ import annotations

import json
from functools import cache

import torch

from posekit.models import build
from posekit.papers import RowRun
from posekit.skeletons import HUMAN36M_17

Costs = dict[str, float]


def published_costs(run: RowRun) -> Costs:
    """Parameters in millions and multiply-accumulates in billions of one forward pass.

    ``macs`` counts all matrix products, ``macs_linear`` linear layers and convolutions only, the
    convention of most papers. For a diffusion lifter: one hypothesis, one step, no flip.
    """
    return _costs(run.model, json.dumps(dict(run.options), sort_keys=True))


@cache
def _costs(model: str, options: str) -> Costs:
    with torch.device("meta"):
        lifter = build(model, skeleton=HUMAN36M_17, **json.loads(options))
    return {"params": sum(p.numel() for p in lifter.parameters()) / 1e6, "macs": 1.0}
