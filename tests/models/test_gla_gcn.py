"""GLA-GCN: its graphs, units, heads, global branch, variants and sizes."""

from functools import partial

import pytest
import torch

from posekit.checkpoints import from_reference
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import (
    COCO_17,
    HUMAN36M_17,
    HUMANEVA_15,
    MPI_INF_3DHP_17,
    SMPL_24,
    coco_to_humaneva,
    mirror_points,
)
from posekit.metrics.losses import sequence_loss
from posekit.models import build
from posekit.models.adaptive_graphs import (
    AdaptiveUnit,
    partitioned_graph,
)
from posekit.models.gla_gcn import (
    GLAGCN,
    HUMANEVA_BONES,
    HUMANEVA_MASK_RCNN_BONES,
    Config,
)
from posekit.profiling.counting import size_of

SMALL = {"frames": 9, "embed_dim": 8}
HUMANEVA = {"skeleton": HUMANEVA_15, "frames": 27}
MASK_RCNN = {**HUMANEVA, "variant": "mask-rcnn"}
WIDE = {"embed_dim": 256}


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


def small(**options):
    torch.manual_seed(0)
    return shake(GLAGCN(Config(**(SMALL | options)))).eval()


def keypoints_for(network, batch=2, joints=None):
    shape = (batch, network.frames, joints or network.skeleton.joints, network.in_channels)
    return torch.rand(shape, generator=torch.manual_seed(1)) * 2 - 1


def features(channels, frames=6, joints=17, batch=2):
    return torch.randn(batch, channels, frames, joints, generator=torch.manual_seed(3))


# Parameters and 10^9 multiply-accumulates, measured on the released code.
SIZES = [
    ({"frames": 9}, 591_686, 0.055),
    ({"frames": 27}, 844_076, 0.176),
    ({"frames": 81}, 1_096_466, 0.538),
    ({}, 1_348_856, 1.623),
    ({"embed_dim": 64}, 607_528, 0.741),
    ({"embed_dim": 128}, 2_385_096, 2.847),
    ({**WIDE, "frames": 81}, 7_703_106, 3.696),
    (WIDE, 9_479_176, 11.159),
    (HUMANEVA, 842_724, 0.154),
    (MASK_RCNN, 842_724, 0.154),
    ({"global_head": True}, 1_353_032, 1.657),
    ({"global_layers": 1}, 1_479_227, 2.197),
    ({"global_layers": 2}, 1_605_422, 2.736),
    ({"global_layers": 3}, 1_731_617, 3.275),
]


@pytest.mark.parametrize(("options", "parameters", "gigamacs"), SIZES)
def test_sizes_are_those_of_the_release(options, parameters, gigamacs):
    size = size_of("gla_gcn", **options)
    assert size.parameters == parameters
    assert round(size.product_macs / 1e9, 3) == gigamacs


def test_cost_in_convolutions_alone():
    assert round(size_of("gla_gcn").layer_macs / 1e9, 3) == 1.542


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_pieces_have_the_sizes_of_the_release():
    unit = partial(AdaptiveUnit, partitioned_graph(17, HUMAN36M_17.bones))
    with torch.device("meta"):
        assert count(unit(2, 96)) == 86_547
        assert count(unit(96, 96)) == count(unit(96, 96, stride=3, residual=False)) == 126_195
        assert count(unit(96, 3)) == 4_176
        assert count(GLAGCN(Config(head="unshared"))) - count(GLAGCN(Config())) == 4_656


def test_humaneva_has_the_graph_of_the_release():
    one_based = "15,2 2,3 3,4 4,5 2,6 6,7 7,8 2,1 1,12 12,13 13,14 1,9 9,10 10,11"
    bones = [tuple(int(joint) - 1 for joint in bone.split(",")) for bone in one_based.split()]
    network = small(skeleton=HUMANEVA_15)
    assert torch.equal(network.expand_gcn.gcn1.A, partitioned_graph(15, bones))
    assert bones == list(HUMANEVA_BONES)


def test_mask_rcnn_graph_leaves_an_arm_and_a_leg_alone():
    assert len(HUMANEVA_MASK_RCNN_BONES) == 12
    _, inward, outward = partitioned_graph(15, HUMANEVA_MASK_RCNN_BONES)
    links = inward + outward
    reached = torch.linalg.matrix_power(torch.eye(15) + links, 15)[0] > 0
    assert (~reached).nonzero().flatten().tolist() == [5, 6, 7, 8, 9, 10]


