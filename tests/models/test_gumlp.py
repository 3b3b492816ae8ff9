"""GUMLP: its graph, its size, what it trains and how it meets other skeletons."""

from functools import partial

import numpy as np
import pytest
import torch

from posekit import checkpoints
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS
from posekit.metrics.losses import sequence_loss
from posekit.models import build
from posekit.models.gumlp import GUMLP, Config, distances_to_centre, partitioned_adjacency
from posekit.profiling.counting import size_of

SMALL = {"embed_dim": 16, "depth": 2, "drop_path": 0.0}
PLAIN = partial(sequence_loss, consistency=0.0, velocity=0.0)


def small(**options):
    torch.manual_seed(0)
    return GUMLP(Config(**(SMALL | options))).eval()


def draw(*shape, seed=1):
    return torch.rand(*shape, generator=torch.manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("depth", "parameters", "millions"),
    [(2, 3_105_774, 76.1), (3, 4_509_059, 111.6), (4, 5_912_344, 147.2), (5, 7_315_629, 182.7)],
)
def test_size_is_that_of_the_release(depth, parameters, millions):
    size = size_of("gumlp", depth=depth)
    assert size.parameters == parameters
    assert size.product_macs / 1e6 == pytest.approx(millions, abs=0.05)
    graph_products = depth * 17 * 17 * 4 * 512
    assert size.product_macs - size.layer_macs == graph_products


def test_distances_are_those_of_the_release():
    published = [1, 2, 3, 4, 2, 3, 4, 0, 1, 2, 3, 2, 3, 4, 2, 3, 4]
    assert distances_to_centre(HUMAN36M_17).tolist() == published


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_graph_sorts_every_link_into_one_subset(skeleton):
    graph = partitioned_adjacency(skeleton)
    torch.testing.assert_close(graph.sum(dim=(0, 1)), torch.ones(skeleton.joints))
    own, further, nearer, counterpart = (graph > 0).numpy()
    assert (own == np.eye(skeleton.joints)).all()
    assert (further == nearer.T).all()
    assert further.sum() == len(skeleton.bones)
    expected = np.zeros_like(counterpart)
    expected[skeleton.left, skeleton.right] = expected[skeleton.right, skeleton.left] = True
    assert (counterpart == expected).all()


