"""What has to be known before anything else, in figures that were measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posekit.workbook.studies import Study
from posekit.workbook.studies.row_evidence import RowEvidence
from posekit.workbook.tables.grids import signed


def gain_kept(study: Study, *, plain: str, told: str, alone: str) -> str:
    """What a method gains when it is told the truth, what without, and the share that is kept.

    Args:
        study: its runs are read where its profile carries verdicts, else the reference run, else
            its runs for what they are worth.
        plain: ``table/row`` without the method.
        told: with the method and with what it is told.
        alone: with the method alone.

    Returns:
        a sentence, "" while one of the rows is missing or has not learned.
    """
    found = _mean_errors(study, (plain, told, alone))
    if found is None:
        return ""
    basis, (before, oracle, honest) = found
    gains = f"{_gain(before, oracle)} with it, {_gain(before, honest)} without"
    if oracle >= before:
        return f"Here there is no gain to keep: {gains} ({basis})."
    share = (before - honest) / (before - oracle)
    return f"Here the error changes by {gains}: {100 * share:.0f} % of the gain is kept ({basis})."


def shape_gain(study: Study, *, alone: str, silhouette: str, semantics: str) -> str:
    """What keypoints alone, a silhouette and clothing labels make of the shape of bodies.

    Args:
        study: see ``gain_kept``.
        alone, silhouette, semantics: ``table/row`` of each.

    Returns:
        a sentence, "" while one of the rows is missing.
    """
    found = _mean_errors(study, (alone, silhouette, semantics), "rest_pve")
    if found is None:
        return ""
    basis, (keypoints, whole, labels) = found
    return (
        f"Of bodies fitted to single pictures the shape errs by {keypoints:.1f} mm with keypoints "
        f"alone, by {whole:.1f} mm with the silhouette and by {labels:.1f} mm with both semantic "
        f"terms ({basis})."
    )


def perspective_gain(study: Study, *, neither: str, pe: str, pr: str, both: str) -> str:
    """What perspective encoding and perspective rotation make of the error, alone and together.

    Args:
        study: see ``gain_kept``.
        neither, pe, pr, both: ``table/row`` of each.

    Returns:
        a sentence, "" while one of the rows is missing or has not learned.
    """
    found = _mean_errors(study, (neither, pe, pr, both))
    if found is None:
        return ""
    basis, (plain, encoded, rotated, together) = found
    return (
        f"On keypoints the error is {plain:.1f} mm with neither part, {encoded:.1f} mm with the "
        f"encoding, {rotated:.1f} mm with the rotation and {together:.1f} mm with both ({basis})."
    )


def _gain(before: float, after: float) -> str:
    return f"{signed(after - before)} mm ({signed(100 * (after / before - 1))} %)"


def _mean_errors(
    study: Study, paths: Sequence[str], metric: str = "mpjpe"
) -> tuple[str, list[float]] | None:
    """Where errors come from, and that of each row in a metric, in millimetres."""
    sources = []
    if study.profile.measures:
        own = {path: study.measured.evidence(study.paper.row(path)) for path in paths}
        sources.append((f"this run: {study.basis}", own))
    if study.reference is not None:
        kept = {path: row.evidence for path, row in study.reference.rows.items()}
        # A run of few seeds steps back behind a larger one.
        place = len(sources) if study.profile.verdicts else 0
        sources.insert(place, (study.reference.basis(stale=study.reference_stale), kept))
    for basis, rows in sources:
        if all(_has_learned(rows, path) for path in paths):
            return basis, [rows[path].mean(metric) for path in paths]
    return None


def _has_learned(rows: Mapping[str, RowEvidence | None], path: str) -> bool:
    found = rows.get(path)
    return found is not None and found.learned is not False
