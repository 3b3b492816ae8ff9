"""Single-frame ST-GCN: body parts, graphs, the convolution over them, and the inserted joint."""

import pytest
import torch

from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17, SKELETONS, human36m_17_to_16
from posekit.models import build
from posekit.models.st_gcn import (
    STGCN,
    Config,
    GraphConvolution,
    NonLocal,
    Widths,
    body_parts,
    part_skeleton,
)


def draw(*shape, seed=1):
    return torch.rand(*shape, generator=torch.manual_seed(seed)).double() * 2 - 1


def test_body_parts_are_those_of_the_release():
    assert body_parts(HUMAN36M_17) == [
        *([11, 12, 13], [14, 15, 16], [4, 5, 6], [1, 2, 3]),
        [0, 7, 8, 9, 10],
    ]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_every_joint_is_of_one_part_and_sides_pair_up(skeleton):
    *limbs, centre = body_parts(skeleton)
    assert sorted(joint for part in (*limbs, centre) for joint in part) == list(
        range(skeleton.joints)
    )
    for left, right in zip(limbs[::2], limbs[1::2], strict=True):
        assert set(left) <= set(skeleton.left)
        assert right == [skeleton.mirror[joint] for joint in left]
    parts = part_skeleton(len(limbs) + 1)
    assert (parts.joints, parts.root) == (len(limbs) + 1, len(limbs))


def test_graph_convolution_follows_its_equation():
    layer = GraphConvolution(draw(4, 5, 5), 3, 7).double()
    features = draw(2, 5, 3, seed=2)
    weights, biases = layer.conv.weight.view(4, 7, 3), layer.conv.bias.view(4, 7)
    messages = torch.einsum("koc,nvc->nvko", weights, features) + biases
    torch.testing.assert_close(layer(features), torch.einsum("kvw,nvko->nwo", layer.A, messages))


def test_attention_over_joints_starts_without_effect():
    layer, features = NonLocal(8).eval(), draw(2, 5, 8).float()
    assert torch.equal(layer(features), features)


def test_the_missing_joint_is_between_thorax_and_head():
    torch.manual_seed(0)
    released = build("st_gcn", skeleton=HUMAN36M_16, embed_dim=4).double().eval()
    own = build("st_gcn", skeleton=HUMAN36M_17, embed_dim=4).double().eval()
    own.body.load_state_dict(released.stgcn.state_dict())
    points = draw(3, 1, 17, 2)
    points[:, :, 9] = (points[:, :, 8] + points[:, :, 10]) / 2
    lifted = released(human36m_17_to_16(points))
    torch.testing.assert_close(lifted, human36m_17_to_16(own(points)))


def test_widths_of_any_proportions_are_lifted():
    torch.manual_seed(0)
    config = Config(skeleton=HUMAN36M_16)
    assert config.widths == Widths((128, 128, 256), 512)
    network = STGCN(config, Widths((6, 10, 14, 10), 9)).eval()
    assert network(draw(2, 1, 16, 2).float()).shape == (2, 1, 16, 3)


def test_dropout_is_that_of_the_release():
    network = build("st_gcn", skeleton=HUMAN36M_16, embed_dim=4).stgcn
    rates = {
        name.split(".")[0]: module.p
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Dropout)
    }
    units = {"st_gcn_networks": 0.05, "st_gcn_pool": 0.05}
    assert rates == {**units, "conv4": 0.25, "conv2": 0.1, "fcn": 0.1}
