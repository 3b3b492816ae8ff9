"""A study's figures in the form in which notebooks show them and files keep them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from posekit.machine.provenance import environment_entries
from posekit.profiling.timing import Measurement
from posekit.workbook.notebooks.judged_claims import answer
from posekit.workbook.papers import COST_METRICS, Table
from posekit.workbook.papers import Row as PaperRow
from posekit.workbook.studies import Study
from posekit.workbook.studies.measured import Figure, RowResult, TableResult
from posekit.workbook.tables import Card, ComparisonTable, Grid, Measured, Row
from posekit.workbook.tables.comparison import RAN_MARK
from posekit.workbook.tasks import find_task

NOT_COMPARABLE = (
    "Published errors are on {published} at full scale, measured ones on {measured} at profile "
    "{profile}: compare the differences between rows, never the millimetres."
)
UNPRINTED = "at profile {} networks take so few steps that their errors mean nothing"
TRIVIAL = {
    "mean pose": "Mean pose",
    "linear": "Linear least squares",
    "neighbours": "5 nearest neighbours",
}
PUBLISHED_MACS = "Published MACs count linear layers only: compare them with that column."
CONDITIONS_TO_SAY = {
    "existence": "Whether the paper has this table",
    "input_2d_here": "2D input of this run",
    "host_here": "Host of this run",
}
DATASET_TITLES = {
    "h36m": "Human3.6M",
    "mpi_inf_3dhp": "MPI-INF-3DHP",
    "humaneva": "HumanEva-I",
    "sportspose": "SportsPose",
}


def comparison_table(study: Study, table_id: str) -> ComparisonTable:
    """A paper's table: published | reference run | this run.

    Args:
        study: where the figures come from; rows whose runs are missing stay empty.
        table_id: id of the table in the paper's YAML, which names the row that differences are
            taken from.
    """
    result = study.results(table_id)
    table = result.table
    units = _measured_first(table.metric_units, result.rows)
    names = row_names(table)
    rows = [_row(item, names) for item in result.rows]
    return ComparisonTable(
        title=table.title,
        units=units,
        rows=rows,
        baseline=names[table.baseline] if table.baseline else "",
        evidence=result.evidence,
        protocol=result.protocol,
        note=_note(study, table, rows),
        trivial=_trivial(result),
        counted=COST_METRICS,
        unprinted="" if study.profile.measures else UNPRINTED.format(study.profile.name),
    )


def row_names(table: Table) -> dict[str, str]:
    """Row id -> a name that is unique in the table: where names repeat, what varies is added."""
    names = [row.name for row in table.rows]
    return {
        row.id: row.name if names.count(row.name) == 1 else _long_name(row, table)
        for row in table.rows
    }


def action_table(study: Study, path: str, metric: str) -> Grid:
    """Error of every action for one row: published beside this run.

    Args:
        study: where the figures come from; without runs of the row, only published ones show.
        path: ``table/row``.
        metric: "mpjpe" or "p_mpjpe".
    """
    row = study.paper.row(path)
    published = row.per_action.get(metric, {})
    runs = study.stored(row) or ()
    measured = [scores["per_action"] for scores in study.measured.scores(row)]
    actions = list(measured[0]) if measured else list(ABBREVIATIONS)

    def shown(action: str) -> float | str | None:
        if not measured:
            return None
        mean = fmean(figures[action][metric] for figures in measured)
        return mean if study.profile.measures else RAN_MARK

    return Grid(
        caption=f"{row.name}: {metric.upper().replace('_', '-')} of every action (mm)",
        columns=("action", "published", f"this run ({study.dataset})"),
        rows=tuple(
            (action, published.get(ABBREVIATIONS.get(action, "")), shown(action))
            for action in actions
        ),
        label=runs[0].metrics["evidence"] if runs else "",
        note=" ".join(_action_notes(study, row)),
    )


def _action_notes(study: Study, row: PaperRow) -> Iterator[str]:
    """What the errors of one row's actions can be compared with, and what they say nothing of."""
    if not _is_published_setting(study, "h36m"):
        yield _not_comparable(study, "h36m")
    if not study.profile.measures and study.stored(row):
        yield f"{RAN_MARK}: {UNPRINTED.format(study.profile.name)}."
    found = study.measured.evidence(row)
    if found is not None and found.learned is False:
        yield "The network has not learned: it is not clearly better than linear map and mean pose."


