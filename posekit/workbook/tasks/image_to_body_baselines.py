"""What learns next to nothing from pictures: the bar that a network has to clear.

The mean body, a linear map of what the method sees, downscaled, and the mean body of the five
training pictures that look most alike. They are fitted on the training split and scored on the
pictures that the row is scored on; a fit, which learns from no other picture, has the same bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from posekit.machine.code_version import code_version
from posekit.metrics.body_errors import Surface
from posekit.training.body_regression import module_of
from posekit.workbook.tasks import metrics_of
from posekit.workbook.tasks.image_to_body_data import evenly, pictures_of
from posekit.workbook.tasks.image_to_body_runs import (
    method_at_test,
    method_of,
    scored_pictures,
    scores_of,
    true_surface,
)
from posekit.workbook.tasks.remembered import remembered_baselines

BASELINES = ("mean pose", "linear", "neighbours")
NEIGHBOURS = 5
PENALTIES = tuple(10.0**power for power in range(-6, 2))  # on squared weights, per picture
MOST_PICTURES = 4000  # that are fitted on, as evenly spread over looseness as they come


def stored_baselines(
    config: Mapping[str, Any], data: Path, runs: Path
) -> dict[str, dict[str, Any]]:
    """Name of ``BASELINES`` -> scores as ``metrics_of`` gives them; see ``Task.baselines``."""
    decisive = {
        **{name: config[name] for name in ("dataset", "size", "crop_px", "pictures", "model")},
        "data": config["data"],
        "input": [method_of(config).plain_options(), method_at_test(config).plain_options()],
        "evaluation": config["evaluation"],
        "code": code_version(__name__, module_of(config["model"])),
    }
    label = f"pictures-{config['dataset']}-{config['size']}-{config['model']}"
    found = remembered_baselines(runs, label, decisive, lambda: _computed(config, data))
    return {name: found[name] for name in BASELINES}


def _computed(config: Mapping[str, Any], data: Path) -> dict[str, dict[str, Any]]:
    chosen, at_test = method_of(config), method_at_test(config)
    train = evenly(pictures_of(config, "train", data), MOST_PICTURES)
    test = scored_pictures(config, data)
    bodies = true_surface(train, chosen.body)
    bodies = bodies._replace(joints=bodies.joints - bodies.joints[:, :1])
    bodies = _turned(bodies, chosen.axes(train))
    seen, asked = chosen.plain_input(train), at_test.plain_input(test)
    weights = {
        "mean pose": np.full((len(test), len(train)), 1.0 / len(train)),
        "linear": _linear(seen, asked, bodies.joints.numpy()),
        "neighbours": _neighbours(seen, asked),
    }
    strata, back = config["evaluation"]["strata"], at_test.axes(test).mT
    return {
        name: metrics_of(scores_of(_turned(_mixed(bodies, share), back), test, chosen.body, strata))
        for name, share in weights.items()
    }


def _turned(bodies: Surface, rotation: Tensor) -> Surface:
    """Bodies turned about their origins by (N, 3, 3)."""
    vertices = None if bodies.vertices is None else bodies.vertices @ rotation.mT
    return bodies._replace(joints=bodies.joints @ rotation.mT, vertices=vertices)


def _mixed(bodies: Surface, share: np.ndarray) -> Surface:
    """For each row of shares (N, M) the sum of M bodies by them."""
    shares = torch.from_numpy(share).float()
    return Surface(
        *(None if part is None else torch.tensordot(shares, part, dims=1) for part in bodies)
    )


def _linear(seen: np.ndarray, asked: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Shares (N, M) by which a linear map with a constant mixes the M bodies it is fitted on.

    Pictures have many pixels and are few: least squares with a penalty on the weights, the one
    of ``PENALTIES`` that errs least on the joints (M, ...) of each picture left out in turn.
    """
    middle = seen.mean(0)
    left, values, right = np.linalg.svd((seen - middle).astype(np.float64), full_matrices=False)
    target = joints.reshape(len(joints), -1).astype(np.float64)
    residual, best = np.inf, None
    for penalty in PENALTIES:
        kept = values**2 / (values**2 + penalty * len(seen))
        shares = (left * kept) @ left.T + 1.0 / len(seen)
        missed = (target - shares @ target) / (1.0 - np.diag(shares))[:, None]
        if (error := np.square(missed).mean()) < residual:
            residual, best = error, kept / values.clip(1e-12)
    return ((asked - middle) @ right.T * best) @ left.T + 1.0 / len(seen)


def _neighbours(seen: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Shares (N, M): the same for each of the nearest, 0 for all others."""
    count = min(NEIGHBOURS, len(seen))
    _, nearest = cKDTree(seen).query(asked, k=range(1, count + 1))
    share = np.zeros((len(asked), len(seen)))
    np.put_along_axis(share, nearest, 1.0 / count, axis=1)
    return share
