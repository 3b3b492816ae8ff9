"""ResNet: shapes at any size, torchvision's names and arrangement."""

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.models.resnet import STRIDE, ResNet, name_of


@pytest.mark.parametrize(("name", "expansion"), [("resnet18", 1), ("resnet50", 4)])
@pytest.mark.parametrize("size", [64, 72])
def test_map_is_a_thirty_second_of_the_image(name, expansion, size):
    network = ResNet(name, width=4).eval()
    features = network(torch.randn(2, 3, size, size))
    assert network.channels == 8 * 4 * expansion
    side = -(-size // STRIDE)
    assert features.shape == (2, network.channels, side, side)


def test_names_are_those_of_torchvision():
    names = set(ResNet("resnet50", width=4).state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.downsample.0.weight",
        "layer1.0.downsample.1.num_batches_tracked",
        "layer4.2.conv3.weight",
    } <= names
    assert not any(name.startswith("fc") or name.endswith("conv1.bias") for name in names)


def test_second_convolution_has_the_stride_of_a_bottleneck():
    block = ResNet("resnet50", width=4).layer2[0]
    strides = [layer.stride[0] for layer in (block.conv1, block.conv2, block.conv3)]
    assert strides == [1, 2, 1]


def test_unknown_backbone_is_told_in_one_line():
    with pytest.raises(InvalidParameter, match="unknown backbone 'resnet33'") as caught:
        ResNet("resnet33")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"])
def test_blocks_tell_the_network(name):
    with torch.device("meta"):
        state = ResNet(name, width=2).state_dict()
    assert name_of(state) == name
    assert name_of({f"backbone.{key}": value for key, value in state.items()}, "backbone.") == name
    fewer = {key: value for key, value in state.items() if not key.startswith("layer3.1.")}
    assert name_of(fewer) is None
