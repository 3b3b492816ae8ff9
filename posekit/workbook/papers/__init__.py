"""Papers as data: published figures with sources, what to run for each row, and the claims.

One YAML file per paper stands in this folder, and the file's name is the paper's key. A row's
``run`` holds the *published* configuration; ``profiles`` scales it to the
machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from posekit.errors import InvalidData, InvalidParameter

ORACLE_ESTIMATES = ("j_best", "p_best")
PAIRED_METRICS = ("mpjpe", "p_mpjpe", "mpjve", "rank_correlation")  # kept take by take
COST_METRICS = ("params", "macs", "macs_linear", "flops", "flops_all")
COUNTED_ELSEWHERE = ("flops_thop",)  # costs as another tool counts them, published only

Term = str | float | tuple[str, str]


@dataclass(frozen=True)
class RowRun:
    """What one row needs: a network, its input and its recipe, all as published.

    Attributes:
        model: name in ``posekit.models``.
        keypoints: source of the 2D input, such as ``"cpn"`` or ``"gt"``.
        options: arguments of ``posekit.models.build`` (frames, embed_dim, depth ...).
        recipe: training recipe (see ``posekit.training.loop.Recipe``) and ``epochs``.
        hypotheses: samples drawn per sequence, None for a deterministic lifter.
        iterations: denoising steps per sample, None for a deterministic lifter.
        estimate: which reading of the run the row shows: ``"prediction"`` of a deterministic
            lifter, or how the hypotheses become one figure.
        iteration: denoising step that the row shows, None for the last.
        protocol: key of ``posekit.evaluation.protocols.PROTOCOLS``.
        optimise: settings of test-time optimisation (``Optimisation``), None for none.
    """

    model: str
    keypoints: str
    options: Mapping[str, Any]
    recipe: Mapping[str, Any]
    hypotheses: int | None = None
    iterations: int | None = None
    estimate: str = "prediction"
    iteration: int | None = None
    protocol: str = "MixSTE"
    optimise: Mapping[str, Any] | None = None

    @property
    def oracle(self) -> bool:
        """Whether the figure picks among hypotheses by their distance to the truth."""
        return self.estimate in ORACLE_ESTIMATES

    @property
    def models(self) -> frozenset[str]:
        """Names of the networks involved: the model, and the host inside it if it has one."""
        return frozenset((self.model, self.options.get("host", self.model)))


@dataclass(frozen=True)
class Row:
    """One row of a published table; figures that nobody could verify are None.

    ``only_on`` is the data set that alone can give the row's figures; None where any may.
    """

    table: str
    id: str
    name: str
    variant: Mapping[str, Any]
    published: Mapping[str, float | None]
    per_action: Mapping[str, Mapping[str, float | None]]
    source: str
    run: RowRun | None
    not_run: str | None
    only_on: str | None = None

    @property
    def path(self) -> str:
        """``table/row``, how claims and commands name the row."""
        return f"{self.table}/{self.id}"

    @property
    def oracle(self) -> bool:
        """Whether the figures, published ones too, pick among hypotheses by the truth."""
        if self.run is not None:
            return self.run.oracle
        several = self.variant.get("hypotheses", 2) > 1
        return several and self.variant.get("aggregation") in ORACLE_ESTIMATES


@dataclass(frozen=True)
class Table:
    """One published table: conditions, units of its columns, rows."""

    id: str
    title: str
    kind: str
    dataset: str
    conditions: Mapping[str, Any]
    metric_units: Mapping[str, str]
    complete: bool
    rows: tuple[Row, ...]

    @property
    def counted(self) -> bool:
        """Whether all columns are costs, which are counted: its rows are not trained for it."""
        return set(self.metric_units) <= {*COST_METRICS, *COUNTED_ELSEWHERE}


@dataclass(frozen=True)
class Condition:
    """``lower`` < ``than`` in ``metric``; a term is a row, a ratio of two rows or a number."""

    metric: str
    lower: Term
    than: Term

    @property
    def rows(self) -> tuple[str, ...]:
        """Paths of the rows that the condition reads."""
        paths: list[str] = []
        for term in (self.lower, self.than):
            if isinstance(term, str):
                paths.append(term)
            elif isinstance(term, tuple):
                paths.extend(term)
        return tuple(paths)


@dataclass(frozen=True)
class Claim:
    """What the paper says, and the conditions that all have to hold for it."""

    id: str
    text: str
    test: str
    table: str
    basis: str
    scope: str = ""
    not_assessed: str = ""
    comparison: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Paper:
    """One paper: what it is, its claims and its tables.

    ``scaling`` holds what the paper's runs need other than the usual values of a profile: name of
    the profile -> field of ``posekit.workbook.papers.profiles.Profile`` -> value.
    """

    key: str
    title: str
    venue: str
    year: int
    arxiv: str | None
    code: str | None
    licence_of_code: str | None
    note: str
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...]
    scaling: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _rows: Mapping[str, Row] = field(repr=False, compare=False, default_factory=dict)

    def table(self, table_id: str) -> Table:
        """The table of that id.

        Raises:
            InvalidParameter: the paper has no such table.
        """
        for table in self.tables:
            if table.id == table_id:
                return table
        known = ", ".join(table.id for table in self.tables)
        raise InvalidParameter(f"{self.key} has no table {table_id!r}; choose one of: {known}.")

    def row(self, path: str) -> Row:
        """The row at ``table/row``.

        Raises:
            InvalidParameter: the paper has no such row.
        """
        table_id, _, _ = path.partition("/")
        table = self.table(table_id)
        if path not in self._rows:
            known = ", ".join(row.id for row in table.rows)
            raise InvalidParameter(f"{self.key} has no row {path!r}; {table_id} holds: {known}.")
        return self._rows[path]

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows of all tables in reading order."""
        return tuple(self._rows.values())

    def on_dataset(self, dataset: str) -> Paper:
        """The paper as it can be run on a data set: rows that belong to another are not run."""
        tables = tuple(
            replace(table, rows=tuple(_row_on(row, dataset) for row in table.rows))
            for table in self.tables
        )
        rows = {row.path: row for table in tables for row in table.rows}
        return replace(self, tables=tables, _rows=rows)


