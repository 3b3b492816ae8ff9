"""Errors of bodies found in pictures: joints, surface, and the shape that no pose hides.

A body is compared in the axes of the camera that saw it. All errors are millimetres, a value for
each body; coordinates are metres.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from posekit.bodies import BodyModel
from posekit.bodies.body_joints import human36m_17
from posekit.bodies.clothing import vertex_normals
from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, human36m_17_to_lsp_14
from posekit.metrics.pose_errors import mpjpe, p_mpjpe

MILLIMETRES = 1000.0

NOT_AMONG_14 = ("hip", "spine", "neck/nose")
"""Joints of ``HUMAN36M_17`` that the image protocols leave out of 3DPW and Human3.6M."""

JOINTS_14 = tuple(
    number for number, name in enumerate(HUMAN36M_17.joint_names) if name not in NOT_AMONG_14
)


class Surface(NamedTuple):
    """B bodies as far as they are compared.

    Attributes:
        joints: (B, 17, 3) of ``HUMAN36M_17``, turned as the camera sees them.
        vertices: (B, V, 3), turned but not moved: they keep the body model's own origin. None for
            a method that finds joints alone.
        rest: (B, V, 3) of the same shapes in the rest pose; None as above.
    """

    joints: Tensor
    vertices: Tensor | None = None
    rest: Tensor | None = None


def surface(body: BodyModel, rotations: Tensor, betas: Tensor) -> Surface:
    """Bodies by their parameters.

    Args:
        body: their model.
        rotations: (B, 24, 3, 3) relative to the parents, the root's against the camera.
        betas: (B, S).
    """
    posed = body(rotations, betas)
    return Surface(human36m_17(body, posed), posed.vertices, body.rest(betas).vertices)


def body_errors(found: Surface, true: Surface, faces: Tensor) -> dict[str, Tensor]:
    """Name -> (B,) float64, millimetres.

    - ``mpjpe``: mean distance of 14 joints, pelvis on pelvis (DSR's and SPIN's protocol).
    - ``pa_mpjpe``: the same after the similarity transform of least squared error.
    - ``pve``: mean distance of vertices, both bodies at their model's origin (DSR).
    - ``pve_centred``: the same, pelvis on pelvis (PersPose).
    - ``rest_pve``: mean distance of vertices in the rest pose: what is wrong with the shape alone.
    - ``fatter``: how far the surface found lies outside of the true one, in the rest pose, along
      its normals; no error but a bias, below zero for bodies that are too thin.

    Of joints alone only the first two.

    Args:
        found: the method's bodies.
        true: the truth.
        faces: (F, 3) of both meshes, corners counterclockwise from outside.

    Raises:
        InvalidData: numbers of bodies, joints or vertices that differ, or no finite coordinates.
    """
    if found.joints.shape != true.joints.shape:
        raise InvalidData(
            f"joints found are {tuple(found.joints.shape)} and true ones "
            f"{tuple(true.joints.shape)}; give one body of 17 joints for each."
        )
    ours, theirs = (_centred_14(each.joints) for each in (found, true))
    errors = {
        "mpjpe": mpjpe(ours, theirs, reduce=False),
        "pa_mpjpe": p_mpjpe(ours, theirs, reduce=False),
    }
    if found.vertices is not None and found.rest is not None:
        assert true.vertices is not None
        assert true.rest is not None
        errors |= {
            "pve": _distance(found.vertices, true.vertices),
            "pve_centred": _distance(_centred(found), _centred(true)),
            "rest_pve": _distance(found.rest, true.rest),
            "fatter": _outside(found.rest, true.rest, faces),
        }
    return {name: MILLIMETRES * error for name, error in errors.items()}


def per_joint_errors(found: Tensor, true: Tensor) -> Tensor:
    """(B, 14) millimetres, pelvis on pelvis, of joints (B, 17, 3) in metres, as ``LSP_14``."""
    ours, theirs = (human36m_17_to_lsp_14(each - each[:, :1]) for each in (found, true))
    return MILLIMETRES * (ours - theirs).norm(dim=-1)


def _centred_14(joints: Tensor) -> Tensor:
    joints = joints.double()
    return (joints - joints[:, :1])[:, JOINTS_14]


def _centred(body: Surface) -> Tensor:
    assert body.vertices is not None
    return body.vertices.double() - body.joints[:, :1].double()


def _distance(found: Tensor, true: Tensor) -> Tensor:
    """(B,) mean over vertices."""
    return (found.double() - true.double()).norm(dim=-1).mean(-1)


def _outside(found: Tensor, true: Tensor, faces: Tensor) -> Tensor:
    """(B,) mean over vertices, of the surfaces as they lie when their centres agree."""
    found, true = (each.double() - each.double().mean(1, keepdim=True) for each in (found, true))
    normals = torch.stack([vertex_normals(one, faces) for one in true])
    return ((found - true) * normals).sum(-1).mean(-1)
