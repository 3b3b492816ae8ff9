"""Goldens of PoseAug's bone operations, generator and discriminators, and of PoseDA's alignment."""

from __future__ import annotations

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit import metrics
from posekit.geometry import bones
from posekit.geometry.cameras import Camera
from posekit.geometry.global_position import align
from posekit.geometry.skeletons import HUMAN36M_16
from posekit.metrics import augmentation_losses as losses
from posekit.models.poseaug import PARTS, part_products


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


def check_generator(golden: Golden) -> None:
    """The pose after each operation, with the noise given, and the parameters of all three."""
    network = golden.network()
    operations = {"angle": "ba", "length": "bl", "rotation": "r", "translation": "t"}
    noise = {name: golden.input(f"noise_{short}") for name, short in operations.items()}
    pose = _before_the_camera(golden.input("input"))
    with torch.inference_mode():
        resized = network(pose, noise, operations=("angle", "length"))
        found = network(pose, noise)
    children, parents = zip(*HUMAN36M_16.bones, strict=True)
    golden.compare("bone_start", torch.tensor(parents))
    golden.compare("bone_end", torch.tensor(children))
    golden.compare("blr9to15", torch.tensor(bones.BONE_RATIO))
    golden.compare("pose_ba", found.angle_pose)
    golden.compare("ba_diff", found.angle_change)
    golden.compare("pose_bl", resized.pose)
    golden.compare("blr", found.length_ratios)
    golden.compare("pose_rt", found.pose)
    golden.compare("rot_axis_angle", found.axis_angle)
    golden.compare("translation", found.translation[:, None])


def check_pose_discriminator(golden: Golden) -> None:
    """Which bones make a part, the products of the first samples, and the output."""
    network = golden.network()
    golden.fixes(parts=list(PARTS))
    pose = golden.input("input")
    products = part_products(pose)
    for part, (short, members) in enumerate(zip(_PART_NAMES, PARTS.values(), strict=True)):
        golden.compare(f"part_{short}", torch.tensor(members))
        samples = len(golden.tensor(f"kcs_{short}"))
        golden.compare(f"kcs_{short}", products[:samples, part])
    with torch.inference_mode():
        golden.compare("output", network(pose))


def check_keypoint_discriminator(golden: Golden) -> None:
    """The output."""
    network = golden.network()
    with torch.inference_mode():
        golden.compare("output", network(golden.input("input")))


def check_metrics(golden: Golden) -> None:
    """Errors of root-centred poses, and the losses that keep a generator in its range."""
    golden.tells("said")
    target = 0.5 * golden.input("target")
    prediction = target + golden.tensor("noise") * golden.input("error")
    poses = prediction - prediction[:, :1], target - target[:, :1]
    golden.compare("mpjpe_mm", 1000 * metrics.mpjpe(*poses))
    golden.compare("p_mpjpe_mm", 1000 * metrics.p_mpjpe(*poses))
    golden.compare("n_mpjpe_mm", 1000 * metrics.n_mpjpe(*poses))
    golden.compare("pck150", metrics.pck(*poses, threshold=0.15))
    golden.compare("auc", metrics.auc(*poses, limit=0.15))
    golden.compare("angle_range_loss", losses.angle_range_loss(golden.input("angle").abs()))
    golden.compare("blr_loss", losses.length_range_loss(0.2 * golden.input("blr")))
    ratios = 4 * golden.input("hard") + 4
    hard = losses.hard_mean_loss(ratios, centre=4.0, half_width=2.0)
    golden.compare("hard_mean_loss", hard)


CHECKS = {
    "poseaug-geometry": check_geometry,
    "poseaug-generator": check_generator,
    "poseaug-disc3d": check_pose_discriminator,
    "poseaug-disc2d": check_keypoint_discriminator,
    "poseaug-metrics": check_metrics,
    "poseda-gpa": check_alignment,
}

_PART_NAMES = ("lh", "rh", "ll", "rl", "hb")  # of the golden's arrays, in the order of PARTS


def _before_the_camera(drawn: Tensor) -> Tensor:
    return drawn + torch.tensor([0.0, 0.0, 4.0])


def _camera(intrinsics: Tensor) -> Camera:
    """Cameras of rows f_x, f_y, c_x, c_y, k1, k2, k3, p1, p2; resolution and place are not used."""
    focal, centre, radial, tangential = intrinsics.split((2, 2, 3, 2), dim=-1)
    rows = intrinsics.new_zeros(len(intrinsics), 4)
    return Camera(focal, centre, radial, tangential, rows[:, :2], rows, rows[:, :3])