def list_papers() -> tuple[str, ...]:
    """Keys of the papers that have a YAML file, in alphabetical order."""
    names = (entry.name for entry in resources.files(__package__).iterdir())
    return tuple(
        sorted(name[:-5] for name in names if name.endswith(".yaml") and name != "schema.yaml")
    )


@cache
def load_paper(key: str) -> Paper:
    """The paper of that key, validated.

    Raises:
        InvalidParameter: no paper has that key.
        InvalidData: its YAML breaks the schema or points at rows that do not exist.
    """
    if key not in list_papers():
        raise InvalidParameter(f"unknown paper {key!r}; choose one of: {', '.join(list_papers())}.")
    return read_paper(Path(str(resources.files(__package__) / f"{key}.yaml")))


def read_paper(path: Path) -> Paper:
    """A paper from any YAML file of the same schema.

    Raises:
        InvalidData: the file is not YAML, breaks the schema or points at rows that do not exist.
    """
    content = _validated(path)
    tables = tuple(_table(table, content["sources"], path.name) for table in content["tables"])
    rows = [row for table in tables for row in table.rows]
    names = [row.path for row in rows]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidData(f"{path.name}: the row {twice} stands there twice; rename one.")
    claims = tuple(_claim(claim) for claim in content["claims"])
    by_path = {row.path: row for row in rows}
    for claim in claims:
        _check_claim(claim, by_path, path.name)
    simple = {key: content.get(key) for key in ("key", "title", "venue", "year", "arxiv", "code")}
    return Paper(
        **simple,
        licence_of_code=content.get("licence_of_code"),
        note=content.get("note", ""),
        claims=claims,
        tables=tables,
        scaling=content.get("scaling", {}),
        _rows=by_path,
    )


def _validated(path: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise InvalidData(f"{path.name} is not YAML: {' '.join(str(error).split())}.") from error
    schema = yaml.load((Path(__file__).parent / "schema.yaml").read_text(), Loader=loader)
    fault = best_match(Draft202012Validator(schema).iter_errors(content))
    if fault is not None:
        where = "/".join(str(step) for step in fault.absolute_path) or "the whole file"
        raise InvalidData(f"{path.name}: at {where}: {fault.message.splitlines()[0]}.")
    return content


def _table(content: Mapping[str, Any], sources: Mapping[str, str], file: str) -> Table:
    rows = tuple(_row(row, content["id"], sources, file) for row in content["rows"])
    return Table(**{key: value for key, value in content.items() if key != "rows"}, rows=rows)


def _row(content: Mapping[str, Any], table: str, sources: Mapping[str, str], file: str) -> Row:
    if content["source"] not in sources:
        raise InvalidData(
            f"{file}: row {table}/{content['id']} names the source {content['source']!r}, "
            "which is not among `sources`; add it there."
        )
    run = content.get("run")
    missing = None if run else content.get("not_run", "published figure of another method")
    return Row(
        table=table,
        id=content["id"],
        name=content["name"],
        variant=content["variant"],
        published=content["published"],
        per_action=content.get("per_action", {}),
        source=sources[content["source"]],
        run=_row_run(run) if run else None,
        not_run=missing,
        only_on=content.get("only_on"),
    )


def _row_on(row: Row, dataset: str) -> Row:
    if row.only_on in (None, dataset):
        return row
    return replace(row, run=None, not_run=f"is of another data set; choose dataset {row.only_on}")


def _row_run(content: Mapping[str, Any]) -> RowRun:
    own = {name: content[name] for name in RowRun.__dataclass_fields__ if name in content}
    options = {name: value for name, value in content.items() if name not in own}
    return RowRun(**own, options=options)


def _claim(content: Mapping[str, Any]) -> Claim:
    conditions = tuple(
        Condition(item["metric"], _term(item["lower"]), _term(item["than"]))
        for item in content.get("comparison", ())
    )
    return Claim(**{**content, "comparison": conditions})


def _term(content: Any) -> Term:
    return tuple(content) if isinstance(content, list) else content


def _check_claim(claim: Claim, rows: Mapping[str, Row], file: str) -> None:
    for condition in claim.comparison:
        if condition.metric not in (*PAIRED_METRICS, *COST_METRICS):
            raise InvalidData(
                f"{file}: claim {claim.id} compares {condition.metric}; verdicts need one of "
                f"{', '.join((*PAIRED_METRICS, *COST_METRICS))}."
            )
        for path in condition.rows:
            row = rows.get(path)
            if row is None or row.run is None:
                raise InvalidData(
                    f"{file}: claim {claim.id} compares {path}, which is not a row with `run:`."
                )
            if row.run.oracle and condition.metric not in COST_METRICS:
                raise InvalidData(
                    f"{file}: claim {claim.id} compares {path}, an oracle figure; oracle figures "
                    "never enter a verdict, so compare p_agg or j_agg."
                )
