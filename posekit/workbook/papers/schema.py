"""What a paper's YAML file holds: each field once, with its type and what must hold between them.

``posekit.workbook.papers.loader`` reads files. A row's ``run`` is the *published* configuration;
``profiles`` scales it to the machine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Required

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
    with_config,
)
from typing_extensions import TypedDict  # pydantic takes that of typing from Python 3.12 on

from posekit.errors import InvalidParameter

USUAL_TASK = "lifting"
ESTIMATES = ("prediction", "j_best", "p_best", "p_agg", "j_agg")  # readings of a lifter's run
ORACLE_ESTIMATES = ("j_best", "p_best", "j_agg")  # those that pick by the truth, or by its root
PAIRED_METRICS = ("mpjpe", "p_mpjpe", "mpjve", "rank_correlation")  # kept take by take
COST_METRICS = ("params", "macs", "macs_linear", "flops", "flops_all")
SIZES = ("smoke", "quick", "standard", "full")  # of data, see posekit.datasets.load_dataset
COUNTED_ELSEWHERE = ("flops_thop",)  # costs as another tool counts them, published only

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _figure(value: Any) -> int | float:
    """A figure as it is printed: 1556 does not become 1556.0."""
    if not _is_number(value):
        raise ValueError(f"{value!r} is no number; give the bare figure, or null")
    return value


def _term(value: Any) -> str | float | tuple[str, str]:
    if _is_number(value):
        return value
    pair = isinstance(value, list | tuple)
    paths = tuple(value) if pair else (value,)
    rows = all(isinstance(path, str) and re.fullmatch(ROW_PATH, path) for path in paths)
    if not rows or len(paths) != 1 + pair:
        raise ValueError(f"{value!r} is no `table/row`, no pair of such rows and no number")
    return paths if pair else value


ROW_PATH = r"[a-z0-9-]+/[a-z0-9-]+"
ScaledProfile = Literal["smoke", "quick", "standard", "gpu"]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Figures = Mapping[str, Annotated[float, PlainValidator(_figure)] | None]
Term = Annotated[str | float | tuple[str, str], PlainValidator(_term)]


@with_config(STRICT)
class LiftingRecipe(TypedDict, total=False):
    """Recipe of a lifter's row: fields of ``posekit.training.LiftingRecipe``, and frames a step.

    That class needs torch, which reading a paper does not wait for.
    """

    learning_rate: Required[PositiveFloat]
    decay: Required[PositiveFloat]
    epochs: Required[PositiveInt]
    frames_per_step: Required[PositiveInt]
    joint_weighting: bool
    consistency: NonNegativeFloat
    velocity: NonNegativeFloat
    optimizer: Literal["adamw", "adam", "ranger"]
    schedule: Literal["exponential", "cosine by epoch"]
    halve_every: PositiveInt
    lowest_rate: NonNegativeFloat
    weight_decay: NonNegativeFloat
    betas: Annotated[tuple[float, float], Field(strict=False)]
    eps: PositiveFloat
    flip: bool
    jitter: bool
    norm_momentum: PositiveFloat
    loss_seeded: bool


@with_config(STRICT)
class Scaling(TypedDict, total=False):
    """Fields of ``posekit.workbook.papers.profiles.Profile`` that a paper may set otherwise."""

    frames_divisor: PositiveInt
    frame_rate_divisor: PositiveInt
    width_divisor: PositiveInt
    depth_factor: Annotated[float, Field(gt=0, le=1)]
    steps: PositiveInt
    frames_per_step: PositiveInt
    windows_per_step: PositiveInt
    learning_rate: PositiveFloat
    test_cameras: PositiveInt
    seed_count: PositiveInt


LIFTING_RECIPE = TypeAdapter(LiftingRecipe)


class Model(BaseModel):
    """What all parts of a file share: no unknown keys, no conversions, no changes afterwards."""

    model_config = STRICT


class RowRun(Model):
    """What one row runs, as published.

    Attributes:
        task: what a run does, a module of ``posekit.workbook.tasks``; the paper's by default.
        model: name in ``posekit.models``.
        recipe: training recipe of the task, for lifters see ``LiftingRecipe``.
        estimate: which reading of the run the row shows: ``"prediction"`` of a deterministic
            network, or how hypotheses become one figure.
        given_root: whether the row is told where the root of the test pose is.
        settings: all other keys, which the task knows: its input, options of the network ...
    """

    task: str = USUAL_TASK
    model: str
    recipe: Mapping[str, Any]
    estimate: str = "prediction"
    given_root: bool = False
    settings: Mapping[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_settings(cls, content: Any, info: ValidationInfo) -> Any:
        if not isinstance(content, dict) or "settings" in content:
            return content
        own = {name: content[name] for name in content if name in cls.model_fields}
        settings = {name: value for name, value in content.items() if name not in own}
        return {"task": _of_the_paper(info, "task", USUAL_TASK), **own, "settings": settings}

    @field_validator("recipe")
    @classmethod
    def _check_recipe(cls, recipe: Mapping[str, Any], info: ValidationInfo) -> Mapping[str, Any]:
        if info.data.get("task") == USUAL_TASK:
            LIFTING_RECIPE.validate_python(recipe)
        return recipe

    @field_validator("estimate")
    @classmethod
    def _check_estimate(cls, estimate: str, info: ValidationInfo) -> str:
        if info.data.get("task") == USUAL_TASK and estimate not in ESTIMATES:
            raise ValueError(f"{estimate!r} is unknown; choose one of: {', '.join(ESTIMATES)}")
        return estimate

    @property
    def oracle(self) -> bool:
        """Whether the figure needs the truth, to pick among hypotheses or for the root."""
        return self.given_root or self.estimate in ORACLE_ESTIMATES


def _usual_reason(row: dict[str, Any]) -> str | None:
    return None if row.get("run") else "published figure of another method"


class Row(Model):
    """One row of a published table; figures that nobody could verify are None.

    Attributes:
        published: what the paper prints, and nothing else.
        official: what running the authors' code gave, where that was measured.
        remarks: metric -> what is said beside its published figure, such as "about" for one that
            was read off a plot.
        source: where the figures stand; in the file a key of the paper's ``sources``.
        only_on: the data set that alone can give the row's figures; None where any may.
    """

    id: Identifier
    name: str
    variant: Mapping[str, Any]
    published: Figures
    official: Figures = Field(default_factory=dict)
    remarks: Mapping[str, str] = Field(default_factory=dict)
    per_action: Mapping[str, Figures] = Field(default_factory=dict)
    source: str
    run: RowRun | None = None
    not_run: str | None = Field(default_factory=_usual_reason)
    only_on: str | None = None
    _table: str = PrivateAttr("")

    @field_validator("source")
    @classmethod
    def _quote(cls, key: str, info: ValidationInfo) -> str:
        sources = _of_the_paper(info, "sources", {key: key})
        if key not in sources:
            raise ValueError(f"the source {key!r} is not among `sources`; add it there")
        return sources[key]

    @model_validator(mode="after")
    def _check_reason(self) -> Row:
        if (self.run is None) != bool(self.not_run):
            raise ValueError("a row has either `run` or `not_run`; remove one of them")
        return self

    @property
    def table(self) -> str:
        """Id of the table that the row stands in."""
        return self._table

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

    def on_dataset(self, dataset: str) -> Row:
        """The row as it can be run on a data set: not at all if it belongs to another."""
        if self.only_on in (None, dataset):
            return self
        reason = f"is of another data set; choose dataset {self.only_on}"
        return self.model_copy(update={"run": None, "not_run": reason})


class Table(Model):
    """One published table: conditions, units of its columns, rows.

    ``baseline`` is the id of the row that differences are taken from, None for none.
    """

    id: Identifier
    title: str
    kind: Literal["main", "ablation", "efficiency", "control"]
    dataset: str
    conditions: Mapping[str, Any]
    metric_units: Mapping[str, str]
    complete: bool
    baseline: str | None = None
    rows: Annotated[tuple[Row, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _check_rows(self) -> Table:
        names = [row.id for row in self.rows]
        _refuse_twins("row", names)
        if self.baseline not in (None, *names):
            raise ValueError(
                f"the baseline {self.baseline!r} is no row of {self.id}; "
                f"choose one of: {', '.join(names)}"
            )
        for row in self.rows:
            row._table = self.id
        return self

    @property
    def counted(self) -> bool:
        """Whether all columns are costs, which are counted: its rows are not trained for it."""
        return set(self.metric_units) <= {*COST_METRICS, *COUNTED_ELSEWHERE}


class Condition(Model):
    """``lower`` < ``than`` in ``metric``; a term is a row, a ratio of two rows or a number.

    Attributes:
        margin: None where ``lower`` has to be lower; else how far above ``than`` it may lie, as a
            share of it, to count as no worse (non-inferiority).
        published: the relative effect ``lower / than - 1`` that the authors print, where the
            figures of the rows do not give it.
    """

    metric: str
    lower: Term
    than: Term
    margin: PositiveFloat | None = None
    published: Annotated[float | None, PlainValidator(_figure)] = None

    @property
    def rows(self) -> tuple[str, ...]:
        """Paths of the rows that the condition reads."""
        terms = (term if isinstance(term, tuple) else (term,) for term in (self.lower, self.than))
        return tuple(path for term in terms for path in term if isinstance(path, str))

    @property
    def counted(self) -> bool:
        """Whether it compares costs, which are counted and not trained for."""
        return self.metric in COST_METRICS


class Claim(Model):
    """What is said of the method, and the conditions that all have to hold for it.

    Attributes:
        asked_by: "authors" for what they claim, "workbook" for a question that it asks itself.
        headline: whether scaled profiles train for it.
        trained_from: the smallest size of data with which they do; below, where its networks learn
            nothing in the time, its rows are not run.
        reconstruction: whether a part that it needs was never released and is our reading.
        scope: what of the claim is judged here, where that is not all of it.
        host: the row that has to beat nearest neighbours before the claim is judged; None for the
            rows on the right of the conditions.
        beside: rows that are run with it and enter no verdict, such as an oracle's.
    """

    id: Identifier
    text: str
    test: str
    table: Identifier
    basis: str
    asked_by: Literal["authors", "workbook"] = "authors"
    headline: bool = False
    trained_from: Literal["smoke", "quick", "standard"] = "smoke"
    reconstruction: bool = False
    scope: str = ""
    not_assessed: str = ""
    host: str | None = None
    beside: Annotated[tuple[str, ...], Field(strict=False)] = ()
    comparison: Annotated[tuple[Condition, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _check_verdict(self) -> Claim:
        if bool(self.comparison) == bool(self.not_assessed):
            raise ValueError("a claim has either a `comparison` or a reason why `not_assessed`")
        if self.headline and not self.comparison:
            raise ValueError(f"the headline claim {self.id} has no `comparison`")
        return self

    @property
    def rows(self) -> tuple[str, ...]:
        """Paths of the rows that the claim reads."""
        paths = [path for condition in self.comparison for path in condition.rows]
        return tuple(dict.fromkeys(paths))

    @property
    def counted(self) -> bool:
        """Whether nothing has to be trained to judge it."""
        return bool(self.comparison) and all(item.counted for item in self.comparison)


class Control(Model):
    """Something that everybody knows to hold; where it does not, no verdict can be trusted."""

    id: Identifier
    text: str
    comparison: Annotated[tuple[Condition, ...], Field(strict=False, min_length=1)]

    @property
    def rows(self) -> tuple[str, ...]:
        """Paths of the rows that the control reads."""
        return tuple(dict.fromkeys(path for item in self.comparison for path in item.rows))


class Paper(Model):
    """One paper: what it is, its claims and its tables.

    Attributes:
        summary: what the paper claims, in one sentence.
        task: of rows that name none.
        sources: where figures stand, by the key that rows name.
        scaling: what the paper's runs need other than the usual values of a profile, by its name.
        controls: what has to hold at a scale before its runs carry a verdict.
    """

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    venue: str
    year: int
    arxiv: str | None = None
    code: str | None
    licence_of_code: str | None = None
    summary: str = ""
    note: str = ""
    task: str = USUAL_TASK
    sources: Mapping[str, str]
    scaling: Mapping[ScaledProfile, Scaling] = Field(default_factory=dict)
    claims: Annotated[tuple[Claim, ...], Field(strict=False, min_length=1)]
    controls: Annotated[tuple[Control, ...], Field(strict=False)] = ()
    tables: Annotated[tuple[Table, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _check_claims(self) -> Paper:
        _refuse_twins("table", [table.id for table in self.tables])
        _refuse_twins("claim", [claim.id for claim in self.claims])
        _refuse_twins("control", [control.id for control in self.controls])
        rows = {row.path: row for row in self.rows}
        for part in (*self.claims, *self.controls):
            for condition in part.comparison:
                _check_condition(part.id, condition, rows)
        for claim in self.claims:
            if claim.host is not None and claim.host not in claim.rows:
                raise ValueError(f"the host of claim {claim.id}, {claim.host}, is none of its rows")
            for path in claim.beside:
                if path not in rows or rows[path].run is None:
                    raise ValueError(f"beside claim {claim.id} stands {path}, which cannot be run")
        return self

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
        table = self.table(path.partition("/")[0])
        for row in table.rows:
            if row.path == path:
                return row
        known = ", ".join(row.id for row in table.rows)
        raise InvalidParameter(f"{self.key} has no row {path!r}; {table.id} holds: {known}.")

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows of all tables in reading order."""
        return tuple(row for table in self.tables for row in table.rows)

    @property
    def sentence(self) -> str:
        """What the paper claims: its summary, or the first claim that rows can settle."""
        return self.summary or next(claim.text for claim in self.claims if claim.comparison)

    @property
    def headline_rows(self) -> tuple[str, ...]:
        """Paths of the rows that are trained for headline claims, in order."""
        return self.headline_rows_at(SIZES[-1])

    def headline_rows_at(self, size: str) -> tuple[str, ...]:
        """Those of the headline claims that are trained for with data of a size."""
        place = SIZES.index(size)
        headline = [
            claim
            for claim in self.claims
            if claim.headline and SIZES.index(claim.trained_from) <= place
        ]
        beside = {path for claim in headline for path in claim.beside}
        return self._in_order(_trained(headline) | beside)

    @property
    def control_rows(self) -> tuple[str, ...]:
        """Paths of the rows that are trained for controls, in order."""
        return self._in_order(_trained(self.controls))

    def _in_order(self, paths: Collection[str]) -> tuple[str, ...]:
        return tuple(row.path for row in self.rows if row.path in paths)

    def on_dataset(self, dataset: str) -> Paper:
        """The paper as it can be run on a data set: rows that belong to another are not run."""
        tables = (
            table.model_copy(update={"rows": tuple(row.on_dataset(dataset) for row in table.rows)})
            for table in self.tables
        )
        return self.model_copy(update={"tables": tuple(tables)})


