"""Joint sets of data sets from a body."""

from __future__ import annotations

import pytest
import torch

from posekit.bodies import BodyModel, open_body
from posekit.bodies.body_joints import SMPL_VERTICES, human36m_17, lsp_14, mpi_17, spin_49
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import (
    HUMAN36M_17,
    LSP_14,
    MPI_INF_3DHP_17,
    mpi_inf_3dhp_to_human36m,
)


def bodies(seed: int = 0) -> tuple[BodyModel, torch.Tensor]:
    body = open_body()
    return body, torch.randn(3, 10, generator=torch.Generator().manual_seed(seed))


def smpl_mesh(**regressors: torch.Tensor) -> BodyModel:
    """A body with as many vertices as SMPL's, at random places."""
    generator = torch.Generator().manual_seed(1)
    return BodyModel(
        "SMPL_NEUTRAL",
        v_template=torch.randn(SMPL_VERTICES, 3, generator=generator),
        shapedirs=torch.zeros(SMPL_VERTICES, 3, 10),
        weights=torch.full((SMPL_VERTICES, 24), 1 / 24),
        faces=torch.zeros(0, 3, dtype=torch.long),
        joint_template=torch.randn(24, 3, generator=generator),
        joint_shapedirs=torch.zeros(24, 3, 10),
        **regressors,
    )


@pytest.mark.parametrize(
    ("joints_of", "skeleton"),
    [(human36m_17, HUMAN36M_17), (lsp_14, LSP_14), (mpi_17, MPI_INF_3DHP_17)],
)
def test_left_is_left_and_feet_are_below(joints_of, skeleton) -> None:
    body, betas = bodies()
    joints = joints_of(body, body.rest(betas))
    assert joints.shape == (3, skeleton.joints, 3)
    assert bool((joints[:, list(skeleton.left), 0] > 0).all())
    assert bool((joints[:, list(skeleton.right), 0] < 0).all())
    lowest = joints[..., 1].argmin(-1)
    assert all(skeleton.joint_names[joint].endswith(("foot", "ankle")) for joint in lowest)
    highest = joints[..., 1].argmax(-1)
    assert {skeleton.joint_names[joint] for joint in highest} <= {"head", "head top"}


def test_joints_of_3dhp_are_those_of_human36m_in_another_order() -> None:
    body, betas = bodies(1)
    posed = body.rest(betas)
    torch.testing.assert_close(
        mpi_inf_3dhp_to_human36m(mpi_17(body, posed)), human36m_17(body, posed)
    )


def test_regressed_joints_move_with_the_body() -> None:
    weights = torch.rand(17, SMPL_VERTICES)
    body = smpl_mesh(human36m_regressor=weights / weights.sum(1, keepdim=True))
    posed = body.rest(torch.zeros(1, 10))
    away = posed._replace(vertices=posed.vertices + torch.tensor([0.0, 0.0, 5.0]))
    moved = human36m_17(body, away) - human36m_17(body, posed)
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.0, 5.0]).expand(1, 17, 3))


def test_keypoints_of_spin() -> None:
    extra = torch.zeros(9, SMPL_VERTICES)
    extra[torch.arange(9), torch.arange(9)] = 1.0
    body = smpl_mesh(extra_regressor=extra)
    posed = body.rest(torch.zeros(1, 10))
    keypoints = spin_49(body, posed)
    assert keypoints.shape == (1, 49, 3)
    torch.testing.assert_close(keypoints[:, 0], posed.vertices[:, 332])  # OpenPose's nose
    torch.testing.assert_close(keypoints[:, 2], posed.joints[:, 17])  # its right shoulder
    torch.testing.assert_close(keypoints[:, 27], posed.vertices[:, 0])  # right hip, regressed
    torch.testing.assert_close(keypoints[:, 48], posed.vertices[:, 4071])  # right ear


@pytest.mark.parametrize("joints_of", [human36m_17, lsp_14, mpi_17, spin_49])
def test_without_its_regressor_smpl_says_which_file_is_missing(joints_of) -> None:
    body = smpl_mesh()
    with pytest.raises(InvalidParameter, match=r"J_regressor_(h36m|extra)\.npy"):
        joints_of(body, body.rest(torch.zeros(1, 10)))
