"""What learns nothing or next to nothing: the bar that a trained lifter has to clear.

Three baselines are fitted on the training clips of a lifter and scored on its test clips under its
protocol. Each lifts a frame by itself, so that one bar holds for windows of any length; a linear
map of a window of nine frames would err by 7 % less than of one frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from posekit.datasets.clips import PoseDataset
from posekit.datasets.windows import ClipBank
from posekit.errors import InvalidData
from posekit.evaluation.protocols import Protocol
from posekit.evaluation.scoring import Evaluation, evaluate
from posekit.geometry.skeletons import Skeleton, mirror_points
from posekit.models.lifters import Lifter

NEIGHBOURS = 5
MOST_NEIGHBOURS_OF = 50_000
"""Frames of the training clips that neighbours are sought among, evenly spread, each with its
mirror image: more make the search slow and change little."""

FRAMES_AT_ONCE = 65_536


@dataclass(frozen=True, eq=False)
class Samples:
    """Frames to fit on; each stands for its mirror image as well.

    Attributes:
        keypoints: (N, J, 2) screen-normalised.
        pose: (N, J, 3) root-relative, in the clips' unit.
        skeleton: of both.
    """

    keypoints: Tensor
    pose: Tensor
    skeleton: Skeleton

    @classmethod
    def of(cls, dataset: PoseDataset) -> Samples:
        """All valid frames of a data set; confidences of keypoints are left out.

        Raises:
            InvalidData: clips without true poses.
        """
        bank = ClipBank(dataset, torch.device("cpu"), 2)
        if bank.pose is None:
            raise InvalidData(
                f"{dataset.name} {dataset.split} holds clips without true poses; nothing can be "
                "fitted on them."
            )
        return cls(bank.keypoints[bank.valid], bank.pose[bank.valid], bank.skeleton)


class Baseline(Lifter):
    """A map from the keypoints of one frame to its pose, fitted in float64.

    It is fitted on frames and their mirror images alike, so it is its own mirror image: averaging
    over flips changes nothing.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        super().__init__(frames=1, skeleton=skeleton)

    def lift(self, keypoints: Tensor) -> Tensor:
        """Keypoints (N, J, 2) -> poses (N, J, 3), float64."""
        raise NotImplementedError

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, 1, J, 2) to poses (B, 1, J, 3)."""
        self.check_input(keypoints)
        return self.lift(keypoints[:, 0].double()).to(keypoints.dtype)[:, None]

    def lift_both(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """The same pose twice."""
        pose = self(keypoints)
        return pose, pose


class MeanPose(Baseline):
    """The mean of all poses, whatever is seen."""

    def __init__(self, samples: Samples) -> None:
        super().__init__(samples.skeleton)
        mean = samples.pose.mean(0, dtype=torch.float64)
        self.pose = (mean + mirror_points(mean, samples.skeleton)) / 2

    def lift(self, keypoints: Tensor) -> Tensor:
        """That pose for every frame."""
        return self.pose.expand(len(keypoints), -1, -1)


class LinearMap(Baseline):
    """Linear least squares from all coordinates of the keypoints, and a constant, to the pose."""

    def __init__(self, samples: Samples) -> None:
        super().__init__(samples.skeleton)
        size = 2 * samples.skeleton.joints + 1
        squares = torch.zeros(size, size, dtype=torch.float64)
        products = torch.zeros(size, 3 * samples.skeleton.joints, dtype=torch.float64)
        parts = (part.split(FRAMES_AT_ONCE) for part in (samples.keypoints, samples.pose))
        for seen, pose in zip(*parts, strict=True):
            for points, target in ((seen, pose), (self._mirrored(seen), self._mirrored(pose))):
                inputs = self._inputs(points.double())
                squares += inputs.T @ inputs
                products += inputs.T @ target.double().flatten(1)
        # Of least norm where inputs depend on each other, as a joint midway between two others.
        self.weights = torch.linalg.lstsq(squares, products, driver="gelsd").solution

    def lift(self, keypoints: Tensor) -> Tensor:
        """The map's value."""
        return (self._inputs(keypoints) @ self.weights).unflatten(1, (-1, 3))

    def _mirrored(self, points: Tensor) -> Tensor:
        return mirror_points(points, self.skeleton)

    @staticmethod
    def _inputs(keypoints: Tensor) -> Tensor:
        return torch.nn.functional.pad(keypoints.flatten(1), (0, 1), value=1.0)


class NearestNeighbours(Baseline):
    """The mean pose of the frames of the training clips that look most alike.

    Alike is measured between keypoints relative to the root and scaled to one size: where on the
    screen and how far away a person stands tells little of the pose (on the synthetic data set,
    errors are 51 mm; with keypoints as they are 90, unscaled 55).
    """

    def __init__(self, samples: Samples) -> None:
        super().__init__(samples.skeleton)
        found = len(samples.keypoints)
        kept = min(found, MOST_NEIGHBOURS_OF)
        chosen = torch.arange(kept) * found // kept
        keypoints, pose = samples.keypoints[chosen].double(), samples.pose[chosen]
        keypoints, self.pose = (
            torch.cat([part, mirror_points(part, self.skeleton)]) for part in (keypoints, pose)
        )
        self.tree = cKDTree(self._inputs(keypoints).numpy())

    def lift(self, keypoints: Tensor) -> Tensor:
        """The mean over the neighbours of each frame."""
        count = min(NEIGHBOURS, len(self.pose))
        _, found = self.tree.query(
            self._inputs(keypoints).numpy(),
            k=range(1, count + 1),
            workers=torch.get_num_threads(),
        )
        return self.pose[torch.from_numpy(found)].double().mean(1)

    def _inputs(self, keypoints: Tensor) -> Tensor:
        """(N, 2 J) where each joint lies around the root, in units of the mean distance from it."""
        root = self.skeleton.root
        around = (keypoints - keypoints[:, root : root + 1]).flatten(1)
        distance = around.square().mean(1, keepdim=True).sqrt()
        return around / torch.where(distance > 0, distance, 1.0)


BASELINES: Mapping[str, Callable[[Samples], Baseline]] = {
    "mean pose": MeanPose,
    "linear": LinearMap,
    "neighbours": NearestNeighbours,
}


def evaluate_baselines(
    train: PoseDataset, test: PoseDataset, protocol: Protocol
) -> dict[str, Evaluation]:
    """Fit the baselines on one split and score them on the other, on the CPU.

    They lift every frame of a clip once, without windows: a protocol's window rule, and what it
    says of differences within windows, does not apply.

    Args:
        train: clips with true poses, of the frame rate and 2D source that a lifter trains on.
        test: clips to score.
        protocol: the lifter's.

    Returns:
        Key of ``BASELINES`` -> evaluation.

    Raises:
        InvalidData: clips without true poses, or none to score.
    """
    samples = Samples.of(train)
    frame_by_frame = replace(protocol, windows="sequence", stride=None, velocity="across windows")
    return {
        name: evaluate(fit(samples), test, protocol=frame_by_frame, device="cpu")
        for name, fit in BASELINES.items()
    }
