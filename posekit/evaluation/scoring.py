"""Scoring stored predictions: errors in millimetres, PCK and AUC in percent; in total and per
action, subject, joint, clip and frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from posekit import metrics
from posekit.datasets.clips import PoseDataset
from posekit.errors import InvalidData, InvalidParameter, unknown
from posekit.evaluation.prediction import Predictions, predict
from posekit.evaluation.protocols import Protocol, scored_clips
from posekit.models.lifters import Lifter

MILLIMETRES = 1000.0
FRAMES_PER_PART = 8192  # poses of so many are gathered at once, however long the data set

# Each metric looks at this many consecutive scored frames at once.
_METRICS: dict[str, tuple[int, Callable[..., Tensor]]] = {
    "mpjpe": (1, metrics.mpjpe),
    "p_mpjpe": (1, metrics.p_mpjpe),
    "n_mpjpe": (1, metrics.n_mpjpe),
    "mpjve": (2, metrics.mpjve),
    "acceleration": (3, metrics.acceleration_error),
    "pck": (1, metrics.pck),
    "auc": (1, metrics.auc),
}
PERCENTAGES = ("pck", "auc")
METRICS = tuple(_METRICS)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Errors under one protocol.

    Millimetres; mpjve per frame, acceleration per frame squared; pck and auc in percent.

    A figure is NaN where nothing can be measured: a velocity of clips of one frame.

    Attributes:
        metrics: name -> total.
        per_action: action -> name -> error.
        per_subject: subject -> name -> error, averaged as the total is.
        per_joint: joint name -> MPJPE, averaged as the total is; their mean is the total MPJPE.
        clips: names of the scored clips.
        clip_actions: the action of each.
        clip_frames: (clips,) frames counted of each.
        per_clip: name -> (clips,) errors, for paired statistics.
        frame_clips: (R,) index into ``clips`` of every counted frame.
        frame_numbers: (R,) its number in the clip.
        per_frame: name -> (R,) errors, for the metrics of single frames.
        protocol: the protocol.
        card: the protocol card with data set and input: (label, value) pairs in order.
    """

    metrics: dict[str, float]
    per_action: dict[str, dict[str, float]]
    per_subject: dict[str, dict[str, float]]
    per_joint: dict[str, float]
    clips: tuple[str, ...]
    clip_actions: tuple[str, ...]
    clip_frames: np.ndarray
    per_clip: dict[str, np.ndarray]
    frame_clips: np.ndarray
    frame_numbers: np.ndarray
    per_frame: dict[str, np.ndarray]
    protocol: Protocol
    card: tuple[tuple[str, str], ...]


@torch.inference_mode()
def score(
    predictions: Predictions,
    protocol: Protocol,
    *,
    names: Sequence[str] = METRICS,
    measured: Mapping[str, Tensor] | None = None,
) -> Evaluation:
    """Errors of stored predictions under a protocol.

    A clip's error is the mean over its counted frames (velocity and acceleration: over its
    differences); an action's is the mean over its clips weighted by counted frames.

    Args:
        predictions: result of ``predict``.
        protocol: the protocol; its window rule and downsampling must be those of ``predict``.
        names: metrics to compute, of ``METRICS``; "mpjpe" is always computed.
        measured: errors that are not computed here: metric -> (W, T) metres per scored frame.

    Raises:
        InvalidParameter: an unknown metric, predictions made with another window rule, or without
            the flip.
        InvalidData: no clip to score, or no true poses.
    """
    for name in names:
        if name not in METRICS:
            raise InvalidParameter(unknown("metric", name, METRICS))
    _check_scorable(predictions, protocol)
    rows = _Rows(predictions, protocol)
    joints, mpjpe = _joint_errors(rows)
    per_joint = joints.result(MILLIMETRES)
    per_clip = {"mpjpe": per_joint.mean(1)}
    per_frame = {"mpjpe": mpjpe}
    for name in names:
        if name == "mpjpe":
            continue
        runs, values = _errors(rows, name)
        per_clip[name] = rows.means(values, runs).result(_factor(name))[:, 0]
        if _METRICS[name][0] == 1:
            per_frame[name] = values
    for name, errors in (measured or {}).items():
        per_frame[name] = errors[rows.counted][rows.valid]
        frames = rows.valid.nonzero()[:, 0]
        per_clip[name] = rows.means(per_frame[name], frames).result(MILLIMETRES)[:, 0]
    return _summarise(rows, protocol, predictions, per_clip, per_joint, per_frame)


def _joint_errors(rows: _Rows) -> tuple[_ClipMeans, Tensor]:
    """Clip means of every joint's error, and the MPJPE (R,) of every frame; metres."""
    means, mpjpe = _ClipMeans(rows, len(rows.joints)), []
    for frames, prediction, truth in rows.runs(1):
        errors = metrics.joint_errors(prediction, truth)[:, 0]
        means.add(errors, frames)
        mpjpe.append(errors.mean(1))
    return means, torch.cat(mpjpe)


