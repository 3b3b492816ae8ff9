"""What adaptation trains on: windows of a source with truth, keypoints of a target without it.

All of it has the 16 joints of ``HUMAN36M_16``, which PoseAug and PoseDA lift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from posekit.datasets.clips import Clip, PoseDataset
from posekit.datasets.windows import Batch, ClipBank
from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.cameras import Camera
from posekit.geometry.skeletons import (
    HUMAN36M_16,
    HUMAN36M_17,
    MPI_INF_3DHP_17,
    human36m_17_to_16,
    mpi_inf_3dhp_to_human36m,
)
from posekit.metrics.losses import SequenceLoss
from posekit.models.framewise import FramewiseLifter
from posekit.models.lifters import Lifter
from posekit.training.feeds import LiftingFeed
from posekit.training.health import FARTHEST
from posekit.training.recipes import LiftingRecipe

CHANNELS = 2  # a projected keypoint has no confidence
SAMPLE = 256  # windows that a trained lifter is tried on


def _3dhp_to_16(points: Tensor) -> Tensor:
    """MPI-INF-3DHP's joints: its neck becomes the thorax, its head top the head."""
    return human36m_17_to_16(mpi_inf_3dhp_to_human36m(points))


def _unchanged(points: Tensor) -> Tensor:
    return points


_TO_16: dict[str, Callable[[Tensor], Tensor]] = {
    HUMAN36M_16.name: _unchanged,
    HUMAN36M_17.name: human36m_17_to_16,
    MPI_INF_3DHP_17.name: _3dhp_to_16,
}


def with_16_joints(dataset: PoseDataset) -> PoseDataset:
    """The same clips with the joints of ``HUMAN36M_16``.

    Raises:
        InvalidParameter: joints that are not converted, or poses that are not in metres.
    """
    convert = _TO_16.get(dataset.skeleton.name)
    if convert is None:
        raise InvalidParameter(
            f"{dataset.name} holds the joints of {dataset.skeleton.name}, and adaptation needs "
            f"{HUMAN36M_16.name}; choose data with the joints of one of: {', '.join(_TO_16)}."
        )
    if any(clip.metres_per_unit is not None for clip in dataset.clips):
        raise InvalidParameter(
            f"{dataset.name} holds poses in image units, and adaptation needs metres; choose "
            "another data set."
        )
    return replace(
        dataset,
        skeleton=HUMAN36M_16,
        clips=tuple(_converted(clip, convert) for clip in dataset.clips),
    )


def _converted(clip: Clip, convert: Callable[[Tensor], Tensor]) -> Clip:
    pose = None if clip.pose is None else convert(clip.pose)
    return replace(clip, keypoints=convert(clip.keypoints), pose=pose)


def without_truth(dataset: PoseDataset) -> PoseDataset:
    """The same clips without their poses: what adaptation may know of a target."""
    clips = tuple(replace(clip, pose=None, metres_per_unit=None) for clip in dataset.clips)
    return replace(dataset, clips=clips)


class SourceBatch(NamedTuple):
    """B windows of the source.

    Attributes:
        keypoints: (B, F, 16, 2), screen-normalised.
        pose: (B, F, 16, 3), metres, camera frame, with the absolute root.
        camera: (B,), what the keypoints are seen by.
    """

    keypoints: Tensor
    pose: Tensor
    camera: Camera

    def from_number(self, first: int) -> SourceBatch:
        """The windows from that number on."""
        numbers = torch.arange(first, len(self.pose), device=self.pose.device)
        return SourceBatch(self.keypoints[first:], self.pose[first:], self.camera[numbers])


