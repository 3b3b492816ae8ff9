"""The rows behind a cross-data-set matrix, as a table of the workbook's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from posekit.models import check_options, network, option_defaults
from posekit.models.lifters import HostedLifter
from posekit.models.scaling import Scale
from posekit.training.adaptation_data import CHANNELS
from posekit.workbook.papers import Claim, Paper, Row, RowRun, Table
from posekit.workbook.papers.profiles import PROFILES, Profile

TASK = "adaptation"
TABLE = "matrix"
METRICS = {"mpjpe": "mm", "p_mpjpe": "mm", "n_mpjpe": "mm", "pck": "%", "auc": "%"}
ALIGNMENTS = {False: "none", True: "full"}

# PoseAug's pretraining, for every network alike; its learning rate would first fall after its end.
RECIPE: Mapping[str, Any] = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "decay": 1.0,
    "epochs": 50,
    "frames_per_step": 1024,
    "weight_decay": 0.0,
    "joint_weighting": False,
    "consistency": 0.0,
    "velocity": 0.0,
    "flip": False,
}


# What lifters need at these profiles to beat a linear map by enough, most of them.
SCALING: Mapping[str, Mapping[str, Any]] = {
    "quick": {"width_divisor": 8, "steps": 4000, "learning_rate": 5e-3},
}


def scaling(lifter: str, given: Mapping[str, Any], profile: str) -> tuple[dict[str, Any], Profile]:
    """The options of a network, and the profile less what would scale those that are given.

    Args:
        lifter: name of the network.
        given: options that are to stay as they are; the others have their defaults.
        profile: name of the scale asked for.

    Raises:
        InvalidParameter: an option that the network does not have, or a value of the wrong type.
    """
    kind = network(lifter)
    defaults = option_defaults(kind.Config)
    if issubclass(kind, HostedLifter):
        host = next(iter(kind.hosts))
        defaults = {**option_defaults(kind.host_of(given).Config), **defaults, "host": host}
    check_options(lifter, given, defaults)
    options = {**defaults, "in_channels": CHANNELS, **given}
    scaled = replace(PROFILES[profile], **SCALING.get(profile, {}))
    for name, neutral in asdict(Scale()).items():
        alone = kind.scaled(options, Scale(**{name: getattr(scaled, name)}))
        if any(alone[option] != value for option, value in given.items()):
            scaled = replace(scaled, **{name: neutral})
    return options, scaled


def matrix_paper(
    lifter: str, sources: Sequence[str], matchings: Sequence[bool], settings: Mapping[str, Any]
) -> Paper:
    """A table of the workbook's own with a row for each source, matched or not.

    Args:
        lifter: name of the network.
        sources: data sets to train on.
        matchings: whether a source's 2D is matched to the target's, each of False and True once.
        settings: of all rows: the 2D input and options of the network.
    """
    rows = [
        Row(
            id=_row_id(source, matched),
            name=source,
            variant={"source": source, "matched": matched},
            published={},
            source="posekit",
            run=RowRun(
                task=TASK,
                model=lifter,
                recipe=RECIPE,
                settings={
                    **settings,
                    "source": source,
                    "gpa": ALIGNMENTS[matched],
                    "lpa": False,
                },
            ),
        )
        for source in sources
        for matched in matchings
    ]
    claim = Claim(
        id="transfer",
        text="A lifter errs more on another data set than on its own.",
        test="",
        table=TABLE,
        basis="a table of the workbook's own",
        asked_by="workbook",
        not_assessed="a matrix is looked at, not judged",
    )
    table = Table(
        id=TABLE,
        title=f"{lifter} across data sets",
        kind="main",
        dataset="",
        conditions={},
        metric_units=METRICS,
        complete=True,
        rows=rows,
    )
    return Paper(
        key=TABLE,
        title=table.title,
        venue="posekit",
        year=2026,
        code=None,
        task=TASK,
        sources={"posekit": "posekit"},
        claims=[claim],
        tables=[table],
    )


def _row_id(source: str, matched: bool) -> str:
    return f"{source.replace('_', '-')}-{'matched' if matched else 'as-it-is'}"
