"""Diffusion lifters: many hypotheses for every window, made one in several ways, and scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from posekit.datasets.clips import PoseDataset
from posekit.datasets.selection import downsample
from posekit.datasets.windows import ClipBank, Windows, evaluation_windows
from posekit.errors import InvalidData, InvalidParameter, check_count
from posekit.evaluation.prediction import Predictions
from posekit.evaluation.protocols import D3DP_PROTOCOL, Protocol
from posekit.evaluation.scoring import METRICS, Evaluation, score
from posekit.machine.devices import choose_device
from posekit.machine.progress import Progress
from posekit.machine.random_state import check_seed
from posekit.metrics.hypotheses import Aggregation, j_agg, j_best, p_agg, p_best
from posekit.models.lifters import SamplingLifter

AGGREGATIONS = ("j_best", "p_best", "p_agg", "j_agg")


@torch.inference_mode()
def evaluate_hypotheses(
    lifter: SamplingLifter,
    dataset: PoseDataset,
    *,
    hypotheses: int,
    iterations: int,
    seed: int,
    protocol: Protocol = D3DP_PROTOCOL,
    batch: int = 4,
    device: str = "auto",
) -> dict[tuple[str, int], Evaluation]:
    """Sample hypotheses for every window; score each aggregation after each sampling iteration.

    Mini-batches hold windows of one clip, as in the released script. P-Best makes one choice per
    mini-batch, so its error falls as ``batch`` falls. P-MPJPE aligns every hypothesis before the
    oracles choose (of P-Agg, the mean pose), so oracles choose other hypotheses than for MPJPE.

    Args:
        lifter: one that draws hypotheses.
        dataset: clips with true poses and cameras (J-Agg needs the true root).
        hypotheses: N (published tables: 20).
        iterations: K (published tables: 10).
        seed: of the sampling noise.
        protocol: windows of whole sequences, no flip averaging: sampling mirrors by itself.
        batch: windows per mini-batch (released default: 4).
        device: see ``posekit.machine.devices.choose_device``.

    Returns:
        (name of ``AGGREGATIONS``, iteration from 1) -> evaluation. Its card marks oracle choices,
        which bound a method and are none.

    Raises:
        InvalidParameter: a protocol that this evaluation cannot follow, a number below 1, no seed,
            or data of other joints than the lifter's.
        InvalidData: clips without truth, or samples of another shape than was asked for.
    """
    _check_hypotheses_protocol(protocol)
    numbers = {"hypotheses": hypotheses, "iterations": iterations, "batch": batch}
    for name, number in numbers.items():
        check_count(name, number)
    check_seed(seed)
    lifter.check_joints(dataset.skeleton, dataset.name)
    place = choose_device(device)
    bank = ClipBank(downsample(dataset, protocol.downsample), place, lifter.in_channels)
    bank.check_metres("making hypotheses one")
    if bank.pose is None:
        raise InvalidData(f"{dataset.name} holds clips without true poses; they cannot be scored.")
    windows = evaluation_windows(bank.lengths, lifter.frames, protocol.windows).to(place)
    generator = torch.Generator(place).manual_seed(seed)
    sampling = {"hypotheses": hypotheses, "iterations": iterations, "generator": generator}
    was_training = lifter.training
    lifter.to(place).eval()
    poses, aligned_errors = _aggregated_samples(lifter, bank, windows, protocol, batch, sampling)
    lifter.train(was_training)
    whole = Predictions(
        bank=bank,
        windows=windows,
        rule=protocol.windows,
        frames=lifter.frames,
        downsample=protocol.downsample,
        plain=poses,
        flipped=None,
    )
    return {
        (name, step + 1): _score_aggregation(
            replace(whole, plain=poses[index, step].to(place)),
            protocol,
            aligned_errors[index, step].to(place),
            facts=(
                ("Hypotheses", str(hypotheses)),
                ("Sampling iterations", f"{step + 1} of {iterations}"),
                ("Windows per mini-batch", str(batch)),
                ("Oracle choices", f"{name}, by the true pose" if "best" in name else "none"),
            ),
        )
        for index, name in enumerate(AGGREGATIONS)
        for step in range(iterations)
    }


def _aggregated_samples(
    lifter: SamplingLifter,
    bank: ClipBank,
    windows: Windows,
    protocol: Protocol,
    batch: int,
    sampling: Mapping[str, Any],
) -> tuple[Tensor, Tensor]:
    """Of every aggregation and iteration, poses (A, K, W, F, J, 3) and aligned errors (A, K, W, F).

    They are gathered in the memory of the CPU: all hypotheses of a data set exceed a GPU's.
    """
    shape = (len(AGGREGATIONS), sampling["iterations"], *windows.outputs.shape)
    poses = torch.empty(*shape, bank.skeleton.joints, 3)
    aligned_errors = torch.empty(shape)
    parts = list(_mini_batches(windows.clip, batch))
    with Progress("sampling hypotheses", len(parts)) as progress:
        for part in parts:
            own = windows[part]
            samples = lifter.sample(bank.keypoints[own.inputs], **sampling)
            asked = (len(own), sampling["iterations"], sampling["hypotheses"])
            if samples.shape != (*asked, lifter.frames, bank.skeleton.joints, 3):
                raise InvalidData(
                    f"{type(lifter).__name__} samples {tuple(samples.shape)}; "
                    f"{(*asked, lifter.frames, bank.skeleton.joints, 3)} was asked for."
                )
            predictions = samples / lifter.scale
            if protocol.root == "zeroed":
                predictions[..., bank.skeleton.root, :] = 0.0
            for index, result in enumerate(_aggregate(predictions, bank, own, align=False)):
                poses[index][:, part.cpu()] = result.pose.transpose(0, 1).cpu()
            for index, result in enumerate(_aggregate(predictions, bank, own, align=True)):
                aligned_errors[index][:, part.cpu()] = result.errors.mean(-1).transpose(0, 1).cpu()
            progress.advance()
    return poses, aligned_errors


def _check_hypotheses_protocol(protocol: Protocol) -> None:
    if protocol.flip or not protocol.score_root or protocol.windows in ("centred", "causal"):
        raise InvalidParameter(
            f"protocol {protocol.name}: hypotheses are scored in windows of whole sequences, all "
            "joints, without flip averaging; start from posekit.evaluation.protocols.D3DP_PROTOCOL."
        )


def _mini_batches(clip: Tensor, batch: int) -> Iterator[Tensor]:
    """Indices of up to ``batch`` consecutive windows of one clip."""
    counts = torch.unique_consecutive(clip, return_counts=True)[1]
    for members in torch.arange(len(clip), device=clip.device).split(counts.tolist()):
        yield from members.split(batch)


def _aggregate(
    predictions: Tensor, bank: ClipBank, windows: Windows, *, align: bool
) -> tuple[Aggregation, ...]:
    """Hypotheses (B, K, N, F, J, 3) made one, in the order of ``AGGREGATIONS``."""
    keypoints, target = bank.gather(windows)
    camera = bank.camera[windows.clip]
    trajectory = bank.trajectory[windows.outputs]
    return (
        j_best(predictions, target, align=align),
        p_best(predictions, target, align=align),
        p_agg(predictions, target, align=align),
        j_agg(predictions, target, keypoints, camera, trajectory, align=align),
    )


def _score_aggregation(
    predictions: Predictions,
    protocol: Protocol,
    aligned_errors: Tensor,
    facts: tuple[tuple[str, str], ...],
) -> Evaluation:
    names = [name for name in METRICS if name != "p_mpjpe"]
    evaluation = score(predictions, protocol, names=names, measured={"p_mpjpe": aligned_errors})
    card = [entry for entry in evaluation.card if entry[0] not in dict(facts)]
    return replace(evaluation, card=(*card, *facts))
