"""Goldens of HoT: its hosts, its selection of frames, and hosts with HoT or TPC plugged in."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.checkpoints import from_reference
from posekit.models.hot import Hourglass
from posekit.models.motionagformer import spatial_graph
from posekit.models.pruning import frame_distances, peak_scores, select


def check_host(golden: Golden) -> None:
    """The pose of every frame, and the graph over joints where the network has one."""
    network = from_reference(golden.spec["model"], golden.config, golden.state())
    with torch.inference_mode():
        golden.compare("output", network(golden.inputs["input"]))
    if "spatial_adj" in golden.spec["constants"]:
        assert torch.equal(spatial_graph(network.skeleton), golden.tensor("spatial_adj"))


def check_selection(golden: Golden) -> None:
    """The frames that TPC keeps, and the clusters that they are the centres of."""
    features, noise = golden.inputs["input"], _noise(golden)
    keep, neighbours = golden.config["keep"], golden.config["neighbours"]
    center = golden.config["center"]
    index = select(features, keep, center, noise, neighbours=neighbours)
    assert torch.equal(index, golden.tensor("index").long())
    scores = peak_scores(frame_distances(features), noise, neighbours)
    clusters = _clusters(frame_distances(features), scores, keep, center)
    assert torch.equal(clusters, golden.tensor("cluster").long())


def check_hourglass(golden: Golden) -> None:
    """Kept frames and pose with the noise given; then on -input with these frames given."""
    network = from_reference(golden.spec["model"], golden.config, golden.state())
    assert isinstance(network, Hourglass)
    keypoints = golden.inputs["input"]
    with torch.inference_mode():
        pose, index = network.lift(keypoints, noise=_noise(golden))
        golden.compare("output", pose)
        if "index" in golden.arrays:
            assert torch.equal(index, golden.tensor("index").long())
        if "output_given_index" in golden.arrays:
            golden.compare("output_given_index", network.lift(-keypoints, index).pose)


HOSTS = ("mhformer", "motionbert", "motionagformer")
HOURGLASSES = (
    *("hot-mixste", "hot-motionbert", "hot-motionagformer"),
    *("tpc-mixste", "tpc-mhformer", "tpc-motionbert", "tpc-motionagformer"),
)
CHECKS = {
    "tpc": check_selection,
    **dict.fromkeys(HOSTS, check_host),
    **dict.fromkeys(HOURGLASSES, check_hourglass),
}


def _noise(golden: Golden) -> Tensor | None:
    """The draws u in [0, 1) of the selection; None for a network that never selects."""
    draws = [value for name, value in golden.inputs.items() if name.startswith("noise_")]
    return (draws[0] + 1) / 2 if draws else None


def _clusters(distances: Tensor, scores: Tensor, keep: int, center: int | None) -> Tensor:
    """Of every frame, the place of its nearest cluster centre by descending score.

    The frame that is kept as the middle is no cluster centre.
    """
    if center is not None:
        scores = scores.clone()
        scores[:, center] = -torch.inf
        keep -= 1
    centres = scores.topk(keep).indices
    nearest = distances.take_along_dim(centres[:, :, None], dim=1).argmin(dim=1)
    return nearest.scatter(1, centres, torch.arange(keep).expand_as(centres))