def test_graph_convolution_follows_its_equation():
    layer = small().GCN_MLP.blocks[0].gcn1
    graph, tokens = partitioned_adjacency(HUMAN36M_17), draw(2, 3, 17, 16)
    weights = layer.conv1d.weight.view(4, 16, 16)
    messages = torch.einsum("koc,bfvc->bfvko", weights, tokens) + layer.conv1d.bias.view(4, 16)
    expected = torch.einsum("kvw,bfvko->bfwo", graph, messages)
    torch.testing.assert_close(layer(tokens), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_any_skeleton_gives_pose_and_scale(skeleton):
    network = build("gumlp", skeleton=skeleton, frames=3, **SMALL).eval()
    keypoints = draw(2, 3, skeleton.joints, 2)
    pose, log_scale = network.estimate(keypoints)
    assert pose.shape == (2, 3, skeleton.joints, 3)
    assert log_scale.shape == (2, 3, skeleton.joints, 1)
    assert torch.equal(network(keypoints), pose)
    split = network.lift(network.embed(keypoints))
    torch.testing.assert_close(split, (pose, log_scale), rtol=0, atol=0)


def test_frames_are_lifted_one_by_one():
    window, frame = small(frames=4), small(frames=1)
    keypoints = draw(2, 4, 17, 2)
    alone = frame(keypoints.flatten(0, 1)[:, None]).view(2, 4, 17, 3)
    torch.testing.assert_close(window(keypoints), alone)


def test_likelihood_takes_the_place_of_the_position_term():
    network, keypoints, target = small(), draw(3, 1, 17, 2), draw(3, 1, 17, 3, seed=2)
    pose, log_scale = network.estimate(keypoints)
    loss = network.training_loss(keypoints, target, PLAIN)
    distance = (target - pose).norm(dim=-1)
    s = log_scale.squeeze(-1)
    torch.testing.assert_close(loss.total, (distance * torch.exp(-s) + s).mean())
    torch.testing.assert_close(loss.position, distance.mean())
    window = small(frames=3)
    keypoints, target = draw(2, 3, 17, 2), draw(2, 3, 17, 3, seed=2)
    still = window.training_loss(keypoints, target, PLAIN)
    moving = window.training_loss(keypoints, target, partial(sequence_loss, velocity=2.0))
    extra = 0.5 * moving.consistency + 2.0 * moving.velocity
    torch.testing.assert_close(moving.total, still.total + extra)


def test_the_best_scale_is_the_mean_distance():
    network, keypoints, target = small(), draw(4, 1, 17, 2), draw(4, 1, 17, 3, seed=2)
    losses = []
    with torch.no_grad():
        best = (target - network(keypoints)).norm(dim=-1).mean().log()
        network.pred_s.fc5.weight.zero_()
        for log_scale in (best - 0.1, best, best + 0.1):
            network.pred_s.fc5.bias.fill_(log_scale)
            losses.append(network.training_loss(keypoints, target, PLAIN).total)
    assert losses[1] < min(losses[0], losses[2])


@pytest.mark.parametrize("likelihood", [True, False])
def test_gradient_reaches_what_is_trained(likelihood):
    network = small(likelihood=likelihood).train()
    loss = network.training_loss(draw(3, 1, 17, 2), draw(3, 1, 17, 3, seed=2), PLAIN)
    loss.total.backward()
    still = {name for name, weight in network.named_parameters() if weight.grad is None}
    scale = {name for name, _ in network.named_parameters() if "_s." in name}
    assert still == (set() if likelihood else scale)
    assert all(
        bool(weight.grad.any()) for weight in network.parameters() if weight.grad is not None
    )


def test_without_likelihood_it_is_the_plain_loss_and_no_scale():
    network = small(likelihood=False)
    keypoints, target = draw(3, 1, 17, 2), draw(3, 1, 17, 3, seed=2)
    assert network.training_loss(keypoints, target, PLAIN) == PLAIN(network(keypoints), target)
    assert not network.estimate(keypoints)[1].any()
    assert set(network.state_dict()) == set(small().state_dict())


def test_training_drops_and_evaluation_does_not():
    keypoints = draw(3, 1, 17, 2)
    network = small(drop_path=0.5)
    assert torch.equal(network(keypoints), network(keypoints))
    network.train()
    assert not torch.equal(network(keypoints), network(keypoints))


@pytest.mark.parametrize("graphs", [False, True])
def test_released_files_are_known_by_their_names(tmp_path, graphs):
    network = small(embed_dim=24, depth=3)
    state = network.state_dict()
    if graphs:  # saved from the CPU
        graph = partitioned_adjacency(HUMAN36M_17)
        state |= {"A": graph, **{f"GCN_MLP.blocks.{n}.gcn1.adj": graph for n in range(3)}}
    path = tmp_path / "Model_Gaussian_p1_4941.pth"
    torch.save(state, path)
    loaded = checkpoints.load(path)
    assert (loaded.identity.network, loaded.identity.depth, loaded.identity.width) == (
        "gumlp",
        3,
        24,
    )
    assert ("A" in loaded.identity.ignored) == graphs
    torch.testing.assert_close(loaded.network(draw(2, 1, 17, 2)), network(draw(2, 1, 17, 2)))


def test_bad_options_are_refused():
    with pytest.raises(InvalidParameter, match=r"embed_dim is 20; .* choose a multiple of 8"):
        small(embed_dim=20)
    with pytest.raises(InvalidParameter, match="no option 'heads'"):
        build("gumlp", skeleton=HUMAN36M_17, heads=8)
    with pytest.raises(InvalidData, match=r"takes \(batch, 1, 17, 2\)"):
        small()(draw(2, 3, 17, 2))
