"""MotionAGFormer: its sizes, its graphs, its initial weights."""

import pytest
import torch

from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.models import build
from posekit.models.motionagformer import (
    Config,
    GraphMixer,
    MotionAGFormer,
    chain_graph,
    similarity_graph,
    spatial_graph,
)
from posekit.profiling.counting import size_of

SMALL = {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2, "representation": 12}


def small(**options):
    torch.manual_seed(0)
    network = build("motionagformer", skeleton=HUMAN36M_17, **(SMALL | options)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network


@pytest.mark.parametrize(
    ("frames", "width", "depth", "millions"),
    [(27, 64, 12, 2.2), (81, 64, 26, 4.8), (243, 128, 16, 11.7), (243, 128, 26, 19.0)],
)
def test_motionagformer_of_the_published_sizes(frames, width, depth, millions):
    options = {"frames": frames, "embed_dim": width, "depth": depth, "heads": 8, "neighbours": 2}
    size = size_of("motionagformer", **options)
    assert size.parameters / 1e6 == pytest.approx(millions, abs=0.05)


def test_joint_graph_of_human36m_is_the_released_one():
    graph = spatial_graph(HUMAN36M_17)
    assert graph.sum() == 29
    assert graph[0].nonzero().flatten().tolist() == [1, 7]
    assert graph[8].nonzero().flatten().tolist() == [7, 9]
    assert graph[4, 0] == 1
    assert graph[0, 4] == 0
    bones = spatial_graph(HUMANEVA_15)
    assert torch.equal(bones, bones.T)
    assert bones.sum() == 2 * len(HUMANEVA_15.bones)


def test_frame_graphs():
    rows = torch.tensor([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]])
    assert similarity_graph(rows, 1)[0].tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1]]
    assert similarity_graph(rows, 9)[0].tolist() == torch.ones(3, 3).tolist()
    assert chain_graph(3).tolist() == [[1, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert chain_graph(1).tolist() == [[1]]


@pytest.mark.parametrize("similar", [True, False])
def test_graph_mixer_follows_the_formula(similar):
    torch.manual_seed(0)
    graph = None if similar else chain_graph(5)
    mixer, tokens = GraphMixer(4, 5, "frames", graph, 2).eval(), torch.randn(2, 5, 3, 4)
    with torch.no_grad():
        mixed = mixer(tokens)
        for batch in range(2):
            for joint in range(3):
                rows = tokens[batch, :, joint]
                links = similarity_graph(rows[None], 2)[0] if similar else graph
                degrees = links.sum(1).pow(-0.5).diag()
                summed = degrees @ links @ degrees @ mixer.V(rows) + mixer.U(rows)
                normed = summed / (1 + mixer.batch_norm.eps) ** 0.5
                torch.testing.assert_close(mixed[batch, :, joint], (rows + normed).relu())


def test_motionagformer_starts_near_the_identity():
    torch.manual_seed(0)
    network = MotionAGFormer(Config(**SMALL))
    layer = network.layers[0]
    assert bool((layer.att_spatial.layer_scale_1 == 1e-5).all())
    tokens = torch.randn(1, 9, 17, 16)
    torch.testing.assert_close(layer(tokens), tokens, atol=1e-3, rtol=0)
    plain = MotionAGFormer(Config(**SMALL, layer_scale=False))
    assert not any("layer_scale" in name for name in plain.state_dict())
