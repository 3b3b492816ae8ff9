"""Rows of a paper's table with their figures, and which of these compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Attribute of a row -> heading.
COLUMNS = {
    "published": "published",
    "official": "official code, run here",
    "reference": "reference run",
    "measured": "this run",
}
RUNS = ("reference", "measured")  # the columns of posekit's own runs


@dataclass(frozen=True)
class Measured:
    """One measured figure.

    Attributes:
        value: the figure, mean over seeds.
        spread: standard deviation over seeds, None where it is not known.
        ran: what was run, its parts separated by commas; "" for what is counted.
        learned: whether the row has learned more than the trivial baselines; None where it is not
            known, or where nothing is learned.
        same_as: name of the row that is the very same run at this scale, "" for none.
        left_out: how many seeds collapsed and are not in the figure, "" for none.
    """

    value: float
    spread: float | None = None
    ran: str = ""
    learned: bool | None = None
    same_as: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a paper's table.

    Attributes:
        name: as the paper names it.
        published: metric -> figure that the paper prints, None where nobody could verify it.
        reference: metric -> the stored larger run's figure.
        measured: metric -> this run's figure.
        source: where the published figures stand, with an address if there is one.
        not_run: why this row has no measured figures; "" if it has.
        oracle: figures are picked with the help of the truth.
        input_2d: keypoints behind the published figures, "" where the whole table has one kind.
        official: metric -> what running the authors' code gave here.
        remarks: metric -> what is said of the published figure in its cell, such as "about".
        collapsed: one of ``RUNS`` -> how many of its seeds collapsed, for cells without a figure.
    """

    name: str
    published: Mapping[str, float | None]
    reference: Mapping[str, Measured] = field(default_factory=dict)
    measured: Mapping[str, Measured] = field(default_factory=dict)
    source: str = ""
    not_run: str = ""
    oracle: bool = False
    input_2d: str = ""
    official: Mapping[str, float | None] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)
    collapsed: Mapping[str, str] = field(default_factory=dict)


def metric_name(metric: str) -> str:
    """A metric's key as the field writes it: ``p_mpjpe`` -> ``P-MPJPE``."""
    names = {
        "params": "parameters",
        "macs": "MACs, all products",
        "macs_linear": "MACs, linear layers",
        "acc_err": "acceleration error",
        "rank_correlation": "rank correlation",
        "rest_pve": "rest-pose PVE",
        "pve_centred": "PVE, pelvis on pelvis",
        "fatter": "fatter by",
        "flops": "FLOPs",
        "flops_all": "FLOPs, all products",
        "flops_thop": "FLOPs by thop",
    }
    return names.get(metric, metric.replace("_", "-").upper())


def heading(metric: str, unit: str) -> str:
    """A metric with its unit."""
    return metric_name(metric) if unit == "1" else f"{metric_name(metric)} ({unit})"


def comparable(row: Row, baseline: Row, metric: str, column: str) -> bool:
    """Whether the figures of two rows in one column may be set against each other.

    An oracle does not compare with what is none, nor a published figure with one on keypoints of
    another detector, nor anything with a row that has not learned, nor a run with itself.
    """
    if row.oracle != baseline.oracle:
        return False
    if column not in RUNS:
        return column != "published" or same_input(row, baseline)
    runs = [getattr(one, column).get(metric) for one in (row, baseline)]
    return all(run is not None and run.learned is not False for run in runs) and not (
        runs[0].same_as == baseline.name or runs[1].same_as == row.name
    )


def same_input(row: Row, baseline: Row) -> bool:
    """Whether published figures of two rows are on the same keypoints, as far as they tell."""
    return row.input_2d in ("", baseline.input_2d) or not baseline.input_2d


def figure(row: Row, metric: str, column: str) -> float | None:
    """The figure in a column, None for none."""
    found = getattr(row, column).get(metric)
    return found.value if isinstance(found, Measured) else found
