"""Parametric bodies with SMPL's interface: 24 joints, linear shape, linear blend skinning.

Loper et al. 2015, "SMPL: A Skinned Multi-Person Linear Model". The joints are affine in the shape
parameters, so they are kept as a mean and directions of their own; a file with a joint regressor
is turned into that form when it is read (``smpl_files``).

Body space has y up and faces +z; its unit is the metre. A camera's frame has y down and z forward,
and the rotation of the root does the turning: see ``FACING_CAMERA``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from posekit.errors import InvalidData
from posekit.geometry.skeletons import SMPL_24

JOINTS = SMPL_24.joints
POSE_FEATURES = 9 * (JOINTS - 1)  # entries of all rotations but the root's

FACING_CAMERA = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""(3, 3), the root's rotation of a body that stands upright in a camera's frame and faces it."""


class Posed(NamedTuple):
    """Bodies in metres.

    Attributes:
        vertices: (B, V, 3).
        joints: (B, 24, 3), of ``SMPL_24``.
    """

    vertices: Tensor
    joints: Tensor


class BodyModel(nn.Module):
    """Shape and rotations in, vertices and joints out; differentiable, nothing to be trained.

    Args:
        name: for messages and tables.
        v_template: (V, 3) mean body at rest, metres.
        shapedirs: (V, 3, S) what one unit of each shape parameter adds.
        weights: (V, 24) skinning weights, rows sum to 1.
        faces: (F, 3) long, corners counterclockwise from outside.
        joint_template: (24, 3) joints of the mean body at rest.
        joint_shapedirs: (24, 3, S) what one unit of each shape parameter adds to them.
        posedirs: (V, 3, 207) pose correctives, or None for a body without.
        human36m_regressor: (17, V) joints of ``HUMAN36M_17`` as weights of vertices, or None.
        extra_regressor: (9, V) further joints of SPIN as weights of vertices, or None.

    Attributes:
        parents: parent of each joint, -1 for the root.
    """

    v_template: Tensor
    shapedirs: Tensor
    weights: Tensor
    faces: Tensor
    joint_template: Tensor
    joint_shapedirs: Tensor
    posedirs: Tensor | None
    human36m_regressor: Tensor | None
    extra_regressor: Tensor | None

    def __init__(
        self,
        name: str,
        *,
        v_template: Tensor,
        shapedirs: Tensor,
        weights: Tensor,
        faces: Tensor,
        joint_template: Tensor,
        joint_shapedirs: Tensor,
        posedirs: Tensor | None = None,
        human36m_regressor: Tensor | None = None,
        extra_regressor: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.parents = SMPL_24.parents
        self.register_buffer("v_template", v_template)
        self.register_buffer("shapedirs", shapedirs)
        self.register_buffer("weights", weights)
        self.register_buffer("faces", faces)
        self.register_buffer("joint_template", joint_template)
        self.register_buffer("joint_shapedirs", joint_shapedirs)
        self.register_buffer("posedirs", posedirs)
        self.register_buffer("human36m_regressor", human36m_regressor)
        self.register_buffer("extra_regressor", extra_regressor)

    @property
    def components(self) -> int:
        """Number of shape parameters."""
        return self.shapedirs.shape[-1]

    def forward(self, rotations: Tensor, betas: Tensor, translation: Tensor | None = None) -> Posed:
        """Bodies in a pose.

        Args:
            rotations: (B, 24, 3, 3) of each joint relative to its parent, the root's to the frame;
                about the joints, the root's too, which is not the origin.
            betas: (B, at most S) shape parameters, standard normal among people; those left out
                are 0.
            translation: (B, 3) metres, added at the end; None for nothing.

        Raises:
            InvalidData: other shapes.
        """
        _check_rotations(rotations)
        rest = self.rest(betas)
        if len(rotations) != len(betas):
            raise InvalidData(
                f"{len(rotations)} bodies by rotations and {len(betas)} by betas; give as many."
            )
        turned, joints = self._chain(rotations, rest.joints)
        moved = joints - (turned @ rest.joints[..., None])[..., 0]
        blended = torch.einsum(
            "vj,bjkl->bvkl", self.weights, torch.cat([turned, moved[..., None]], dim=-1)
        )
        vertices = self._corrected(rest.vertices, rotations)[..., None]
        vertices = (blended[..., :3] @ vertices)[..., 0] + blended[..., 3]
        if translation is None:
            return Posed(vertices, joints)
        return Posed(vertices + translation[:, None], joints + translation[:, None])

    def rest(self, betas: Tensor) -> Posed:
        """Bodies of a shape in the rest pose, without pose correctives.

        Args:
            betas: (B, at most S).

        Raises:
            InvalidData: more shape parameters than the body has.
        """
        if betas.ndim != 2 or betas.shape[1] > self.components:
            raise InvalidData(
                f"betas of shape {tuple(betas.shape)} do not fit the body {self.name}; expected "
                f"(bodies, at most {self.components})."
            )
        given = betas.shape[1]
        return Posed(
            self.v_template + torch.einsum("bs,vks->bvk", betas, self.shapedirs[..., :given]),
            self.joint_template
            + torch.einsum("bs,jks->bjk", betas, self.joint_shapedirs[..., :given]),
        )

    def global_rotations(self, rotations: Tensor) -> Tensor:
        """Rotations against the frame (B, 24, 3, 3) from those relative to the parents."""
        _check_rotations(rotations)
        turned: list[Tensor] = []
        for joint, parent in enumerate(self.parents):
            own = rotations[:, joint]
            turned.append(own if parent < 0 else turned[parent] @ own)
        return torch.stack(turned, dim=1)

    def turned(
        self, rotation: Tensor, rotations: Tensor, betas: Tensor, translation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same bodies turned about the frame's origin, a camera's centre.

        The root's rotation is about its joint, so the translation changes too: R0' = Q R0 and
        t' = Q (J0 + t) - J0.

        Args:
            rotation: (B, 3, 3), Q.
            rotations, betas, translation: as for ``forward``.

        Returns:
            (rotations, translation) of the turned bodies.
        """
        root = self.rest(betas).joints[:, 0]
        place = (rotation @ (root + translation)[..., None])[..., 0]
        first = (rotation @ rotations[:, 0])[:, None]
        return torch.cat([first, rotations[:, 1:]], dim=1), place - root

    def _chain(self, rotations: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations against the frame, (B, 24, 3, 3), and the posed joints, (B, 24, 3)."""
        turned = self.global_rotations(rotations)
        places: list[Tensor] = []
        for joint, parent in enumerate(self.parents):
            if parent < 0:
                places.append(joints[:, joint])
            else:
                bone = (joints[:, joint] - joints[:, parent])[..., None]
                places.append(places[parent] + (turned[:, parent] @ bone)[..., 0])
        return turned, torch.stack(places, dim=1)

    def _corrected(self, vertices: Tensor, rotations: Tensor) -> Tensor:
        """Vertices at rest with what bent joints add to them."""
        if self.posedirs is None:
            return vertices
        straight = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
        bent = (rotations[:, 1:] - straight).flatten(1)
        return vertices + torch.einsum("bp,vkp->bvk", bent, self.posedirs)


def _check_rotations(rotations: Tensor) -> None:
    if rotations.ndim != 4 or rotations.shape[1:] != (JOINTS, 3, 3):
        raise InvalidData(
            f"rotations of shape {tuple(rotations.shape)}; expected (bodies, {JOINTS}, 3, 3), "
            "matrices relative to the parents."
        )
