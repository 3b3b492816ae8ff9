"""What holds for the hosts of HoT: published sizes, gradients, options, other skeletons."""

import pytest
import torch

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, mirror_points
from posekit.metrics import n_mpjpe
from posekit.metrics.losses import SequenceLoss
from posekit.models import build, releases
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


@pytest.mark.parametrize("model", SMALL)
def test_flipped_predictions_come_back_mirrored(model):
    network = small(model)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        plain, flipped = network.lift_both(keypoints)
        mirrored = network(mirror_points(keypoints, HUMAN36M_17))
    torch.testing.assert_close(flipped, mirror_points(mirrored, HUMAN36M_17))
    assert plain.shape == flipped.shape
