"""The hosts of HoT: published sizes, graphs and initial values, options, other skeletons."""

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, mirror_points
from posekit.metrics import n_mpjpe
from posekit.metrics.losses import SequenceLoss
from posekit.models import build, releases
from posekit.models.layers import CrossAttention, blend, stream_fusion
from posekit.models.mhformer import MHFormer
from posekit.models.motionagformer import (
    GraphMixer,
    MotionAGFormer,
    chain_graph,
    similarity_graph,
    spatial_graph,
)
from posekit.models.motionbert import MotionBERT
from posekit.profiling.counting import size_of

SMALL = {
    "mhformer": {
        **{"frames": 9, "embed_dim": 16, "heads": 2, "hidden": 24},
        **{"encoder_depth": 1, "encoder_heads": 3},
    },
    "motionbert": {
        **{"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2, "representation": 12},
    },
    "motionagformer": {
        **{"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2, "representation": 12},
    },
}


HOURGLASS = {"prune_at": 1, "tokens": 3}


def small(model, skeleton=HUMAN36M_17, **options):
    torch.manual_seed(0)
    network = build(model, skeleton=skeleton, **(SMALL[model] | options)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network


def keypoints_for(network, batch=2):
    shape = (batch, network.frames, network.skeleton.joints, network.in_channels)
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def position_loss(prediction, target):
    error = (prediction - target).norm(dim=-1).mean()
    return SequenceLoss(error, 0 * error, 0 * error, error)


@pytest.mark.parametrize(
    ("model", "options", "parameters", "layers", "products"),
    [
        ("mhformer", {}, 31_516_125, 14.146, 16.436),
        ("motionbert", {}, 16_001_549, 131.094, 142.093),
        ("motionagformer", {}, 11_723_811, 95.922, 128.919),
    ],
)
def test_sizes_are_those_of_the_release(model, options, parameters, layers, products):
    size = size_of(model, **options)
    assert size.parameters == parameters
    assert 2 * size.layer_macs / 1e9 == pytest.approx(layers, abs=0.0005)
    assert 2 * size.product_macs / 1e9 == pytest.approx(products, abs=0.0005)


@pytest.mark.parametrize(
    ("frames", "parameters"), [(243, 25_165_077), (81, 19_837_545), (27, 19_184_517)]
)
def test_mhformer_of_other_windows(frames, parameters):
    assert size_of("mhformer", frames=frames).parameters == parameters


@pytest.mark.parametrize(
    ("frames", "width", "depth", "millions"),
    [(27, 64, 12, 2.2), (81, 64, 26, 4.8), (243, 128, 16, 11.7), (243, 128, 26, 19.0)],
)
def test_motionagformer_of_the_published_sizes(frames, width, depth, millions):
    options = {"frames": frames, "embed_dim": width, "depth": depth, "heads": 8, "neighbours": 2}
    size = size_of("motionagformer", **options)
    assert size.parameters / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize("model", SMALL)
def test_gradients_reach_every_parameter(model):
    network = small(model).train()
    keypoints = keypoints_for(network)
    target = torch.randn(2, 9, 17, 3)
    network.training_loss(keypoints, target, position_loss).total.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize("model", SMALL)
def test_sequences_of_a_batch_do_not_mix(model):
    network = small(model)
    keypoints = keypoints_for(network, batch=3)
    with torch.no_grad():
        together = network(keypoints)
        alone = torch.cat([network(sequence) for sequence in keypoints.split(1)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", SMALL)
def test_other_skeletons_and_channels(model):
    network = small(model, HUMANEVA_15, in_channels=5)
    answered = 1 if network.output == "frame" else 9
    assert network(keypoints_for(network)).shape == (2, answered, 15, 3)
    with pytest.raises(InvalidData, match=r"takes \(batch, 9, 15, 5\)"):
        network(torch.zeros(2, 9, 17, 5))


@pytest.mark.parametrize("model", SMALL)
def test_bfloat16_autocast_is_close(model):
    network = small(model)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        exact = network(keypoints)
        with torch.autocast("cpu", torch.bfloat16):
            low = network(keypoints).float()
    assert (low - exact).norm(dim=-1).mean() < 0.05 * exact.norm(dim=-1).mean()


@pytest.mark.parametrize("model", SMALL)
def test_states_tell_the_network(model):
    network = small(model)
    name, found = releases.describe(network.state_dict())
    assert name == model
    assert found.joints == 17
    told = found.options
    assert {option: told[option] for option in SMALL[model] if option in told} == {
        option: value for option, value in SMALL[model].items() if option in told
    }
    heads = {name: value for name, value in SMALL[model].items() if name.endswith("heads")}
    rebuilt = build(model, skeleton=HUMAN36M_17, **{**told, **heads})
    rebuilt.load_state_dict(network.state_dict())
    keypoints = keypoints_for(network)
    with torch.no_grad():
        assert torch.equal(rebuilt.eval()(keypoints), network(keypoints))


def test_mhformer_answers_the_middle_frame_or_all():
    middle, every = small("mhformer"), small("mhformer", output="sequence")
    every.load_state_dict(middle.state_dict())
    keypoints = keypoints_for(middle)
    with torch.no_grad():
        assert torch.equal(every(keypoints)[:, 4:5], middle(keypoints))
    assert not middle.tiled_windows
    assert not every.tiled_windows
    assert middle.supervises_all_frames


def test_mhformer_trains_on_all_frames():
    middle, every = small("mhformer"), small("mhformer", output="sequence")
    keypoints, target = keypoints_for(middle), torch.zeros(2, 9, 17, 3)
    loss = middle.training_loss(keypoints, target, position_loss)
    torch.testing.assert_close(loss.total, position_loss(every(keypoints), target).total)


def test_mhformer_drops_out_in_training_only():
    network = small("mhformer")
    keypoints = keypoints_for(network)
    with torch.no_grad():
        assert torch.equal(network(keypoints), network(keypoints))
        network.train()
        assert not torch.equal(network(keypoints), network(keypoints))


def test_mhformer_normalises_short_windows_only():
    assert "embedding_1.1.running_mean" in small("mhformer").state_dict()
    longer = small("mhformer", frames=36, encoder_heads=9)
    assert longer.state_dict()["embedding_1.weight"].shape == (16, 34, 1)


def test_mhformer_refuses_windows_that_its_heads_do_not_divide():
    with pytest.raises(InvalidParameter, match="frames is 10; choose a multiple of its 9 heads"):
        MHFormer(frames=10)


def test_motionbert_starts_with_an_even_blend_and_small_weights():
    torch.manual_seed(0)
    network = MotionBERT(**SMALL["motionbert"])
    for fusion in network.ts_attn:
        assert bool((fusion.weight == 0).all() and (fusion.bias == 0.5).all())
    weight = network.blocks_st[0].mlp_s.fc1.weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert bool((network.blocks_st[0].mlp_s.fc1.bias == 0).all())
    assert 0.01 < network.temp_embed.std().item() < 0.03


@pytest.mark.parametrize("model", ["motionbert", "motionagformer"])
def test_motionbert_and_motionagformer_add_half_of_n_mpjpe_to_their_loss(model):
    network = small(model)
    keypoints = keypoints_for(network)
    target = network(keypoints).detach() * 1.5 + 0.01
    prediction = network(keypoints)
    plain = position_loss(prediction, target)
    loss = network.training_loss(keypoints, target, position_loss)
    assert loss.position == plain.position
    torch.testing.assert_close(loss.total - plain.total, 0.5 * n_mpjpe(prediction, target))
    hourglass = build("hot", skeleton=HUMAN36M_17, host=model, **HOURGLASS, **SMALL[model])
    hourglass.eval()
    loss = hourglass.training_loss(keypoints, target, position_loss)
    expected = 0.5 * n_mpjpe(hourglass(keypoints), target)
    torch.testing.assert_close(loss.total - loss.position, expected)


def test_motionbert_of_longer_windows_takes_the_first_codes():
    longer = small("motionbert", frames=9)
    shorter = small("motionbert", frames=5, max_frames=9)
    shorter.load_state_dict(longer.state_dict())
    with torch.no_grad():
        tokens = longer.embed(torch.zeros(1, 9, 17, 3))[:, :5]
        assert torch.equal(shorter.embed(torch.zeros(1, 5, 17, 3)), tokens)
    with pytest.raises(InvalidParameter, match="choose max_frames >= 9"):
        MotionBERT(frames=9, max_frames=5)


def test_motionbert_streams_run_in_opposite_order():
    network = small("motionbert")
    tokens = torch.randn(1, 9, 17, 16)
    first, second = network.blocks_st[0], network.blocks_ts[0]
    second.load_state_dict(first.state_dict())
    assert not torch.allclose(first(tokens), second(tokens), atol=1e-3)


def test_blend_is_linear_in_both_streams():
    torch.manual_seed(0)
    one, other, fusion = torch.randn(2, 3, 4), torch.randn(2, 3, 4), stream_fusion(4)
    torch.testing.assert_close(blend(fusion, one, other), (one + other) / 2)
    torch.testing.assert_close(blend(None, one, other), (one + other) / 2)
    torch.nn.init.normal_(fusion.weight)
    share = fusion(torch.cat((one, other), -1)).softmax(-1)
    expected = one * share[..., :1] + other * share[..., 1:]
    torch.testing.assert_close(blend(fusion, one, other), expected)


@pytest.mark.parametrize("model", ["motionbert", "motionagformer"])
def test_streams_may_be_averaged(model):
    plain, adaptive = small(model, adaptive_fusion=False), small(model)
    keys = {name for name in adaptive.state_dict() if "fusion" in name or "ts_attn" in name}
    assert keys
    state = {name: value for name, value in adaptive.state_dict().items() if name not in keys}
    plain.load_state_dict(state)
    for name, parameter in adaptive.named_parameters():
        if name in keys:
            torch.nn.init.constant_(parameter, 0.25)
    keypoints = keypoints_for(plain)
    with torch.no_grad():
        torch.testing.assert_close(plain(keypoints), adaptive(keypoints), atol=1e-5, rtol=1e-5)


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
    network = MotionAGFormer(**SMALL["motionagformer"])
    layer = network.layers[0]
    assert bool((layer.att_spatial.layer_scale_1 == 1e-5).all())
    tokens = torch.randn(1, 9, 17, 16)
    torch.testing.assert_close(layer(tokens), tokens, atol=1e-3, rtol=0)
    plain = MotionAGFormer(**SMALL["motionagformer"], layer_scale=False)
    assert not any("layer_scale" in name for name in plain.state_dict())


def test_cross_attention_equals_torch_multi_head_attention():
    torch.manual_seed(1)
    attention = CrossAttention(16, 4)
    reference = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    layers = (attention.linear_q, attention.linear_k, attention.linear_v)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([layer.weight for layer in layers]))
        reference.in_proj_bias.copy_(torch.cat([layer.bias for layer in layers]))
        reference.out_proj.load_state_dict(attention.proj.state_dict())
        for tokens in (7, 100):
            query, key, value = torch.randn(3, 2, tokens, 16).unbind()
            key, value = key[:, :5], value[:, :5]
            expected = reference(query, key, value, need_weights=False)[0]
            measured = attention(query, key, value)
            torch.testing.assert_close(measured, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model", SMALL)
def test_flipped_predictions_come_back_mirrored(model):
    network = small(model)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        plain, flipped = network.lift_both(keypoints)
        mirrored = network(mirror_points(keypoints, HUMAN36M_17))
    torch.testing.assert_close(flipped, mirror_points(mirrored, HUMAN36M_17))
    assert plain.shape == flipped.shape
