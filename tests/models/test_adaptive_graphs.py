"""Adaptive graph convolution: its graphs, its equation, what a unit does not depend on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models.adaptive_graphs import (
    AdaptiveGraphConvolution,
    AdaptiveUnit,
    partitioned_graph,
)


def shake(module):
    """Moves parameters and statistics off their initial values, so that zeros hide nothing."""
    generator = torch.manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
        for name, buffer in module.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer += 0.5 * torch.rand(buffer.shape, generator=generator)
    return module


def features(channels, frames=6, joints=17, batch=2):
    return torch.randn(batch, channels, frames, joints, generator=torch.manual_seed(3))


def convolution(in_channels=5, out_channels=8, joints=17, **options):
    graph = partitioned_graph(joints, ((child, child // 2) for child in range(1, joints)))
    return shake(
        AdaptiveGraphConvolution(graph, in_channels, out_channels, embedding=4, **options)
    ).eval()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_fixed_graph_of_any_tree(draws):
    bones = [(child, draw % child) for child, draw in enumerate(draws, start=1)]
    itself, inward, outward = partitioned_graph(len(bones) + 1, bones)
    assert torch.equal(itself, torch.eye(len(itself)))
    assert torch.equal(inward > 0, (outward > 0).T)
    for child, parent in bones:
        assert inward[parent, child] == 1.0  # a joint has one parent
    for joint in range(len(itself)):
        children = sum(parent == joint for _, parent in bones)
        assert float(outward[:, joint].sum()) == pytest.approx(min(children, 1))
        assert int((outward[:, joint] > 0).sum()) == children


def test_a_joint_receives_its_parent_inward_and_its_children_outward():
    _, inward, outward = partitioned_graph(17, HUMAN36M_17.bones)
    places = torch.arange(17.0)
    assert (places @ inward).tolist() == [max(parent, 0) for parent in HUMAN36M_17.parents]
    assert (places @ outward)[[0, 8, 3]].tolist() == pytest.approx([(1 + 4 + 7) / 3, 34 / 3, 0])


@settings(max_examples=25, deadline=None)
@given(joints=st.integers(2, 20), frames=st.integers(1, 7), sharpness=st.floats(0.1, 30))
def test_columns_of_the_similarity_sum_to_1(joints, frames, sharpness):
    similarity = convolution(joints=joints).similarity(sharpness * features(5, frames, joints))
    assert similarity.shape == (2, 3, joints, joints)
    torch.testing.assert_close(similarity.sum(dim=2), torch.ones(2, 3, joints))


@settings(max_examples=10, deadline=None)
@given(frame=st.integers(0, 5))
def test_similarity_depends_on_every_frame_and_on_no_other_clip(frame):
    layer, clips = convolution(), features(5)
    changed = clips.clone()
    changed[0, :, frame] += 1.0
    before, after = layer.similarity(clips), layer.similarity(changed)
    assert bool((before[0] != after[0]).flatten(1).any(dim=1).all())
    torch.testing.assert_close(before[1], after[1])
    other_frames = [index for index in range(6) if index != frame]
    moved = (layer(clips) - layer(changed))[0, :, other_frames]
    assert bool((moved.abs().sum(dim=(0, 2)) > 0).all())  # C is the same matrix in every frame


def plain_convolution(layer, clips):
    """The equation, subset by subset, with einsum."""
    mapped = 0
    for k in range(3):
        graph = layer.A[k] + layer.PA[k]
        if layer.conv_a:
            a, b = layer.conv_a[k](clips), layer.conv_b[k](clips)
            scores = torch.einsum("neti,netj->nij", a, b) / (a.shape[1] * a.shape[2])
            graph = graph + scores.softmax(dim=1)
            received = torch.einsum("nctv,nvw->nctw", clips, graph)
        else:
            received = torch.einsum("nctv,vw->nctw", clips, graph)
        mapped = mapped + layer.conv_d[k](received)
    return functional.relu(layer.bn(mapped) + layer.down(clips))


@pytest.mark.parametrize("channels", [5, 8])
@pytest.mark.parametrize("options", [{}, {"use_b": False}, {"use_c": False}])
def test_graph_convolution_follows_its_equation(channels, options):
    layer, clips = convolution(channels, **options), features(channels)
    expected, measured = plain_convolution(layer, clips), layer(clips)
    torch.testing.assert_close(measured, expected)
    parameters = list(layer.parameters())
    gradients = torch.autograd.grad(measured.square().sum(), parameters)
    plain = torch.autograd.grad(expected.square().sum(), parameters)
    torch.testing.assert_close(gradients, plain, rtol=1e-3, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(17)))
def test_a_unit_commutes_with_relabelling_the_joints(order):
    bones = [(order.index(child), order.index(parent)) for child, parent in HUMAN36M_17.bones]
    units = [
        AdaptiveUnit(partitioned_graph(17, pairs), 5, 8) for pairs in (HUMAN36M_17.bones, bones)
    ]
    unit, relabelled = (unit.eval() for unit in units)
    state = shake(unit).state_dict()
    state["gcn1.PA"] = state["gcn1.PA"][:, order][:, :, order]
    relabelled.load_state_dict(state)
    clips = features(5)
    torch.testing.assert_close(relabelled(clips[..., order]), unit(clips)[..., order])


def test_convolutions_that_run_joined_are_counted():
    layer, clips = convolution(), features(5)
    joined = 3 * (5 * 4 + 5 * 4 + 5 * 8)
    assert layer.uncounted_macs((clips,), layer(clips)) == (2 * 6 * 17 * joined, 0)
