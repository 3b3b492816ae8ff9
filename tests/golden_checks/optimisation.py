"""Goldens of uncertainty-aware test-time optimisation: network, projection, optimised poses."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden, Traced
from posekit.checkpoints import from_reference
from posekit.evaluation.optimisation import Optimisation, optimise
from posekit.geometry.cameras import Camera
from posekit.models.gumlp import partitioned_adjacency

PIXELS = 1e-5  # absolute tolerance that the golden states
TRACE = 1e-5  # relative


def check_gumlp(golden: Golden) -> None:
    """The fixed graph, both outputs and, where they are stored, tokens and features."""
    network = golden.network()
    _check_sizes(golden.config)
    seen: dict[str, Tensor] = {}
    blocks = network.GCN_MLP.blocks
    blocks.register_forward_hook(lambda *call: seen.update(features=call[-1].flatten(0, 1)))
    with torch.inference_mode():
        seen["encoded"] = network.embed(golden.input("input")).flatten(0, 1)
        seen["mu"], seen["s"] = network.estimate(golden.input("input"))
    seen["adjacency"] = partitioned_adjacency(network.skeleton)
    for name in golden.arrays:
        golden.compare(name, seen[name])


def check_projection(golden: Golden) -> None:
    """Projection with distortion, clamped where a ray leaves 45 degrees."""
    golden.tells("cameras")
    points = golden.input("points") + torch.tensor([0.0, 0.0, 4.0])
    points[0, 0, 0] = torch.tensor([9.0, -9.0, 3.0])
    pixels = _camera(golden.tensor("camera")).project(points)
    golden.compare_within("pixels", pixels, PIXELS)


def check_optimisation(golden: Golden) -> None:
    """Poses, optimised inputs and the loss before every step, for every variant."""
    config = golden.config
    network = from_reference("uao-gumlp", config["network"], golden.state()).double()
    _check_sizes(config["network"])
    golden.compare("adjacency", partitioned_adjacency(network.skeleton))
    golden.tells("optimizer", "camera_index")
    keypoints, camera = 0.5 * golden.input("keypoints"), _camera(golden.tensor("camera"))
    left, right = network.skeleton.left, network.skeleton.right
    golden.fixes(batch=len(keypoints), joints_left=list(left), joints_right=list(right))
    root = golden.input("root") * torch.tensor([0.5, 0.5, 1.0]) + torch.tensor([0.0, 0.0, 5.0])
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
        golden.compare_within(f"trace_{name}", result.trace, atol=0, rtol=TRACE)
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
        resolution=intrinsics.new_full((batch, 2), 1000.0),
        rotation=intrinsics.new_tensor([1.0, 0.0, 0.0, 0.0]).repeat(batch, 1),
        translation=intrinsics.new_zeros(batch, 3),
    )


def _check_sizes(network: Traced) -> None:
    """Assert that sizes which follow from others here are those of the release."""
    joints, width = network["joints"], network["channel"]
    assert network["channel_mlp_hidden"] == width // 2
    widths = [joints * factor for factor in (1, 3, 6, 6, 3, 1)]
    assert network["spatial_mlp_widths"] == widths
    assert network["layernorm_eps"] == 1e-6
