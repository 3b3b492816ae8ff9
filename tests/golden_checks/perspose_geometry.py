"""Goldens of PersPose's perspective rotation and of the crops that it cuts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from golden_checks.golden import Golden
from posekit.geometry.perspective import (
    box_around,
    box_corners,
    crop,
    map_pixels,
    perspective_rotation,
    project,
    rays,
    rotation_homography,
    warp,
)
from posekit.geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    rotation_6d_to_matrix,
    shortest_rotation,
    split_twist,
)

PICTURE_MEAN = (0.485, 0.456, 0.406)
PICTURE_DEVIATION = (0.229, 0.224, 0.225)
STRIDE = 8  # at which crops are stored
NEAR, SHARE_NEAR = 0.06, 0.98  # the release interpolates in fixed point


def check_rotation(golden: Golden) -> None:
    """Rotations that aim cameras, and the helpers of the inverse kinematics."""
    count, middle = golden.config["cameras"], _pair(golden.config["image_px"]) / 2
    focal = 1500 + 900 * golden.input("focal")
    assert len(focal) == count
    intrinsics = _intrinsics(
        focal, 1 + 0.05 * golden.input("aspect"), middle + 60 * golden.input("centre")
    )
    box_centre = middle + _pair((800, 420)) * golden.input("box_centre")
    rotation = perspective_rotation(intrinsics, box_centre)
    golden.compare("rotation_matrix", rotation)
    golden.compare("homography", _unit(rotation_homography(intrinsics, rotation)))

    aim = intrinsics[:, :2, 2] + 50 * golden.input("aim")
    axis = F.normalize(F.pad(rays(intrinsics, aim[:, None])[:, 0], (0, 1), value=1.0), dim=-1)
    roll = axis_angle_to_matrix(torch.deg2rad(20 * golden.input("roll"))[:, None] * axis)
    rolled = roll @ perspective_rotation(intrinsics, box_centre, aim)
    golden.compare("rotation_with_roll", rolled)
    golden.compare("homography_with_roll", _unit(rotation_homography(intrinsics, rolled)))

    axis = golden.input("axis")
    golden.compare("rot6d_to_rotmat", rotation_6d_to_matrix(golden.input("rot6d")))
    golden.compare("swing", shortest_rotation(axis, golden.input("target")))
    turned = axis_angle_to_matrix(1.5 * golden.input("rotation"))[:, 0]
    angle, swing = split_twist(turned, axis)
    golden.compare("twist_angle", angle)
    golden.compare("swing_part", swing)


def check_crop(golden: Golden) -> None:
    """Crops of one picture: even samples from boxes, odd ones around the vertices of bodies."""
    golden.fixes(mode="test")
    turns, side = golden.config["perspective_rotation"], golden.config["crop_px"]
    count, middle = golden.config["samples"], _pair(golden.config["image_px"]) / 2
    focal = 420 + 120 * golden.input("focal")
    assert len(focal) == count
    intrinsics = _intrinsics(
        focal, torch.full_like(focal, 1.03), middle + 15 * golden.input("centre")
    )
    box_centre = middle + _pair((170, 80)) * golden.input("box_centre")
    sides = _pair((80, 140)) + _pair((30, 50)) * golden.input("box_size")
    given = torch.cat([box_centre - sides / 2, sides], dim=-1)
    ray = F.pad(rays(intrinsics, box_centre[:, None]), (0, 1), value=1.0)
    size = torch.tensor([0.35, 0.9, 0.25], dtype=torch.float64)
    vertices, joints = (size * golden.input(name) + 5 * ray for name in ("vertices", "joints"))

    rotation = torch.eye(3, dtype=torch.float64).expand(count, 3, 3)
    if turns:
        rotation = perspective_rotation(intrinsics, box_centre)
    turned = vertices @ rotation.mT
    corners = map_pixels(rotation_homography(intrinsics, rotation), box_corners(given))
    centre = intrinsics[:, :2, 2] if turns else None
    of_body = torch.arange(count) % 2 == 1
    box = torch.where(
        of_body[:, None],
        box_around(project(turned, intrinsics), centre),
        box_around(corners, centre),
    )
    cropped = crop(intrinsics, rotation, box, side)
    golden.compare("rotation", rotation)
    golden.compare("homography", _unit(cropped.homography))
    golden.compare("crop_intrinsics", cropped.intrinsics)
    golden.compare("joints_rotated", joints @ rotation.mT)
    golden.compare("vertices_projected", project(turned, cropped.intrinsics))
    keypoints = middle + middle * golden.input("keypoints")
    moved = map_pixels(cropped.homography, keypoints)
    inside = ((moved > 0) & (moved < side)).all(-1, keepdim=True)  # others lose their confidence
    golden.compare("keypoints_cropped", torch.cat([moved, inside.double()], dim=-1))
    _compare_root(golden, rotation, of_body, joints[:, 0])
    _compare_picture(golden, cropped.homography, side)


def _compare_root(golden: Golden, rotation: Tensor, of_body: Tensor, joint: Tensor) -> None:
    """The bodies' turn and translation in the rotated camera; the others stay as they were."""
    turn, root, translation = 2 * golden.input("pose")[:, 0], joint + 0.01, joint + 0.05
    of_body = of_body[:, None]
    turned = matrix_to_axis_angle(rotation @ axis_angle_to_matrix(turn))
    golden.compare("theta0", torch.where(of_body, turned, turn))
    moved = (rotation @ root[..., None])[..., 0] - (root - translation)
    golden.compare("translation", torch.where(of_body, moved, translation))


def _compare_picture(golden: Golden, homography: Tensor, side: int) -> None:
    golden.shapes.get("image")  # of its noise the stored picture was made
    picture = golden.tensor("source_image").permute(2, 0, 1) / 255
    picture = picture.double().expand(len(homography), -1, -1, -1)
    # The release's warp, unlike its rays, has the centres of pixels at whole numbers.
    to_corners = torch.tensor([[1.0, 0, -0.5], [0, 1, -0.5], [0, 0, 1]], dtype=torch.float64)
    warped = warp(picture, torch.linalg.inv(to_corners) @ homography @ to_corners, side)
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (PICTURE_MEAN, PICTURE_DEVIATION))
    normal = ((warped - mean) / deviation)[..., ::STRIDE, ::STRIDE]
    stored = golden.tensor("crop")
    assert normal.shape == stored.shape
    far = (normal - stored).abs() > NEAR
    share = 1 - far.double().mean()
    assert share >= SHARE_NEAR, f"{golden.path.stem}: {share:.1%} of the crop's entries are near."


CHECKS = {
    "perspose-rotation": check_rotation,
    "perspose-crop": check_crop,
    "perspose-crop-norotation": check_crop,
}


def _pair(values: tuple[float, float] | list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _intrinsics(focal: Tensor, aspect: Tensor, centre: Tensor) -> Tensor:
    matrix = torch.eye(3, dtype=torch.float64).repeat(len(focal), 1, 1)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, :2, 2] = focal, aspect * focal, centre
    return matrix


def _unit(homography: Tensor) -> Tensor:
    return homography / homography[:, 2:, 2:]
