"""Joint sets of data sets from a body: regressed from the surface, or from the open body's joints.

SMPL has regressors for them (``J_regressor_h36m.npy``, ``J_regressor_extra.npy``), which give
joints as weighted means of vertices. A body without takes its own joints, and the topmost vertex
of its head at rest, as the tip of the head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from posekit.bodies.body import BodyModel, Posed
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import (
    HUMAN36M_17,
    MPI_INF_3DHP_17,
    SMPL_24,
    human36m_17_to_lsp_14,
)

# Each joint of Human3.6M as a mean of the body's; the tip of the head is a vertex.
_HEAD_TOP = HUMAN36M_17.index("head")
_HEAD, _NECK = SMPL_24.index("head"), SMPL_24.index("neck")
_LEFT, _RIGHT = SMPL_24.index("left shoulder"), SMPL_24.index("right shoulder")
_FROM_SMPL = {
    "hip": ("left hip", "right hip"),
    "right foot": ("right ankle",),
    "left foot": ("left ankle",),
    "spine": ("spine 2",),
    "thorax": ("left shoulder", "right shoulder"),
    "neck/nose": ("head",),
}
_JOINTS = [
    [SMPL_24.index(of) for of in _FROM_SMPL.get(name, (name,))]
    for name in HUMAN36M_17.joint_names
    if name != "head"
]
# Human3.6M's joint for each of MPI-INF-3DHP's.
_MPI = {
    "head top": "head",
    "neck": "thorax",
    "right ankle": "right foot",
    "left ankle": "left foot",
    "pelvis": "hip",
    "head": "neck/nose",
}
_MPI_FROM_HUMAN36M = [
    HUMAN36M_17.index(_MPI.get(name, name)) for name in MPI_INF_3DHP_17.joint_names
]

# Vertices of SMPL's mesh that SPIN counts as joints: nose, right eye, left eye, right ear, left
# ear; big toe, small toe and heel of the left foot, of the right; tips of the left hand's fingers
# from the thumb on, of the right hand's.
SMPL_VERTICES = 6890
_SURFACE = (
    *(332, 6260, 2800, 4071, 583, 3216, 3226, 3387, 6617, 6624, 6787),
    *(2746, 2319, 2445, 2556, 2673, 6191, 5782, 5905, 6016, 6133),
)
# SPIN's 49 keypoints among the 24 joints, the 21 above and the 9 extra ones: OpenPose's 25, then
# the 24 that data sets annotate.
_SPIN_49 = (
    *(24, 12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7),
    *(25, 26, 27, 28, 29, 30, 31, 32, 33, 34),
    *(8, 5, 45, 46, 4, 7, 21, 19, 17, 16, 18, 20, 47, 48, 49, 50, 51, 52, 53),
    *(24, 26, 25, 28, 27),
)


def human36m_17(body: BodyModel, posed: Posed) -> Tensor:
    """(B, 17, 3) joints of ``HUMAN36M_17`` in the unit and frame of the posed bodies.

    Raises:
        InvalidParameter: SMPL's mesh without Human3.6M's regressor.
    """
    if body.human36m_regressor is not None:
        return _regressed(body.human36m_regressor, posed.vertices)
    if len(body.v_template) == SMPL_VERTICES:
        raise InvalidParameter(
            f"the body {body.name} has no joints of Human3.6M; put J_regressor_h36m.npy beside "
            "the model's file."
        )
    return human36m_17_of_joints(posed.joints, posed.vertices[:, _top_of_head(body)])


def human36m_17_of_joints(joints: Tensor, head_top: Tensor) -> Tensor:
    """(B, 17, 3) joints of ``HUMAN36M_17`` as a body without a regressor has them.

    Args:
        joints: (B, 24, 3) of ``SMPL_24``.
        head_top: (B, 3), the tip of the head.
    """
    found = [joints[:, of].mean(1) for of in _JOINTS]
    found.insert(_HEAD_TOP, head_top)
    return torch.stack(found, dim=1)


def tip_of_head(body: BodyModel, joints: Tensor) -> Tensor:
    """(B, 3) where the tip of the head is by joints alone: carried along with neck and shoulders.

    A reading of our own, right but for how the head is turned against the neck (about 17 mm).

    Args:
        body: tells where the tip is at rest.
        joints: (B, 24, 3) of ``SMPL_24`` before the camera or in the world.
    """
    rest = body.joint_template[None]
    at_rest = body.v_template[_top_of_head(body)] - rest[:, _HEAD]
    carried = _head_frame(joints) @ _head_frame(rest).mT @ at_rest[..., None]
    return joints[:, _HEAD] + carried[..., 0]


def _head_frame(joints: Tensor) -> Tensor:
    """(B, 3, 3) with columns left, up along the neck, and forward."""
    up = F.normalize(joints[:, _HEAD] - joints[:, _NECK], dim=-1)
    left = joints[:, _LEFT] - joints[:, _RIGHT]
    left = F.normalize(left - (left * up).sum(-1, keepdim=True) * up, dim=-1)
    return torch.stack([left, up, torch.linalg.cross(left, up)], dim=-1)


def lsp_14(body: BodyModel, posed: Posed) -> Tensor:
    """(B, 14, 3) joints of ``LSP_14``: those of Human3.6M that mesh methods are scored on."""
    return human36m_17_to_lsp_14(human36m_17(body, posed))


def mpi_17(body: BodyModel, posed: Posed) -> Tensor:
    """(B, 17, 3) joints of ``MPI_INF_3DHP_17``, from Human3.6M's, as image methods score them.

    The definitions of thorax and head differ between the two data sets all the same (PersPose).
    """
    return human36m_17(body, posed)[:, _MPI_FROM_HUMAN36M]


def spin_49(body: BodyModel, posed: Posed) -> Tensor:
    """(B, 49, 3) keypoints of SPIN: OpenPose's 25 and 24 of annotated data sets.

    Raises:
        InvalidParameter: the body has not SMPL's mesh, or no regressor of the extra joints.
    """
    if body.extra_regressor is None or len(body.v_template) != SMPL_VERTICES:
        raise InvalidParameter(
            f"the body {body.name} has none of SPIN's 49 keypoints; they need SMPL's mesh and "
            "J_regressor_extra.npy beside the model's file."
        )
    parts = [posed.joints, posed.vertices[:, _SURFACE]]
    parts.append(_regressed(body.extra_regressor, posed.vertices))
    return torch.cat(parts, dim=1)[:, _SPIN_49]


def _regressed(regressor: Tensor, vertices: Tensor) -> Tensor:
    # Centred first: rows sum to 1 up to rounding, and bodies stand metres away from the camera.
    middle = vertices.mean(1, keepdim=True)
    return regressor @ (vertices - middle) + middle


def _top_of_head(body: BodyModel) -> int:
    """The highest vertex of the mean body at rest; arms at rest are not raised."""
    return int(body.v_template[:, 1].argmax())
