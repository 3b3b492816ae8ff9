"""Goldens of PoseAug's bone operations, generator and discriminators, and of PoseDA's alignment."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.geometry import bones
from posekit.geometry.cameras import Camera
from posekit.geometry.global_position import align
from posekit.geometry.skeletons import HUMAN36M_16


def check_geometry(golden: Golden) -> None:
    """Bone vectors and lengths, both changes of length, projection with and without a lens."""
    golden.tells("said")
    pose = _before_the_camera(golden.input("pose"))
    vectors = bones.bone_vectors(pose)
    golden.compare("bone_vectors", vectors)
    golden.compare("bone_lengths", bones.bone_lengths(pose)[..., None])
    golden.compare("rebuilt", bones.rebuild(vectors))
    ratios = 0.2 * golden.input("blr").squeeze(-1)
    golden.compare("length_changed", bones.lengthened(pose, ratios))
    templates = torch.tensor(bones.LENGTH_TEMPLATES, dtype=torch.float64)
    golden.compare_within("bone_length_templates", templates, atol=1e-6)
    lengths = templates[golden.tensor("template_index")]
    golden.compare("template_swapped", bones.with_lengths(pose, lengths))
    camera = _camera(golden.tensor("cam_base") + 0.01 * golden.input("cam"))
    golden.compare("project", camera.project(pose))
    golden.compare("project_linear", camera.project(pose, distortion=False))


def check_alignment(golden: Golden) -> None:
    """Source poses aligned with permuted target keypoints by one camera."""
    golden.tells("said")
    source = golden.input("source") * torch.tensor([0.4, 0.8, 0.4], dtype=torch.float64)
    source = source + torch.tensor([0.0, 0.0, 5.0])
    seen = (0.3 * golden.input("target"))[golden.tensor("permutation")]
    rows = golden.tensor("camera")
    camera = _camera(torch.cat([rows, rows.new_zeros(len(rows), 5)], dim=-1))
    aligned = align(source[:, None], seen, camera, mode="full", root=HUMAN36M_16.root)
    golden.compare("aligned", aligned.pose[:, 0])
    golden.compare("aligned_2d", aligned.keypoints[:, 0])


CHECKS = {"poseaug-geometry": check_geometry, "poseda-gpa": check_alignment}


def _before_the_camera(drawn: Tensor) -> Tensor:
    return drawn + torch.tensor([0.0, 0.0, 4.0])


def _camera(intrinsics: Tensor) -> Camera:
    """Cameras of rows f_x, f_y, c_x, c_y, k1, k2, k3, p1, p2; resolution and place are not used."""
    focal, centre, radial, tangential = intrinsics.split((2, 2, 3, 2), dim=-1)
    rows = intrinsics.new_zeros(len(intrinsics), 4)
    return Camera(focal, centre, radial, tangential, rows[:, :2], rows, rows[:, :3])
