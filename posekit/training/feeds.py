"""Feeds: what a training step gathers, and the loss that it computes.

The loop of ``posekit.training.loop`` knows steps, optimizer, snapshots and devices; a feed knows
the data. ``LiftingFeed`` gives windows of clips.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from posekit.datasets.clips import PoseDataset
from posekit.datasets.windows import (
    Batch,
    ClipBank,
    Windows,
    evaluation_windows,
    training_windows,
)
from posekit.errors import InvalidData, InvalidParameter
from posekit.metrics.losses import SequenceLoss, joint_weights, sequence_loss
from posekit.models.lifters import Lifter
from posekit.training.recipes import LiftingRecipe, Recipe

JITTER_DEGREES, JITTER_SCALE = 5.0, 0.05


class Samples(Protocol):
    """The samples of a feed on one device; its length is their number in one pass.

    Attributes:
        terms: names of what ``loss`` gives, in order.
        frames: frames (or images) that one sample holds.
    """

    terms: tuple[str, ...]
    frames: int

    def __len__(self) -> int: ...

    def gather(self, chosen: Tensor) -> Any:
        """The batch of the samples with the numbers ``chosen`` (B,)."""

    def loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, ...]:
        """Scalar terms of the loss of a batch; the last is the one to differentiate."""


class Feed(Protocol):
    """What a network is trained on.

    Attributes:
        recipe: how to train.
        fingerprint: of the data.
    """

    recipe: Recipe
    fingerprint: str

    def check(self, network: nn.Module) -> None:
        """Raise InvalidParameter or InvalidData where the network cannot be trained on this."""

    def place(self, network: nn.Module, device: torch.device) -> Samples:
        """The samples on a device, for one network."""


class LiftingFeed:
    """Windows of clips for a lifter.

    Args:
        dataset: training clips with true poses.
        recipe: how to train.
    """

    def __init__(self, dataset: PoseDataset, recipe: LiftingRecipe) -> None:
        self.dataset, self.recipe = dataset, recipe
        self.fingerprint = dataset.fingerprint

    def check(self, network: Lifter) -> None:
        """Refuse other joints, windows longer than the longest clip, and clips without truth."""
        network.check_joints(self.dataset.skeleton, self.dataset.name)
        longest = max(self.dataset.clips, key=lambda clip: clip.frames)
        if network.frames > longest.frames:
            raise InvalidParameter(
                f"frames is {network.frames}, and the longest clip of {self.dataset.name} "
                f"{self.dataset.split}, {longest.name}, has {longest.frames} frames; choose "
                f"frames <= {longest.frames}."
            )
        for clip in self.dataset.clips:
            if clip.pose is None:
                raise InvalidData(
                    f"{clip.name}: no true pose to train on; choose another data set."
                )

    def place(self, network: Lifter, device: torch.device) -> LiftingSamples:
        """The clips on a device, and the windows over them that are trained on."""
        return LiftingSamples(network, self.dataset, self.recipe, device)


class LiftingSamples:
    """Windows whose supervised frames are all valid, with ``flip`` each followed by its mirror."""

    terms = SequenceLoss._fields

    def __init__(
        self, lifter: Lifter, dataset: PoseDataset, recipe: LiftingRecipe, device: torch.device
    ) -> None:
        self.recipe = recipe
        self.frames = lifter.frames
        self.bank = ClipBank(dataset, device, lifter.in_channels)
        self.windows = _training_windows(lifter, self.bank)
        self.weights = joint_weights(lifter.skeleton) if recipe.joint_weighting else None
        self.copies = 2 if recipe.flip else 1

    def __len__(self) -> int:
        return len(self.windows) * self.copies

    def gather(self, chosen: Tensor) -> Batch:
        """Keypoints and poses of the samples ``chosen`` (B,)."""
        windows = self.windows[chosen // self.copies]
        batch = self.bank.gather(windows, chosen % 2 == 1 if self.recipe.flip else None)
        return batch._replace(pose=jittered(batch.pose)) if self.recipe.jitter else batch

    def loss(self, model: nn.Module, batch: Batch) -> SequenceLoss:
        """The lifter's own loss, by the recipe's criterion."""
        return model.training_loss(batch.keypoints, batch.pose, self._criterion)

    def _criterion(self, prediction: Tensor, target: Tensor) -> SequenceLoss:
        """The recipe's loss of a prediction, in float32.

        Raises:
            InvalidData: a shape other than the target's, which would be broadcast.
        """
        recipe = self.recipe
        if prediction.shape != target.shape:
            raise InvalidData(
                f"the lifter predicts {tuple(prediction.shape)} and its windows' target is "
                f"{tuple(target.shape)}; mend its output, or supervises_all_frames."
            )
        return sequence_loss(
            prediction.float(), target, self.weights, recipe.consistency, recipe.velocity
        )


def _training_windows(lifter: Lifter, bank: ClipBank) -> Windows:
    """Windows to train on: those whose supervised frames are all valid."""
    if lifter.tiled_windows:
        windows = training_windows(bank.lengths, lifter.frames)
    else:
        windows = evaluation_windows(bank.lengths, lifter.frames, "centred")
        if lifter.supervises_all_frames:
            windows = windows.supervising_inputs()
    windows = windows.to(bank.device)
    windows = windows[bank.valid[windows.outputs].all(1)]
    if len(windows) == 0:
        raise InvalidData(
            f"{bank.dataset.name}: every window of {lifter.frames} frames holds an invalid frame; "
            "choose fewer frames."
        )
    return windows


def jittered(pose: Tensor) -> Tensor:
    """Poses (B, T, J, 3) turned and scaled in the image plane, each by a random choice.

    The angle is -5, 0 or 5 degrees, the scale 0.95, 1 or 1.05; depth stays (GLA-GCN's release).
    """
    chosen = torch.randint(-1, 2, (2, len(pose), 1, 1), device=pose.device)
    angle = torch.deg2rad(chosen[0] * JITTER_DEGREES)
    x, y, depth = pose.unbind(-1)
    turned = (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos())
    return torch.stack((*(part * (1 + chosen[1] * JITTER_SCALE) for part in turned), depth), dim=-1)