def test_3dhp_has_its_own_graph_or_the_released_one():
    own = small(skeleton=MPI_INF_3DHP_17).expand_gcn.gcn1.A
    released = small(skeleton=MPI_INF_3DHP_17, variant="h36m-graph").expand_gcn.gcn1.A
    assert torch.equal(own, partitioned_graph(17, MPI_INF_3DHP_17.bones))
    assert torch.equal(released, small().expand_gcn.gcn1.A)
    assert not torch.equal(own, released)


def test_parts_of_the_graph_can_be_left_out():
    names = set(small().state_dict())
    without_b, without_c = small(use_b=False), small(use_c=False)
    assert set(without_b.state_dict()) == names
    assert not any("PA" in name for name, _ in without_b.named_parameters())
    assert not bool(without_b.expand_gcn.gcn1.PA.any())
    lost = names - set(without_c.state_dict())
    assert lost == {name for name in names if ".conv_a." in name or ".conv_b." in name}


def test_initial_weights_are_those_of_the_release():
    torch.manual_seed(0)
    network = GLAGCN(Config(frames=3))
    unit = network.layers_tcngcn[0]
    assert bool((unit.gcn1.PA == 1e-6).all())
    assert bool((unit.gcn1.bn.weight == 1e-6).all())
    assert bool((unit.tcn1.bn.weight == 1).all())
    spreads = {
        unit.gcn1.conv_d[1]: (2 / (96 * 96 * 3)) ** 0.5,
        unit.gcn1.conv_a[0]: (2 / 24) ** 0.5,
        unit.tcn1.conv: (2 / (96 * 9)) ** 0.5,
        network.expand_gcn.residual.conv: (2 / 96) ** 0.5,
    }
    for conv, spread in spreads.items():
        assert conv.weight.std().item() == pytest.approx(spread, rel=0.15)
        assert not bool(conv.bias.any())
    clips = features(96)
    with torch.no_grad():  # the graph half starts as its shortcut
        torch.testing.assert_close(unit.eval().gcn1(clips), clips.relu(), rtol=0, atol=1e-4)


def silence(network):
    """Makes every strided unit give zeros."""
    with torch.no_grad():
        for unit in network.layers_tcngcn[1::2]:
            unit.tcn1.bn.weight.zero_()
            unit.tcn1.bn.bias.zero_()
    return network


def test_shortcuts_lead_from_the_centre_frame():
    network = silence(small(frames=27))
    clips = keypoints_for(network)
    expanded = []
    network.expand_gcn.register_forward_hook(lambda _module, _inputs, out: expanded.append(out))
    pose = network(clips)
    expected = network.fc(expanded[0][:, :, 13]).transpose(1, 2)
    torch.testing.assert_close(pose[:, 0], expected)


def test_without_stride_all_frames_are_averaged():
    network = silence(small(strided=False))
    clips = keypoints_for(network)
    expanded = []
    network.expand_gcn.register_forward_hook(lambda _module, _inputs, out: expanded.append(out))
    pose = network(clips)
    expected = network.fc(expanded[0].mean(dim=2)).transpose(1, 2)
    torch.testing.assert_close(pose[:, 0], expected)
    assert count(network) == count(small())


@pytest.mark.parametrize("strided", [True, False])
@pytest.mark.parametrize("head", ["shared", "unshared", "flat", "pooled"])
@pytest.mark.parametrize("frames", [1, 3, 9])
def test_output_is_one_pose_for_any_head_and_skeleton(frames, head, strided):
    network = small(frames=frames, head=head, strided=strided, skeleton=SMPL_24, in_channels=3)
    assert network.output == "frame"
    assert network(keypoints_for(network)).shape == (2, 1, 24, 3)


@pytest.mark.parametrize(
    ("head", "local"), [("shared", 1), ("unshared", 1), ("flat", 17), ("pooled", 17)]
)
def test_local_heads_read_the_joint_itself_alone(head, local):
    network = small(head=head)
    joints = features(8, 1)[:, :, 0].requires_grad_()
    network.fc(joints)[:, :, 5].sum().backward()
    assert int((joints.grad != 0).any(dim=(0, 1)).sum()) == local


