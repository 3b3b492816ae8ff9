"""A matrix end to end: cells by name, rows of the task that they are, resumption, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from posekit.errors import DatasetNotFound, InvalidParameter
from posekit.workbook.studies import Matrix, cross_evaluate, matrix, matrix_rows
from posekit.workbook.studies.execution import Job, execute
from posekit.workbook.studies.runs import RunStore

SETS = ("synthetic", "synthetic_3dhp_rig")
LIFTER = "simple_baseline"


def evaluated(runs: Path, datasets: tuple[str, ...] = SETS, **more: object) -> Matrix:
    options = {"matched": "both", "profile": "smoke", "device": "cpu", **more}
    return cross_evaluate(LIFTER, datasets, runs=runs, **options)


def errors(found: Matrix, matched: bool) -> np.ndarray:
    """(sources, targets) in the order asked for."""
    return np.array(
        [
            [
                found.cell(source, target, matched=matched).figures["mpjpe"].value
                for target in found.datasets
            ]
            for source in found.datasets
        ]
    )


@pytest.fixture(scope="module", autouse=True)
def one_process() -> Iterator[None]:
    """Runs of no time are not worth processes of their own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(matrix, "execute_all", partial(matrix.execute_all, workers=1))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix")


@pytest.fixture(scope="module")
def found(runs: Path) -> Matrix:
    return evaluated(runs)


def test_every_pair_has_a_cell_that_names_what_it_is(found: Matrix, runs: Path) -> None:
    assert set(found.cells) == set(itertools.product(SETS, SETS, (False, True)))
    for (source, target, matched), cell in found.cells.items():
        assert (cell.source, cell.target, cell.matched) == (source, target, matched)
        assert cell.protocol["Data set"].startswith(f"{target}, test split")
        assert cell.protocol["Source"].startswith(f"{source}, training split")
        assert ("GPA" in cell.protocol["Aligned"]) == matched
        assert {"mpjpe", "p_mpjpe", "pck"} <= set(cell.figures)
        (run,) = cell.runs
        config = RunStore(runs).load(run).config
        assert (config["source"]["dataset"], config["dataset"]) == (source, target)
    assert found.seeds == (0,)
    assert not found.measures


def test_cells_differ_by_source_target_and_matching(found: Matrix) -> None:
    everything = np.concatenate([errors(found, False).ravel(), errors(found, True).ravel()])
    assert len(set(everything.round(6))) == 8


def test_the_matched_diagonal_is_a_run_of_its_own(found: Matrix) -> None:
    for name in SETS:
        plain, matched = found.cell(name, name), found.cell(name, name, matched=True)
        assert plain.runs != matched.runs
        assert name in matched.runs[0]


def test_a_cell_is_the_row_of_the_task_that_it_stands_for(found: Matrix, runs: Path) -> None:
    cell = found.cell(*SETS, matched=True)
    stored = RunStore(runs).load(cell.runs[0])
    adaptation = stored.config["adaptation"]
    assert (stored.config["task"], adaptation["gpa"], adaptation["lpa"]) == (
        "adaptation",
        "full",
        None,
    )
    aggregate = stored.metrics["estimates"]["prediction"]["aggregate"]
    assert {name: cell.figures[name].value for name in cell.figures} == pytest.approx(
        {name: aggregate[name] for name in cell.figures}
    )


def test_trainings_without_matching_are_shared_by_all_targets(found: Matrix, runs: Path) -> None:
    weights = {
        key: (RunStore(runs).folder(cell.runs[0]) / "weights.safetensors").read_bytes()
        for key, cell in found.cells.items()
    }
    for source in SETS:
        assert weights[source, SETS[0], False] == weights[source, SETS[1], False]
        assert weights[source, SETS[0], True] != weights[source, SETS[1], True]
    assert weights[SETS[0], SETS[0], False] != weights[SETS[1], SETS[0], False]


def test_the_order_of_data_sets_permutes_the_matrix(
    found: Matrix, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix, "execute_all", _refuse_any)
    permuted = evaluated(runs, SETS[::-1])
    assert permuted.datasets == SETS[::-1]
    for matched in (False, True):
        np.testing.assert_array_equal(errors(permuted, matched), errors(found, matched)[::-1, ::-1])
    only = evaluated(runs, matched="no")
    assert only.matchings == (False,)
    np.testing.assert_array_equal(errors(only, False), errors(found, False))
    with pytest.raises(InvalidParameter, match="without matched='yes'"):
        only.cell(*SETS, matched=True)


