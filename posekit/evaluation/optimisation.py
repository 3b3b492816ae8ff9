"""Test-time optimisation of any lifter: its pose is made to fit the 2D that it was lifted from.

Uncertainty-aware test-time optimisation (UAO; arXiv 2402.02339, IEEE TMM 2025). Source:
https://github.com/xiu-cs/UAO-Pose3D at cb50588. The trained network stays frozen; its input, a
copy of the keypoints, is moved until the projection of the pose meets the keypoints, while every
joint stays near the first prediction, the nearer the surer the network is of it.

Shapes: B windows, F frames of a window, T frames predicted for it (F, or 1), J joints, C channels.
The axis of size 2 holds the plain and the mirrored half.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Literal, get_args

import torch
from torch import Tensor

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import Skeleton, mirror_points
from posekit.metrics.losses import scaled_distance
from posekit.models.lifters import Lifter

Uncertainty = Literal["predicted", "matched", "uniform"]
Target = Literal["input", "embedding", "pose", "weights"]
Root = Literal["given", "fitted"]

TRACE_TERMS = (
    "uncertainty, plain",
    "uncertainty, mirrored",
    "projection, plain",
    "projection, mirrored",
    "total",
)
"""Columns of ``Optimised.trace``."""

NEAREST = 0.5
"""Metres between the camera and the nearest joint that a fitted root leaves at least."""

SMALLEST_SPREAD = 1e-8  # squared rays: a person as wide as 0.1 mm at 1 m distance

# Windows are optimised in groups of about so many frames, which bounds the memory of the backward
# pass; a CPU works best on what fits its cache.
FRAMES_PER_GROUP = {"cpu": 64, "cuda": 1024}
FRAMES_PER_COPY = 64  # that share a copy of the weights, on every device


@dataclass(frozen=True)
class Optimisation:
    """What to optimise at test time, by which loss, how far. The defaults are the released run.

    Attributes:
        iterations: Adam steps; 0 leaves the flip-averaged prediction.
        learning_rate: of Adam. A coordinate moves by at most about this much per iteration.
        weight_uncertainty: factor of the term that keeps joints near the first prediction.
        weight_projection: factor of the term that pulls their projection to the keypoints.
        uncertainty: "predicted" holds a joint by exp(-s), with the s of the lifter's ``estimate``;
            "matched" holds all joints of a window alike, by the mean of exp(-s); "uniform", and
            lifters without an estimate, hold all joints by 1 (s = 0).
        target: what moves: the "input"; the "embedding" of lifters that have ``embed`` and
            ``lift``; the "pose" itself; or a copy of all "weights", shared by the windows of
            ``FRAMES_PER_COPY`` frames.
        root: "given", the root's true position, as released; or "fitted" by ``fit_root`` to the
            first prediction.

    Raises:
        InvalidParameter: a value out of range, or an unknown choice.
    """

    iterations: int = 4
    learning_rate: float = 1e-3
    weight_uncertainty: float = 0.005
    weight_projection: float = 1.0
    uncertainty: Uncertainty = "predicted"
    target: Target = "input"
    root: Root = "given"

    def __post_init__(self) -> None:
        choices = {"uncertainty": Uncertainty, "target": Target, "root": Root}
        for name, valid in choices.items():
            if getattr(self, name) not in get_args(valid):
                raise InvalidParameter(
                    f"optimisation: {name} is {getattr(self, name)!r}; "
                    f"choose one of: {', '.join(get_args(valid))}."
                )
        if type(self.iterations) is not int or self.iterations < 0:
            raise InvalidParameter(
                f"optimisation: iterations is {self.iterations!r}; choose a whole number from 0."
            )
        if not 0 < self.learning_rate < float("inf"):
            raise InvalidParameter(
                f"optimisation: learning_rate is {self.learning_rate}; choose a positive number."
            )
        for name in ("weight_uncertainty", "weight_projection"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidParameter(
                    f"optimisation: {name} is {getattr(self, name)}; choose 0 or more."
                )


RELEASED = Optimisation()
"""The settings of the released test command."""


@dataclass(frozen=True, eq=False)
class Optimised:
    """What an optimisation found.

    Attributes:
        pose: (B, T, J, 3) metres, mean of both halves, root at 0.
        first: (B, T, J, 3) the same before the optimisation: the flip-averaged prediction.
        root: (B, T, 1, 3) metres, camera frame: the root that was used.
        state: what was moved, in its final state, the mirrored half as the network sees it:
            (B, 2, F, J, 2) keypoints, (B, 2, F, J, channels) tokens or (B, 2, T, J, 3) poses; None
            for weights.
        trace: (iterations, 5) means over the windows of ``TRACE_TERMS`` before every step, the
            terms without their factors.
        poses: (iterations + 1, B, T, J, 3), ``first`` to ``pose``; None unless asked for.
    """

    pose: Tensor
    first: Tensor
    root: Tensor
    state: Tensor | None
    trace: Tensor
    poses: Tensor | None


def optimise(
    lifter: Lifter,
    keypoints: Tensor,
    camera: Camera,
    root: Tensor | None,
    settings: Optimisation = RELEASED,
    *,
    keep_poses: bool = False,
) -> Optimised:
    """Lift keypoints and fit the pose to them.

    Every window is optimised for itself: a result does not depend on what else is in the batch,
    but for target "weights", whose copies serve several windows each. The released code takes the
    mean of the loss over its batch, a factor that Adam divides out. It works inside
    ``torch.inference_mode`` too, and leaves the lifter as it was.

    Args:
        lifter: any lifter; run in evaluation mode.
        keypoints: (B, F, J, C), screen-normalised; further channels than x and y stay fixed.
        camera: cameras of batch shape (B,), or one for all with batch shape ().
        root: (B, T, 1, 3), metres, camera frame; not read, and None at will, if
            ``settings.root`` is "fitted".
        settings: see ``Optimisation``.
        keep_poses: keep the pose before and after every step.

    Raises:
        InvalidParameter: target "embedding" for a lifter that cannot be split there.
        InvalidData: shapes that do not fit, a missing root or one that is not in front of the
            camera, or keypoints that fix no root.
    """
    _check(lifter, keypoints, camera, root, settings)
    shared = settings.target == "weights"
    frames = FRAMES_PER_COPY if shared else FRAMES_PER_GROUP.get(keypoints.device.type, 1024)
    size = max(1, frames // lifter.frames)
    groups = [slice(start, start + size) for start in range(0, len(keypoints), size)]
    # Predictions are made in inference mode, which forbids gradients, even through copies of what
    # stems from it: everything that enters is cloned outside it.
    with torch.inference_mode(False), _frozen(lifter):
        parts = [
            _optimise_group(
                lifter,
                keypoints[group].clone(),
                _cloned(camera[group] if camera.batch_shape else camera),
                None if settings.root == "fitted" else root[group].clone(),
                settings,
            )
            for group in groups
        ]
    return _joined(parts, keep_poses)


def fit_root(keypoints: Tensor, pose: Tensor, camera: Camera) -> Tensor:
    """The position of the root at which a pose fits its keypoints best.

    With (u, v) the undistorted ray of a keypoint, a joint (X, Y, Z) of the pose and the root r,
    the sum over joints of (r_x + X - u (r_z + Z))^2 + (r_y + Y - v (r_z + Z))^2 is least; it is
    quadratic in r and solved in closed form, frame by frame. No joint comes nearer to the camera
    than ``NEAREST``.

    Args:
        keypoints: (B, T, J, 2), screen-normalised.
        pose: (B, T, J, 3), metres, root-relative.
        camera: cameras of batch shape (B,), or one for all with batch shape ().

    Returns:
        (B, T, 1, 3), metres, camera frame.

    Raises:
        InvalidData: values that are not finite, or all keypoints of a frame in one place.
    """
    rays, joints = camera.rays(keypoints).double(), pose.double()
    depth = joints[..., 2:]
    offset = rays * depth - joints[..., :2]  # the root less its depth times the ray
    mean_ray, mean_offset = rays.mean(-2, keepdim=True), offset.mean(-2, keepdim=True)
    centred_rays, centred_offset = rays - mean_ray, offset - mean_offset
    spread = centred_rays.square().sum((-2, -1), keepdim=True)
    found = -(centred_rays * centred_offset).sum((-2, -1), keepdim=True) / spread
    solvable = (spread > SMALLEST_SPREAD) & found.isfinite()
    if not bool(solvable.all()):
        raise InvalidData(
            f"{int((~solvable).sum())} of {solvable.numel()} frames fix no root: all their "
            "keypoints lie in one place, or values are not finite; leave such frames out, or "
            "give the root."
        )
    # The sum is quadratic in the depth, so its least beyond a bound is at the bound.
    distance = torch.maximum(found, NEAREST - depth.amin(-2, keepdim=True))
    return torch.cat([mean_offset + mean_ray * distance, distance], dim=-1).to(pose.dtype)


def _optimise_group(
    lifter: Lifter,
    keypoints: Tensor,
    camera: Camera,
    root: Tensor | None,
    settings: Optimisation,
) -> Optimised:
    """``optimise`` for windows that fit in memory together, outside inference mode."""
    skeleton = lifter.skeleton
    observed = _scored_frames(keypoints, lifter)
    both = torch.stack([keypoints, mirror_points(keypoints, skeleton)], dim=1)
    moved, predict = _START[settings.target](lifter, both, settings.uncertainty)
    optimiser = torch.optim.Adam(moved, lr=settings.learning_rate)

    def halves(*, gradient: bool) -> tuple[Tensor, Tensor]:
        """Poses (B, 2, T, J, 3) and log scales (B, 2, T, J, 1), mirrored halves turned back."""
        with torch.set_grad_enabled(gradient):
            parts = (part.unflatten(0, (-1, 2)).to(keypoints.dtype) for part in predict())
            return _turned_back(*parts, skeleton)

    pose, log_scale = halves(gradient=settings.iterations > 0)
    first = pose.detach()
    poses = [_answer(first, skeleton)]
    if root is None:
        root = fit_root(observed, poses[0], camera)
    trace = observed.new_empty(settings.iterations, len(TRACE_TERMS))
    for iteration in range(settings.iterations):
        uncertainty = scaled_distance(pose, first, log_scale.detach()).mean((-2, -1))
        projected = camera.project(_zero_root(pose, skeleton) + root[:, None])
        projection = (projected - observed[:, None]).norm(dim=-1).mean((-2, -1))
        loss = settings.weight_uncertainty * uncertainty + settings.weight_projection * projection
        # The sum, not the mean: no window's gradient depends on how many there are.
        gradients = torch.autograd.grad(loss.sum(), moved, allow_unused=True)
        for values, gradient in zip(moved, gradients, strict=True):
            values.grad = gradient
        optimiser.step()
        trace[iteration] = torch.cat(
            [uncertainty.mean(0), projection.mean(0), loss.sum(1).mean(0, keepdim=True)]
        ).detach()
        pose, log_scale = halves(gradient=iteration + 1 < settings.iterations)
        poses.append(_answer(pose.detach(), skeleton))
    return Optimised(
        pose=poses[-1],
        first=poses[0],
        root=root,
        state=None if settings.target == "weights" else moved[0].detach(),
        trace=trace,
        poses=torch.stack(poses),
    )


Moving = tuple[list[Tensor], Callable[[], tuple[Tensor, Tensor]]]
"""What is optimised, and what predicts poses and log scales (2 B, T, J, ...) from it."""


def _from_input(lifter: Lifter, both: Tensor, uncertainty: Uncertainty) -> Moving:
    position, others = both[..., :2].clone().requires_grad_(), both[..., 2:]

    def predict() -> tuple[Tensor, Tensor]:
        return _estimate(lifter, torch.cat([position, others], dim=-1).flatten(0, 1), uncertainty)

    return [position], predict


def _from_embedding(lifter: Lifter, both: Tensor, uncertainty: Uncertainty) -> Moving:
    with torch.no_grad():
        tokens = lifter.embed(both.flatten(0, 1)).unflatten(0, (-1, 2))
    tokens.requires_grad_()

    def predict() -> tuple[Tensor, Tensor]:
        pose, log_scale = lifter.lift(tokens.flatten(0, 1))
        return pose, _held_by(log_scale, uncertainty)

    return [tokens], predict


def _from_pose(lifter: Lifter, both: Tensor, uncertainty: Uncertainty) -> Moving:
    with torch.no_grad():
        pose, log_scale = _estimate(lifter, both.flatten(0, 1), uncertainty)
    pose = pose.unflatten(0, (-1, 2)).requires_grad_()
    return [pose], lambda: (pose.flatten(0, 1), log_scale)


def _from_weights(lifter: Lifter, both: Tensor, uncertainty: Uncertainty) -> Moving:
    own = copy.deepcopy(lifter).requires_grad_()
    return list(own.parameters()), lambda: _estimate(own, both.flatten(0, 1), uncertainty)


_START: dict[Target, Callable[[Lifter, Tensor, Uncertainty], Moving]] = {
    "input": _from_input,
    "embedding": _from_embedding,
    "pose": _from_pose,
    "weights": _from_weights,
}


def _estimate(lifter: Lifter, keypoints: Tensor, uncertainty: Uncertainty) -> tuple[Tensor, Tensor]:
    """Pose (..., J, 3) and log scale (..., J, 1), zero where none is predicted or wanted."""
    if uncertainty != "uniform" and hasattr(lifter, "estimate"):
        pose, log_scale = lifter.estimate(keypoints)
        return pose, _held_by(log_scale, uncertainty)
    pose = lifter(keypoints)
    return pose, pose.new_zeros(*pose.shape[:-1], 1)


def _held_by(log_scale: Tensor, uncertainty: Uncertainty) -> Tensor:
    """The log scales (windows, T, J, 1) by which joints are held, from the predicted ones."""
    if uncertainty == "predicted":
        return log_scale
    if uncertainty == "uniform":
        return torch.zeros_like(log_scale)
    weight = (-log_scale).exp().mean((-3, -2), keepdim=True)
    return (-weight.log()).expand_as(log_scale)


def _turned_back(pose: Tensor, log_scale: Tensor, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """Both (B, 2, T, J, ...) with the mirrored halves mirrored again; s has no sign to change."""
    mirror = torch.tensor(skeleton.mirror, device=log_scale.device)
    flipped = log_scale[:, 1].index_select(-2, mirror)
    return (
        torch.stack([pose[:, 0], mirror_points(pose[:, 1], skeleton)], dim=1),
        torch.stack([log_scale[:, 0], flipped], dim=1),
    )


def _zero_root(pose: Tensor, skeleton: Skeleton) -> Tensor:
    kept = pose.new_ones(skeleton.joints, 1)
    kept[skeleton.root] = 0.0
    return pose * kept


def _answer(pose: Tensor, skeleton: Skeleton) -> Tensor:
    """The pose (B, T, J, 3) that both halves (B, 2, T, J, 3) make: their mean, root at 0."""
    return _zero_root(pose.mean(1), skeleton)


def _scored_frames(keypoints: Tensor, lifter: Lifter) -> Tensor:
    """Keypoints (B, T, J, 2) of the frames that the lifter predicts: all, or the middle one."""
    points = keypoints[..., :2]
    if lifter.output == "sequence":
        return points
    middle = lifter.frames // 2
    return points[:, middle : middle + 1]


def _cloned(camera: Camera) -> Camera:
    return Camera(*(getattr(camera, field.name).clone() for field in fields(Camera)))


@contextmanager
def _frozen(lifter: Lifter) -> Iterator[None]:
    """Evaluation mode and no gradients of weights; both are as before at the end."""
    modes = [(module, module.training) for module in lifter.modules()]
    trained = [weight for weight in lifter.parameters() if weight.requires_grad]
    lifter.eval()
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for weight in trained:
            weight.requires_grad_(True)


def _joined(parts: list[Optimised], keep_poses: bool) -> Optimised:
    """The results of groups of windows as one."""
    sizes = parts[0].trace.new_tensor([len(part.pose) for part in parts])
    weights = (sizes / sizes.sum())[:, None, None]
    states = [part.state for part in parts if part.state is not None]
    return Optimised(
        pose=torch.cat([part.pose for part in parts]),
        first=torch.cat([part.first for part in parts]),
        root=torch.cat([part.root for part in parts]),
        state=torch.cat(states) if states else None,
        trace=(torch.stack([part.trace for part in parts]) * weights).sum(0),
        poses=torch.cat([part.poses for part in parts], dim=1) if keep_poses else None,
    )


def _check(
    lifter: Lifter,
    keypoints: Tensor,
    camera: Camera,
    root: Tensor | None,
    settings: Optimisation,
) -> None:
    lifter.check_input(keypoints)
    can_split = hasattr(lifter, "embed") and hasattr(lifter, "lift")
    if settings.target == "embedding" and not can_split:
        raise InvalidParameter(
            f"target is 'embedding', and {type(lifter).__name__} has no embed and lift to split it "
            "at; choose input, pose or weights."
        )
    batch = len(keypoints)
    if batch == 0:
        raise InvalidData("keypoints hold no window; give at least 1.")
    if camera.batch_shape not in ((), (batch,)):
        raise InvalidData(
            f"cameras of batch shape {tuple(camera.batch_shape)} do not fit {batch} windows; give "
            "one camera for all, or one for each."
        )
    if settings.root == "fitted":
        return
    expected = (batch, lifter.frames if lifter.output == "sequence" else 1, 1, 3)
    if root is None or tuple(root.shape) != expected:
        given = "None" if root is None else f"of shape {tuple(root.shape)}"
        raise InvalidData(
            f"root is {given}; give the root's position {expected} in metres, or choose "
            "root='fitted'."
        )
    behind = root[..., 2] <= 0
    if behind.any():
        raise InvalidData(
            f"root lies at or behind the camera in {int(behind.sum())} of {behind.numel()} frames, "
            "as in poses without a position; give its position in the camera frame, or choose "
            "root='fitted'."
        )