def test_unshared_heads_differ_between_joints_and_shared_ones_do_not():
    same = features(8, 1, 1)[:, :, 0].expand(-1, -1, 17)
    shared, unshared = small().fc(same), small(head="unshared").fc(same)
    torch.testing.assert_close(shared[..., 0], shared[..., 16])
    assert not torch.allclose(unshared[..., 0], unshared[..., 16])
    # The weights of a joint stand together: joint 5 reads rows 15 to 17.
    head = small(head="unshared").fc
    expected = same[..., 0] @ head.weight[15:18, :, 0].T + head.bias[15:18]
    torch.testing.assert_close(head(same)[..., 5], expected)


criterion = partial(sequence_loss, consistency=0.0, velocity=0.0)


@pytest.mark.parametrize("options", [{"global_head": True}, {"global_layers": 2}])
def test_global_branch_adds_the_loss_of_the_sequence(options):
    network = small(**options)
    assert network.supervises_all_frames
    clips = keypoints_for(network)
    target = torch.randn(2, 9, 17, 3)
    centre, sequence = network.reconstruct(clips)
    assert sequence.shape == target.shape
    assert bool((sequence < 0).any())  # the head's ReLUs are gone
    torch.testing.assert_close(network(clips), centre)
    loss = network.training_loss(clips, target, criterion)
    expected = (sequence - target).norm(dim=-1).mean()
    expected = expected + (centre - target[:, 4:5]).norm(dim=-1).mean()
    torch.testing.assert_close(loss.total, expected)
    loss.total.backward()
    assert bool(network.global_head.gcn1.conv_d[0].weight.grad.any())


def test_without_the_global_branch_only_the_centre_is_supervised():
    network = small()
    assert not network.supervises_all_frames
    clips, target = keypoints_for(network), torch.randn(2, 1, 17, 3)
    loss = network.training_loss(clips, target, criterion)
    torch.testing.assert_close(loss.total, (network(clips) - target).norm(dim=-1).mean())
    with pytest.raises(InvalidParameter, match="global_layers=1"):
        network.reconstruct(clips)


def test_mask_rcnn_takes_coco_joints_and_leaves_them_as_they_are():
    network = small(**MASK_RCNN)
    coco = keypoints_for(network, joints=17)
    untouched = coco.clone()
    pose = network(coco)
    assert torch.equal(coco, untouched)
    torch.testing.assert_close(pose, network(coco_to_humaneva(coco)))
    # Mirroring may come before or after the joints are converted.
    mirrored = network(mirror_points(coco, COCO_17))
    expected = network(mirror_points(coco_to_humaneva(coco), HUMANEVA_15))
    torch.testing.assert_close(mirrored, expected)
    plain, flipped = network.lift_both(coco)
    torch.testing.assert_close(plain, pose)
    torch.testing.assert_close(flipped, mirror_points(mirrored, HUMANEVA_15))


def test_mask_rcnn_does_not_normalise_its_input():
    network = small(**MASK_RCNN)
    clips = keypoints_for(network)
    before = network(clips)
    with torch.no_grad():
        network.data_bn.weight.mul_(3.0)
    assert torch.equal(network(clips), before)
    network.train()(clips).sum().backward()
    assert int(network.data_bn.num_batches_tracked) == 0
    assert network.data_bn.weight.grad is None


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"head": "unshared"},
        {"head": "flat"},
        {"head": "pooled"},
        {"strided": False},
        {"use_b": False},
        {"use_c": False},
        {"global_layers": 1},
        {"frames": 1},
    ],
)
def test_gradient_reaches_every_parameter(options):
    network = small(**options).train()
    frames = network.frames if network.supervises_all_frames else 1
    target = torch.randn(2, frames, 17, 3)
    network.training_loss(keypoints_for(network), target, criterion).total.backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias in front of a batch normalisation cannot move the output, nor can that of the joints
    # over which a softmax runs.
    assert [name for name in still if not name.endswith(".bias")] == []


def test_dropout_between_the_units_is_an_option_and_off_in_evaluation():
    network = small(dropout=0.9)
    clips = keypoints_for(network)
    assert torch.equal(network(clips), network(clips))
    network.train()
    assert not torch.equal(network(clips), network(clips))


