"""HoT as a plug-in: every host in every pipeline, sizes, determinism, training, checkpoints."""

import copy
import pickle

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, mirror_points
from posekit.metrics.losses import SequenceLoss
from posekit.models import build, mixste, releases
from posekit.models.hot import HOSTS, Config, Hourglass
from posekit.models.mixste import MixSTE
from posekit.models.pruning import (
    gather_frames,
    interpolated_frames,
    nearest_frames,
    window_noise,
)
from posekit.profiling.counting import size_of

WIDTH = {"embed_dim": 16, "heads": 2, "frames": 9}
SMALL = {
    "mixste": {**WIDTH, "depth": 3, "drop_path": 0.0},
    "ktpformer": {**WIDTH, "depth": 2, "drop_path": 0.0},
    "mhformer": {**WIDTH, "hidden": 24, "encoder_depth": 1, "encoder_heads": 3},
    "motionbert": {**WIDTH, "depth": 3, "representation": 12},
    "motionagformer": {**WIDTH, "depth": 3, "representation": 12},
}
PIPELINES = [
    *((host, "sequence") for host in SMALL if host != "mhformer"),
    *((host, "frame") for host in SMALL),
]
PRUNES = ("tpc", "uniform", "motion", "attention")
RECOVERIES = ("tra", "nearest", "linear")


def small(host="mixste", pipeline="sequence", skeleton=HUMAN36M_17, **options):
    torch.manual_seed(0)
    given = {"prune_at": 1, "tokens": 4, **SMALL[host], **options}
    network = build("hot", skeleton=skeleton, host=host, pipeline=pipeline, **given).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)
    return network


def keypoints_for(network, batch=2, seed=1):
    shape = (batch, network.frames, network.skeleton.joints, network.in_channels)
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def position_loss(prediction, target):
    error = (prediction - target).norm(dim=-1).mean()
    return SequenceLoss(error, 0 * error, 0 * error, error)


def recording_loss(seen):
    def criterion(prediction, target):
        seen.append((prediction, target))
        return position_loss(prediction, target)

    return criterion


MIXSTE_FRAME = {"pipeline": "frame", "prune_at": 7, "tokens": 61}
MHFORMER_FRAME = {"host": "mhformer", "pipeline": "frame", "prune_at": 1, "tokens": 117}
MOTIONBERT = {"host": "motionbert", "prune_at": 1}
MOTIONAGFORMER = {"host": "motionagformer", "prune_at": 7}


@pytest.mark.parametrize(
    ("options", "parameters", "layers", "products"),
    [
        ({}, 35_000_323, 167.512, 176.178),
        (MIXSTE_FRAME, 33_783_811, 251.284, 266.847),
        (MHFORMER_FRAME, 31_516_125, 8.220, 9.165),
        (MOTIONBERT, 16_347_661, 63.209, 66.857),
        (MOTIONAGFORMER, 11_828_031, 60.521, 76.658),
    ],
    ids=["hot-mixste", "tpc-mixste", "tpc-mhformer", "hot-motionbert", "hot-motionagformer"],
)
def test_sizes_are_those_of_the_release(options, parameters, layers, products):
    size = size_of("hot", **options)
    assert size.parameters == parameters
    assert 2 * size.layer_macs / 1e9 == pytest.approx(layers, abs=0.0005)
    assert 2 * size.product_macs / 1e9 == pytest.approx(products, abs=0.0005)


def test_motionbert_in_the_frame_pipeline_fits_the_published_marker():
    for prune_at, tokens, flops in [(3, 61, 91.33), (2, 121, 91.39), (1, 151, 91.31)]:
        options = {"prune_at": prune_at, "tokens": tokens}
        size = size_of("hot", host="motionbert", pipeline="frame", **options)
        assert 2 * size.layer_macs / 1e9 == pytest.approx(flops, abs=0.005)


@pytest.mark.parametrize(
    ("host", "prune_at", "saving"),
    [("mixste", 3, 0.396), ("motionbert", 1, 0.518), ("motionagformer", 7, 0.369)],
)
def test_savings_follow_from_the_configuration(host, prune_at, saving):
    whole, pruned = size_of(host), size_of("hot", host=host, prune_at=prune_at)
    assert 1 - pruned.layer_macs / whole.layer_macs == pytest.approx(saving, abs=0.0005)


@pytest.mark.parametrize(("host", "pipeline"), PIPELINES)
def test_every_host_runs_forward_and_backward(host, pipeline):
    network = small(host, pipeline).train()
    keypoints, target = keypoints_for(network), torch.randn(2, 9, 17, 3)
    answered = 9 if pipeline == "sequence" else 1
    assert network(keypoints).shape == (2, answered, 17, 3)
    assert network.supervises_all_frames
    assert network.tiled_windows is (host != "mhformer")
    network.training_loss(keypoints, target, position_loss).total.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("prune", PRUNES)
