"""SimpleBaseline: its equation, its first weights and whose arguments it takes."""

import pytest
import torch

from posekit.checkpoints import from_reference
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.models import build, releases
from posekit.models.simple_baseline import describe


def small():
    torch.manual_seed(0)
    return build("simple_baseline", skeleton=HUMAN36M_16, embed_dim=12, stages=1).double().eval()


def test_a_pose_follows_the_equation():
    network = small()
    points = torch.rand(3, 1, 16, 2, generator=torch.manual_seed(1)).double()
    scale = (1 + 1e-5) ** -0.5  # of a batch norm that has seen nothing
    first = (network.w1(points.flatten(1)) * scale).relu()
    stage = network.linear_stages[0]
    hidden = (stage.w2((stage.w1(first) * scale).relu()) * scale).relu()
    expected = network.w2(first + hidden).view(3, 1, 15, 3)
    torch.testing.assert_close(network(points)[:, :, 1:], expected)


def test_weights_start_as_the_release_draws_them():
    weight = build("simple_baseline", skeleton=HUMAN36M_16).linear_stages[1].w1.weight
    assert weight.std().item() == pytest.approx((2 / 1024) ** 0.5, rel=0.01)


def test_arguments_of_other_joints_are_refused():
    config = {"joints": 17, "linear_size": 12, "num_stage": 1, "dropout": 0.25}
    with pytest.raises(InvalidParameter, match="simple_baseline: joints is 17; PoseAug lifts 16"):
        from_reference("simple-baseline", config, {})


def test_a_generator_of_the_same_layers_is_no_lifter():
    state = small().state_dict()
    assert describe(state).options["stages"] == 1
    generator = {**state, "w1.weight": torch.zeros(12, 96)}  # a pose and its noise
    with pytest.raises(ValueError, match="96 values in and 45 out"):
        describe(generator)
    assert releases.describe({"conv.weight": torch.zeros(3)}) is None
