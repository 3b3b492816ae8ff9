"""A small paper and what is known about its rows, which tests change one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from posekit.workbook.evidence import Evidence, Learning, PairedErrors, paired_errors
from posekit.workbook.papers import Claim, Condition, Control, Paper

ROWS = ("method", "host", "narrow", "third", "peer")
CLIPS = [f"S{person}/act {action}/c" for person in range(8) for action in range(4)]
DIFFICULTY = np.random.default_rng(5).uniform(-0.3, 0.3, len(CLIPS))


def errors(mean: float, seeds: int = 5, noise: float = 0.3, row: int = 0) -> PairedErrors:
    """Errors in mm of a row with this mean, exactly; takes are as hard for all rows."""
    generator = np.random.default_rng(100 + row)
    values = mean * DIFFICULTY + noise * generator.standard_normal((seeds, len(CLIPS)))
    values += mean - values.mean()
    actions = [clip.split("/")[1] for clip in CLIPS]
    return paired_errors(CLIPS, actions, [100] * len(CLIPS), values, range(seeds))


@dataclass
class World:
    """What is known, by name of the row; ``evidence`` answers from it.

    As it stands every gate is passed and the method beats its host by the published 5 %.
    """

    means: Mapping[str, float] = field(
        default_factory=lambda: {"method": 47.5, "host": 50.0, "narrow": 60.0, "third": 50.0}
    )
    published: Mapping[str, float] = field(default_factory=lambda: {"method": 38.0, "host": 40.0})
    costs: Mapping[str, float] = field(default_factory=lambda: {"method": 35.0, "host": 34.0})
    baselines: Mapping[str, float] = field(
        default_factory=lambda: {"mean pose": 200.0, "linear": 80.0, "neighbours": 55.0}
    )
    learned_on: Mapping[str, str] = field(default_factory=dict)
    slopes: Mapping[str, float | None] = field(default_factory=dict)
    doubled: Mapping[str, float] | None = None
    missing: tuple[str, ...] = ()
    twins: tuple[tuple[str, str], ...] = ()
    seeds: int = 5
    noise: float = 0.3
    at_published_scale: bool = False

    def but(self, **changes: Any) -> World:
        """The same with some things changed; mappings are added to."""
        merged = {
            name: {**getattr(self, name), **value}
            if isinstance(value, Mapping) and getattr(self, name)
            else value
            for name, value in changes.items()
        }
        return replace(self, **merged)

    def errors(self, path: str, means: Mapping[str, float], seeds: int) -> PairedErrors:
        name = path.partition("/")[2]
        return errors(means[name], seeds, self.noise, ROWS.index(name))

    @property
    def evidence(self) -> Evidence:
        def row(path: str) -> str:
            return path.partition("/")[2]

        return Evidence(
            read=lambda path, metric: (
                self.costs[row(path)]
                if metric == "params"
                else self.errors(path, self.means, self.seeds)
            ),
            available=lambda path: row(path) not in self.missing,
            learning=lambda path: (
                Learning(self.means[row(path)], self.baselines, self.learned_on.get(row(path), ""))
                if self.baselines
                else None
            ),
            slope=lambda path: self.slopes.get(row(path), 0.05),
            doubled=lambda path, metric: (
                None if self.doubled is None else self.errors(path, self.doubled, 2)
            ),
            same_run=lambda first, second: (row(first), row(second)) in self.twins,
            published=lambda path, metric: self.published.get(row(path)),
            at_published_scale=self.at_published_scale,
            basis="synthetic, standard, 5 seeds",
        )


def condition(lower: Any = "t/method", than: Any = "t/host", **others: Any) -> Condition:
    return Condition(**{"metric": "mpjpe", "lower": lower, "than": than, **others})


def claim(*comparison: Condition, id: str = "c", **others: Any) -> Claim:
    said = {"text": "text", "test": "test", "table": "t", "basis": "basis"}
    return Claim(id=id, **said, comparison=comparison, **others)


def paper_of(*claims: Claim, controls: bool = True) -> Paper:
    rows = [
        {"id": name, "name": name, "variant": {}, "published": {}, "source": "s"}
        | ({"run": run_of(name)} if name != "peer" else {})
        for name in ROWS
    ]
    table = {
        "id": "t",
        "title": "Table",
        "kind": "main",
        "dataset": "h36m",
        "conditions": {},
        "metric_units": {"mpjpe": "mm"},
        "complete": True,
        "rows": rows,
    }
    control = Control(id="wider-helps", text="text", comparison=(condition("t/host", "t/narrow"),))
    return Paper.model_validate(
        {
            "key": "paper",
            "title": "Paper",
            "venue": "CVPR",
            "year": 2024,
            "code": None,
            "sources": {"s": "source"},
            "claims": claims or (claim(condition()),),
            "controls": (control,) if controls else (),
            "tables": [table],
        },
        context={"task": "toy", "sources": {"s": "source"}},
    )


def run_of(name: str) -> dict[str, Any]:
    return {"task": "toy", "model": name, "recipe": {}}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(name="condition")
def condition_maker() -> Callable[..., Condition]:
    """``lower`` < ``than`` in MPJPE: the method beats its host."""
    return condition


@pytest.fixture(name="claim")
def claim_maker() -> Callable[..., Claim]:
    """A claim of these conditions."""
    return claim


@pytest.fixture(name="paper_of")
def paper_maker() -> Callable[..., Paper]:
    """A paper of these claims, with a control that holds: the host beats a narrow one."""
    return paper_of