def _refuse_any(jobs: list[Job], **_: object) -> None:
    assert jobs == []


def test_an_interrupted_matrix_goes_on_and_ends_the_same(
    found: Matrix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def until_the_third(jobs: list[Job], **_: object) -> None:
        for job in jobs:
            if len(done) == 2:
                raise KeyboardInterrupt
            execute(job)
            done.append(job.id)

    with monkeypatch.context() as patched:
        patched.setattr(matrix, "execute_all", until_the_third)
        with pytest.raises(KeyboardInterrupt):
            evaluated(tmp_path)
    asked: list[str] = []

    def remembering(jobs: list[Job], **_: object) -> None:
        for job in jobs:
            asked.append(job.id)
            execute(job)

    monkeypatch.setattr(matrix, "execute_all", remembering)
    resumed = evaluated(tmp_path)
    assert len(asked) == 6
    assert not set(asked) & set(done)
    for matched in (False, True):
        np.testing.assert_array_equal(errors(resumed, matched), errors(found, matched))


def test_several_seeds_have_a_mean_and_a_spread(runs: Path) -> None:
    seeded = evaluated(runs, matched="no", seeds=2)
    figure = seeded.cell(*SETS).figures["mpjpe"]
    assert len(figure.values) == len(set(figure.values)) == 2
    assert figure.value == pytest.approx(np.mean(figure.values))
    assert figure.spread == pytest.approx(np.std(figure.values, ddof=1))


def test_a_profile_that_measures_has_a_linear_map_in_every_cell(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"size": "smoke", "steps": 2, "test_cameras": 1, "learning_rate": 1e-3}
    monkeypatch.setattr(matrix_rows, "SCALING", {"quick": few})
    measured = evaluated(runs, profile="quick", matched="no")
    assert measured.measures
    for cell in measured.cells.values():
        assert 10 < cell.baselines["linear"]["mpjpe"] < 1000
        assert cell.learned is False
    within = measured.cell("synthetic", "synthetic").baselines["linear"]["mpjpe"]
    across = measured.cell("synthetic_3dhp_rig", "synthetic").baselines["linear"]["mpjpe"]
    assert within < across


def test_given_options_reach_the_run(runs: Path) -> None:
    kept = evaluated(runs, matched="no", options={"embed_dim": 12})
    config = RunStore(runs).load(kept.cell(*SETS).runs[0]).config
    assert config["options"]["embed_dim"] == 12
    assert "width 12" in kept.cell(*SETS).ran


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"datasets": ("synthetic",)}, "give two or more different ones"),
        ({"datasets": ("cmu", "cmu")}, "give two or more different ones"),
        ({"datasets": ("synthetic", "nothing")}, "unknown data set 'nothing'"),
        ({"matched": True}, "unknown choice of matched True"),
        ({"profile": "auto"}, "unknown profile 'auto'"),
        ({"keypoints": "cqn"}, "unknown 2D keypoints of synthetic 'cqn'; did you mean 'cpn'"),
        ({"seeds": (1, 1)}, "give different numbers"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_is_refused_before_any_run(
    asked: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidParameter, match=said):
        evaluated(tmp_path, **asked)
    assert list(tmp_path.iterdir()) == []


def test_all_missing_data_sets_are_named_with_their_remedies(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match=r"cmu \(posekit data download cmu.*; h36m \("):
        evaluated(tmp_path / "runs", ("cmu", "synthetic", "h36m"), data=tmp_path)


def test_samplers_and_unknown_names_are_refused(found: Matrix, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="d3dp draws hypotheses"):
        cross_evaluate("d3dp", SETS, runs=tmp_path)
    with pytest.raises(InvalidParameter, match="unknown model"):
        cross_evaluate("resnet", SETS, runs=tmp_path)
    with pytest.raises(InvalidParameter, match="unknown data set of the matrix 'cmu'"):
        found.cell("cmu", "synthetic")
