"""KTPFormer: its graphs, its priors and their switches, its size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.models import build, mixste
from posekit.models.ktpformer import (
    Config,
    GraphConvolution,
    KinematicsPrior,
    KTPFormer,
    TrajectoryPrior,
    adjacency,
    frame_graph,
    skeleton_graph,
)
from posekit.models.mixste import MixSTE

SMALL = {"frames": 6, "embed_dim": 16, "depth": 1, "heads": 2, "drop_path": 0.0}


def small(**options):
    torch.manual_seed(0)
    return KTPFormer(Config(**(SMALL | options)))


def keypoints(batch=2, frames=6, joints=17, channels=2):
    return torch.rand(batch, frames, joints, channels, generator=torch.manual_seed(1)) * 2 - 1


def shake(network):
    """Moves every parameter off its initial value, so that zeros and ones hide nothing."""
    generator = torch.manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return network


def parameters(**options):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in KTPFormer(Config(**options)).parameters())


@pytest.mark.parametrize(
    ("options", "published"),
    [
        ({"frames": 27}, 34_765_014),
        ({"frames": 81}, 34_859_622),
        ({"frames": 243}, 35_213_430),
        ({"frames": 351}, 35_507_622),
    ],
)
def test_parameters_are_those_of_the_release(options, published):
    assert parameters(**options) == published


@pytest.mark.parametrize(
    ("options", "millions"),
    [
        ({"depth": 4}, 22.60),
        ({"depth": 5}, 26.80),
        ({"depth": 6}, 31.01),
        ({"depth": 8}, 39.42),
        ({"embed_dim": 256}, 9.02),
        ({"embed_dim": 128}, 2.40),
    ],
)
def test_parameters_by_depth_and_width(options, millions):
    assert parameters(**options) / 1e6 == pytest.approx(millions, abs=0.005)


def test_priors_cost_what_the_release_adds():
    both = parameters()
    linear_embedding = 3 * 512
    assert both - parameters(kpa=False) + linear_embedding == pytest.approx(12_600, abs=50)
    assert both - parameters(tpa=False) == pytest.approx(1_419_000, abs=500)


def test_skeleton_graph_has_the_published_weights():
    graph = skeleton_graph(HUMAN36M_17)
    symmetric = (graph + graph.T) / 2
    weights = {(0, 1): 5 / 12, (0, 4): 5 / 12, (0, 7): 5 / 12}
    weights |= dict.fromkeys([(7, 8), (8, 9), (8, 11), (8, 14)], 3 / 8)
    weights |= dict.fromkeys([(1, 2), (4, 5), (11, 12), (14, 15)], 1 / 2)
    weights |= dict.fromkeys([(2, 3), (5, 6), (9, 10), (12, 13), (15, 16)], 3 / 4)
    expected = torch.eye(17)
    for (one, other), weight in weights.items():
        expected[one, other] = expected[other, one] = weight
    torch.testing.assert_close(symmetric, expected)


def test_frame_graph_is_heavier_at_its_ends():
    graph = frame_graph(4)
    symmetric = (graph + graph.T) / 2
    torch.testing.assert_close(symmetric.diagonal(1), torch.tensor([0.75, 0.5, 0.75]))
    torch.testing.assert_close(symmetric.diagonal(2), torch.zeros(2))
    torch.testing.assert_close(frame_graph(2), torch.ones(2, 2))
    torch.testing.assert_close(frame_graph(1), torch.ones(1, 1))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12))
def test_graph_of_any_tree_is_normalised(draws):
    edges = [(child, draw % child) for child, draw in enumerate(draws, start=1)]
    graph = adjacency(len(edges) + 1, edges)
    torch.testing.assert_close(graph.diagonal(), torch.ones(len(graph)))
    torch.testing.assert_close(graph.sum(dim=1), torch.full((len(graph),), 2.0))
    assert torch.equal(graph > 0, (graph > 0).T)
    assert int((graph > 0).sum()) == len(graph) + 2 * len(edges)


@pytest.mark.parametrize("axis", ["joints", "frames"])
def test_graph_convolution_follows_its_equation(axis):
    batch, frames, joints = 2, 3, 4
    nodes = joints if axis == "joints" else frames
    graph = frame_graph(nodes)
    layer = shake(GraphConvolution(graph, 5, 6, axis, "both"))
    features = torch.randn(batch, frames, joints, 5, generator=torch.manual_seed(3))
    rows = features if axis == "joints" else features.transpose(1, 2)
    mixing = (graph + layer.adj2 + (graph + layer.adj2).T) / 2
    expected = torch.zeros(*rows.shape[:3], 6)
    for target in range(nodes):
        for source in range(nodes):
            weights = layer.W[0] if source == target else layer.W[1]
            scaled = layer.M[source] * (rows[:, :, source] @ weights)
            expected[:, :, target] += mixing[target, source] * scaled
    expected = expected + layer.bias
    out = layer(features) if axis == "joints" else layer(features).transpose(1, 2)
    torch.testing.assert_close(out, expected)


def test_without_priors_it_is_mixste():
    network = shake(small(kpa=False, tpa=False)).eval()
    for block in (network.kpattention, network.tpattention):
        block.attn.norm1.eps = 1e-6  # the one remaining difference, kept as released
    host = MixSTE(mixste.Config(**(SMALL | {"depth": 2}))).eval()
    state = {_mixste_name(name): value for name, value in network.state_dict().items()}
    host.load_state_dict(state)
    torch.testing.assert_close(network(keypoints()), host(keypoints()))


def _mixste_name(name):
    """Name of a parameter of KTPFormer without priors in a MixSTE that is one pair deeper."""
    for block, stack in (("kpattention", "STEblocks"), ("tpattention", "TTEblocks")):
        if name.startswith(f"{stack}."):
            _, number, rest = name.split(".", 2)
            return f"{stack}.{int(number) + 1}.{rest}"
        if name.startswith(f"{block}."):
            rest = name.removeprefix(f"{block}.").replace("attn.norm1", "norm1")
            if rest.endswith("pos_embed"):
                return rest.removeprefix("attn.")
            if rest.startswith("attn.kpa."):
                return rest.replace("attn.kpa", "Spatial_patch_to_embedding")
            return f"{stack}.0.{rest}"
    return name


def test_switches_choose_the_modules():
    names = {name for name, _ in small().named_parameters()}
    without_kpa = {name for name, _ in small(kpa=False).named_parameters()}
    without_tpa = {name for name, _ in small(tpa=False).named_parameters()}
    assert {name for name in names - without_kpa if ".kpa." not in name} == set()
    assert without_kpa - names == {f"kpattention.attn.kpa.{part}" for part in ("weight", "bias")}
    assert {name for name in names if ".tpa." in name} == names - without_tpa
    assert without_tpa <= names


def test_local_topology_is_frozen_at_the_skeleton():
    network = small(topology="local")
    graph = skeleton_graph(HUMAN36M_17)
    torch.testing.assert_close(network.learned_topology()["KPA"], (graph + graph.T) / 2)
    assert not any("adj2" in name for name, _ in network.named_parameters())


def test_global_topology_starts_without_edges_and_learns_them():
    network = small(topology="global")
    topologies = network.learned_topology()
    assert set(topologies) == {"KPA", "TPA 1", "TPA 2"}
    for matrix in topologies.values():
        torch.testing.assert_close(matrix, torch.eye(len(matrix)), rtol=0, atol=1e-5)
    network(keypoints()).square().sum().backward()
    gradient = network.kpattention.attn.kpa.gconv.adj2.grad
    assert bool((gradient[~torch.eye(17, dtype=torch.bool)] != 0).all())


def test_topologies_share_their_names_in_files():
    names = [set(small(topology=kind).state_dict()) for kind in ("both", "local", "global")]
    assert names[0] == names[1] == names[2]


def test_learned_topology_is_symmetric_and_only_of_the_priors_in_use():
    network = shake(small())
    for matrix in network.learned_topology().values():
        torch.testing.assert_close(matrix, matrix.T)
    assert set(small(tpa=False).learned_topology()) == {"KPA"}
    assert set(small(kpa=False).learned_topology()) == {"TPA 1", "TPA 2"}


@pytest.mark.parametrize("options", [{}, {"kpa": False}, {"tpa": False}, {"topology": "local"}])
def test_gradient_reaches_every_parameter(options):
    network = shake(small(**options))
    network(keypoints()).square().sum().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias in front of a batch normalisation, or of keys in a softmax, cannot move the output;
    # rounding alone decides whether its gradient is exactly zero.
    assert [name for name in still if not name.endswith(("gconv.bias", "qkv.bias"))] == []


def test_prediction_does_not_depend_on_the_batch():
    network = shake(small()).eval()
    together = network(keypoints(batch=3))
    torch.testing.assert_close(together[1:2], network(keypoints(batch=3)[1:2]))


def test_confidence_enters_as_a_third_channel():
    network = small(in_channels=3).eval()
    assert network.kpattention.attn.kpa.gconv.W.shape == (2, 3, 16)
    points = keypoints(channels=3)
    unsure = torch.cat((points[..., :2], points[..., 2:] / 2), dim=-1)
    assert not torch.allclose(network(points), network(unsure))


def test_priors_plug_into_other_hosts():
    host = MixSTE(mixste.Config(**SMALL))
    host.Spatial_patch_to_embedding = KinematicsPrior(host.skeleton, 2, 16)
    assert host(keypoints()).shape == (2, 6, 17, 3)
    pose_tokens = torch.randn(2, 6, 1, 16)
    assert TrajectoryPrior(6, 16)(pose_tokens).shape == pose_tokens.shape


def test_wrong_input_and_options_are_refused():
    with pytest.raises(InvalidData, match="15"):
        small(skeleton=HUMANEVA_15)(keypoints())
    with pytest.raises(InvalidParameter, match="both, local, global"):
        small(topology="dense")
    with pytest.raises(InvalidParameter, match=r"no option 'width'; it takes depth, .*embed_dim"):
        build("ktpformer", skeleton=HUMAN36M_17, width=64)
    with pytest.raises(InvalidParameter, match="expected bool"):
        build("ktpformer", skeleton=HUMAN36M_17, kpa="false")
    with pytest.raises(InvalidParameter, match="counts from 1"):
        build("ktpformer", skeleton=HUMAN36M_17, depth=0)
    with pytest.raises(InvalidParameter, match=r"choose one of .*ktpformer"):
        build("ktp-former", skeleton=HUMAN36M_17)
