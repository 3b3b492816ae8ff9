"""Global position alignment (GPA): source poses moved to where poses of a target are seen.

PoseDA (Chai et al., ICCV 2023, arXiv 2303.16456); the authors' repository has the function alone,
in its README (https://github.com/rese1f/PoseDA). It has no parameters. A source pose P is paired
with 2D keypoints q of the target, and is moved as a whole so that the target's camera sees it at
q's size and its root at q's root:

- size s = mean of width and height of the box around q;
- depth Z = (f_x dx + f_y dy) / (2 s), with dx and dy the extents of P in camera x and y;
- root = Z (ray of q's root, 1), where a ray is ((u - c_x) / f_x, (v - c_y) / f_y).

**Accuracy.** The root is seen at q's root exactly. The box would have the mean side s if all of
the body were at depth Z. A joint at depth Z + z is seen nearer or farther; with rho = max |z| / Z,
and R_x, R_y the largest |X| / Z and |Y| / Z of any joint, each edge of the box moves by at most
f R rho / (1 - rho). So the mean side differs from s by at most (f_x R_x + f_y R_y) rho /
(1 - rho): for a body in the middle of the picture, a share of about rho of s.

**The release's quirks.** Its docstring gives the camera row as c_x, c_y, f_x, f_y, the code reads
f_x, f_y first. The docstring scales v by 2 / h; screen-normalised v is scaled by the width like u,
and so it is here. The release takes the focal length of row 0 for the depth of all rows, and does
not permute cameras with the keypoints; here every row has its own camera.

**Reconstruction.** Lens distortion (undone for the root's ray, applied in the projection; none in
the release), windows, the safety filter and all modes but "full" are readings of this repository.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter, unknown
from posekit.geometry.cameras import Camera

Mode = Literal["full", "scale", "location", "random"]

NEAREST = 0.1  # metres; a joint nearer to the camera's plane is not seen
SMALLEST = 1e-3  # a box of keypoints with a smaller mean side tells no depth
RANDOM_BOX = ((-1.0, 1.0), (-0.5, 0.5), (2.5, 7.5))
"""Where ``mode="random"`` puts roots: x, y and z, metres; most such bodies stay in the picture."""


class Aligned(NamedTuple):
    """Source poses before the target's camera.

    Attributes:
        pose: (N, T, J, 3), metres, in the target camera's frame.
        keypoints: (N, T, J, 2), what the camera sees of them, screen-normalised.
        kept: (N,), bool; False where a keypoint of the window lies outside [-1, 1], a joint nearer
            than 0.1 m, or the target's box is smaller than 1e-3 (or not finite).
    """

    pose: Tensor
    keypoints: Tensor
    kept: Tensor


def scale_of(keypoints: Tensor) -> Tensor:
    """Mean of width and height of the box around keypoints, (..., J, 2) -> (...)."""
    return _extent(keypoints).mean(dim=-1)


def align(
    pose: Tensor,
    seen: Tensor,
    camera: Camera,
    *,
    mode: Mode,
    root: int,
    generator: torch.Generator | None = None,
) -> Aligned:
    """Move source poses to where the target's are seen, and project them there.

    A window of several frames is moved by one translation, which aligns its middle frame (a
    reconstruction: the release knows single frames).

    Args:
        pose: source P (N, T, J, 3), metres, in a camera's frame; T = 1 for single frames. Modes
            "scale" and "location" need its absolute position, the others its extents alone.
        seen: target keypoints q (N, J, 2), screen-normalised, row by row the partners of ``pose``.
        camera: of ``seen``; one, or N.
        mode: "full" as above; "scale" keeps the source's ray, so that the root is seen where this
            camera would have seen it; "location" keeps its depth; "random" draws roots from
            ``RANDOM_BOX`` and uses of the target the camera alone.
        root: index of the root joint.
        generator: source of the random roots, torch's own by default.

    Raises:
        InvalidParameter: an unknown mode.
        InvalidData: shapes that do not fit.
    """
    _check(pose, seen, mode)
    middle = pose[:, pose.shape[1] // 2]
    here = middle[:, root]
    if mode == "random":
        there = _random_roots(here, generator)
    else:
        depth = here[:, 2:] if mode == "location" else matching_depth(middle, seen, camera)
        ray = here[:, :2] / here[:, 2:] if mode == "scale" else camera.rays(seen[:, root])
        there = torch.cat([ray * depth, depth], dim=-1)
    moved = pose - here[:, None, None] + there[:, None, None]
    keypoints = camera.project(moved)
    return Aligned(moved, keypoints, _kept(moved, keypoints, seen))


def matching_depth(pose: Tensor, seen: Tensor, camera: Camera) -> Tensor:
    """The depth (N, 1), metres, at which poses (N, J, 3) are seen at the size of ``seen``."""
    sides = camera.focal * _extent(pose[..., :2])
    # Rows with a smaller box are not kept; the floor leaves finite gradients to the others.
    return (sides.mean(dim=-1) / scale_of(seen).clamp_min(SMALLEST))[:, None]


def _extent(points: Tensor) -> Tensor:
    """Sides of the box around points, (..., J, C) -> (..., C)."""
    return points.amax(dim=-2) - points.amin(dim=-2)


def _random_roots(like: Tensor, generator: torch.Generator | None) -> Tensor:
    device = like.device if generator is None else generator.device
    share = torch.rand(len(like), 3, generator=generator, dtype=like.dtype, device=device)
    lowest, highest = like.new_tensor(RANDOM_BOX).unbind(dim=-1)
    return lowest + (highest - lowest) * share.to(like.device)


def _kept(pose: Tensor, keypoints: Tensor, seen: Tensor) -> Tensor:
    # Conditions that hold, not ones that fail: a comparison with NaN is false.
    inside = (keypoints.abs() <= 1).flatten(1).all(dim=1)
    before = (pose[..., 2] > NEAREST).flatten(1).all(dim=1)
    return inside & before & (scale_of(seen) >= SMALLEST)


def _check(pose: Tensor, seen: Tensor, mode: str) -> None:
    if mode not in get_args(Mode):
        raise InvalidParameter(unknown("mode of alignment", mode, get_args(Mode)))
    number, joints = (*pose.shape[:1], *pose.shape[2:3]) if pose.ndim == 4 else (None, None)
    if number is None or pose.shape[-1] != 3 or tuple(seen.shape) != (number, joints, 2):
        raise InvalidData(
            f"poses have shape {tuple(pose.shape)} and target keypoints {tuple(seen.shape)}; "
            "expected (N, T, J, 3) and (N, J, 2)."
        )
