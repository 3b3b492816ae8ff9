"""The cross-data-set matrix of a lifter in a notebook's cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import display

from posekit.workbook import figures
from posekit.workbook.reports.matrix import heat_maps, matrix_table
from posekit.workbook.studies import Matrix, Study, cross_evaluate


def transfer_matrix(
    study: Study,
    lifter: str,
    datasets: Sequence[str],
    *,
    matched: str = "both",
    keypoints: str = "gt",
    options: Mapping[str, Any] | None = None,
) -> Matrix:
    """``cross_evaluate`` at the profile of a study, with its seeds, device and folders.

    Args:
        study: of the notebook.
        lifter, datasets, matched, keypoints, options: see ``cross_evaluate``.
    """
    return cross_evaluate(
        lifter,
        datasets,
        matched=matched,
        keypoints=keypoints,
        options=options,
        profile=study.profile.name,
        seeds=study.seeds,
        device=str(study.device),
        data=study.data,
        runs=study.store.root,
    )


def show_matrix(matrix: Matrix) -> None:
    """Show a matrix as its report does: one table, and a heat map for each way of matching."""
    display(matrix_table(matrix))
    for drawn in heat_maps(matrix):
        figures.show(drawn.figure, alt=drawn.alt)
