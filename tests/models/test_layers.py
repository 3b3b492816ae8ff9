"""Transformer blocks: what attends to what, agreement of attention kernels, stochastic depth."""

import pytest
import torch
from torch.nn import functional

from posekit.errors import InvalidParameter
from posekit.models import layers
from posekit.models.layers import (
    MLP,
    Attention,
    Block,
    CrossAttention,
    DropPath,
    attend,
    blend,
    drop_path_rates,
    stream_fusion,
)


def random(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def reference_attend(query, key, value):
    scores = torch.einsum("rhqc,rhkc->rhqk", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("rhqk,rhkc->rhqc", scores.softmax(-1), value)


@pytest.mark.parametrize("tokens", [1, 17, layers.SHORT_ROW - 1, layers.SHORT_ROW, 100])
def test_attend_matches_the_formula(tokens):
    parts = [random(5, 3, tokens, 8, seed=seed) for seed in range(3)]
    torch.testing.assert_close(attend(*parts), reference_attend(*parts), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tokens", [17, 100])
def test_attend_in_bfloat16_is_close(tokens):
    parts = [random(5, 3, tokens, 8, seed=seed) for seed in range(3)]
    low = attend(*(part.bfloat16() for part in parts))
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), reference_attend(*parts), atol=0.03, rtol=0.03)


@pytest.mark.parametrize("tokens", [6, layers.SHORT_ROW])
def test_gradients_of_attend(tokens):
    parts = [random(2, 2, tokens, 4, seed=seed).requires_grad_() for seed in range(3)]
    expected = torch.autograd.grad(reference_attend(*parts).square().sum(), parts)
    measured = torch.autograd.grad(attend(*parts).square().sum(), parts)
    torch.testing.assert_close(measured, expected, atol=1e-4, rtol=1e-4)


def test_gradcheck_of_a_block():
    torch.manual_seed(0)
    block = Block(4, 2, 2.0, 0.0, axis="frames").double()
    tokens = random(2, 3, 2, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(block, (tokens,))


@pytest.mark.parametrize("axis", ["joints", "frames"])
def test_attention_equals_torch_multi_head_attention(axis):
    torch.manual_seed(1)
    attention = Attention(16, 4, axis)
    reference = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(attention.qkv.weight)
        reference.in_proj_bias.copy_(attention.qkv.bias)
        reference.out_proj.load_state_dict(attention.proj.state_dict())
        tokens = random(2, 5, 7, 16)
        rows = tokens if axis == "joints" else tokens.transpose(1, 2)
        expected = reference(*[rows.flatten(0, 1)] * 3, need_weights=False)[0].view(rows.shape)
        expected = expected if axis == "joints" else expected.transpose(1, 2)
        torch.testing.assert_close(attention(tokens), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("axis", ["joints", "frames"])
def test_tokens_attend_along_one_axis_only(axis):
    torch.manual_seed(0)
    block = Block(8, 2, 2.0, 0.0, axis).eval()
    tokens = random(2, 4, 3, 8)
    changed = tokens.clone()
    changed[1, 2, 1] += random(8, seed=5)
    with torch.no_grad():
        difference = (block(changed) - block(tokens)).abs().amax(-1)
    touched = torch.zeros(2, 4, 3, dtype=torch.bool)
    if axis == "joints":
        touched[1, 2, :] = True
    else:
        touched[1, :, 1] = True
    assert (difference[touched] > 1e-6).all()
    assert (difference[~touched] < 1e-6).all()


def test_mlp_uses_exact_gelu():
    torch.manual_seed(0)
    mlp = MLP(4, 8)
    tokens = 3 * random(5, 4)
    hidden = mlp.fc1(tokens)
    exact = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    torch.testing.assert_close(mlp(tokens), mlp.fc2(exact), atol=1e-6, rtol=1e-5)
    assert (mlp(tokens) - mlp.fc2(functional.gelu(hidden, approximate="tanh"))).abs().max() > 1e-5


def test_block_has_the_names_and_norms_of_the_release():
    block = Block(8, 2, 2.0, 0.1, "joints")
    assert sorted(dict(block.named_parameters())) == sorted(
        f"{layer}.{kind}"
        for layer in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
        for kind in ("weight", "bias")
    )
    assert block.norm1.eps == block.norm2.eps == 1e-6


@pytest.mark.parametrize("axis", ["joints", "frames"])
def test_drop_path_drops_whole_rows_and_keeps_the_mean(axis):
    torch.manual_seed(0)
    drop = DropPath(0.25, axis).train()
    dropped = drop(torch.ones(20, 30, 25, 2))
    rows = dropped.flatten(2) if axis == "joints" else dropped.transpose(1, 2).flatten(2)
    assert torch.equal(rows.amin(-1), rows.amax(-1))
    assert sorted(rows.unique().tolist()) == [0.0, pytest.approx(1 / 0.75)]
    assert dropped.mean() == pytest.approx(1.0, abs=0.1)


def test_drop_path_does_nothing_in_evaluation_or_at_rate_0():
    tokens = random(2, 3, 4, 5)
    assert torch.equal(DropPath(0.9, "joints").eval()(tokens), tokens)
    assert torch.equal(DropPath(0.0, "joints").train()(tokens), tokens)


def test_drop_path_rates_rise_linearly():
    assert drop_path_rates(0.1, 5) == pytest.approx([0.0, 0.025, 0.05, 0.075, 0.1])


def test_heads_must_divide_the_width():
    with pytest.raises(InvalidParameter, match="embed_dim 10 is not divisible by 4 heads"):
        Attention(10, 4, "joints")


def test_blend_is_linear_in_both_streams():
    torch.manual_seed(0)
    one, other, fusion = torch.randn(2, 3, 4), torch.randn(2, 3, 4), stream_fusion(4)
    torch.testing.assert_close(blend(fusion, one, other), (one + other) / 2)
    torch.testing.assert_close(blend(None, one, other), (one + other) / 2)
    torch.nn.init.normal_(fusion.weight)
    share = fusion(torch.cat((one, other), -1)).softmax(-1)
    expected = one * share[..., :1] + other * share[..., 1:]
    torch.testing.assert_close(blend(fusion, one, other), expected)


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