def _errors(rows: _Rows, name: str) -> tuple[Tensor, Tensor]:
    """Of all runs of frames that a metric looks at: place of the first (R,), value (R,)."""
    length, metric = _METRICS[name]
    places, values = [rows.row[:0]], [torch.zeros(0, device=rows.row.device)]
    for runs, prediction, truth in rows.runs(length):
        if name in PERCENTAGES:
            prediction, truth = (poses[..., rows.pck_joints, :] for poses in (prediction, truth))
        places.append(runs)
        values.append(metric(prediction, truth, reduce=False)[:, 0])
    return torch.cat(places), torch.cat(values)


def _factor(name: str) -> float:
    """From what a metric says of poses in metres to what is printed."""
    return 1.0 if name in PERCENTAGES else MILLIMETRES


def _check_scorable(predictions: Predictions, protocol: Protocol) -> None:
    made = (predictions.rule, predictions.downsample)
    if made != (protocol.windows, protocol.downsample):
        raise InvalidParameter(
            f"the predictions were made with windows {made[0]!r} and one frame in {made[1]}, "
            f"protocol {protocol.name} asks for {protocol.windows!r} and one in "
            f"{protocol.downsample}; predict again under this protocol."
        )
    if protocol.flip and predictions.flipped is None:
        raise InvalidParameter(
            f"protocol {protocol.name} averages over flips and the predictions hold none; "
            "predict again under this protocol."
        )
    if predictions.bank.pose is None:
        raise InvalidData(
            f"{predictions.bank.dataset.name} holds clips without true poses; "
            "they can be lifted and not scored."
        )


