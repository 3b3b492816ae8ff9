"""Convolutional attention: its equations, its mixtures of filters, where its dropout falls."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from posekit.models.convolutional_attention import ConvolutionalAttention

FRAMES, JOINTS, DIM = 7, 17, 8


def attention(axis, sizes=(3, 5), **options):
    torch.manual_seed(0)
    channels = DIM if axis == "joints" else FRAMES
    layer = ConvolutionalAttention(channels, 4, axis, sizes, **options).double().eval()
    with torch.no_grad():  # no number at the place where it starts
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return layer


def draw(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) * 2 - 1


def filter_by_filter(layer, signal):
    """Queries, keys and values of a signal (N, C, L), each filter on its own."""
    return [
        sum(
            share * functional.conv1d(signal, conv.weight, conv.bias, padding="same")
            for share, conv in zip(shares, filters, strict=True)
        )
        for shares, filters in zip(layer.shares(), (layer.q, layer.k, layer.v), strict=True)
    ]


@pytest.mark.parametrize("axis", ["joints", "frames"])
@pytest.mark.parametrize("projection", [True, False])
def test_attention_follows_its_equations(axis, projection):
    layer = attention(axis, projection=projection)
    tokens = draw(2, FRAMES, JOINTS, DIM) if axis == "joints" else draw(2, FRAMES, 1, JOINTS * DIM)
    signal = tokens.flatten(0, 1).mT if axis == "joints" else tokens[:, :, 0]
    query, key, value = filter_by_filter(layer, signal)
    if axis == "joints":  # channels are features: attended positions first
        query, key, value = query.mT, key.mT, value.mT
    width = query.shape[-1] // 4
    heads = []
    for part in (slice(head * width, (head + 1) * width) for head in range(4)):
        weights = (query[..., part] @ key[..., part].mT / width**0.5).softmax(-1)
        heads.append(weights @ value[..., part])
    expected = torch.cat(heads, dim=-1)
    if projection and axis == "joints":
        expected = expected @ layer.proj.weight.T + layer.proj.bias
    elif projection:  # a convolution of size 1 whose channels are the frames
        expected = functional.conv1d(expected, layer.proj.weight[..., None], layer.proj.bias)
    torch.testing.assert_close(layer(tokens), expected.view_as(tokens), atol=1e-12, rtol=0)


@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 3, 5, 7, 9]), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_a_mixture_of_convolutions_is_one_convolution(sizes, seed):
    layer, signal = attention("joints", tuple(sizes)), draw(3, DIM, JOINTS, seed=seed)
    expected = torch.stack(filter_by_filter(layer, signal), dim=1)
    torch.testing.assert_close(layer.maps(signal), expected, atol=1e-12, rtol=0)


def test_a_query_mixes_all_frames_over_neighbouring_features():
    layer, signal = attention("frames"), draw(1, FRAMES, 136)
    changed = signal.clone()
    changed[0, 5, 60] += 1.0
    moved = (layer.maps(changed) - layer.maps(signal))[0].abs() > 1e-9
    assert moved[:, :, 58:63].all()  # every frame of Q, K and V, two features to each side
    assert moved.sum() == 3 * FRAMES * 5


def test_shares_start_even_and_each_map_has_its_own():
    fresh = ConvolutionalAttention(4, 2, "joints", (3, 5))
    torch.testing.assert_close(fresh.shares(), torch.full((3, 2), 0.5))
    shares = attention("joints", (3, 5, 7)).shares()
    torch.testing.assert_close(shares.sum(-1), torch.ones(3, dtype=torch.float64))
    assert len({tuple(row.tolist()) for row in shares}) == 3


def test_a_single_filter_has_nothing_to_mix():
    layer = attention("joints", (5,), mixture=None)
    assert "eta" not in layer.state_dict()
    assert layer.shares().tolist() == [[1.0]] * 3


def test_magnitudes_of_taps_are_those_of_the_weights():
    layer = attention("frames", (3, 7))
    filters, mixed = layer.tap_magnitudes()
    assert (filters.shape, mixed.shape) == ((3, 2, 7), (3, 7))
    assert not filters[:, 0, [0, 1, 5, 6]].any()  # beyond the narrow filter
    torch.testing.assert_close(filters[1, 0, 2:5], layer.k[0].weight.abs().mean((0, 1)))
    share = layer.shares()[2, 1]
    torch.testing.assert_close(mixed[2, 0], share * layer.v[1].weight[..., 0].abs().mean())


@pytest.mark.parametrize("dropout_on", ["aggregate", "filters"])
def test_dropout_of_either_place_keeps_the_mean(dropout_on):
    layer, signal = attention("joints", dropout=0.2, dropout_on=dropout_on), draw(1, DIM, JOINTS)
    expected = layer.maps(signal)
    layer.train()
    torch.manual_seed(3)
    draws = layer.maps(signal.expand(4000, -1, -1))
    torch.testing.assert_close(draws.mean(0, keepdim=True), expected, atol=0.05, rtol=0)
    # A filter that drops out leaves the other; an aggregate that drops out leaves nothing.
    nothing = float((draws == 0).double().mean())
    assert nothing == pytest.approx({"aggregate": 0.2, "filters": 0.2**2}[dropout_on], abs=0.01)


def test_filters_are_counted_one_by_one():
    layer, tokens = attention("joints", (3, 5)), draw(2, FRAMES, JOINTS, DIM)
    layers, missed = layer.uncounted_macs((tokens,), tokens)
    places = 2 * FRAMES * JOINTS
    assert layers == places * 3 * DIM * DIM * (3 + 5)
    assert missed == places * 3 * DIM * DIM * 3  # one convolution of size 5 runs
