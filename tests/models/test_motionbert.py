"""MotionBERT: its initial weights, its codes of frames, the order of its streams."""

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.models.motionbert import Config, MotionBERT

SMALL = {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2, "representation": 12}


def small(**options):
    torch.manual_seed(0)
    network = build("motionbert", skeleton=HUMAN36M_17, **(SMALL | options)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return network


def test_motionbert_starts_with_an_even_blend_and_small_weights():
    torch.manual_seed(0)
    network = MotionBERT(Config(**SMALL))
    for fusion in network.ts_attn:
        assert bool((fusion.weight == 0).all() and (fusion.bias == 0.5).all())
    weight = network.blocks_st[0].mlp_s.fc1.weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert bool((network.blocks_st[0].mlp_s.fc1.bias == 0).all())
    assert 0.01 < network.temp_embed.std().item() < 0.03


def test_motionbert_of_longer_windows_takes_the_first_codes():
    longer = small(frames=9)
    shorter = small(frames=5, max_frames=9)
    shorter.load_state_dict(longer.state_dict())
    with torch.no_grad():
        tokens = longer.embed(torch.zeros(1, 9, 17, 3))[:, :5]
        assert torch.equal(shorter.embed(torch.zeros(1, 5, 17, 3)), tokens)
    with pytest.raises(InvalidParameter, match="choose max_frames >= 9"):
        MotionBERT(Config(frames=9, max_frames=5))


def test_motionbert_streams_run_in_opposite_order():
    network = small()
    tokens = torch.randn(1, 9, 17, 16)
    first, second = network.blocks_st[0], network.blocks_ts[0]
    second.load_state_dict(first.state_dict())
    assert not torch.allclose(first(tokens), second(tokens), atol=1e-3)
