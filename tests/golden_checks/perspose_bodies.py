"""Goldens of PersPose's losses and of its inverse kinematics, on bodies of made-up arrays."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from golden_checks.bodies import made_up_body
from golden_checks.golden import Golden
from posekit.bodies import BodyModel, Posed
from posekit.bodies.body_joints import human36m_17
from posekit.bodies.inverse_kinematics import (
    CHEST,
    CHEST_PART,
    PELVIS_PART,
    fit_body,
    fit_bones,
    fit_triangle,
)
from posekit.bodies.twists import rest_twists, turned_twists
from posekit.geometry.rotations import axis_angle_to_matrix, nearest_rotation
from posekit.metrics import mpjpe, p_mpjpe, procrustes_align
from posekit.metrics import perspose_losses as losses
from posekit.metrics.body_errors import MILLIMETRES, Surface, body_errors
from posekit.models.perspective_heads import LEAVES

RELATIVE = 2e-5  # of each loss and figure: pixels and metres stand side by side
LSP = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]  # joints of ``pa_per_joint``


class Persons(NamedTuple):
    """Six persons, as predicted or as true; joints are SMPL's 24 and the pelvis."""

    uv: Tensor
    depth: Tensor
    rho: Tensor
    positions: Tensor
    twist: Tensor
    betas: Tensor
    leaves: Tensor


class Labels(NamedTuple):
    """What a data set annotates of the six, at the predicted joints ``of``, and what counts."""

    of: list[int]
    uv: Tensor
    counts: Tensor
    depth: Tensor | None = None
    rho: Tensor | None = None


ORDER = (
    *("uv", "uv_coco", "uv_3dhp", "depth", "depth_3dhp", "scale", "scale_3dhp", "position"),
    *("height", "twist", "betas", "leaves"),
)


def check_losses(golden: Golden) -> None:
    """Twelve losses, the released totals, and the 21 figures that the release reports."""
    golden.fixes(crop_px=losses.CROP_PX)
    body = made_up_body(golden)
    assert tuple(golden.tensor("parents").tolist()) == body.parents
    camera = _camera(golden.input("intrinsics"))
    pose = 0.4 * golden.input("pose")
    translation = 0.2 * golden.input("translation") + torch.tensor([0.0, 0.2, 4.5])
    posed = body(axis_angle_to_matrix(pose), golden.input("betas"), translation)
    true = _true(body, pose, golden.input("betas"), posed, camera)
    golden.compare("reprojected", true.uv)
    golden.compare("density_target", 1000 * true.rho)
    found = _found(golden, true, pose)
    hp3d = golden.input("hp3d") * torch.tensor([0.5, 0.9, 0.3]) + torch.tensor([0.0, 0.0, 4.0])
    labels = _coco(golden), _hp3d(golden, hp3d, camera)
    heights = (1.7 + 0.2 * golden.input("height"))[:, 0]
    terms = _terms(golden, found, true, *labels, heights, tolerant=True)
    # The released loss of heights compares the truth with itself.
    released = torch.stack([terms.get(name, torch.tensor(0.0).double()) for name in ORDER])
    golden.compare_within("losses", released, 1e-6, RELATIVE)
    for name, weights in losses.RELEASED.items():
        golden.compare_within(f"total_{name}", weights.total(terms)["total"][None], 0, RELATIVE)
    usual = torch.full_like(heights, losses.USUAL_HEIGHT)
    errors = _terms(golden, found, true, *labels, usual, tolerant=False)
    figures = _figures(golden, found, true, labels[1], errors)
    figures += _body_figures(golden, body, posed, pose, found.betas, translation, hp3d)
    golden.compare_within("metrics", torch.stack(figures), 1e-6, RELATIVE)


def _terms(
    golden: Golden,
    found: Persons,
    true: Persons,
    coco: Labels,
    hp: Labels,
    heights: Tensor,
    *,
    tolerant: bool,
) -> dict[str, Tensor]:
    bodies, of_3dhp = _samples(golden, "hps"), _samples(golden, "3dhp")
    seen = bodies[:, None] * losses.inside(true.uv)
    weights = torch.where(_samples(golden, "bedlam") > 0, losses.BEDLAM_WEIGHT, 1.0)[:, None]
    pixels = {"tolerance_px": tolerant * losses.KEYPOINT_TOLERANCE_PX}
    depths = found.depth[:, hp.of] - found.depth[:, losses.PELVIS :]
    return {
        "uv": losses.keypoint_loss(found.uv, true.uv, seen * weights),
        "uv_coco": losses.keypoint_loss(found.uv[:, coco.of], coco.uv, coco.counts, **pixels),
        "uv_3dhp": losses.keypoint_loss(found.uv[:, hp.of], hp.uv, hp.counts, **pixels),
        "depth": losses.depth_loss(found.depth, true.depth, heights, seen),
        "depth_3dhp": losses.depth_loss(
            depths, hp.depth, heights, hp.counts, tolerance_cm=tolerant * losses.DEPTH_TOLERANCE_CM
        ),
        "scale": losses.scale_loss(found.rho[:, :1], true.rho[:, :1], heights, bodies[:, None]),
        "scale_3dhp": losses.scale_loss(
            found.rho[:, losses.PELVIS :],
            hp.rho,
            heights,
            of_3dhp[:, None],
            tolerance_mm=tolerant * losses.SCALE_TOLERANCE_MM,
        ),
        "position": losses.position_loss(found.positions, true.positions, heights, seen),
        "twist": losses.twist_loss(found.twist, true.twist, bodies),
        "betas": losses.shape_loss(found.betas, true.betas, bodies),
        "leaves": losses.leaf_loss(found.leaves, true.leaves, bodies),
    }


