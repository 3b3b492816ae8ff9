"""Goldens of DSR: regressor and head, camera and augmentation, label preparation, losses."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit.bodies.mirroring import mirrored_keypoints, mirrored_rotations
from posekit.bodies.semantic_labels import (
    LABELS,
    Thresholds,
    class_weights,
    distance_to,
    face_textures,
    merged_probability,
    prepare,
)
from posekit.geometry import rotations, weak_perspective
from posekit.metrics import p_mpjpe, procrustes_align
from posekit.metrics import semantic_losses as losses

TURNS = torch.tensor([0.0, 25.0, -40.0, 60.0], dtype=torch.float64).deg2rad()
RELATIVE = 2e-4  # of the largest value; what the golden of the whole network states
PREDICTED = ("rotmat", "betas", "camera")


def check_head(golden: Golden) -> None:
    """The estimate after each number of iterations that the golden lists; the first has no name."""
    network = golden.network()
    golden.fixes(joints=24, rotation="6d")
    features = golden.input("features")
    assert features.shape[1] == golden.config["features"]
    first = golden.config["iterations"][0]
    for iterations in golden.config["iterations"]:
        network.iterations = iterations
        with torch.inference_mode():
            prediction = network(features)
        suffix = "" if iterations == first else f"_{iterations}iter"
        for name, value in zip(PREDICTED, prediction, strict=True):
            golden.compare(f"{name}{suffix}", value)


def check_regressor(golden: Golden) -> None:
    """The features' mean, a corner of their map, and the body."""
    network = golden.network()
    image = golden.input("image")
    with torch.inference_mode():
        features = network.backbone(image)
        prediction = network(image)
    size = golden.config["image_px"]
    assert image.shape[2:] == (size, size)
    assert golden.spec["tolerance"].endswith("2e-4")
    corner = golden.tensor("features_corner")
    _compare_closely(golden, "pooled_features", features.mean(dim=(2, 3)))
    _compare_closely(golden, "features_corner", features[:, : corner.shape[1], 0, 0])
    for name, value in zip(PREDICTED, prediction, strict=True):
        _compare_closely(golden, name, value)


def check_geometry(golden: Golden) -> None:
    """Rotations, the camera and its fit, aligned poses, and the maps of augmentation."""
    _check_rotations(golden)
    _check_camera(golden)
    _check_alignment(golden)
    _check_augmentation(golden)


