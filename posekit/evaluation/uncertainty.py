"""Whether a lifter knows where it errs: its predicted scale against its error, joint by joint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from posekit.evaluation.prediction import FRAMES_PER_BATCH, Predictions
from posekit.evaluation.scoring import Evaluation, clip_average
from posekit.metrics import joint_errors
from posekit.models.lifters import Lifter

RANK_CORRELATION = "rank_correlation"


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's rank correlation of two tensors of equal shape; NaN if one holds one value only.

    Equal values keep the order in which they come.
    """
    ranks = [values.flatten().argsort(stable=True).argsort().double() for values in (first, second)]
    if any(bool((values == values.flatten()[0]).all()) for values in (first, second)):
        return float("nan")
    return float(torch.corrcoef(torch.stack(ranks))[0, 1])


@torch.inference_mode()
def with_rank_correlation(
    evaluation: Evaluation, lifter: Lifter, predictions: Predictions
) -> Evaluation:
    """The evaluation with one metric more: ``rank_correlation`` of log scale and error.

    Taken over all frames and joints of a clip but the root, which protocols set to the origin.

    Args:
        evaluation: what ``score`` made of the predictions.
        lifter: has ``estimate``: keypoints -> pose and log scale (B, T, J, 1).
        predictions: of that lifter.
    """
    bank, windows = predictions.bank, predictions.windows
    size = max(1, FRAMES_PER_BATCH // lifter.frames)
    parts = [
        lifter.estimate(bank.keypoints[inputs])[1][..., 0] for inputs in windows.inputs.split(size)
    ]
    joints = [j for j in range(bank.skeleton.joints) if j != bank.skeleton.root]
    log_scale = torch.cat(parts)[..., joints]
    flip = predictions.flipped is not None
    places = torch.arange(windows.outputs.numel(), device=bank.device).view_as(windows.outputs)
    place = {name: number for number, name in enumerate(evaluation.clips)}
    values = np.full(len(place), np.nan)
    for number, clip in enumerate(bank.dataset.clips):
        if clip.name in place:
            own = windows.clip == number
            poses = predictions.poses_at(places[own].flatten(), flip)
            errors = joint_errors(poses, bank.pose[windows.outputs[own].flatten()])[..., joints]
            values[place[clip.name]] = rank_correlation(log_scale[own].flatten(0, 1), errors)
    return _with_metric(evaluation, values)


def _with_metric(evaluation: Evaluation, values: np.ndarray) -> Evaluation:
    actions = np.array(evaluation.clip_actions)
    average = evaluation.protocol.average

    def total(chosen: np.ndarray) -> float:
        parts = (values[chosen], evaluation.clip_frames[chosen], actions[chosen])
        return float(clip_average(*parts, average))

    everything = np.ones(len(values), dtype=bool)
    return replace(
        evaluation,
        metrics={**evaluation.metrics, RANK_CORRELATION: total(everything)},
        per_action={
            action: {**figures, RANK_CORRELATION: total(actions == action)}
            for action, figures in evaluation.per_action.items()
        },
        per_clip={**evaluation.per_clip, RANK_CORRELATION: values},
    )
