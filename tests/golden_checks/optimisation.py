"""Goldens of uncertainty-aware test-time optimisation: network, projection, optimised poses."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.checkpoints import from_reference
from posekit.evaluation.optimisation import Optimisation, optimise
from posekit.geometry.cameras import Camera
from posekit.models.gumlp import partitioned_adjacency

PIXELS = 1e-5  # absolute tolerance that the golden states
TRACE = 1e-5  # relative


def check_gumlp(golden: Golden) -> None:
    """The fixed graph, both outputs and, where they are stored, tokens and features."""
    network = from_reference(golden.spec["model"], golden.config, golden.state())
    seen: dict[str, Tensor] = {}
    blocks = network.GCN_MLP.blocks
    blocks.register_forward_hook(lambda *call: seen.update(features=call[-1].flatten(0, 1)))
    with torch.inference_mode():
        seen["encoded"] = network.embed(golden.inputs["input"]).flatten(0, 1)
        seen["mu"], seen["s"] = network.estimate(golden.inputs["input"])
    seen["adjacency"] = partitioned_adjacency(network.skeleton)
    for name in golden.arrays:
        golden.compare(name, seen[name])


def check_projection(golden: Golden) -> None:
    """Projection with distortion, clamped where a ray leaves 45 degrees."""
    points = golden.inputs["points"] + torch.tensor([0.0, 0.0, 4.0])
    points[0, 0, 0] = torch.tensor([9.0, -9.0, 3.0])
    pixels = _camera(golden.tensor("camera")).project(points)
    torch.testing.assert_close(pixels, golden.tensor("pixels"), rtol=0, atol=PIXELS)


def check_optimisation(golden: Golden) -> None:
    """Poses, optimised inputs and the loss before every step, for every variant."""
    config, inputs = golden.config, golden.inputs
    network = from_reference("uao-gumlp", config["network"], golden.state())
    keypoints, camera = 0.5 * inputs["keypoints"], _camera(golden.tensor("camera"))
    root = inputs["root"] * torch.tensor([0.5, 0.5, 1.0]) + torch.tensor([0.0, 0.0, 5.0])
    golden.compare("root", root[:, 0])
    for name, changes in config["variants"].items():
        settings = Optimisation(
            iterations=changes.get("iters", config["iterations"]),
            learning_rate=changes.get("lr", config["lr"]),
            weight_uncertainty=changes.get("wg", config["weight_gaussian"]),
            weight_projection=changes.get("wp", config["weight_proj"]),
        )
        result = optimise(network, keypoints, camera, root, settings)
        golden.compare(f"pose_{name}", result.pose)
        golden.compare(f"z_{name}", result.state)
        trace = golden.tensor(f"trace_{name}")
        torch.testing.assert_close(result.trace, trace, rtol=TRACE, atol=0)
        golden.compare("pose_unoptimised", result.first)


CHECKS = {
    "uao-gumlp": check_gumlp,
    "uao-projection": check_projection,
    "uao-test-time-optimisation": check_optimisation,
}


def _camera(intrinsics: Tensor) -> Camera:
    """Cameras (B,) at the origin with the nine numbers (B, 9) of the goldens."""
    batch = len(intrinsics)
    focal, centre, radial, tangential = intrinsics.split((2, 2, 3, 2), dim=-1)
    return Camera(
        focal=focal,
        centre=centre,
        radial=radial,
        tangential=tangential,
        resolution=torch.full((batch, 2), 1000.0),
        rotation=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(batch, 1),
        translation=torch.zeros(batch, 3),
    )
