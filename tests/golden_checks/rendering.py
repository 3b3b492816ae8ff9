"""Goldens of SoftRas's kernels: pictures of loose triangles, and gradients by them."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.bodies.rendering import soft_ndc
from posekit.bodies.soft_rendering import LEAST_COVER

IMAGE, GRADIENT = 1e-6, 1e-3  # absolute in float64; of the largest value, at least of 1


def check_soft_renderer(golden: Golden) -> None:
    """Colours and silhouette, and the gradients by faces and colours."""
    assert "1e-6 in float64); gradients 1e-3" in golden.spec["tolerance"]
    golden.fixes(dist_eps=LEAST_COVER, distance="euclidean", rgb="softmax", alpha="prod")
    golden.fixes(texture="one colour per face", double_sided=True)
    faces = _faces(golden).requires_grad_()
    colours = ((golden.input("colours") + 1) / 2).requires_grad_()
    cotangent = golden.input("cotangent")
    rendered = soft_ndc(
        faces,
        cotangent.shape[-1],
        colours,
        background=torch.tensor(golden.config["background"], dtype=torch.float64),
        **{name: golden.config[name] for name in ("sigma", "gamma", "near", "far", "eps")},
    )
    image = torch.cat([rendered.image, rendered.silhouette[:, None]], dim=1)
    golden.compare_within("image", image, IMAGE)
    (by_silhouette,) = torch.autograd.grad(
        rendered.silhouette, faces, cotangent[:, 3], retain_graph=True
    )
    by_faces, by_colours = torch.autograd.grad(image, (faces, colours), cotangent)
    _compare_gradient(golden, "grad_faces", by_faces)
    _compare_gradient(golden, "grad_faces_silhouette", by_silhouette)
    _compare_gradient(golden, "grad_colours", by_colours)


def _faces(golden: Golden) -> Tensor:
    """The golden's triangles."""
    centres, offsets = golden.input("centres"), golden.input("offsets")
    flat = 0.7 * centres[..., :2] + 0.35 * offsets[..., :2]
    depth = 3 + centres[..., 2:] + 0.2 * offsets[..., 2:]
    return torch.cat([flat, depth], dim=-1)


def _compare_gradient(golden: Golden, name: str, gradient: Tensor) -> None:
    largest = float(golden.tensor(name).abs().max())
    golden.compare_within(name, gradient, GRADIENT * max(1.0, largest))


CHECKS = {"soft-renderer": check_soft_renderer}
