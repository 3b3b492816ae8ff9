"""What holds for every network: any joint set, one training step, options refused in one line."""

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS
from posekit.metrics.losses import sequence_loss
from posekit.models import MODELS, build

TRANSFORMER = {"frames": 4, "embed_dim": 8, "depth": 1, "heads": 2}
SIZES = {
    "gla_gcn": {"frames": 3, "embed_dim": 8},
    "gumlp": {"frames": 4, "embed_dim": 8, "depth": 1},
    "hot": {**TRANSFORMER, "depth": 2, "prune_at": 1, "tokens": 2},
    "mhformer": {"frames": 9, "embed_dim": 8, "refinements": 1, "heads": 2},
}


def criterion(prediction, target):
    return sequence_loss(prediction, target, consistency=0.0, velocity=0.0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_every_network_trains_a_step_on_every_skeleton(name, skeleton):
    torch.manual_seed(0)
    # Stochastic depth would leave out a block at times, and its weights would stay.
    network = build(name, skeleton=skeleton, **SIZES.get(name, TRANSFORMER)).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    points = torch.rand(2, network.frames, skeleton.joints, network.in_channels)
    frames = network.frames if network.supervises_all_frames else 1
    target = torch.rand(2, frames, skeleton.joints, 3)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    network.training_loss(points, target, criterion).total.backward()
    optimiser.step()
    after = list(network.parameters())
    assert all(bool(parameter.isfinite().all()) for parameter in after)
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_both_passes_of_flip_averaging_have_the_shape_of_a_prediction(name):
    network = build(name, skeleton=HUMAN36M_17, **SIZES.get(name, TRANSFORMER)).eval()
    points = torch.rand(2, network.frames, 17, network.in_channels)
    with torch.inference_mode():
        plain, flipped = network.lift_both(points)
        torch.testing.assert_close(plain, network(points))
    frames = network.frames if network.output == "sequence" else 1
    assert plain.shape == flipped.shape
    assert network.output == "frame" or plain.shape[1] == frames


@pytest.mark.parametrize("name", MODELS)
def test_unknown_options_are_refused(name):
    with pytest.raises(InvalidParameter, match="has no option 'colour'; it takes"):
        build(name, skeleton=HUMAN36M_17, colour=1)
