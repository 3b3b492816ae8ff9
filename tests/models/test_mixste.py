"""MixSTE beyond its goldens: a plain re-computation, options, precision, compilation."""

import shutil

import pytest
import torch
from torch.nn import functional

from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMANEVA_15
from posekit.models.mixste import Config, MixSTE

OPTIONS = {"frames": 9, "embed_dim": 16, "depth": 3, "heads": 4}


def small(**changes) -> MixSTE:
    torch.manual_seed(0)
    network = MixSTE(Config(**{**OPTIONS, **changes})).eval()
    for embedding in (network.Spatial_pos_embed, network.Temporal_pos_embed):
        torch.nn.init.normal_(embedding)
    return network


def keypoints_for(network: MixSTE, batch: int = 2) -> torch.Tensor:
    shape = (batch, network.frames, network.skeleton.joints, network.in_channels)
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def plain_forward(network: MixSTE, keypoints: torch.Tensor) -> torch.Tensor:
    """The release's data flow, written with rows and einsum."""

    def norm(rows, layer):
        return functional.layer_norm(rows, rows.shape[-1:], layer.weight, layer.bias, layer.eps)

    def block(rows, module):
        normed = norm(rows, module.norm1)
        query, key, value = module.attn.qkv(normed).unflatten(-1, (3, 4, -1)).unbind(2)
        scores = torch.einsum("rqhc,rkhc->rhqk", query, key) * (rows.shape[-1] // 4) ** -0.5
        mixed = torch.einsum("rhqk,rkhc->rqhc", scores.softmax(-1), value).flatten(2)
        rows = rows + module.attn.proj(mixed)
        hidden = functional.gelu(module.mlp.fc1(norm(rows, module.norm2)))
        return rows + module.mlp.fc2(hidden)

    batch, frames, joints, _ = keypoints.shape
    tokens = network.Spatial_patch_to_embedding(keypoints.flatten(0, 1)) + network.Spatial_pos_embed
    for depth, (spatial, temporal) in enumerate(
        zip(network.STEblocks, network.TTEblocks, strict=True)
    ):
        tokens = norm(block(tokens, spatial), network.Spatial_norm)
        tokens = tokens.unflatten(0, (batch, frames)).transpose(1, 2).flatten(0, 1)
        if depth == 0:
            tokens = tokens + network.Temporal_pos_embed
        tokens = norm(block(tokens, temporal), network.Temporal_norm)
        tokens = tokens.unflatten(0, (batch, joints)).transpose(1, 2).flatten(0, 1)
    return network.head(tokens).unflatten(0, (batch, frames))


@pytest.mark.parametrize("frames", [1, 9, 81])
def test_forward_equals_the_plain_computation(frames):
    network = small(frames=frames)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        expected = plain_forward(network, keypoints)
        torch.testing.assert_close(network(keypoints), expected, atol=2e-5, rtol=1e-4)


def test_gradients_equal_those_of_the_plain_computation():
    network = small()
    keypoints = keypoints_for(network)
    parameters = list(network.parameters())
    expected = torch.autograd.grad(plain_forward(network, keypoints).square().sum(), parameters)
    measured = torch.autograd.grad(network(keypoints).square().sum(), parameters)
    torch.testing.assert_close(measured, expected, atol=1e-3, rtol=1e-3)


def test_sequences_of_a_batch_do_not_mix():
    network = small()
    keypoints = keypoints_for(network, batch=3)
    with torch.no_grad():
        together = network(keypoints)
        alone = torch.cat([network(sequence) for sequence in keypoints.split(1)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_inference_mode_and_training_mode_without_drop_path_agree():
    network = small(drop_path=0.0)
    keypoints = keypoints_for(network)
    with torch.inference_mode():
        fast = network(keypoints)
    torch.testing.assert_close(network.train()(keypoints).detach(), fast, atol=1e-6, rtol=1e-5)


def test_drop_path_changes_training_and_not_evaluation():
    network = small(drop_path=0.5)
    keypoints = keypoints_for(network)
    with torch.no_grad():
        assert torch.equal(network(keypoints), network(keypoints))
        network.train()
        assert not torch.equal(network(keypoints), network(keypoints))


def test_stochastic_depth_rises_from_0_to_the_last_pair():
    network = small(drop_path=0.2)
    for blocks in (network.STEblocks, network.TTEblocks):
        assert [block.drop_path.rate for block in blocks] == pytest.approx([0.0, 0.1, 0.2])


def test_condition_is_added_to_every_token_before_attention():
    network = small()
    keypoints = keypoints_for(network)
    condition = torch.randn(2, 16)
    with torch.no_grad():
        conditioned = network(keypoints, condition)
        for sequence in range(2):
            shifted = small()
            shifted.Spatial_patch_to_embedding.bias += condition[sequence]
            expected = shifted(keypoints[sequence, None])[0]
            torch.testing.assert_close(conditioned[sequence], expected, atol=1e-5, rtol=1e-5)


def test_other_skeletons_and_channels():
    network = small(skeleton=HUMANEVA_15, in_channels=5)
    assert network(keypoints_for(network)).shape == (2, 9, 15, 3)
    with pytest.raises(InvalidData, match=r"takes \(batch, 9, 15, 5\)"):
        network(torch.zeros(2, 9, 17, 5))


def test_bf16_autocast_is_close_in_both_passes():
    network = small(frames=81)
    keypoints = keypoints_for(network)
    exact = network(keypoints)
    with torch.autocast("cpu", torch.bfloat16):
        low = network(keypoints)
    assert (low.float() - exact).norm(dim=-1).mean() < 0.02 * exact.norm(dim=-1).mean()
    parameters = list(network.parameters())
    expected = torch.autograd.grad(exact.square().sum(), parameters)
    measured = torch.autograd.grad(low.float().square().sum(), parameters)
    flat, flat_low = (
        torch.cat([grad.flatten() for grad in grads]) for grads in (expected, measured)
    )
    assert functional.cosine_similarity(flat, flat_low, dim=0) > 0.99


@pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch.compile needs a C++ compiler, g++ is not installed"
)
def test_compiled_network_agrees():
    network = small(depth=1)
    keypoints = keypoints_for(network)
    compiled = torch.compile(network)
    with torch.inference_mode():
        torch.testing.assert_close(compiled(keypoints), network(keypoints), atol=1e-5, rtol=1e-4)