def _trained(parts: Iterable[Claim | Control]) -> set[str]:
    """Paths of the rows that conditions compare by what training gave."""
    conditions = [item for part in parts for item in part.comparison if not item.counted]
    return {path for condition in conditions for path in condition.rows}


def _of_the_paper(info: ValidationInfo, name: str, otherwise: Any) -> Any:
    """What a part takes from its paper; ``otherwise`` where it is built on its own."""
    return otherwise if info.context is None else info.context[name]


def _refuse_twins(kind: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the {kind} {name} stands there twice; rename one")


def _check_condition(claim: str, condition: Condition, rows: Mapping[str, Row]) -> None:
    for path in condition.rows:
        row = rows.get(path)
        if row is None or row.run is None:
            raise ValueError(f"{claim} compares {path}, which is not a row with `run:`")
        if condition.metric in COST_METRICS:
            continue
        if row.run.task == USUAL_TASK and condition.metric not in PAIRED_METRICS:
            raise ValueError(
                f"{claim} compares {condition.metric}; verdicts need one of "
                f"{', '.join((*PAIRED_METRICS, *COST_METRICS))}"
            )
        if row.run.oracle:
            raise ValueError(
                f"{claim} compares {path}, an oracle figure; oracle figures never enter a "
                "verdict, so compare p_agg, or a fitted root"
            )
