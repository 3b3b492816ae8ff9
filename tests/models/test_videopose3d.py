"""Single-frame VideoPose3D: its equation, its normalisations and the wider filters it refuses."""

import pytest
import torch

from posekit import checkpoints
from posekit.errors import InvalidCheckpoint, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.models import build
from posekit.models.framewise import ChannelNorm


def small(**options):
    torch.manual_seed(0)
    options = {"embed_dim": 12, "blocks": 2} | options
    return build("videopose3d", skeleton=HUMAN36M_16, **options).double().eval()


def test_a_pose_follows_the_equation():
    network = small()
    points = torch.rand(3, 1, 16, 2, generator=torch.manual_seed(1)).double()
    scale = (1 + 1e-5) ** -0.5  # of a batch norm that has seen nothing
    features = (points.flatten(1) @ network.expand_conv.weight[..., 0].T * scale).relu()
    weights = [conv.weight[..., 0].T for conv in network.layers_conv]
    for first, second in zip(weights[::2], weights[1::2], strict=True):
        features = features + (((features @ first) * scale).relu() @ second * scale).relu()
    expected = features @ network.shrink.weight[..., 0].T + network.shrink.bias
    torch.testing.assert_close(network(points)[:, 0, 1:].flatten(1), expected)


def test_momentum_of_every_normalisation_is_set():
    network = small()
    network.set_norm_momentum(0.01)
    norms = [module for module in network.modules() if isinstance(module, ChannelNorm)]
    assert [norm.momentum for norm in norms] == [0.01] * 5


@pytest.mark.parametrize("widths", [[3, 3, 3], [1, 1, 3], [1], []])
def test_wider_filters_are_refused(widths):
    config = {"joints": 16, "filter_widths": widths, "channels": 12}
    message = r"filter_widths are \[.*\]; the network of a single frame alone is built"
    with pytest.raises(InvalidParameter, match=message):
        checkpoints.from_reference("videopose3d-1f", config, {})


@pytest.mark.parametrize("changed", [{"expand_conv.weight": (12, 32, 3)}, {"shrink.bias": (48,)}])
def test_files_of_several_frames_or_with_the_root_are_of_no_network(tmp_path, changed):
    state = small().state_dict() | {name: torch.zeros(size) for name, size in changed.items()}
    torch.save({"model_pos": state}, tmp_path / "model.bin")
    with pytest.raises(InvalidCheckpoint, match=r"is of no network known here") as caught:
        checkpoints.load(tmp_path / "model.bin")
    assert "\n" not in str(caught.value)
