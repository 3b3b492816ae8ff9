"""Goldens of HoT: its hosts, its selection of frames, and hosts with HoT or TPC plugged in.

A selection is discrete, so it is checked in two steps: the stored choice against the scores, of
which frames within the rounding of the release's float32 may change places, and the rest given
the stored choice.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from golden_checks.golden import Golden
from posekit.models.hot import Hourglass
from posekit.models.motionagformer import spatial_graph
from posekit.models.pruning import NOISE, frame_distances, select

ROUNDING = 2 * torch.finfo(torch.float32).eps  # of densities, distances and scores, relative


def check_host(golden: Golden) -> None:
    """The pose of every frame, and the graph over joints where the network has one."""
    network = golden.network()
    with torch.inference_mode():
        golden.compare_run("output", nn.Module.__call__, network, golden.input("input"))
    if "spatial_adj" in golden.arrays:
        assert torch.equal(spatial_graph(network.skeleton).double(), golden.tensor("spatial_adj"))


def check_selection(golden: Golden) -> None:
    """The frames that TPC keeps, and the clusters that they are the centres of."""
    features, noise = golden.input("input"), _noise(golden)
    keep, neighbours = golden.config["keep"], golden.config["neighbours"]
    center = golden.config["center"]
    index, clusters = golden.tensor("index").long(), golden.tensor("cluster").long()
    distances = frame_distances(features)
    least, most = score_bounds(distances, noise, neighbours)
    chosen = select(features, keep, noise, center, neighbours)
    check_choice(chosen, index, least, most, center)
    check_clusters(clusters, index, distances, least, most, center)


def check_hourglass(golden: Golden) -> None:
    """Kept frames with the noise given, the pose of the stored ones, and of -input with them."""
    network, keypoints = golden.network(), golden.input("input")
    assert isinstance(network, Hourglass)
    index = None
    with torch.inference_mode():
        if network.prune_at is not None:
            noise, index = _noise(golden), golden.tensor("index").long()
            least, most = score_bounds(frame_distances(_features(network, keypoints)), noise)
            chosen = network.lift(keypoints, noise=noise).index
            check_choice(chosen, index, least, most, network.center)
        given = partial(_pose_of_frames, index)
        golden.compare_run("output", given, network, keypoints)
        if "output_given_index" in golden.arrays:
            golden.compare_run("output_given_index", given, network, -keypoints)


def score_bounds(distances: Tensor, noise: Tensor, neighbours: int = 2) -> tuple[Tensor, Tensor]:
    """The least and the largest score of every frame, (B, F), if close densities change places.

    As ``posekit.models.pruning.peak_scores``, but a frame whose density is within ``ROUNDING``
    counts as denser for the least score, and not for the largest.
    """
    nearest = distances.topk(min(neighbours, distances.shape[-1]), dim=-1, largest=False).values
    density = (-nearest.square().mean(dim=-1)).exp() + NOISE * noise
    gap = density[:, None, :] - density[:, :, None]
    gap.diagonal(dim1=1, dim2=2).fill_(-torch.inf)  # no frame is denser than itself
    margin = ROUNDING * density[:, :, None]
    farthest = distances.amax(dim=(1, 2), keepdim=True)
    least, most = (
        density * torch.where(gap > shift, distances, farthest).amin(dim=-1)
        for shift in (-margin, margin)
    )
    return least * (1 - ROUNDING), most * (1 + ROUNDING)


def check_choice(
    chosen: Tensor, stored: Tensor, least: Tensor, most: Tensor, center: int | None
) -> None:
    """Assert that the stored frames (B, f) are ours, or that scores tie where they differ."""
    for row, (ours, theirs) in enumerate(zip(chosen.tolist(), stored.tolist(), strict=True)):
        assert len(ours) == len(theirs), f"sequence {row}: keeps {len(ours)} of {len(theirs)}"
        if ours == theirs:
            continue
        kept = [frame for frame in theirs if frame != center]
        dropped = [frame for frame in range(least.shape[1]) if frame not in theirs]
        weakest, strongest = most[row, kept].min(), least[row, dropped].max()
        assert center is None or center in theirs, f"sequence {row}: frame {center} is not kept"
        assert weakest >= strongest, (
            f"sequence {row}: keeps {sorted(set(ours) - set(theirs))} for "
            f"{sorted(set(theirs) - set(ours))}, and no scores tie."
        )


def check_clusters(
    clusters: Tensor,
    index: Tensor,
    distances: Tensor,
    least: Tensor,
    most: Tensor,
    center: int | None,
) -> None:
    """Assert that every frame has the number of its nearest cluster centre, by falling score.

    Numbers (B, F) are taken from the centres' own; the frame that is kept as the middle is none.
    """
    for row, numbers in enumerate(clusters):
        centres = [frame for frame in index[row].tolist() if frame != center]
        by_number = sorted(centres, key=lambda frame: int(numbers[frame]))
        assert [int(numbers[frame]) for frame in by_number] == list(range(len(centres)))
        assert bool((most[row, by_number[:-1]] >= least[row, by_number[1:]]).all())
        others = [frame for frame in range(len(numbers)) if frame not in centres]
        reach = distances[row][others][:, by_number]
        named = reach.gather(1, numbers[others, None]).squeeze(1)
        assert bool((named <= reach.amin(dim=1) * (1 + ROUNDING)).all())


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


def _noise(golden: Golden) -> Tensor:
    """The draws u in [0, 1) of the selection, the one input whose name begins with "noise"."""
    names = [name for name in golden.shapes if name.startswith("noise")]
    assert len(names) == 1, f"{golden.path.name}: noise inputs are {names}; expected one."
    return (golden.input(names[0]) + 1) / 2


def _pose_of_frames(index: Tensor | None, network: Hourglass, keypoints: Tensor) -> Tensor:
    return network.lift(keypoints, index).pose


def _features(network: Hourglass, keypoints: Tensor) -> Tensor:
    """What frames are selected by, (B, F, C)."""
    tokens = network.host.embed(keypoints)
    for step in network.host.steps()[: network.prune_at]:
        tokens = step(tokens)
    return tokens.mean(dim=2)