@pytest.mark.parametrize(("host", "pipeline"), PIPELINES)
def test_every_way_to_prune(host, pipeline, prune):
    network = small(host, pipeline, prune=prune)
    keypoints = keypoints_for(network, batch=3)
    with torch.no_grad():
        pose, index = network.lift(keypoints)
        assert torch.equal(network.lift(keypoints).pose, pose)
        alone = torch.cat([network(sequence) for sequence in keypoints.split(1)])
        torch.testing.assert_close(network(keypoints), alone, atol=1e-5, rtol=1e-4)
        given = network.lift(keypoints, index)
    torch.testing.assert_close(given.pose, pose)
    assert index.shape == (3, 4)
    assert bool((index.diff(dim=1) > 0).all())
    if pipeline == "frame":
        assert pose.shape == (3, 4, 17, 3)
        assert bool((index == 4).any(dim=1).all())


@pytest.mark.parametrize("recover", RECOVERIES)
def test_every_way_to_recover(recover):
    network = small(recover=recover)
    assert hasattr(network, "x_token") is (recover == "tra")
    keypoints = keypoints_for(network)
    pose = network(keypoints)
    assert pose.shape == (2, 9, 17, 3)
    pose.square().sum().backward()
    assert network.pos_embed_token.grad.abs().min() > 0


@pytest.mark.parametrize(
    ("recover", "restore"), [("nearest", nearest_frames), ("linear", interpolated_frames)]
)
def test_interpolation_restores_the_poses_of_kept_frames(recover, restore):
    network = small(recover=recover)
    with torch.no_grad():
        pose, index = network.lift(keypoints_for(network))
    torch.testing.assert_close(restore(gather_frames(pose, index), index, 9), pose)


def test_attention_decides_by_what_the_last_attention_received():
    network = small(prune="attention", prune_at=2)
    attention = network.host.TTEblocks[1].attn
    with torch.no_grad():
        attention.qkv.weight.zero_()
        attention.qkv.bias.zero_()
        keypoints = keypoints_for(network)
        # No frame is preferred, so the earlier ones stay.
        assert network.lift(keypoints).index.tolist() == [[0, 1, 2, 3]] * 2
    assert not attention._forward_pre_hooks


def test_gradients_flow_through_kept_frames_alone_once_frames_have_left():
    network = small("motionbert", "frame", prune_at=0)
    keypoints = keypoints_for(network, batch=1).requires_grad_()
    pose, index = network.lift(keypoints)
    pose.sum().backward()
    reached = keypoints.grad.abs().amax(dim=(0, 2, 3)) > 0
    assert reached.nonzero().flatten().tolist() == index[0].tolist()


def test_kept_tokens_are_coded_by_rank():
    network = small()
    keypoints = keypoints_for(network)
    index = torch.tensor([[0, 2, 4, 6], [1, 3, 5, 8]])
    with torch.no_grad():
        before = network.lift(keypoints, index).pose
        network.pos_embed_token[:, 1] += 1
        after = network.lift(keypoints, index).pose
        assert not torch.allclose(before, after)
        plain = small("mixste", "frame")
        assert not hasattr(plain, "pos_embed_token")


def test_recovered_frames_are_alike_until_tokens_are_learned():
    torch.manual_seed(0)
    network = build("hot", skeleton=HUMAN36M_17, prune_at=1, tokens=4, **SMALL["mixste"]).eval()
    with torch.no_grad():
        pose = network(keypoints_for(network))
    torch.testing.assert_close(pose, pose[:, :1].expand_as(pose), atol=1e-6, rtol=1e-5)


def test_recovery_follows_the_formula():
    network = small()
    tokens = torch.randn(2, 4, 17, 16)
    with torch.no_grad():
        recovered = network._recovered(tokens)
        layer = network.cross_attention
        rows = tokens[1, :, 5]
        query, key, value = layer.linear_q(network.x_token[0]), layer.linear_k(rows), rows
        value = layer.linear_v(rows)
        heads = [slice(0, 8), slice(8, 16)]
        mixed = torch.cat(
            [(query[:, h] @ key[:, h].T / 8**0.5).softmax(-1) @ value[:, h] for h in heads], -1
        )
        torch.testing.assert_close(recovered[1, :, 5], network.x_token[0] + layer.proj(mixed))