def speed_table(rows: Sequence[Measurement], machine: Mapping[str, Any]) -> Grid:
    """Measured speed of networks at the published size, beside what the machine can do."""
    return Grid(
        caption="Measured speed of one forward pass",
        columns=(
            "network",
            "frames per second",
            "seconds per window",
            "share of the machine's matrix-product rate",
            "memory (MB)",
        ),
        rows=tuple(
            (
                f"{row.model}, {row.frames} frames, batch {row.batch}, {row.precision}",
                row.frames_per_second,
                row.latency,
                f"{row.share:.0%} of {row.peak_rate / 1e9:.0f} GFLOP/s",
                row.memory / 2**20,
            )
            for row in rows
        ),
        note=f"{machine['processor']}, {machine['threads']} threads, torch {machine['torch']}.",
    )


def provenance_card(study: Study) -> Card:
    """With which code, data, seeds and machine the figures of a study were made."""
    stored = {
        run.id: run
        for row in study.paper.rows
        if row.run is not None
        for run in study.stored(row) or ()
    }
    entries = {
        "profile and seeds": f"{study.profile.name}, {', '.join(map(str, study.seeds))}",
        "runs": str(len(stored)),
    }
    if stored:
        records = [run.environment for run in stored.values()]
        commits = {f"{record['commit'] or 'unknown'}"[:10] for record in records}
        data = {
            f"{find_task(run.config['task']).source(run.config)} {split} {fingerprint[:12]}"
            for run in stored.values()
            for split, fingerprint in run.config["data"].items()
        }
        seconds = sum(record["seconds"] for record in records)
        entries |= {
            "commits of the runs": ", ".join(sorted(commits)),
            "data fingerprints": ", ".join(sorted(data)),
            "computing time of the runs": f"{seconds:.0f} s on {records[0]['device']}, "
            "one after the other",
            "peak memory of a run": f"{max(r['peak_memory_mb'] for r in records):.0f} MB",
        }
    return Card("Provenance", {**entries, **environment_entries(study.device)})


def study_content(study: Study, *, picture: str = "", finding: str = "") -> dict[str, Any]:
    """What a notebook hands over to its results file and to the index page.

    Args:
        study: finished.
        picture: SVG text for the paper's card.
        finding: see ``answer``.
    """
    texts = {claim.id: claim.text for claim in study.paper.claims}
    return {
        "title": study.paper.title,
        "headline": study.paper.sentence,
        "answer": answer(study, finding).to_json(),
        "evidence": next(
            (result.evidence for result in map(study.results, _tables(study)) if result.evidence),
            "",
        ),
        "picture": picture,
        "scale": {"profile": study.profile.name, "seeds": list(study.seeds)},
        "verdicts": [
            {**verdict.to_json(), "text": texts[verdict.claim]} for verdict in study.verdicts()
        ],
        "tables": {name: _plain(study, name) for name in _tables(study)},
    }


def _tables(study: Study) -> list[str]:
    return [table.id for table in study.paper.tables]


def _note(study: Study, table: Table, rows: Sequence[Row]) -> str:
    """What the columns of a table can be compared in, and where the reference run was made."""
    measured = {metric for row in rows for metric in (*row.measured, *row.reference)}
    parts = []
    if measured - set(COST_METRICS) and not _is_published_setting(study, table.dataset):
        parts.append(_not_comparable(study, table.dataset))
    if "macs_linear" in measured:
        parts.append(PUBLISHED_MACS)
    parts += [
        f"{said}: {table.conditions[key]}."
        for key, said in CONDITIONS_TO_SAY.items()
        if key in table.conditions
    ]
    if measured and study.reference is not None:
        state = "Stale reference run" if study.reference_stale else "Reference run"
        parts.append(f"{state}: {study.reference.title}.")
    return " ".join(parts)


def _not_comparable(study: Study, dataset: str) -> str:
    return NOT_COMPARABLE.format(
        published=DATASET_TITLES.get(dataset, dataset),
        measured=study.dataset,
        profile=study.profile.name,
    )


