"""Rows: which of their figures compare, and what metrics are called."""

from __future__ import annotations

import pytest

from posekit.workbook.tables import Measured, Row
from posekit.workbook.tables.rows import comparable, heading, metric_name, same_input


def row(name: str = "row", **figure: object) -> Row:
    return Row(name, {"mpjpe": 40.0}, measured={"mpjpe": Measured(50.0, **figure)})


@pytest.mark.parametrize(
    ("one", "base", "compares"),
    [
        (row(), row("base"), True),
        (row(learned=True), row("base", learned=None), True),
        (row(learned=False), row("base"), False),
        (row(), row("base", learned=False), False),
        (row(same_as="base"), row("base"), False),
        (row(), row("base", same_as="row"), False),
        (row(same_as="another"), row("base"), True),
        (Row("row", {"mpjpe": 40.0}), row("base"), False),
        (Row("row", {}, measured={"mpjpe": Measured(1.0)}, oracle=True), row("base"), False),
    ],
)
def test_runs_compare_that_learned_and_differ(one: Row, base: Row, compares: bool) -> None:
    assert comparable(one, base, "mpjpe", "measured") is compares


def test_published_figures_compare_whatever_ran_here_unless_their_input_differs() -> None:
    assert comparable(row(learned=False), row("base"), "mpjpe", "published")
    other = Row("row", {"mpjpe": 1.0}, input_2d="sh")
    base = Row("base", {"mpjpe": 2.0}, input_2d="cpn")
    assert not same_input(other, base)
    assert not comparable(other, base, "mpjpe", "published")


def test_metrics_are_called_as_the_field_calls_them() -> None:
    assert metric_name("p_mpjpe") == "P-MPJPE"
    assert heading("params", "M") == "parameters (M)"
    assert heading("rank_correlation", "1") == "rank correlation"
