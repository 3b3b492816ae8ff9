"""ConvFormer's tables: figures as published, doubtful ones marked, runs that fit their rows."""

import pytest

from posekit.profiling.counting import size_of
from posekit.training.recipes import LiftingRecipe
from posekit.workbook.papers import load_paper
from posekit.workbook.papers.profiles import PROFILES, resolve_profile
from posekit.workbook.tasks.lifting import TASK, Settings

PAPER = load_paper("convformer")
RUNS = [row for row in PAPER.rows if row.run]
OWN = (
    *("table-rivals-9", "table-rivals-81", "table-temporal-profile", "table-aggregation"),
    *("table-readings", "table-controls"),
)


def test_published_figures_of_the_headline_rows():
    figures = {row.path: row.published for row in PAPER.rows}
    frames = {9: (2.56, 100, 49.4), 27: (2.65, 360, 47.7), 81: (3.43, 1600, 45.0)}
    frames |= {143: (5.24, 4220, 43.7), 243: (10.24, 10000, 43.2)}
    for window, printed in frames.items():
        row = figures[f"table-frames-params-flops/convformer-{window}"]
        assert (row["params"], row["flops"], row["mpjpe"]) == printed
    assert figures["table-attention-kind/vanilla"] == {"mpjpe": None, "params": None}


def test_tables_of_our_own_say_so_and_no_table_of_the_paper_does():
    assert tuple(table.id for table in PAPER.tables if "existence" in table.conditions) == OWN


@pytest.mark.parametrize("row", [row for row in PAPER.rows if row.per_action], ids=lambda r: r.path)
def test_actions_average_to_the_published_figure(row):
    ((metric, actions),) = row.per_action.items()
    assert len(actions) == 15
    assert sum(actions.values()) / 15 == pytest.approx(row.published[metric], abs=0.1)


def test_the_doubtful_cells_of_humaneva_are_marked():
    marked = {row.id: set(row.remarks) for row in PAPER.table("table-humaneva").rows if row.remarks}
    cells = {f"{action}_s{number}" for action in ("jogging", "boxing") for number in (1, 2, 3)}
    assert marked == {"convformer-9": cells}


def test_counts_that_do_not_fit_their_print_carry_a_remark():
    for row in PAPER.rows:
        printed = row.published.get("params")
        if row.run is None or printed is None:
            continue
        counted = size_of(row.run.model, **Settings.of(row.run).options).parameters / 1e6
        fits = abs(counted - printed) <= 0.0051
        assert fits != ("params" in row.remarks), (row.path, counted)


@pytest.mark.parametrize("name", PROFILES)
def test_every_window_gets_equally_many_poses_a_step(name):
    profile = resolve_profile(name, "synthetic", "cpu", PAPER.scaling)
    recipes = [
        TASK.configuration(row.run, "synthetic", profile)["recipe"]
        for row in RUNS
        if row.run.model == "convformer" and row.only_on != "humaneva"
    ]
    assert all(LiftingRecipe(**recipe).batch_size > 1 for recipe in recipes)
    assert len({recipe["batch_size"] for recipe in recipes}) == 1


def test_windows_of_nine_frames_are_not_cut_where_verdicts_are_given():
    run = PAPER.row("table-kernels/kernels-7-7-7").run
    for name in ("standard", "gpu", "paper"):
        profile = resolve_profile(name, "synthetic", "cpu", PAPER.scaling)
        assert TASK.configuration(run, "synthetic", profile)["options"]["frames"] == 9


def test_widths_and_depths_of_the_size_table_stay_apart_where_verdicts_are_given():
    for name in ("standard", "gpu", "paper"):
        profile = resolve_profile(name, "synthetic", "cpu", PAPER.scaling)
        options = [
            TASK.configuration(row.run, "synthetic", profile)["options"]
            for row in PAPER.table("table-size-heads").rows
        ]
        assert len({repr(option) for option in options}) == len(options), name
