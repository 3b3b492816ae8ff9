"""Rank correlation of predicted scale and error."""

import math

import pytest
import tiny
import torch

from posekit.evaluation.prediction import predict
from posekit.evaluation.protocols import MHFORMER
from posekit.evaluation.scoring import score
from posekit.evaluation.uncertainty import rank_correlation, with_rank_correlation
from posekit.metrics import joint_errors


def test_rank_correlation_sees_order_only():
    values = torch.randn(40, generator=torch.Generator().manual_seed(0))
    assert rank_correlation(values, values.exp()) == pytest.approx(1.0)
    assert rank_correlation(values, -(values**3)) == pytest.approx(-1.0)
    # Ranks 0 1 2 3 and 1 0 3 2: 1 - 6 * 4 / (4 * 15).
    first, second = torch.tensor([1.0, 2, 3, 4]), torch.tensor([20.0, 10, 40, 30])
    assert rank_correlation(first, second) == pytest.approx(0.6)
    assert math.isnan(rank_correlation(torch.ones(4), first))


class Knowing(tiny.TinyLifter):
    """A lifter whose scale is a given function of its true error."""

    def __init__(self, sign: float, truth: torch.Tensor) -> None:
        super().__init__(frames=1)
        self.sign, self.truth = sign, truth

    def estimate(self, keypoints):
        pose, flipped = self.lift_both(keypoints)
        mean = (pose + flipped) / 2
        return pose, self.sign * joint_errors(mean, self.truth[: len(keypoints), None])[..., None]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_lifter_that_knows_its_errors_has_correlation_one(sign):
    dataset = tiny.dataset(tiny.clip(40))
    pose = dataset.clips[0].pose
    torch.manual_seed(0)
    lifter = Knowing(sign, pose - pose[:, :1]).eval()
    predictions = predict(lifter, dataset, protocol=MHFORMER, device="cpu")
    evaluation = score(predictions, MHFORMER)
    found = with_rank_correlation(evaluation, lifter, predictions)
    assert found.metrics["rank_correlation"] == pytest.approx(sign)
    assert found.per_action["Walking"]["rank_correlation"] == pytest.approx(sign)
    assert found.metrics["mpjpe"] == evaluation.metrics["mpjpe"]
