"""A lifter run over a data set: its predictions, window by window."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from posekit.datasets.clips import PoseDataset
from posekit.datasets.selection import downsample
from posekit.datasets.windows import ClipBank, Rule, Windows, evaluation_windows
from posekit.errors import InvalidData, InvalidParameter, check_count
from posekit.evaluation.optimisation import Optimisation, optimise
from posekit.evaluation.protocols import Protocol
from posekit.machine.devices import choose_device
from posekit.machine.progress import Progress
from posekit.models.lifters import Lifter

FRAMES_PER_BATCH = 4096
WINDOWS_PER_CHECK = 256


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a lifter said about every window of a data set.

    Attributes:
        bank: the clips, with the truth.
        windows: W windows of T scored frames.
        rule: the rule that made the windows.
        frames: frames that the lifter saw per window.
        downsample: one in how many frames of the data set was kept.
        plain: (W, T, J, 3) metres, prediction of the input as it is.
        flipped: (W, T, J, 3) metres, mirrored prediction of the mirrored input; None if not run.
    """

    bank: ClipBank
    windows: Windows
    rule: Rule
    frames: int
    downsample: int
    plain: Tensor
    flipped: Tensor | None

    def poses(self, flip: bool) -> Tensor:
        """Predictions (W, T, J, 3) in metres, averaged with the flipped ones if ``flip``."""
        return (self.plain + self.flipped) / 2 if flip else self.plain

    def poses_at(self, places: Tensor, flip: bool) -> Tensor:
        """Those of some frames (R, J, 3); places count through all windows, 0 to W T - 1."""
        plain = self.plain.flatten(0, 1)[places]
        return (plain + self.flipped.flatten(0, 1)[places]) / 2 if flip else plain