class _Rows:
    """The scored frames, clip after clip, windows laid end to end; their poses in parts."""

    def __init__(self, predictions: Predictions, protocol: Protocol) -> None:
        bank, windows = predictions.bank, predictions.windows
        self.bank, self.predictions, self.protocol = bank, predictions, protocol
        self.clip_chosen = scored_clips(bank.dataset, protocol)
        chosen = torch.tensor(self.clip_chosen, device=bank.device)
        counted = chosen[windows.clip][:, None].expand_as(windows.outputs)
        if not protocol.count_padding:
            counted = counted & ~windows.padding
        if not protocol.count_overlap:
            counted = counted & ~windows.overlap
        self.counted = counted
        new_index = (chosen.cumsum(0) - 1)[windows.clip]
        self.clips = sum(self.clip_chosen)
        self.row = windows.outputs[counted]
        self.clip = new_index[:, None].expand_as(counted)[counted]
        self.place = counted.flatten().nonzero()[:, 0]  # among the frames of all windows
        self.window = self.place // counted.shape[1]
        self.valid = bank.valid[self.row]
        root = bank.skeleton.root
        self.joints = [j for j in range(bank.skeleton.joints) if protocol.score_root or j != root]
        without = {bank.skeleton.index(name) for name in protocol.pck_without}
        self.pck_joints = [n for n, joint in enumerate(self.joints) if joint not in without]
        # What a frame counts in its clip: one, or one shared by the windows that hold it.
        self.weight = torch.ones(len(self.row), dtype=torch.float64, device=bank.device)
        if protocol.average_overlap:
            self.weight /= torch.bincount(self.row)[self.row]
        if not bool(self.valid.any()):
            raise InvalidData(f"protocol {protocol.name} leaves no valid frame to score.")

    def runs(self, length: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """All runs of ``length`` consecutive scored frames, in parts of up to FRAMES_PER_PART: the
        place of each one's first frame (R,), poses (R, length, J, 3) predicted and true.

        A run stays in one clip (in one window, if the protocol says so) and holds valid frames
        only.
        """
        firsts = torch.arange(max(0, len(self.row) - length + 1), device=self.row.device)
        for first in firsts.split(FRAMES_PER_PART):
            last = first + length - 1
            keep = self.clip[first] == self.clip[last]
            if self.protocol.velocity == "within windows":
                keep &= self.window[first] == self.window[last]
            for step in range(length):
                keep &= self.valid[first + step]
            first = first[keep]
            if len(first):
                run = first[:, None] + torch.arange(length, device=first.device)
                yield (
                    first,
                    *(poses.unflatten(0, run.shape) for poses in self._poses(run.flatten())),
                )

    def _poses(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Predicted and true poses (R, J, 3) of scored frames, in metres, roots by the protocol."""
        bank, protocol = self.bank, self.protocol
        row, place = self.row[frames], self.place[frames]
        truth = bank.in_metres(bank.pose[row], row)
        prediction = bank.in_metres(self.predictions.poses_at(place, protocol.flip), row)
        root = bank.skeleton.root
        if protocol.root == "zeroed":
            prediction[:, root] = 0.0
        elif protocol.root == "subtracted":
            prediction = prediction - prediction[:, root : root + 1]
        return prediction[:, self.joints], truth[:, self.joints]

    def means(self, values: Tensor, runs: Tensor) -> _ClipMeans:
        """The clip means of values (R,) of runs."""
        means = _ClipMeans(self, 1)
        means.add(values[:, None], runs)
        return means


class _ClipMeans:
    """Weighted means over the runs of each clip, which come in parts."""

    def __init__(self, rows: _Rows, width: int) -> None:
        self.rows = rows
        zeros = torch.zeros(rows.clips, width + 1, dtype=torch.float64, device=rows.row.device)
        self.total, self.count = zeros[:, :-1], zeros[:, -1]

    def add(self, values: Tensor, runs: Tensor) -> None:
        """Values (R, width) of the runs that begin at ``runs`` (R,)."""
        clips, weight = self.rows.clip[runs], self.rows.weight[runs]
        self.total.index_add_(0, clips, values.double() * weight[:, None])
        self.count.index_add_(0, clips, weight)

    def result(self, factor: float) -> np.ndarray:
        """Means (clips, width) times a factor; NaN where a clip has no run."""
        return (factor * self.total / self.count[:, None]).cpu().numpy()


def _summarise(
    rows: _Rows,
    protocol: Protocol,
    predictions: Predictions,
    per_clip: Mapping[str, np.ndarray],
    per_joint: np.ndarray,
    per_frame: Mapping[str, Tensor],
) -> Evaluation:
    bank = predictions.bank
    clips = [c for c, chosen in zip(bank.dataset.clips, rows.clip_chosen, strict=True) if chosen]
    actions = np.array([clip.action for clip in clips])
    subjects = np.array([clip.subject for clip in clips])
    valid = rows.valid
    counts = torch.bincount(rows.clip[valid], rows.weight[valid], minlength=len(clips))
    frames = counts.round().long().cpu().numpy()
    starts = torch.tensor((0, *bank.lengths)).cumsum(0)[:-1][torch.tensor(rows.clip_chosen)]
    frame_clips = rows.clip[valid].cpu().numpy()

    def totals(chosen: np.ndarray) -> dict[str, float]:
        return {
            name: float(
                clip_average(values[chosen], frames[chosen], actions[chosen], protocol.average)
            )
            for name, values in per_clip.items()
        }

    everything = np.ones(len(clips), dtype=bool)
    joint_means = clip_average(per_joint, frames, actions, protocol.average)
    names = [bank.skeleton.joint_names[joint] for joint in rows.joints]
    return Evaluation(
        metrics=totals(everything),
        per_action={
            action: totals(actions == action) for action in dict.fromkeys(actions.tolist())
        },
        per_subject={who: totals(subjects == who) for who in dict.fromkeys(subjects.tolist())},
        per_joint=dict(zip(names, joint_means.tolist(), strict=True)),
        clips=tuple(clip.name for clip in clips),
        clip_actions=tuple(clip.action for clip in clips),
        clip_frames=frames,
        per_clip=dict(per_clip),
        frame_clips=frame_clips,
        frame_numbers=rows.row[valid].cpu().numpy() - starts.numpy()[frame_clips],
        per_frame={
            name: (_factor(name) * values).cpu().numpy() for name, values in per_frame.items()
        },
        protocol=protocol,
        card=_card(predictions, protocol),
    )


def clip_average(
    values: np.ndarray, frames: np.ndarray, actions: np.ndarray, average: str
) -> np.ndarray:
    """The mean (...) of clip errors (clips, ...), weighted by the frames of each clip.

    Args:
        values: errors; clips that hold NaN have none and are left out.
        frames: (clips,) counted frames.
        actions: (clips,) the action of each clip.
        average: "actions" or "frames", see ``Protocol.average``.
    """
    measured = ~np.isnan(values.reshape(len(values), -1)).any(1)
    if not measured.any():
        return np.full(values.shape[1:], np.nan)
    groups = [measured]
    if average == "actions":
        groups = [measured & (actions == action) for action in np.unique(actions[measured])]
    means = [np.average(values[group], axis=0, weights=frames[group]) for group in groups]
    return np.mean(means, axis=0)


def _card(predictions: Predictions, protocol: Protocol) -> tuple[tuple[str, str], ...]:
    dataset = predictions.bank.dataset
    return (
        ("Data set", f"{dataset.name}, {dataset.split} split ({dataset.evidence})"),
        ("2D input", dataset.keypoints),
        ("Skeleton", dataset.skeleton.name),
        ("Frames per window", str(predictions.frames)),
        *protocol.describe(),
        ("Oracle choices", "none"),
    )


def evaluate(
    lifter: Lifter,
    dataset: PoseDataset,
    *,
    protocol: Protocol,
    device: str = "auto",
    batch_size: int | None = None,
    precision: str = "float32",
) -> Evaluation:
    """``predict`` and ``score`` in one; see there."""
    predictions = predict(
        lifter,
        dataset,
        protocol=protocol,
        device=device,
        batch_size=batch_size,
        precision=precision,
    )
    return score(predictions, protocol)
