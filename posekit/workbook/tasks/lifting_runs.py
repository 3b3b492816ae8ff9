"""What a lifting run computes: network, training data, evaluation.

The code that decides the numbers of lifting stands here and in the library; how a row becomes a
configuration stands in ``lifting``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posekit.datasets import PoseDataset
from posekit.datasets.selection import downsample, some_views
from posekit.errors import DataChanged
from posekit.evaluation.diffusion import evaluate_hypotheses
from posekit.evaluation.optimisation import Optimisation
from posekit.evaluation.prediction import predict, predict_optimised
from posekit.evaluation.protocols import PROTOCOLS, scored_on
from posekit.evaluation.scoring import Evaluation, score
from posekit.evaluation.uncertainty import with_rank_correlation
from posekit.geometry.skeletons import SKELETONS
from posekit.models import build
from posekit.models.lifters import Lifter
from posekit.training import LiftingFeed, LiftingRecipe
from posekit.workbook.tasks import Scored
from posekit.workbook.tasks.data import load_split


def build_lifter(
    config: Mapping[str, Any], data: Path, card: Mapping[str, str] | None = None
) -> Lifter:
    """The network of a run for the joints of its data; see ``Task.build``."""
    skeleton = SKELETONS[card["Skeleton"]] if card else split_of(config, "train", data).skeleton
    return build(config["model"], skeleton=skeleton, **config["options"])


def feed_of(config: Mapping[str, Any], data: Path) -> LiftingFeed:
    """The windows that a run trains on."""
    return LiftingFeed(split_of(config, "train", data), LiftingRecipe(**config["recipe"]))


def split_of(config: Mapping[str, Any], split: str, data: Path) -> PoseDataset:
    """A split of a run's data, at its frame rate.

    Raises:
        DataChanged: it is not what it was when the run was planned.
    """
    dataset = load_split(config["dataset"], split, config["keypoints"], config["size"], data)
    if dataset.fingerprint != config["data"][split]:
        raise DataChanged(
            f"the {split} split of {dataset.name} changed while the study ran; start it again."
        )
    return downsample(dataset, config["one_frame_in"])


def evaluate_lifter(lifter: Lifter, config: Mapping[str, Any], data: Path, device: str) -> Scored:
    """The scores of a run's lifter on its test split."""
    how = config["evaluation"]
    test = some_views(split_of(config, "test", data), how["cameras"])
    estimates = evaluations(lifter, test, how, device, config["seed"])
    first = next(iter(estimates.values()))
    card = {**dict(first.card), "Frame rate": f"{test.clips[0].fps:.3g} per second"}
    if how["hypotheses"] is not None:  # the first reading's says "1 of 4"
        card["Sampling iterations"] = str(how["iterations"])
    return Scored(test.evidence, card, estimates)


def evaluations(
    lifter: Lifter, test: PoseDataset, how: Mapping[str, Any], device: str, seed: int
) -> dict[str, Evaluation]:
    """Evaluations by estimate: ``prediction``, or ``<aggregation>@<iteration>`` of hypotheses."""
    protocol = scored_on(PROTOCOLS[how["protocol"]], test.name)
    if how["optimise"] is not None:
        settings = Optimisation(**how["optimise"])
        predictions = predict_optimised(lifter, test, settings, protocol=protocol, device=device)
        return {"prediction": score(predictions, protocol)}
    if how["hypotheses"] is None:
        predictions = predict(lifter, test, protocol=protocol, device=device)
        evaluation = score(predictions, protocol)
        if lifter.predicts_scale:
            evaluation = with_rank_correlation(evaluation, lifter, predictions)
        return {"prediction": evaluation}
    found = evaluate_hypotheses(
        lifter,
        test,
        hypotheses=how["hypotheses"],
        iterations=how["iterations"],
        protocol=scored_on(PROTOCOLS[lifter.release_protocol], test.name),
        device=device,
        seed=seed,
    )
    return {f"{name}@{step}": evaluation for (name, step), evaluation in found.items()}
