"""What every paper notebook does with its runs and with the network that it looks into."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace

import plotly.graph_objects as go
from matplotlib.figure import Figure

from posekit.datasets import PoseDataset
from posekit.evaluation import Predictions, Protocol, evaluate, protocol_effects
from posekit.geometry.skeletons import Skeleton
from posekit.models.lifters import Lifter
from posekit.profiling import Measurement, describe_machine
from posekit.workbook import figures
from posekit.workbook.notebooks.opening import export
from posekit.workbook.notebooks.paper_tables import provenance_card, speed_table, study_content
from posekit.workbook.notebooks.settings import Settings
from posekit.workbook.notebooks.widgets import Motion
from posekit.workbook.studies import Study
from posekit.workbook.studies.runs import StoredRun
from posekit.workbook.tables import Card, Grid


def show_source(*functions: Callable[..., object], docstrings: bool = True) -> None:
    """Print the source of functions, the very lines that run.

    Args:
        functions: or classes, each with a docstring where these are to be left out.
        docstrings: whether to print these; otherwise three dots stand in their place.
    """
    for function in functions:
        source = inspect.getsource(function)
        documented = function.__doc__ and not docstrings
        print(source.replace(function.__doc__, "...") if documented else source)


def learning_curves(
    runs: Mapping[str, StoredRun],
    *,
    label: str = "weighted position error (m)",
    column: str = "position",
    logarithmic: bool = False,
) -> Figure | None:
    """Position error over the steps of training, a curve for each run; None without a run.

    Args:
        runs: name -> run, see ``Study.runs_of``.
        label: of the vertical axis, with its unit.
        column: of the log, where it is another loss.
        logarithmic: see ``figures.learning_curves``.
    """
    curves = {name: (run.log["step"], run.log[column]) for name, run in runs.items()}
    if not curves:
        return None
    return figures.learning_curves(curves, label=label, logarithmic=logarithmic)


def error_per_joint(runs: Mapping[str, StoredRun], skeleton: Skeleton) -> go.Figure | None:
    """MPJPE of every joint, a group of bars for each run of a deterministic lifter.

    None without a run.
    """
    errors = {
        name: run.metrics["estimates"]["prediction"]["per_joint"]["mpjpe"]
        for name, run in runs.items()
    }
    return figures.error_per_joint(errors, skeleton) if errors else None


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
    start = next(iter(effects))
    for label, other in others.items():
        if isinstance(other, PoseDataset):
            scored = evaluate(lifter, other, protocol=protocol, device=str(study.device))
            other = scored.metrics["mpjpe"]
        effects[label] = other
    return figures.effect_bars(effects, start=start)


def show_speeds(study: Study, measured: Mapping[str, Measurement]) -> Grid:
    """Measurements by the name of each network, beside what the study's device can do."""
    rows = [replace(measurement, model=name) for name, measurement in measured.items()]
    return speed_table(rows, describe_machine(str(study.device)))


def finish(
    settings: Settings,
    study: Study,
    clips: Mapping[str, Motion],
    skeleton: Skeleton,
    *,
    finding: str = "",
) -> Card:
    """Write the results of the notebook, with a picture of the first clip; gives provenance.

    Args:
        settings: checked parameters, which name the results file.
        study: finished.
        clips: clip -> (prediction, truth), each (frames, joints, 3), metres.
        skeleton: of the clips.
        finding: what the answer box began with.
    """
    prediction, _ = next(iter(clips.values()))
    picture = figures.pose_strip(prediction, skeleton)
    export(settings, study_content(study, picture=picture, finding=finding))
    return provenance_card(study)