class SourceWindows:
    """The windows that a lifter trains on, with the truth of every frame; its length is their
    number."""

    def __init__(
        self, lifter: Lifter, dataset: PoseDataset, recipe: LiftingRecipe, device: torch.device
    ) -> None:
        """Put the clips on a device.

        Args:
            lifter: whose windows they are.
            dataset: training clips of 16 joints with true poses.
            recipe: how lifters are trained; its mirror images are not used here.
            device: where to.

        Raises:
            InvalidParameter: joints, channels or windows that do not fit.
            InvalidData: clips without truth, or no window whose frames are all valid.
        """
        if lifter.in_channels != CHANNELS:
            raise InvalidParameter(
                f"{type(lifter).__name__} takes {lifter.in_channels} channels per keypoint, and "
                f"projected poses have {CHANNELS}; build it with in_channels={CHANNELS}."
            )
        feed = LiftingFeed(dataset, replace(recipe, flip=False))
        feed.check(lifter)
        samples = feed.place(lifter, device)
        bank = samples.bank
        self.samples, self.fingerprint = samples, dataset.fingerprint
        # All frames of a window are projected, not only those that it is supervised on.
        self.windows = samples.windows[bank.valid[samples.windows.inputs].all(1)]
        if len(self.windows) == 0:
            raise InvalidData(
                f"{dataset.name}: every window of {lifter.frames} frames holds an invalid frame; "
                "choose fewer frames."
            )
        self.keypoints, self.camera = bank.keypoints, bank.camera
        self.pose = bank.pose + bank.trajectory

    def __len__(self) -> int:
        return len(self.windows)

    def gather(self, chosen: Tensor) -> SourceBatch:
        """The windows with the numbers ``chosen`` (B,)."""
        rows = self.windows.inputs[chosen]
        camera = self.camera[self.windows.clip[chosen]]
        return SourceBatch(self.keypoints[rows], self.pose[rows], camera)

    def loss(self, lifter: Lifter, keypoints: Tensor, pose: Tensor) -> Tensor:
        """The loss of a batch: PoseAug's for its lifters, else the network's own.

        PoseAug's is the mean squared error of all coordinates of the root-centred pose.

        Args:
            lifter: in training.
            keypoints: (B, F, 16, 2).
            pose: (B, F, 16, 3), with the absolute root.
        """
        target = _supervised(lifter, pose - pose[..., :1, :])
        if isinstance(lifter, FramewiseLifter):
            return lifter.training_loss(keypoints, target, squared_error).total
        return self.samples.loss(lifter, Batch(keypoints, target)).total

    def distances(self, lifter: Lifter, keypoints: Tensor, pose: Tensor) -> Tensor:
        """Distance of every joint of the middle frame from its target, (B, 16), metres.

        Arguments are those of ``loss``.
        """
        prediction = lifter(keypoints)
        middle, found = pose[:, pose.shape[1] // 2], prediction[:, prediction.shape[1] // 2]
        return (found - (middle - middle[:, :1])).norm(dim=-1)

    def bearable(self, lifter: Lifter) -> bool:
        """Whether a lifter, in evaluation mode, puts the joints of its windows within reason.

        Its statistics of batches may be out of all bounds where its last losses were not.
        """
        was_training = lifter.training
        lifter.eval()
        with torch.no_grad():
            found = lifter(
                self.gather(torch.arange(min(len(self), SAMPLE), device=self.pose.device)).keypoints
            )
        lifter.train(was_training)
        return bool((found.abs() < FARTHEST).all())  # NaN is below nothing

    def drawn(self, count: int) -> SourceBatch:
        """Windows drawn at random, with replacement, by torch's own generator."""
        return self.gather(torch.randint(len(self), (count,)).to(self.pose.device))


def squared_error(prediction: Tensor, target: Tensor) -> SequenceLoss:
    """Mean squared error of all coordinates (..., 3), as a loss without terms in time."""
    error = (prediction - target).square().mean()
    still = torch.zeros_like(error)
    return SequenceLoss(error, still, still, error)


def _supervised(lifter: Lifter, pose: Tensor) -> Tensor:
    """Of windows (B, F, J, 3) the frames that a lifter is supervised on."""
    if lifter.supervises_all_frames:
        return pose
    middle = pose.shape[1] // 2
    return pose[:, middle : middle + 1]


class TargetViews:
    """Valid frames of a target's keypoints, and who saw them. It never had the truth.

    Args:
        dataset: training clips of 16 joints; their poses are not looked at.
        device: where to put them.

    Raises:
        InvalidData: no frame is valid.
    """

    def __init__(self, dataset: PoseDataset, device: torch.device) -> None:
        bank = ClipBank(without_truth(dataset), device, CHANNELS)
        if not bool(bank.valid.any()):
            raise InvalidData(f"{dataset.name}: no frame of the {dataset.split} split is valid.")
        lengths = torch.tensor(bank.lengths, device=device)
        clips = torch.repeat_interleave(torch.arange(len(lengths), device=device), lengths)
        self.keypoints, self.clip = bank.keypoints[bank.valid], clips[bank.valid]
        self.camera = bank.camera

    def drawn(self, count: int) -> tuple[Tensor, Camera]:
        """Keypoints (count, 16, 2) of frames drawn at random, and the camera of each."""
        chosen = torch.randint(len(self.keypoints), (count,)).to(self.keypoints.device)
        return self.keypoints[chosen], self.camera[self.clip[chosen]]