@torch.inference_mode()
def predict(
    lifter: Lifter,
    dataset: PoseDataset,
    *,
    protocol: Protocol,
    device: str = "auto",
    batch_size: int | None = None,
    precision: str = "float32",
) -> Predictions:
    """Run a lifter over every window of a data set.

    All clips are predicted; ``score`` chooses among them.

    Args:
        lifter: the network; left in the mode (training or evaluation) it comes in.
        dataset: clips with keypoints of the lifter's joints.
        protocol: its window rule, flip averaging and downsampling are used.
        device: see ``posekit.machine.devices.choose_device``.
        batch_size: windows per forward pass; by default about ``FRAMES_PER_BATCH`` frames.
        precision: "float32", or "bf16" for autocast.

    Raises:
        InvalidParameter: unknown device or precision, a ``batch_size`` below 1, data of other
            joints than the lifter's, or a window rule that it cannot follow.
        InvalidData: the lifter predicts NaN or infinity, or another shape than it declares.
    """
    place = choose_device(device)
    if precision not in ("float32", "bf16"):
        raise InvalidParameter(f"unknown precision {precision!r}; choose one of: float32, bf16.")
    if batch_size is None:
        batch_size = max(1, FRAMES_PER_BATCH // lifter.frames)
    check_count("batch_size", batch_size)
    lifter.check_joints(dataset.skeleton, dataset.name)
    bank = ClipBank(downsample(dataset, protocol.downsample), place, lifter.in_channels)
    windows = _windows_for(lifter, bank, protocol).to(place)
    was_training = lifter.training
    lifter.to(place).eval()
    passes = 2 if protocol.flip else 1
    out = torch.empty(passes, *windows.outputs.shape, bank.skeleton.joints, 3, device=place)
    starts = range(0, len(windows), batch_size)
    with (
        Progress("evaluating", len(starts)) as progress,
        torch.autocast(place.type, torch.bfloat16, enabled=precision == "bf16"),
    ):
        for start in starts:
            chosen = slice(start, start + batch_size)
            keypoints = bank.keypoints[windows.inputs[chosen]]
            found = lifter.lift_both(keypoints) if protocol.flip else (lifter(keypoints),)
            for number, prediction in enumerate(found):
                out[number, chosen] = _scored_frames(prediction, lifter, windows, protocol.windows)
            progress.advance()
    lifter.train(was_training)
    _check_finite(out, windows, bank)
    return Predictions(
        bank=bank,
        windows=windows,
        rule=protocol.windows,
        frames=lifter.frames,
        downsample=protocol.downsample,
        plain=out[0],
        flipped=out[1] if protocol.flip else None,
    )


def predict_optimised(
    lifter: Lifter,
    dataset: PoseDataset,
    settings: Optimisation,
    *,
    protocol: Protocol,
    device: str = "auto",
) -> Predictions:
    """``predict`` with every prediction optimised at test time.

    An optimised pose is the mean of a plain and a mirrored half already, so both predictions of
    the result are that pose.

    Args:
        lifter: the network; left as it comes in.
        dataset: clips with keypoints of the lifter's joints, calibrated cameras and, for the root
            "given", true poses.
        settings: what to optimise, see ``posekit.evaluation.optimisation``.
        protocol: its window rule and downsampling are used.
        device: see ``posekit.machine.devices.choose_device``.

    Raises:
        InvalidParameter: data of other joints than the lifter's, or a window rule or a target that
            it cannot follow.
        InvalidData: clips without truth where the root is "given", predictions of NaN, or of
            another shape than the lifter declares.
    """
    place = choose_device(device)
    lifter.check_joints(dataset.skeleton, dataset.name)
    bank = ClipBank(downsample(dataset, protocol.downsample), place, lifter.in_channels)
    bank.check_metres("optimising at test time")
    if settings.root == "given" and bank.trajectory is None:
        raise InvalidData(
            f"{dataset.name} holds clips without true poses; optimise with root 'fitted'."
        )
    windows = _windows_for(lifter, bank, protocol).to(place)
    lifter.to(place)
    out = torch.empty(*windows.outputs.shape, bank.skeleton.joints, 3, device=place)
    size = max(1, FRAMES_PER_BATCH // lifter.frames)
    starts = range(0, len(windows), size)
    with Progress("optimising", len(starts)) as progress:
        for start in starts:
            own = windows[torch.arange(start, min(start + size, len(windows)), device=place)]
            seen = own.inputs if lifter.output == "sequence" else own.outputs
            found = optimise(
                lifter,
                bank.keypoints[own.inputs],
                bank.camera[own.clip],
                None if settings.root == "fitted" else bank.trajectory[seen],
                settings,
            )
            out[start : start + size] = _scored_frames(
                found.pose, lifter, windows, protocol.windows
            )
            progress.advance()
    _check_finite(out[None], windows, bank)
    return Predictions(
        bank=bank,
        windows=windows,
        rule=protocol.windows,
        frames=lifter.frames,
        downsample=protocol.downsample,
        plain=out,
        flipped=out,
    )


def _windows_for(lifter: Lifter, bank: ClipBank, protocol: Protocol) -> Windows:
    if lifter.output == "frame" and protocol.windows not in ("centred", "causal"):
        raise InvalidParameter(
            f"protocol {protocol.name} lays windows {protocol.windows!r}, and "
            f"{type(lifter).__name__} predicts one frame per window; choose a protocol with "
            "windows 'centred' or 'causal'."
        )
    return evaluation_windows(bank.lengths, lifter.frames, protocol.windows, protocol.stride)


def _scored_frames(prediction: Tensor, lifter: Lifter, windows: Windows, rule: Rule) -> Tensor:
    """Of a prediction (B, F or 1, J, 3), under a one-frame rule, the frame that is scored."""
    frames = lifter.frames if lifter.output == "sequence" else 1
    declared = (frames, lifter.skeleton.joints, 3)
    if prediction.ndim != 4 or tuple(prediction.shape[1:]) != declared:
        raise InvalidData(
            f"{type(lifter).__name__} predicts {tuple(prediction.shape)} and declares output "
            f"{lifter.output!r}, (windows, {', '.join(map(str, declared))}); mend its output or "
            "its forward."
        )
    if frames == windows.outputs.shape[1]:
        return prediction
    position = frames - 1 if rule == "causal" else frames // 2
    return prediction[:, position : position + 1]


def _check_finite(out: Tensor, windows: Windows, bank: ClipBank) -> None:
    parts = out.split(WINDOWS_PER_CHECK, dim=1)
    finite = torch.cat([torch.isfinite(part).flatten(3).all(-1).all(0) for part in parts])
    if bool(finite.all()):
        return
    window = int((~finite).any(1).nonzero()[0])
    clip = bank.dataset.clips[int(windows.clip[window])].name
    raise InvalidData(
        f"the lifter predicts NaN or infinity for {int((~finite).sum())} of {finite.numel()} "
        f"frames, first in {clip}; train it again with a smaller learning rate, or load a "
        "checkpoint of this very network."
    )
