"""SemGCN: its links, its convolution and the layers that it refuses."""

import pytest
import torch

from posekit.checkpoints import from_reference
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17, SKELETONS
from posekit.models import build
from posekit.models.semgcn import SemanticGraphConvolution, describe


def convolution(skeleton=HUMAN36M_16):
    torch.manual_seed(0)
    layer = SemanticGraphConvolution(skeleton, 5, 7).double()
    torch.nn.init.normal_(layer.e)
    return layer


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_a_joint_receives_from_itself_and_along_bones(skeleton):
    mixing = convolution(skeleton).mixing()
    torch.testing.assert_close(mixing.sum(dim=1), torch.ones(skeleton.joints).double())
    linked = torch.eye(skeleton.joints, dtype=torch.bool)
    for child, parent in skeleton.bones:
        linked[child, parent] = linked[parent, child] = True
    assert torch.equal(mixing > 0, linked)


def test_scores_of_links_stand_row_by_row():
    layer = convolution()
    scores = torch.full((16, 16), -9e15).double()
    scores[layer.mixing() > 0] = layer.e[0]
    torch.testing.assert_close(layer.mixing(), scores.softmax(dim=1))


def test_convolution_follows_its_equation():
    layer = convolution()
    features = torch.rand(3, 16, 5, generator=torch.manual_seed(1)).double()
    mixing, own = layer.mixing(), torch.eye(16).double()
    expected = (mixing * own) @ features @ layer.W[0]
    expected = expected + (mixing * (1 - own)) @ features @ layer.W[1] + layer.bias
    torch.testing.assert_close(layer(features), expected)


def test_links_tell_the_joints():
    network = build("semgcn", skeleton=HUMAN36M_17, embed_dim=8, layers=2)
    found = describe(network.state_dict())
    assert (found.joints, found.depth, found.options["embed_dim"]) == (17, 2, 8)
    with pytest.raises(ValueError, match="48 links are of no tree"):
        describe({"gconv_input.0.gconv.e": torch.zeros(1, 48)})


def test_non_local_layers_are_refused():
    config = {"joints": 16, "hid_dim": 8, "num_layers": 1, "non_local": True}
    with pytest.raises(InvalidParameter, match=r"non_local is True; .* set it to False"):
        from_reference("semgcn", config, {})
