"""Hypotheses of a diffusion lifter, made one and scored."""

import pytest
import tiny
import torch
from torch import nn

from posekit.errors import InvalidData, InvalidParameter
from posekit.evaluation import evaluate_hypotheses
from posekit.evaluation.protocols import MIXSTE
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.metrics.hypotheses import j_best, p_agg
from posekit.models import build


@pytest.fixture(scope="module")
def d3dp():
    torch.manual_seed(0)
    lifter = build("d3dp", skeleton=HUMAN36M_17, frames=9, embed_dim=16, depth=1, heads=2)
    nn.init.normal_(lifter.pose_estimator.head[1].weight, std=0.1)
    return lifter


def test_hypotheses_against_aggregation_by_hand(d3dp):
    clip = tiny.clip(9)
    found = evaluate_hypotheses(
        d3dp, tiny.dataset(clip), hypotheses=3, iterations=2, seed=5, device="cpu"
    )
    assert len(found) == 8
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        poses = d3dp.sample(clip.keypoints[None], hypotheses=3, iterations=2, generator=generator)
    poses[..., 0, :] = 0
    target = (clip.pose - clip.pose[:, :1])[None]
    for name, aggregate in (("j_best", j_best), ("p_agg", p_agg)):
        for metric, align in (("mpjpe", False), ("p_mpjpe", True)):
            errors = aggregate(poses, target, align=align).errors.mean((0, 2, 3))
            for step in (1, 2):
                assert found[name, step].metrics[metric] == pytest.approx(
                    1000 * float(errors[step - 1]), rel=1e-4
                )
    assert "by the true pose" in dict(found["j_best", 1].card)["Oracle choices"]
    assert dict(found["j_agg", 1].card)["Oracle choices"] == "none"


def test_oracles_bound_and_p_best_falls_with_the_batch(d3dp):
    dataset = tiny.dataset(tiny.clip(36, "S9", "Walking 1"), tiny.clip(20, "S11", "Sitting 1"))
    by_batch = {
        batch: evaluate_hypotheses(
            d3dp, dataset, hypotheses=4, iterations=1, seed=0, batch=batch, device="cpu"
        )
        for batch in (1, 4)
    }
    for found in by_batch.values():
        errors = {name: evaluation.metrics["mpjpe"] for (name, _), evaluation in found.items()}
        assert errors["j_best"] <= min(errors.values())
    assert dict(by_batch[4]["p_best", 1].card)["Windows per mini-batch"] == "4"
    with pytest.raises(InvalidParameter, match="without flip averaging"):
        evaluate_hypotheses(
            d3dp, dataset, hypotheses=1, iterations=1, seed=0, protocol=MIXSTE, device="cpu"
        )


def test_hypotheses_are_not_aggregated_in_image_units(d3dp, image_units):
    with pytest.raises(InvalidData, match="image units"):
        evaluate_hypotheses(d3dp, image_units, hypotheses=1, iterations=1, seed=0, device="cpu")


@pytest.mark.parametrize(
    "wrong", [{"hypotheses": 0}, {"iterations": -1}, {"batch": 0}, {"seed": -1}, {"seed": 2**32}]
)
def test_numbers_that_give_no_samples_are_refused(d3dp, wrong):
    numbers = {"hypotheses": 1, "iterations": 1, "batch": 2, "seed": 0, **wrong}
    (name,) = wrong
    with pytest.raises(InvalidParameter, match=f"{name} is"):
        evaluate_hypotheses(d3dp, tiny.dataset(), device="cpu", **numbers)
