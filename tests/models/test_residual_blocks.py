"""Residual blocks: shapes, shortcuts, and what they compute with an empty branch."""

import pytest
import torch

from posekit.models.residual_blocks import BasicBlock, Bottleneck, convolution


@pytest.mark.parametrize(("block", "channels"), [(BasicBlock, 6), (Bottleneck, 24)])
@pytest.mark.parametrize(("stride", "side"), [(1, 8), (2, 4)])
def test_shapes(block, channels, stride, side):
    assert block(5, 6, stride)(torch.randn(2, 5, 8, 8)).shape == (2, channels, side, side)


@pytest.mark.parametrize(("block", "channels"), [(BasicBlock, 6), (Bottleneck, 24)])
def test_a_branch_of_zero_passes_positive_features_through(block, channels):
    layer = block(channels, 6).eval()
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    features = torch.rand(2, channels, 4, 4)
    assert layer.downsample is None
    torch.testing.assert_close(layer(features), features, rtol=0, atol=0)


def test_a_shortcut_is_mapped_only_where_shapes_differ():
    assert BasicBlock(6, 6, stride=2).downsample is not None
    assert Bottleneck(6, 6).downsample is not None


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_strided_shortcuts_never_see_channels_last(block):
    """Their backward pass corrupts memory there: uxlfoundation/oneDNN issue 6035."""
    layer, seen = block(4, 4, stride=2), []
    layer.downsample[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    features = torch.randn(2, 8, 8, 4).permute(0, 3, 1, 2).requires_grad_()
    layer(features).sum().backward()
    assert [shown.is_contiguous() for shown in seen] == [True]
    assert features.grad.isfinite().all()


@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_convolutions_keep_the_size_of_a_map(kernel):
    assert convolution(1, 1, kernel)(torch.zeros(1, 1, 9, 9)).shape == (1, 1, 9, 9)
