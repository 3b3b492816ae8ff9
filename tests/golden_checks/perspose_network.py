"""Goldens of PersPose's network and of its heat maps."""

from __future__ import annotations

import ast
import re

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.models.heatmaps import decode, draw_points
from posekit.models.perspective_heads import (
    JOINTS,
    PersPosePrediction,
    mean_prediction,
    metric,
    scales,
)

TOLERANCE = 2e-4  # of the largest value of an output, at least of 1, as the goldens say
PIXELS = 2e-3  # of uv: heat maps of random weights are close to uniform
GRID = 4  # positions of the stored feature map, each way
SMALL_MAP = 16


def check_network(golden: Golden) -> None:
    """Both passes, their mean, its metric reading, and what the heads read."""
    network = golden.network()
    golden.fixes(joints=JOINTS)
    image = golden.input("image")
    intrinsics = _intrinsics(golden.input("intrinsics"), network.crop_px)
    known = torch.tensor(["coco" not in name for name in _samples(golden)])
    features = []
    network.backbone.register_forward_hook(lambda _module, _inputs, out: features.append(out))
    with torch.inference_mode():
        plain = network(image, intrinsics, known)
        mirrored = network(image, intrinsics, known, torch.ones_like(known))
        encoding = network.encode_camera(intrinsics, known)
    mean = mean_prediction(plain, mirrored)
    _compare_pass(golden, plain, "")
    _compare_pass(golden, mirrored, "_flipped")
    _compare(golden, "pe_map", _as_stored(encoding, golden.tensor("pe_map").shape[-1]))
    _compare(golden, "rho", plain.rho)
    _compare(golden, "betas", plain.betas)
    fine, whole = features[0]
    _compare(golden, "feature_grid", _as_stored(fine, GRID))
    _compare(golden, "global_feature", whole)
    golden.compare_within("uv_mean", mean.uv, PIXELS)
    joints = metric(mean, intrinsics)
    root = joints[:, :1]
    _compare(golden, "xyz", joints - root)
    _compare(golden, "xyz_root", root)
    _compare(golden, "density", 1000 * scales(mean, intrinsics))


def check_heatmap(golden: Golden) -> None:
    """Gaussians drawn around points, and the points found in them again."""
    golden.fixes(sigma=2)
    image, cells = golden.config["image_px"], golden.config["map_px"]
    shape = (golden.config["batch"], golden.config["points"], 2)
    points = image / 2 + 110 * golden.input("points")
    assert points.shape == shape
    maps = draw_points(points, cells, image / cells)
    golden.compare("heatmap_sum", maps.sum(dim=(-2, -1)))
    golden.compare("heatmap_max", maps.amax(dim=(-2, -1)))
    golden.compare("decoded", decode(maps, image / cells))
    golden.compare("heatmap16", draw_points(points[:1, :2], SMALL_MAP, image / SMALL_MAP))


CHECKS = {"perspose": check_network, "perspose-heatmap": check_heatmap}


def _compare_pass(golden: Golden, prediction: PersPosePrediction, suffix: str) -> None:
    golden.compare_within(f"uv{suffix}", prediction.uv, PIXELS)
    _compare(golden, f"depth{suffix}", prediction.depth)
    _compare(golden, f"twist{suffix}", prediction.twist)
    _compare(golden, f"leaf_rot{suffix}", prediction.leaf_rotations.flatten(-2))


def _compare(golden: Golden, name: str, actual: Tensor) -> None:
    golden.compare_within(
        name, actual, TOLERANCE * max(1.0, float(golden.tensor(name).abs().max()))
    )


def _intrinsics(draws: Tensor, side: int) -> Tensor:
    """(B, 3, 3) from the draws (B, 3) of focal length and centre, as the goldens say."""
    focal = side * (2.5 + 1.2 * draws[:, 0])
    centre = side / 2 + 0.2 * side * draws[:, 1:]
    intrinsics = torch.eye(3, dtype=draws.dtype).repeat(len(draws), 1, 1)
    intrinsics[:, 0, 0], intrinsics[:, 1, 1] = focal, 1.02 * focal
    intrinsics[:, :2, 2] = centre
    return intrinsics


def _samples(golden: Golden) -> list[str]:
    """The names of the samples, which tell whose intrinsics are unknown."""
    return ast.literal_eval(re.search(r"in order: (\[.*?\])", golden.spec["notes"])[1])


def _as_stored(features: Tensor, side: int) -> Tensor:
    """Every n-th position of a map (B, C, h, w), so that ``side`` are left each way."""
    step = features.shape[-1] // side
    return features[..., ::step, ::step]
