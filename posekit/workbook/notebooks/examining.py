"""What every paper notebook does with its runs and with the network that it looks into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from posekit.datasets import PoseDataset
from posekit.evaluation import Predictions, Protocol, evaluate, protocol_effects
from posekit.geometry.skeletons import Skeleton
from posekit.models.layers import Lifter
from posekit.profiling import Measurement, describe_machine
from posekit.workbook import figures
from posekit.workbook.notebooks.opening import export
from posekit.workbook.notebooks.paper_tables import provenance_card, speed_table, study_content
from posekit.workbook.notebooks.settings import Settings
from posekit.workbook.notebooks.widgets import Motion
from posekit.workbook.studies import Study
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.tables import Card, Grid


def learning_curves(runs: Mapping[str, StoredRun], **options: Any) -> go.Figure:
    """Position error over the steps of training, a curve for each run.

    Args:
        runs: name -> run, see ``Study.runs_of``.
        options: of ``figures.learning_curves``.
    """
    curves = {
        name: (run.log_column("step"), run.log_column("position")) for name, run in runs.items()
    }
    return figures.learning_curves(curves, **options)


def error_per_joint(runs: Mapping[str, StoredRun], skeleton: Skeleton) -> go.Figure:
    """MPJPE of every joint, a group of bars for each run of a deterministic lifter."""
    errors = {}
    for name, run in runs.items():
        of_joints = run.metrics["estimates"]["prediction"]["per_joint"]["mpjpe"]
        # By name: a protocol may leave a joint out, and the order is the run's own.
        errors[name] = [of_joints[joint] for joint in skeleton.joint_names if joint in of_joints]
    return figures.error_per_joint(errors, skeleton)


def effects_of_choices(
    study: Study,
    lifter: Lifter,
    predictions: Predictions,
    protocol: Protocol,
    *,
    others: Mapping[str, PoseDataset | float],
) -> go.Figure:
    """What each choice of protocol, and of input, does to the error of one network.

    Args:
        study: its device is used.
        lifter: the network.
        predictions: of that network, plain.
        protocol: which is varied one choice at a time.
        others: label -> data to score as well, such as the same clips with exact keypoints; or an
            error in millimetres that is known already.
    """
    effects = dict(protocol_effects(predictions, protocol))
    for label, other in others.items():
        if isinstance(other, PoseDataset):
            scored = evaluate(lifter, other, protocol=protocol, device=str(study.device))
            other = scored.metrics["mpjpe"]
        effects[label] = other
    return figures.protocol_effects(effects, start=next(iter(effects)))


def show_speeds(study: Study, measured: Mapping[str, Measurement]) -> Grid:
    """Measurements by the name of each network, beside what the study's device can do."""
    rows = [replace(measurement, model=name) for name, measurement in measured.items()]
    return speed_table(rows, describe_machine(str(study.device)))


def finish(
    settings: Settings, study: Study, clips: Mapping[str, Motion], skeleton: Skeleton
) -> Card:
    """Write the results of the notebook, with a picture of the first clip; shows provenance."""
    prediction, _ = next(iter(clips.values()))
    export(settings, study_content(study, picture=figures.pose_strip(prediction, skeleton)))
    return provenance_card(study)