def _is_published_setting(study: Study, dataset: str) -> bool:
    """Whether the study measures what was published: the same data, at the same scale."""
    return study.dataset == dataset and study.profile.name == "paper"


def _measured_first(units: Mapping[str, str], rows: Sequence[RowResult]) -> dict[str, str]:
    """The metrics of a table, those with measured figures before the others."""
    measured = {metric for row in rows for metric in (*row.measured, *row.reference)}
    return dict(sorted(units.items(), key=lambda item: item[0] not in measured))


def _row(item: RowResult, names: Mapping[str, str]) -> Row:
    same_as = names.get(item.same_as, "")
    return Row(
        name=names[item.row.id],
        published=item.row.published,
        reference=_measured(
            item.reference,
            item.reference_ran,
            item.reference_learned,
            same_as,
            item.reference_left_out,
        ),
        measured=_measured(item.measured, item.ran, item.learned, same_as, item.left_out),
        source=item.row.source,
        not_run=item.not_run,
        oracle=item.oracle,
        input_2d=item.row.variant.get("input_2d", ""),
        official=item.row.official,
        remarks=item.row.remarks,
        collapsed={
            column: said
            for column, said, figures in (
                ("reference", item.reference_left_out, item.reference),
                ("measured", item.left_out, item.measured),
            )
            if said and not set(figures) - set(COST_METRICS)
        },
    )


def _measured(
    figures: Mapping[str, Figure], ran: str, learned: bool | None, same_as: str, left_out: str
) -> dict[str, Measured]:
    shown = {}
    for metric, figure in figures.items():
        if metric in COST_METRICS:
            shown[metric] = Measured(figure.value)
        else:
            shown[metric] = Measured(figure.value, figure.spread, ran, learned, same_as, left_out)
    return shown


def _trivial(result: TableResult) -> list[Row]:
    """What learns next to nothing on the data of the table's rows, once for each 2D input."""
    found: dict[tuple[str, str], dict[str, Mapping[str, float]]] = {}
    for item in result.rows:
        source = result.inputs.get(item.row.id, "")
        for column, baselines in (
            ("reference", item.reference_baselines),
            ("measured", item.baselines),
        ):
            for name, figures in baselines.items():
                found.setdefault((name, source), {})[column] = figures
    sources = dict.fromkeys(source for _, source in found)
    return [
        Row(
            title,
            {},
            input_2d=source if len(sources) > 1 else "",
            **{column: _figures(figures) for column, figures in found[name, source].items()},
        )
        # In an order of our own: that of a stored file is the alphabet's.
        for name, title in TRIVIAL.items()
        for source in sources
        if (name, source) in found
    ]


def _figures(found: Mapping[str, float]) -> dict[str, Measured]:
    return {metric: Measured(value) for metric, value in found.items()}


def _long_name(row: PaperRow, table: Table) -> str:
    """The name with what distinguishes the row; where the variant does not, its source does."""
    twins = [other for other in table.rows if other.name == row.name]
    varying = [
        key
        for key in row.variant
        if len({str(other.variant.get(key)) for other in twins}) > 1 and key != "model"
    ]
    if not varying:
        return f"{row.name} ({row.id.rpartition('-')[2]})"
    return ", ".join([row.name, *(f"{key} {row.variant[key]}" for key in varying)])


def _plain(study: Study, table_id: str) -> list[dict[str, Any]]:
    rows = []
    for item in study.results(table_id).rows:
        rows.append(
            {
                "row": item.row.id,
                "published": dict(item.row.published),
                "reference": {name: figure.value for name, figure in item.reference.items()},
                "measured": {name: list(figure.values) for name, figure in item.measured.items()},
                "ran": item.ran if item.measured else "",
                "not_run": item.not_run,
                "oracle": item.oracle,
            }
        )
    return rows


ABBREVIATIONS = {
    "Directions": "Dir",
    "Discussion": "Disc",
    "Eating": "Eat",
    "Greeting": "Greet",
    "Phoning": "Phone",
    "Photo": "Photo",
    "Posing": "Pose",
    "Purchases": "Pur",
    "Sitting": "Sit",
    "SittingDown": "SitD",
    "Smoking": "Smoke",
    "Waiting": "Wait",
    "WalkDog": "WalkD",
    "Walking": "Walk",
    "WalkTogether": "WalkT",
}