def _figures(
    golden: Golden, found: Persons, true: Persons, hp: Labels, errors: dict[str, Tensor]
) -> list[Tensor]:
    """The first 16 figures: pixels, centimetres, millimetres per pixel, degrees.

    They are losses without tolerance, of persons as tall as they are; keypoints and positions are
    those of SMPL's 24 joints.
    """
    bodies = _samples(golden, "hps")
    everything = bodies[:, None].expand(-1, 24)
    usual = torch.full_like(bodies, losses.USUAL_HEIGHT)
    seen = bodies[:, None] * losses.inside(true.uv)
    depths = found.depth[:, hp.of] - found.depth[:, losses.PELVIS :]
    moved, target = found.positions[:, :24], true.positions[:, :24]
    fitted = losses.scaled_and_moved(found.depth, true.depth)
    fitted_3dhp = losses.scaled_and_moved(depths, hp.depth)
    fitted_positions = losses.scaled_and_moved(moved, target)
    return [
        losses.keypoint_loss(found.uv[:, :24], true.uv[:, :24], seen[:, :24]),
        errors["uv_coco"],
        errors["uv_3dhp"],
        errors["depth"],
        losses.depth_loss(fitted, true.depth, usual, seen),
        errors["depth_3dhp"],
        losses.depth_loss(fitted_3dhp, hp.depth, usual, hp.counts),
        errors["scale"],
        errors["scale_3dhp"],
        losses.position_loss(moved, target, usual, everything),
        *(
            losses.depth_loss(moved[..., [axis]], target[..., [axis]], usual, everything)
            for axis in range(3)
        ),
        losses.position_loss(fitted_positions, target, usual, everything),
        torch.zeros_like(usual[0]),  # of heights
        losses.twist_degrees(found.twist, true.twist, bodies),
    ]


def _body_figures(
    golden: Golden,
    body: BodyModel,
    posed: Posed,
    pose: Tensor,
    betas: Tensor,
    translation: Tensor,
    hp3d: Tensor,
) -> list[Tensor]:
    """The last five figures, metres; and errors of each joint after alignment."""
    rotations = axis_angle_to_matrix(pose + 0.1 * golden.input("pred_pose"))
    found = body(rotations, betas, translation + 0.05 * golden.input("pred_translation"))
    surfaces = [Surface(human36m_17(body, each), each.vertices) for each in (found, posed)]
    ours, theirs = (each.joints[:, LSP] - each.joints[:, :1] for each in surfaces)
    golden.compare("pa_per_joint", (procrustes_align(ours, theirs) - theirs).norm(dim=-1))
    labelled, of_3dhp = (_samples(golden, name) > 0 for name in ("hps", "3dhp"))
    errors = body_errors(*(each._replace(rest=each.vertices) for each in surfaces), body.faces)
    of_bodies = [errors[name][labelled].mean() / MILLIMETRES for name in BODY_FIGURES]
    ours, theirs = (each - each[:, :1] for each in (surfaces[0].joints, hp3d))
    return [*of_bodies, *(each(ours[of_3dhp], theirs[of_3dhp]) for each in (mpjpe, p_mpjpe))]


BODY_FIGURES = ("mpjpe", "pa_mpjpe", "pve_centred")


def _true(body: BodyModel, pose: Tensor, betas: Tensor, posed: Posed, camera: Tensor) -> Persons:
    rotations = axis_angle_to_matrix(pose)
    joints = torch.cat([posed.joints, human36m_17(body, posed)[:, :1]], dim=1)
    twists = rest_twists(body.rest(betas).joints)
    return Persons(
        uv=_projected(joints, camera),
        depth=(joints - joints[:, :1])[..., 2:],
        rho=joints[..., 2:] / _focal(camera),
        positions=joints - joints[:, :1],
        twist=turned_twists(twists, body.global_rotations(rotations)),
        betas=betas,
        leaves=rotations[:, LEAVES],
    )