def test_noise_is_of_the_window_in_evaluation_and_fresh_in_training():
    network = small("mixste", "frame", frames=27, tokens=9)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        first = network.lift(keypoints).index
        torch.manual_seed(99)
        assert torch.equal(network.lift(keypoints).index, first)
        noise = window_noise(keypoints, seed=0)
        assert torch.equal(network.lift(keypoints, noise=noise).index, first)
        assert not torch.allclose(noise[0], noise[1])
        network.train()
        draws = {str(network.lift(keypoints).index.tolist()) for _ in range(8)}
    assert len(draws) > 1
    seeds = [small("mixste", "frame", frames=27, tokens=9, seed=seed) for seed in (0, 5)]
    many = keypoints_for(network, batch=8)
    with torch.no_grad():
        assert not torch.equal(*(other.lift(many).index for other in seeds))


@pytest.mark.parametrize("prune", ["tpc", "motion", "attention"])
def test_frames_depend_neither_on_batch_size_nor_on_threads(prune):
    network = small("mixste", frames=27, tokens=9, prune=prune)
    keypoints = keypoints_for(network, batch=8)
    before = torch.get_num_threads()

    def frames_kept(batch, threads):
        torch.set_num_threads(threads)
        with torch.no_grad():
            return torch.cat([network.lift(part).index for part in keypoints.split(batch)])

    try:
        kept = frames_kept(1, 1)
        for batch, threads in [(7, 1), (1, 2), (7, 2)]:
            assert torch.equal(frames_kept(batch, threads), kept)
    finally:
        torch.set_num_threads(before)


def test_the_second_pass_of_the_frame_pipeline_keeps_the_frames_of_the_first():
    network = small("mixste", "frame")
    keypoints = keypoints_for(network)
    with torch.no_grad():
        plain, flipped = network.lift_both(keypoints)
        index = network.lift(keypoints).index
        mirrored = network.lift(mirror_points(keypoints, HUMAN36M_17), index)
        position = (index == 4).int().argmax(dim=1)
        expected = mirrored.pose[torch.arange(2), position][:, None]
    torch.testing.assert_close(plain, network(keypoints))
    torch.testing.assert_close(flipped, mirror_points(expected, HUMAN36M_17))


def test_passes_of_the_sequence_pipeline_select_for_themselves():
    network = small()
    keypoints = keypoints_for(network)
    with torch.no_grad():
        plain, flipped = network.lift_both(keypoints)
        mirrored = network(mirror_points(keypoints, HUMAN36M_17))
    torch.testing.assert_close(plain, network(keypoints))
    torch.testing.assert_close(flipped, mirror_points(mirrored, HUMAN36M_17))


def test_training_compares_kept_frames_with_the_target_at_the_same_frames():
    network = small("mixste", "frame", prune="motion")
    keypoints, target = keypoints_for(network), torch.randn(2, 9, 17, 3)
    seen = []
    network.training_loss(keypoints, target, recording_loss(seen))
    lifted = network.lift(keypoints)
    torch.testing.assert_close(seen[0][0], lifted.pose)
    assert torch.equal(seen[0][1], gather_frames(target, lifted.index))
    sequence = small()
    sequence.training_loss(keypoints, target, recording_loss(seen))
    assert seen[1][0].shape == (2, 9, 17, 3)
    assert torch.equal(seen[1][1], target)


@pytest.mark.parametrize("host", SMALL)
def test_a_checkpoint_of_the_host_can_be_pruned_without_training(host):
    torch.manual_seed(0)
    plain = build(host, skeleton=HUMAN36M_17, **SMALL[host]).eval()
    pruned = small(host, "frame", tokens=9)
    if host != "motionagformer":
        assert list(pruned.state_dict()) == list(plain.state_dict())
    pruned.load_state_dict(plain.state_dict())
    keypoints = keypoints_for(plain)
    with torch.no_grad():
        pose = plain(keypoints)
        # All nine frames are kept, so nothing is lost.
        expected = pose if pose.shape[1] == 1 else pose[:, 4:5]
        torch.testing.assert_close(pruned(keypoints), expected)


@pytest.mark.parametrize("host", [host for host in SMALL if host != "mhformer"])
def test_states_tell_the_network(host):
    published = {"mixste": 3, "ktpformer": 3, "motionbert": 1, "motionagformer": 2}
    options = {"prune_at": published[host]} | ({"depth": 4} if host == "mixste" else {})
    options |= {"depth": 3} if host == "ktpformer" else {}
    network = small(host, **options)
    name, found = releases.describe(network.state_dict())
    assert (name, found.host) == ("hot", host)
    assert found.options["tokens"] == 4
    assert found.options["prune_at"] == published[host]
    rebuilt = build("hot", skeleton=HUMAN36M_17, **{**found.options, "heads": 2}).eval()
    rebuilt.load_state_dict(network.state_dict())
    keypoints = keypoints_for(network)
    with torch.no_grad():
        torch.testing.assert_close(rebuilt(keypoints), network(keypoints))


