"""Metric and loss goldens: VideoPose3D's and PoseAug's error measures, KTPFormer's loss."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from golden_checks.golden import Golden
from posekit import metrics
from posekit.metrics import losses

FLOAT32, FLOAT64 = 1e-5, 1e-9  # relative tolerances that the goldens state


def check_metrics(golden: Golden) -> None:
    """Every output of the form ``<case>_<measure>`` that the golden lists."""
    millimetre = 0.001 if golden.config["units"].startswith("metres") else 1.0
    target = golden.tensor("target")
    golden.fixes(frames=target.shape[0], joints=target.shape[1])
    for output in golden.spec["outputs"]:
        if output in golden.spec["stored_inputs"]:
            continue
        case, measure = output.split("_", 1)
        truth = golden.tensor("planar_target") if case == "planar" else target
        actual = _measure(measure, millimetre)(golden.tensor(f"{case}_pred"), truth)
        tolerance = FLOAT64 if measure.endswith("_frames") else FLOAT32
        golden.compare_within(output, actual, atol=0, rtol=tolerance)


def check_sequence_loss(golden: Golden) -> None:
    """Terms of the loss and the gradient of a backward pass that is seeded with it."""
    target = golden.input("target")
    golden.fixes(**dict(zip(("batch", "frames", "joints"), target.shape, strict=False)))
    prediction = (target + 0.3 * golden.input("error")).requires_grad_()
    weights = target.new_tensor(golden.config["joint_weights"])
    golden.compare("joint_weights", weights)
    loss = losses.sequence_loss(
        prediction,
        target,
        weights,
        golden.config["temporal_consistency"],
        golden.config["velocity"],
    )
    plain = losses.sequence_loss(prediction, target, consistency=0, velocity=0)
    loss.total.backward(gradient=loss.total.detach().clone())
    terms = [loss.position, loss.consistency, loss.velocity, loss.total, plain.total]
    golden.compare_within("terms", torch.stack(terms), atol=0, rtol=1e-5)
    golden.compare_within("grad", prediction.grad, atol=1e-7, rtol=1e-4)


def _weighted_by_frame(prediction: Tensor, target: Tensor) -> Tensor:
    weights = torch.linspace(0.5, 1.5, prediction.shape[0], dtype=prediction.dtype)
    return (weights * metrics.mpjpe(prediction, target, reduce=False)).mean()


def _by_joint(prediction: Tensor, target: Tensor) -> Tensor:
    return metrics.joint_errors(prediction, target).mean(dim=0)


def _aligned_by_frame(prediction: Tensor, target: Tensor) -> Tensor:
    return metrics.p_mpjpe(prediction.double(), target.double(), reduce=False)


def _scaled_by_frame(prediction: Tensor, target: Tensor) -> Tensor:
    return metrics.n_mpjpe(prediction.double(), target.double(), reduce=False)


def _measure(name: str, millimetre: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The function behind a measure's name; thresholds, ``pck150``, are in millimetres."""
    if name.startswith("pck"):
        return partial(metrics.pck, threshold=float(name.removeprefix("pck")) * millimetre)
    if name == "auc":
        return partial(metrics.auc, limit=150 * millimetre)
    return _MEASURES[name]


_MEASURES = {
    "mpjpe": metrics.mpjpe,
    "weighted_mpjpe": _weighted_by_frame,
    "mpjpe_byjoint": _by_joint,
    "p_mpjpe": metrics.p_mpjpe,
    "p_mpjpe_frames": _aligned_by_frame,
    "n_mpjpe": metrics.n_mpjpe,
    "n_mpjpe_frames": _scaled_by_frame,
    "velocity": metrics.mpjve,
    "accel": metrics.acceleration_error,
}

CHECKS = {"metrics": check_metrics, "seq2seq-loss": check_sequence_loss}
