"""HRNet: its published size, the shapes of its maps, and how its branches meet."""

import torch

from posekit.models.hrnet import FusedBranches, HRNet

TINY = {"width": 4, "modules": (1, 1, 1), "blocks": 1, "stem": 4, "head": (2, 2, 4, 4)}


def test_published_size():
    with torch.device("meta"):
        network = HRNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 75_420_864


def test_shapes():
    network = HRNet(**TINY, features=10)
    stem = network.stem(torch.randn(2, 3, 64, 64))
    assert stem.shape == (2, network.stem_channels, 16, 16)
    fine, whole = network(stem)
    assert fine.shape == (2, 4, 16, 16)
    assert whole.shape == (2, 10)


def test_every_parameter_takes_part():
    network = HRNet(**TINY, features=10)
    fine, whole = network(network.stem(torch.randn(2, 3, 64, 64)))
    (fine.square().sum() + whole.square().sum()).backward()
    without = [
        name
        for name, parameter in network.named_parameters()
        if not parameter.grad.isfinite().all()
    ]
    assert without == []


def test_every_branch_hears_every_other():
    torch.manual_seed(0)  # other weights may leave a branch dead behind its ReLUs
    fused = FusedBranches([2, 4, 8], 1).eval()
    branches = [torch.rand(1, 2 * 2**index, 8 // 2**index, 8 // 2**index) for index in range(3)]
    before = fused(branches)
    for changed in range(3):
        others = list(branches)
        others[changed] = others[changed] + 1
        after = fused(others)
        assert [tuple(branch.shape) for branch in after] == [tuple(b.shape) for b in branches]
        assert all(not torch.equal(one, other) for one, other in zip(before, after, strict=True))
