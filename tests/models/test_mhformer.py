"""MHFormer: its windows, its middle frame, its training."""

from functools import partial

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.metrics.losses import sequence_loss
from posekit.models import build
from posekit.models.mhformer import Config, MHFormer
from posekit.profiling.counting import size_of

SMALL = {
    **{"frames": 9, "embed_dim": 16, "heads": 2, "hidden": 24},
    **{"encoder_depth": 1, "encoder_heads": 3},
}


def small(**options):
    torch.manual_seed(0)
    network = build("mhformer", skeleton=HUMAN36M_17, **(SMALL | options)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network


def keypoints():
    return torch.rand(2, 9, 17, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1


position_loss = partial(sequence_loss, consistency=0.0, velocity=0.0)


@pytest.mark.parametrize(
    ("frames", "parameters"),
    [
        (351, 31_516_125),
        (243, 25_165_077),
        (81, 19_837_545),
        (27, 19_184_517),
        (9, 19_090_233),
    ],
)
def test_mhformer_of_other_windows(frames, parameters):
    assert size_of("mhformer", frames=frames).parameters == parameters


def test_mhformer_answers_the_middle_frame_or_all():
    middle, every = small(), small(output="sequence")
    every.load_state_dict(middle.state_dict())
    points = keypoints()
    with torch.no_grad():
        assert torch.equal(every(points)[:, 4:5], middle(points))
    assert not middle.tiled_windows
    assert not every.tiled_windows
    assert middle.supervises_all_frames


def test_mhformer_trains_on_all_frames():
    middle, every = small(), small(output="sequence")
    points, target = keypoints(), torch.zeros(2, 9, 17, 3)
    loss = middle.training_loss(points, target, position_loss)
    torch.testing.assert_close(loss.total, position_loss(every(points), target).total)


def test_mhformer_drops_out_in_training_only():
    network = small()
    points = keypoints()
    with torch.no_grad():
        assert torch.equal(network(points), network(points))
        network.train()
        assert not torch.equal(network(points), network(points))


def test_mhformer_normalises_short_windows_only():
    assert "embedding_1.1.running_mean" in small().state_dict()
    longer = small(frames=36, encoder_heads=9)
    assert longer.state_dict()["embedding_1.weight"].shape == (16, 34, 1)


def test_mhformer_refuses_windows_that_its_heads_do_not_divide():
    with pytest.raises(InvalidParameter, match="frames is 10; choose a multiple of its 9 heads"):
        MHFormer(Config(frames=10))


def test_mhformer_refuses_an_output_that_it_does_not_have():
    with pytest.raises(InvalidParameter, match="output is 'both'; choose one of frame, sequence"):
        build("mhformer", skeleton=HUMAN36M_17, output="both")
