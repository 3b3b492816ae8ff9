"""Where points of the body lie: parts, places along limbs, heights."""

from __future__ import annotations

import pytest
import torch

from posekit.bodies.body_map import (
    CHAINS,
    HEAD,
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    TORSO,
    BodyMap,
    body_map,
)
from posekit.bodies.open_body import open_body


@pytest.fixture(scope="module")
def where() -> BodyMap:
    body = open_body()
    return body_map(body.v_template, body.weights.argmax(-1), body.joint_template)


def test_every_part_has_points_and_sides_mirror_each_other(where: BodyMap) -> None:
    counts = torch.bincount(where.part, minlength=6)
    assert (counts > 50).all()
    assert counts[LEFT_ARM] == counts[RIGHT_ARM]
    assert counts[LEFT_LEG] == counts[RIGHT_LEG]
    x = open_body().v_template[:, 0]
    assert (x[(where.part == LEFT_ARM) | (where.part == LEFT_LEG)] > 0).all()
    assert (x[(where.part == RIGHT_ARM) | (where.part == RIGHT_LEG)] < 0).all()


@pytest.mark.parametrize("limb", CHAINS)
def test_limbs_run_from_trunk_to_tip(where: BodyMap, limb: int) -> None:
    along = where.along[where.part == limb]
    assert along.min() < 0.2
    assert 2.5 < along.max() <= 3.0
    heights = open_body().v_template[where.part == limb, 1]
    assert torch.corrcoef(torch.stack([along, heights]))[0, 1] < -0.9  # both hang in the A-pose


def test_heights_and_the_head_have_their_marks(where: BodyMap) -> None:
    body = open_body()
    joints = body.joint_template
    at = body_map(joints, torch.arange(24), joints)
    assert at.height[1] == pytest.approx(0, abs=1e-6)
    assert at.height[12] == pytest.approx(1, abs=1e-6)
    head = where.part == HEAD
    assert where.up[head].max() == pytest.approx(1, abs=1e-6)
    assert where.front[head].min() == pytest.approx(-1, abs=1e-5)
    assert where.front[head].max() == pytest.approx(1, abs=1e-5)
    assert (where.along[(where.part == TORSO) | head] == 0).all()
