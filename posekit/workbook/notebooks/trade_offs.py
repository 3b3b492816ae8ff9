"""Error against cost of the pruned networks that a study has run."""

from __future__ import annotations

from collections.abc import Iterable

from posekit.profiling.counting import size_of
from posekit.profiling.timing import latency
from posekit.workbook.figures.trade_offs import TradeOff
from posekit.workbook.studies import Study


def error_against_cost(study: Study, paths: Iterable[str]) -> list[TradeOff]:
    """What rows cost at the size at which they ran, and their error.

    FLOPs are counted and times measured for one window of 17 joints on the study's device. Rows
    that a scaled profile runs with the same n and f give one point.

    Args:
        study: rows whose runs are missing are left out, and those that have not learned.
        paths: ``table/row``: a host without ``prune_at``, and ways to prune it.
    """
    points: dict[tuple[int | None, int], TradeOff] = {}
    for row in map(study.paper.row, paths):
        found = study.measured.evidence(row)
        if row.run is None or found is None or found.learned is False:
            continue
        options = study.configuration(row.run)["options"]
        place = options.get("prune_at"), options.get("tokens", options["frames"])
        if place not in points:
            points[place] = TradeOff(
                *place,
                flops=2 * size_of(row.run.model, **options).layer_macs / 1e9,
                seconds=latency(row.run.model, device=str(study.device), **options),
                error=study.figures(row)["mpjpe"].value,
            )
    return list(points.values())