def check_labels(golden: Golden) -> None:
    """Targets of one label map, and what the faces show."""
    size = golden.config["map_px"]
    prior = golden.input("prior").abs() ** 3
    prior = prior / prior.sum(dim=1, keepdim=True)
    golden.fixes(faces=len(prior), labels=len(LABELS))
    cells = golden.input("label_map")
    labels = _cells((cells + 1) / 2 * 19.999, size // len(cells))
    keypoints = golden.input("keypoints")
    keypoints = torch.cat([(0.35 * keypoints[:, :2] + 0.5) * size, keypoints[:, 2:].abs()], dim=1)
    targets = prepare(labels[None], keypoints[None], thresholds=Thresholds())
    golden.compare("merged_labels", targets.merged[0])
    golden.compare("class_weight", targets.class_weights[0])
    golden.compare("mc_mask", targets.minimal_mask[0])
    golden.compare("mc_valid", targets.valid[0])
    golden.compare("distance", targets.distance[0])
    textures = face_textures(prior, targets.valid)[0]
    golden.compare("mc_face_probability", textures[:, 0])
    golden.compare("c_face_probability", textures[:, 1:].T)
    golden.compare("c_face_probability", merged_probability(prior).T)


def check_losses(golden: Golden) -> None:
    """Every term, weighted, and the totals with both kinds of DSR-MC, before its start, without."""
    batch, size = golden.config["batch"], golden.config["image_px"]
    given = golden.config["weights"]
    weights = losses.Weights(
        keypoints=given["keypoints"],
        joints=given["keypoints"],
        pose=given["pose"],
        betas=given["betas"],
        vertices=given["vertices"],
        minimal=given["dsr_mc"],
        clothed=given["dsr_c"],
        overall=given["overall"],
    )
    rendered = (golden.input("rendered") + 1) / 2
    grey, silhouette = rendered[:, :, 0], rendered[:, 0, 3]
    cells = golden.input("mask")
    side = size // cells.shape[-1]
    mask = _cells((cells > 0.4).double(), side).double()
    merged = _cells((golden.input("labels") + 1) / 2 * 7.999, side)
    classes = class_weights(merged, Thresholds().pixels)
    golden.compare("class_weight", classes)
    valid = torch.ones(batch, 5, dtype=torch.bool)
    valid[-1] = False
    clothed = losses.clothed_loss(grey[:, 1:], merged, classes)
    golden.compare("per_sample_c", clothed)
    distance = distance_to(mask.bool()).double()
    regression = _regression_terms(golden)
    for kind, name in (("row_iou", "nIOU"), ("distance", "DistM")):
        minimal = losses.minimal_loss(kind, grey[:, 0], mask, distance)
        golden.compare(f"per_sample_mc_{name}", minimal)
        semantic = {
            "minimal": losses.batch_mean(minimal, valid),
            "clothed": losses.batch_mean(clothed, valid),
        }
        terms = weights.total({**regression, **semantic})
        for ours, theirs in TERMS.items():
            golden.compare(f"{name}_loss_{theirs}", terms[ours][None])
        golden.compare(f"total_{name}", terms["total"][None])
    plain = weights.total(regression)["total"][None]
    golden.compare("total_before_start", plain)
    golden.compare("total_without_semantics", plain)
    baseline = losses.batch_mean(losses.row_iou_loss(silhouette, mask), valid)
    golden.compare("silhouette_baseline_mc", weights.minimal * baseline[None])


TERMS = {
    "keypoints": "keypoints",
    "joints": "keypoints_3d",
    "pose": "regr_pose",
    "betas": "regr_betas",
    "vertices": "shape",
    "camera": "cam",
    "minimal": "dsr_mc",
    "clothed": "dsr_c",
}


def _regression_terms(golden: Golden) -> dict[str, Tensor]:
    camera = golden.input("pred_camera") * torch.tensor([0.1, 0.2, 0.2]).double()
    camera = camera + torch.tensor([0.3, 0.0, 0.0])
    pose = rotations.axis_angle_to_matrix(2 * golden.input("pose").unflatten(1, (24, 3)))
    rotation = rotations.rotation_6d_to_matrix(golden.input("pred_rot6d"))
    keypoints = _with_confidence(golden.input("keypoints"))
    keypoints[:, :25, 2] = 0  # those of OpenPose
    joints = _with_confidence(golden.input("joints"))
    batch = len(camera)
    has_body = torch.tensor([True, False, True, True, False])[:batch]
    has_joints = torch.tensor([True, True, False, True, False])[:batch]
    betas, vertices = golden.input("betas"), golden.input("vertices")
    return {
        "keypoints": losses.keypoint_loss(golden.input("pred_keypoints"), keypoints),
        "joints": losses.joint_loss(golden.input("pred_joints")[:, 25:], joints, has_joints),
        "pose": losses.parameter_loss(rotation, pose, has_body),
        "betas": losses.parameter_loss(golden.input("pred_betas"), betas, has_body),
        "vertices": losses.vertex_loss(golden.input("pred_vertices"), vertices, has_body),
        "camera": losses.scale_loss(camera),
    }


def _check_rotations(golden: Golden) -> None:
    axis_angle = 3 * golden.input("axis_angle")
    golden.fixes(batch=len(axis_angle), joints=axis_angle.shape[1])
    matrices = rotations.axis_angle_to_matrix(axis_angle)
    six = golden.input("rot6d")
    golden.compare("rot6d_to_rotmat", rotations.rotation_6d_to_matrix(six))
    golden.compare("rodrigues", matrices)
    golden.compare("rotmat_to_axis_angle", rotations.matrix_to_axis_angle(matrices))


def _check_camera(golden: Golden) -> None:
    size, focal = golden.config["crop_px"], golden.config["focal_px"]
    camera = golden.input("camera") * torch.tensor([0.3, 0.2, 0.2]).double()
    camera = camera + torch.tensor([0.9, 0.0, 0.0])
    points, keypoints = golden.input("points"), _with_confidence(golden.input("keypoints"))
    translation = weak_perspective.camera_translation(camera, size, focal)
    golden.compare("camera_translation", translation)
    golden.compare("projected", weak_perspective.project(points, translation, focal))
    # The authors map keypoints to pixels from the corner; the fit wants them from the centre.
    pixels = size / 2 * keypoints[:, 25:, :2]
    fitted = weak_perspective.fit_translation(points[:, 25:], pixels, keypoints[:, 25:, 2], focal)
    golden.compare("fitted_translation", fitted)
    # Their renderer's y points up.
    turned = torch.cat([torch.eye(3).expand(len(camera), 3, 3), translation[..., None]], dim=2)
    up = torch.tensor([1.0, -1.0, 1.0]).double()[:, None]
    intrinsics = weak_perspective.crop_intrinsics(size, focal).double()
    golden.compare("renderer_matrix", intrinsics @ (up * turned))


def _check_alignment(golden: Golden) -> None:
    pose, target = golden.input("pose_a")[:, None], golden.input("pose_b")[:, None]
    aligned = procrustes_align(pose, target)
    golden.compare("procrustes_aligned", aligned[:, 0])
    golden.compare("pa_mpjpe", p_mpjpe(pose, target, reduce=False)[:, 0])
    golden.compare("pa_per_joint", torch.linalg.vector_norm(aligned - target, dim=-1)[:, 0])


def _check_augmentation(golden: Golden) -> None:
    axis_angle = 3 * golden.input("axis_angle")
    samples = torch.arange(len(TURNS)) % len(axis_angle)
    root = rotations.axis_angle_to_matrix(axis_angle[samples, 0])
    turned = weak_perspective.plane_rotation(TURNS) @ root
    golden.compare("axis_angle_rotated", rotations.matrix_to_axis_angle(turned))
    mirrored = mirrored_rotations(rotations.axis_angle_to_matrix(axis_angle[0]))
    expected = golden.tensor("pose_flipped").unflatten(0, (24, 3))
    golden.compare("pose_flipped", _same_turns(mirrored, expected).flatten())
    keypoints = _with_confidence(golden.input("keypoints"))[0]
    golden.compare("keypoints_flipped", mirrored_keypoints(keypoints))
    size = golden.config["crop_px"]
    steps = torch.arange(len(TURNS)).double()
    for name, x, side in (
        ("crop_matrix", 100.5, 200 * (0.7 + 0.2 * steps)),
        ("crop_matrix_cv", 100.0, 140 + 20 * steps),
    ):
        centre = torch.stack([x + 17 * steps, 80 + 11 * steps], dim=1)
        affine = weak_perspective.crop_affine(centre, side, size, TURNS)
        golden.compare(name, affine[:, : golden.tensor(name).shape[1]])


def _same_turns(matrices: Tensor, expected: Tensor) -> Tensor:
    """Rotation vectors of matrices: the stored ones, of more than pi radians, where those fit."""
    same = (rotations.axis_angle_to_matrix(expected) - matrices).abs().amax((-2, -1)) < 1e-6
    assert math.isclose(float(same.double().mean()), 1.0), "other turns than the stored ones"
    return torch.where(same[:, None], expected, rotations.matrix_to_axis_angle(matrices))


def _with_confidence(points: Tensor) -> Tensor:
    return torch.cat([points[..., :-1], points[..., -1:].abs()], dim=-1)


def _cells(values: Tensor, side: int) -> Tensor:
    """Whole numbers of cells, each of ``side`` x ``side`` pixels."""
    return values.floor().long().repeat_interleave(side, -1).repeat_interleave(side, -2)


def _compare_closely(golden: Golden, name: str, actual: Tensor) -> None:
    golden.compare_within(name, actual, RELATIVE * float(golden.tensor(name).abs().max()))


CHECKS = {
    "dsr-head": check_head,
    "dsr-hmr": check_regressor,
    "dsr-geometry": check_geometry,
    "dsr-labels": check_labels,
    "dsr-losses": check_losses,
}
