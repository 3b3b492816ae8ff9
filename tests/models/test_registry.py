"""What holds for every network: any joint set, one training step, options refused in one line."""

import os
import re
import subprocess
import sys

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, SKELETONS
from posekit.metrics.losses import sequence_loss
from posekit.models import MODELS, build, network
from posekit.models.lifters import Lifter

TRANSFORMER = {"frames": 4, "embed_dim": 8, "depth": 1, "heads": 2}
SIZES = {
    "convformer": {"frames": 4, "embed_dim": 8, "heads": 2},
    "gla_gcn": {"frames": 3, "embed_dim": 8},
    "gumlp": {"frames": 4, "embed_dim": 8, "depth": 1},
    "hot": {**TRANSFORMER, "depth": 2, "prune_at": 1, "tokens": 2},
    "mhformer": {"frames": 9, "embed_dim": 8, "refinements": 1, "heads": 2},
    "semgcn": {"frames": 4, "embed_dim": 8, "layers": 1},
    "simple_baseline": {"frames": 4, "embed_dim": 8, "stages": 1},
    "st_gcn": {"frames": 4, "embed_dim": 4},
    "videopose3d": {"frames": 4, "embed_dim": 8, "blocks": 1},
}
# Their gradient is 0 but for rounding: they add the same number to all scores of a softmax.
WITHOUT_EFFECT = re.compile(r"gla_gcn/.*conv_a\.\d\.bias")


def criterion(prediction, target):
    return sequence_loss(prediction, target, consistency=0.0, velocity=0.0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_every_network_trains_a_step_on_every_skeleton(name, skeleton):
    torch.manual_seed(0)
    # Stochastic depth would leave out a block at times, and its weights would stay.
    network = build(name, skeleton=skeleton, **SIZES.get(name, TRANSFORMER)).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    points = torch.rand(2, network.frames, skeleton.joints, network.in_channels)
    frames = network.frames if network.supervises_all_frames else 1
    target = torch.rand(2, frames, skeleton.joints, 3)
    before = {path: weight.detach().clone() for path, weight in network.named_parameters()}
    network.training_loss(points, target, criterion).total.backward()
    optimiser.step()
    after = dict(network.named_parameters())
    assert all(bool(parameter.isfinite().all()) for parameter in after.values())
    still = {path for path in after if torch.equal(before[path], after[path])}
    assert {path for path in still if not WITHOUT_EFFECT.search(f"{name}/{path}")} == set()


@pytest.mark.parametrize(("embedding", "matters"), [("conv_a", False), ("conv_b", True)])
def test_a_softmax_over_joints_cannot_see_the_first_embeddings_bias(embedding, matters):
    torch.manual_seed(0)
    network = build("gla_gcn", skeleton=HUMAN36M_17, **SIZES["gla_gcn"]).eval().double()
    points = torch.rand(2, network.frames, 17, network.in_channels, dtype=torch.float64)
    with torch.no_grad():
        for weight in network.parameters():  # as if trained: they start at next to nothing
            weight.add_(torch.randn_like(weight), alpha=0.3)
        before = network(points)
        for path, weight in network.named_parameters():
            if path.endswith("bias") and embedding in path:
                weight.add_(1.0)
        moved = (network(points) - before).abs().max()
    assert bool(moved > 1e-3) is matters
    assert matters or moved < 1e-9


@pytest.mark.parametrize("name", MODELS)
def test_both_passes_of_flip_averaging_have_the_shape_of_a_prediction(name):
    network = build(name, skeleton=HUMAN36M_17, **SIZES.get(name, TRANSFORMER)).eval()
    points = torch.rand(2, network.frames, 17, network.in_channels)
    with torch.inference_mode():
        plain, flipped = network.lift_both(points)
        torch.testing.assert_close(plain, network(points))
    frames = network.frames if network.output == "sequence" else 1
    assert plain.shape == flipped.shape
    assert network.output == "frame" or plain.shape[1] == frames


@pytest.mark.parametrize("name", MODELS)
def test_unknown_options_are_refused(name):
    with pytest.raises(InvalidParameter, match="has no option 'colour'; it takes"):
        build(name, skeleton=HUMAN36M_17, colour=1)


def test_names_are_those_of_modules_that_bind_a_network():
    assert {"layers", "releases", "scaling", "pruning", "adaptive_graphs"}.isdisjoint(MODELS)
    assert len(MODELS) == 14
    for name in MODELS:
        assert issubclass(network(name), Lifter)
    with pytest.raises(InvalidParameter, match="unknown model 'layers'; choose one of convformer"):
        network("layers")


TOY = """
from torch import nn

from posekit.models.lifters import Lifter, LifterConfig


class Toy(Lifter):
    def __init__(self, config: LifterConfig) -> None:
        super().__init__(config.frames, config.skeleton)
        self.layer = nn.Linear(2, 3)

    def forward(self, keypoints):
        return self.layer(keypoints)


NETWORK = Toy
"""


def test_a_folder_of_the_readers_own_papers_holds_networks_too(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "figures_of_toy.py").write_text("raise RuntimeError('not to be imported')\n")
    code = (
        "from posekit.geometry.skeletons import HUMAN36M_17\n"
        "from posekit.models import MODELS, build\n"
        "from posekit.profiling.counting import size_of\n"
        "assert 'toy' in MODELS and 'figures_of_toy' not in MODELS, MODELS\n"
        "print(build('toy', skeleton=HUMAN36M_17, frames=3).frames, size_of('toy').parameters)\n"
    )
    environment = {**os.environ, "POSEKIT_PAPERS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("3 9\n", "")
