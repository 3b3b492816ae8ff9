"""The naked truth of pictures, in the pixels of their crops: joints and silhouettes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from posekit.bodies.body import BodyModel
from posekit.bodies.rendering import hard
from posekit.datasets.rendered.body_images import BodyImages
from posekit.geometry.perspective import project


class Overlay(NamedTuple):
    """What can be drawn on N crops.

    Attributes:
        joints: (N, 24, 2) pixels of the crop.
        silhouettes: (N, S, S) bool, where the naked body is seen.
    """

    joints: NDArray[np.float32]
    silhouettes: NDArray[np.bool_]


def overlay(images: BodyImages, body: BodyModel, *, rotated: bool) -> Overlay:
    """Where the true bodies lie in the crops.

    Args:
        images: the pictures.
        body: the model of their bodies.
        rotated: of the crops behind the perspective rotation, or of the plain ones.
    """
    inputs = (images.rotations, images.betas, images.translation)
    posed = body(*map(torch.from_numpy, inputs))
    suffix = "_rotated" if rotated else ""
    intrinsics = torch.from_numpy(getattr(images, f"crop_intrinsics{suffix}"))
    turn = torch.from_numpy(images.rotation) if rotated else torch.eye(3).expand(len(images), 3, 3)
    vertices, joints = (points @ turn.mT for points in (posed.vertices, posed.joints))
    drawn = hard(vertices, body.faces, intrinsics, images.crop_px, vertex_attributes=vertices)
    return Overlay(project(joints, intrinsics).numpy(), (drawn.face >= 0).numpy())