def _found(golden: Golden, true: Persons, pose: Tensor) -> Persons:
    """The truth with the golden's noise on it."""
    # The network's rows are joints 0 .. 23 and one more; the twists of the first and last are none.
    none = torch.ones_like(true.twist[:, :1])
    twist = torch.cat([none, true.twist, none], dim=1)
    return Persons(
        uv=true.uv + 8 * golden.input("pred_uv"),
        depth=true.depth + 0.05 * golden.input("pred_depth"),
        rho=true.rho + 0.4 / 1000 * golden.input("pred_density"),
        positions=true.positions + 0.04 * golden.input("pred_xyz"),
        twist=twist + 0.2 * golden.input("pred_twist"),
        betas=true.betas + 0.3 * golden.input("pred_betas"),
        leaves=axis_angle_to_matrix(pose[:, LEAVES] + 0.2 * golden.input("pred_leaf")),
    )


def _coco(golden: Golden) -> Labels:
    uv = (128 + 130 * golden.input("coco"))[:, list(losses.COCO)]
    visible = golden.input("coco_visible")[:, list(losses.COCO), 0] > -0.5
    counts = _samples(golden, "coco")[:, None] * (losses.inside(uv) & visible)
    return Labels([*losses.COCO.values()], uv, counts)


def _hp3d(golden: Golden, joints: Tensor, camera: Tensor) -> Labels:
    of = list(losses.HUMAN36M)
    uv = _projected(joints, camera)[:, of]
    return Labels(
        of=[*losses.HUMAN36M.values()],
        uv=uv,
        counts=_samples(golden, "3dhp")[:, None] * losses.inside(uv),
        depth=(joints - joints[:, :1])[:, of, 2:],
        rho=joints[:, :1, 2:] / _focal(camera),
    )


def _samples(golden: Golden, kind: str) -> Tensor:
    """(B,) 1 where the name of a sample's data set holds ``kind``."""
    return torch.tensor([float(kind in name) for name in golden.config["samples"]]).double()


def _camera(draws: Tensor) -> Tensor:
    focal = 600 + 150 * draws[:, 0]
    camera = torch.eye(3, dtype=draws.dtype).repeat(len(draws), 1, 1)
    camera[:, 0, 0], camera[:, 1, 1] = focal, 1.02 * focal
    camera[:, :2, 2] = 128 + 5 * draws[:, 1:]
    return camera


def _focal(camera: Tensor) -> Tensor:
    return camera[:, (0, 1), (0, 1)].mean(1)[:, None, None]


def _projected(points: Tensor, camera: Tensor) -> Tensor:
    seen = points @ camera.mT
    return seen[..., :2] / seen[..., 2:]


def check_inverse_kinematics(golden: Golden) -> None:
    """Bones by both rules, the rigid parts by themselves, and the body of noisy joints."""
    golden.tells("from", "to")
    body = made_up_body(golden)
    assert tuple(golden.tensor("parents").tolist()) == body.parents
    pose = 0.45 * golden.input("pose")
    pose[:, 0] *= 3
    rotations, betas = axis_angle_to_matrix(pose), golden.input("betas")
    assert len(betas) == golden.config["batch"]
    translation = golden.input("translation") + torch.tensor([0.0, 0.0, 4.0])
    aim = body(rotations, betas, translation).joints + 0.01 * golden.input("joint_noise")
    twists = turned_twists(rest_twists(body.rest(betas).joints), body.global_rotations(rotations))
    twists = twists + 0.1 * golden.input("twist_noise")[:, 1:]
    guess = 0.5 * golden.input("initial_betas")

    rest = body.rest(guess).joints
    by_direction, in_image = (fit_bones(aim, rest, rule) for rule in ("direction", "image plane"))
    _compare(golden, "fit_a_joints", by_direction.joints)
    _compare(golden, "fit_a_root", by_direction.pelvis)
    _compare(golden, "fit_a_chest", by_direction.chest)
    _compare(golden, "fit_b_joints", in_image.joints)
    hips, rest_hips = (each[:, PELVIS_PART] - each[:, :1] for each in (aim, rest))
    pelvis, moved = fit_triangle(hips, rest_hips)
    _compare(golden, "pelvis_rotation", pelvis)
    _compare(golden, "pelvis_translation", moved)
    shoulders, rest_shoulders = (each[:, CHEST_PART] - each[:, [CHEST]] for each in (aim, rest))
    _compare(golden, "chest_rotation", nearest_rotation(rest_shoulders, shoulders))

    found = fit_body(body, aim, twists, rotations[:, LEAVES], guess)
    posed = body(*found)
    _compare(golden, "betas", found.betas)
    _compare(golden, "rotmat", found.rotations)
    _compare(golden, "translation_out", found.translation)
    _compare(golden, "joints", posed.joints)
    _compare(golden, "vertices", posed.vertices)


def _compare(golden: Golden, name: str, actual: Tensor) -> None:
    """Within what the golden states."""
    assert golden.spec["tolerance"].startswith("2e-4 x max(1, ")
    golden.compare_within(name, actual, 2e-4 * max(1.0, float(golden.tensor(name).abs().max())))


CHECKS = {"perspose-losses": check_losses, "perspose-ik": check_inverse_kinematics}
