"""Goldens of bodies: skinning, regressed joints and twist targets on a body of made-up arrays."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from golden_checks.golden import Golden
from posekit.bodies import BodyModel
from posekit.bodies.body_joints import human36m_17
from posekit.bodies.twists import rest_twists, turned_twists
from posekit.geometry.rotations import axis_angle_to_matrix


def check_skinning(golden: Golden) -> None:
    assert "24 joints" in golden.config["said"]
    body = made_up_body(golden)
    assert tuple(golden.tensor("parents").tolist()) == body.parents
    pose = 0.45 * golden.input("pose")
    pose[:, 0] *= 3
    rotations, betas = axis_angle_to_matrix(pose), golden.input("betas")
    translation = golden.input("translation") + torch.tensor([0.0, 0.0, 4.0])
    posed, rest = body(rotations, betas, translation), body.rest(betas)
    turned, twists = body.global_rotations(rotations), rest_twists(rest.joints)
    golden.compare("vertices", posed.vertices)
    golden.compare("joints", posed.joints)
    golden.compare("joints_h36m17", human36m_17(body, posed))
    golden.compare("rest_joints_shaped", rest.joints)
    golden.compare("rest_vertices", rest.vertices)
    golden.compare("global_rotations", turned)
    golden.compare("rest_twist", twists)
    golden.compare("twist", turned_twists(twists, turned))


def made_up_body(golden: Golden) -> BodyModel:
    """The golden's body, put together as its notes say."""
    joints = golden.tensor("rest_joints")
    copies = golden.shapes["v_template"][0] // len(joints)
    template = joints.repeat_interleave(copies, 0) + 0.04 * golden.input("v_template")
    shapes = 0.003 * golden.input("shapedirs")
    shapes[..., 0] = 0.03 * template
    own = torch.eye(len(joints), dtype=torch.float64).repeat_interleave(copies, 0)
    regressor = own.T / copies
    return BodyModel(
        "made up",
        v_template=template,
        shapedirs=shapes,
        weights=F.normalize(golden.input("weights").abs() ** 6 + own, p=1.0),
        faces=torch.zeros(0, 3, dtype=torch.long),
        joint_template=regressor @ template,
        joint_shapedirs=torch.einsum("jv,vks->jks", regressor, shapes),
        posedirs=0.004 * golden.input("posedirs"),
        human36m_regressor=F.normalize(golden.input("h36m_regressor").abs() ** 4, p=1.0),
    )


CHECKS = {"smpl-lbs": check_skinning}