def test_states_are_flat_strict_and_survive_wrapping():
    network = small()
    names = set(network.state_dict())
    assert {"pos_embed_token", "x_token", "cross_attention.proj.bias", "head.1.bias"} <= names
    assert not any(name.startswith("host.") for name in names)
    wrapped = torch.nn.Sequential(network)
    assert {name.removeprefix("0.") for name in wrapped.state_dict()} == names
    other = torch.nn.Sequential(small())
    torch.nn.init.zeros_(other[0].x_token)
    torch.nn.init.zeros_(other[0].host.head[1].weight)
    other.load_state_dict(wrapped.state_dict())
    keypoints = keypoints_for(network)
    with torch.no_grad():
        assert torch.equal(other(keypoints), network(keypoints))
        for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            assert list(twin.state_dict()) == list(network.state_dict())
            assert torch.equal(twin(keypoints), network(keypoints))
    state = network.state_dict()
    state["unknown.weight"] = state.pop("head.1.bias")
    with pytest.raises(RuntimeError, match=r"Missing .*head\.1\.bias[\s\S]*unknown\.weight"):
        network.load_state_dict(state)


def test_a_host_that_never_prunes_keeps_every_frame():
    torch.manual_seed(0)
    host = MixSTE(mixste.Config(**SMALL["mixste"])).eval()
    network = Hourglass(
        copy.deepcopy(host), Config(prune_at=None, tokens=4, pipeline="frame")
    ).eval()
    keypoints = keypoints_for(host)
    with torch.no_grad():
        pose, index = network.lift(keypoints)
        torch.testing.assert_close(pose, host(keypoints))
        torch.testing.assert_close(network(keypoints), host(keypoints)[:, 4:5])
    assert index.tolist() == [list(range(9))] * 2


@pytest.mark.parametrize(("host", "pipeline"), PIPELINES)
def test_other_skeletons_and_bfloat16(host, pipeline):
    network = small(host, pipeline, HUMANEVA_15, in_channels=4)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        exact = network(keypoints)
        with torch.autocast("cpu", torch.bfloat16):
            index = network.lift(keypoints).index
            low = network.lift(keypoints, network.lift(keypoints, index).index).pose.float()
        same = network.lift(keypoints, index).pose
    assert exact.shape[2] == 15
    assert (low - same).norm(dim=-1).mean() < 0.1 * same.norm(dim=-1).mean()
    with pytest.raises(InvalidData, match=r"takes \(batch, 9, 15, 4\)"):
        network(torch.zeros(1, 9, 17, 4))


def test_wrong_options_are_refused_in_one_line():
    refused = [
        ({"host": "poseformer"}, "host is 'poseformer'; choose one of mixste, ktpformer"),
        ({"pipeline": "both"}, "pipeline is 'both'; choose one of sequence, frame"),
        ({"prune": "random"}, "prune is 'random'; choose one of tpc, uniform, motion, attention"),
        ({"recover": "copy"}, "recover is 'copy'; choose one of tra, nearest, linear"),
        ({"prune_at": 0}, "prune_at is 0; .* choose 1 to 7"),
        ({"prune_at": 8}, "prune_at is 8; .* choose 1 to 7"),
        ({"prune_at": "3"}, "prune_at is '3'"),
        ({"tokens": 300}, "tokens is 300; choose 1 to 243"),
        ({"tokens": "81"}, "tokens is '81'; expected int"),
        ({"tokens": 0}, "tokens is 0; it counts from 1"),
        ({"depth": 1, "prune_at": 1}, "choose a deeper host"),
        ({"neighbours": 2}, "no option 'neighbours'; it takes"),
        ({"pipeline": "frame", "recover": "linear"}, "the pipeline 'frame' restores nothing"),
        ({"host": "mhformer"}, "MHFormer has no pipeline 'sequence'; choose frame"),
        ({"host": "mhformer", "pipeline": "frame", "prune_at": 2}, "choose 0 to 1"),
        ({"host": "motionbert", "prune": "attention", "prune_at": 0}, "choose prune_at 1 or more"),
    ]
    for options, message in refused:
        with torch.device("meta"), pytest.raises(InvalidParameter, match=message) as caught:
            build("hot", skeleton=HUMAN36M_17, **options)
        assert "\n" not in str(caught.value)


def test_every_host_has_tests():
    assert set(SMALL) == set(HOSTS)