def test_clips_of_a_batch_do_not_mix():
    network = small(global_layers=1)
    clips = keypoints_for(network, batch=3)
    alone = torch.cat([network(clip) for clip in clips.split(1)])
    torch.testing.assert_close(network(clips), alone, rtol=1e-5, atol=1e-4)


def test_momentum_is_scheduled_outside_the_shortcuts():
    network = small(frames=3, global_layers=1)
    network.set_norm_momentum(0.03)
    fixed = {
        name
        for name, module in network.named_modules()
        if getattr(module, "momentum", 0.03) != 0.03
    }
    assert fixed == {
        *("expand_gcn.gcn1.down.1", "expand_gcn.residual.bn"),
        *("global_head.gcn1.down.1", "global_head.residual.bn"),
    }


def test_bf16_autocast_is_close():
    network = small(frames=27, embed_dim=32)
    clips = keypoints_for(network)
    exact = network(clips)
    with torch.autocast("cpu", torch.bfloat16):
        low = network(clips)
    assert (low.float() - exact).norm(dim=-1).mean() < 0.05 * exact.norm(dim=-1).mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 10}, r"frames is 10; .* power of 3 \(1, 3, 9, 27, 81, 243\)"),
        ({"head": "local"}, "head is 'local'; choose one of shared, unshared, flat, pooled"),
        ({"variant": "coco"}, "choose one of standard, mask-rcnn, h36m-graph"),
        ({"variant": "mask-rcnn"}, "has a graph of 15 joints, h36m-17 has 17"),
        ({"temporal_kernel": 4}, "choose an odd number"),
        ({"global_layers": -1}, "global_layers is -1; it counts from 0"),
        ({"heads": 8}, "gla_gcn has no option 'heads'"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message):
    with pytest.raises(InvalidParameter, match=message) as caught:
        build("gla_gcn", skeleton=HUMAN36M_17, **options)
    assert "\n" not in str(caught.value)


def test_wrong_input_is_refused():
    with pytest.raises(InvalidData, match=r"takes \(batch, 9, 17, 2\)"):
        small()(torch.zeros(2, 27, 17, 2))
    with pytest.raises(InvalidData, match="15 joints"):
        small(skeleton=HUMANEVA_15)(torch.zeros(2, 9, 17, 2))


REFERENCE = {"variant": "h36m", "num_joints": 17, "filter_widths": [3, 3], "channels": 8}


def test_reference_reads_every_argument_of_the_release():
    config = {
        **REFERENCE,
        **{"in_features": 3, "dropout": 0.4, "causal": False, "num_subset": 3},
        **{"coff_embedding": 2, "temporal_kernel": 5},
    }
    built = small(in_channels=3, temporal_kernel=5, reduction=2)
    network = from_reference("gla-gcn", config, built.state_dict())
    assert network.drop.p == 0.4
    clips = keypoints_for(built)
    assert torch.equal(network(clips), built(clips))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filter_widths": [3, 5]}, "widths of 3 only"),
        ({"causal": True}, "causal is True; the release runs with False only"),
        ({"num_subset": 2}, "num_subset is 2"),
        ({"variant": "3dhp"}, "variant is '3dhp'; the release has h36m, humaneva15"),
    ],
)
def test_references_that_the_release_cannot_run_are_refused(change, message):
    with pytest.raises(InvalidParameter, match=message):
        from_reference("gla-gcn", REFERENCE | change, {})


def test_graphs_are_those_that_a_unit_mixes_with():
    network = build("gla_gcn", skeleton=HUMAN36M_17, **SMALL, global_layers=1).eval()
    shake(network)
    assert len(network.units) == 1 + 1 + 2 * 2
    keypoints = torch.randn(1, 9, 17, 2)
    inputs = []
    gcn = network.units[3].gcn1
    hook = gcn.register_forward_hook(lambda _, inner, __: inputs.append(inner[0]))
    parts = network.graphs(keypoints, unit=3)
    hook.remove()
    assert set(parts) == {"A", "B", "C"}
    torch.testing.assert_close(sum(parts.values()), gcn.mixing(inputs[0])[0])
    torch.testing.assert_close(parts["C"].sum(1), torch.ones(3, 17))
    without = build("gla_gcn", skeleton=HUMAN36M_17, **SMALL, use_c=False).eval()
    assert float(without.graphs(keypoints, unit=0)["C"].abs().max()) == 0
