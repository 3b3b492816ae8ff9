"""What an adaptation run computes: stopped and resumed, shared, at which rate, and baselines."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posekit.datasets import PoseDataset
from posekit.errors import DataChanged
from posekit.evaluation import evaluate
from posekit.evaluation.baselines import LinearMap, Samples
from posekit.evaluation.protocols import POSEAUG_H36M
from posekit.training import take_steps
from posekit.workbook.papers import RowRun
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies.execution import Job, execute, trained_network
from posekit.workbook.studies.runs import StoredRun, run_id
from posekit.workbook.tasks import adaptation_runs as module
from posekit.workbook.tasks import find_task
from posekit.workbook.tasks.own_test import READING as OWN_TEST

RECIPE = {"learning_rate": 1e-3, "decay": 1.0, "epochs": 50, "frames_per_step": 64}
TASK = find_task("adaptation")
TINY = replace(PROFILES["smoke"], steps=20, frames_per_step=64)
SOURCE, TARGET = "synthetic", "synthetic_3dhp_rig"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests, so that generated data are loaded once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def job(data: Path) -> Callable[..., Job]:
    def make(runs: Path, target: str = TARGET, **settings: Any) -> Job:
        named = {"source": SOURCE, "gpa": "full", "embed_dim": 512, **settings}
        model = named.pop("model", "simple_baseline")
        row = RowRun(task="adaptation", model=model, recipe=RECIPE, settings=named)
        found = TASK.configuration(row, target, TINY)
        config = {"task": "adaptation", "dataset": target, **found, "seed": 0, "code": "test"}
        config["data"] = TASK.fingerprints(target, found, data, data)
        return Job(run_id(TASK.label(found), config), config, runs, data, "cpu")

    return make


@pytest.fixture(scope="module")
def whole(job: Callable[..., Job], tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """A run that nothing stopped."""
    return execute(job(tmp_path_factory.mktemp("whole"), lpa=True))


def curve(run: StoredRun) -> list[dict[str, str]]:
    with (run.folder / "log.csv").open() as file:
        return [{**row, "seconds": ""} for row in csv.DictReader(file)]


@pytest.mark.parametrize("stop", [3, 14, 22])
def test_a_stopped_run_ends_with_the_same_numbers(
    job: Callable[..., Job],
    whole: StoredRun,
    stop: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped on the source, among the generator's steps and among the lifter's."""
    taken = []

    def cut(steps: Any, **how: Any) -> Any:
        sound = steps.take

        def take(step: int) -> Any:
            if len(taken) == stop:
                raise KeyboardInterrupt
            taken.append(step)
            return sound(step)

        monkeypatch.setattr(steps, "take", take)
        return take_steps(steps, **how)

    broken = replace(job(tmp_path, lpa=True), snapshot_seconds=0.0)
    with monkeypatch.context() as patch:
        patch.setattr(module, "take_steps", cut)
        with pytest.raises(KeyboardInterrupt):
            execute(broken)
    resumed = execute(broken)
    assert len(taken) == stop
    for name in ("metrics.json", "per_clip.npz", "weights.safetensors"):
        assert (whole.folder / name).read_bytes() == (resumed.folder / name).read_bytes()
    assert curve(whole) == curve(resumed)


def test_a_damaged_training_on_the_source_begins_again(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    first = execute(job(tmp_path, gpa="full"))
    (source,) = (tmp_path / ".trainings").glob("source-*/snapshot.pt")
    source.write_bytes(source.read_bytes()[:-7])
    other = execute(job(tmp_path, gpa="scale"))
    assert curve(other)[:10] == curve(first)[:10]


def test_the_same_source_is_trained_once_for_all_targets_and_methods(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    jobs = [
        job(tmp_path, gpa="none"),
        job(tmp_path, target="synthetic_outdoor_rig", gpa="none"),
        job(tmp_path, target="synthetic_outdoor_rig", gpa="full"),
    ]
    runs = [execute(one) for one in jobs]
    folders = [path.name for path in (tmp_path / ".trainings").iterdir() if path.is_dir()]
    assert sum(name.startswith("source-") for name in folders) == 1
    # What follows has no part in a target where nothing is done to the pairs.
    assert sum(name.startswith("adapted-") for name in folders) == 1
    weights = [(run.folder / "weights.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1] != weights[2]
    errors = [run.metrics["estimates"]["prediction"]["aggregate"]["mpjpe"] for run in runs]
    assert errors[0] != errors[1]


def test_a_video_lifter_adapts_and_is_scored_in_whole_windows(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    settings = {"model": "mixste", "frames": 81, "embed_dim": 512, "depth": 4, "heads": 8}
    run = execute(job(tmp_path, lpa=True, **settings))
    card = run.metrics["card"]
    assert card["Frames per window"] == "3"
    assert card["Protocol"] == "PoseAug on Human3.6M, windows end to end"
    assert card["Lifter's loss"] == "its own, by the recipe"


@pytest.mark.parametrize(("frames", "step"), [(1, 3), (3, 6)])
def test_windows_of_a_faster_source_are_thinned_to_the_targets_rate(
    job: Callable[..., Job],
    frames: int,
    step: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = {**job(tmp_path).config, "options": {"frames": frames}}
    load = module.load_split

    def twice_as_fast(name: str, *rest: Any) -> PoseDataset:
        found = load(name, *rest)
        if name != SOURCE:
            return found
        return replace(found, clips=tuple(replace(clip, fps=100.0) for clip in found.clips))

    monkeypatch.setattr(module, "load_split", twice_as_fast)
    found = module.source_split(config, tmp_path)
    assert found.fingerprint.endswith(f"one frame in {step}")


def test_what_is_seen_of_the_target_has_no_pose(job: Callable[..., Job], data: Path) -> None:
    seen = module.target_seen(job(data).config, data)
    assert seen is not None
    assert (seen.name, seen.split) == (TARGET, "train")
    assert all(clip.pose is None for clip in seen.clips)
    assert module.target_seen(job(data, gpa="none").config, data) is None


def test_data_that_changed_are_refused(job: Callable[..., Job], data: Path) -> None:
    config = job(data).config
    for role, read in (("train", module.source_split), ("test", module.target_test)):
        changed = {**config, "data": {**config["data"], role: "another"}}
        with pytest.raises(DataChanged, match=f"the {role} split of"):
            read(changed, data)


def test_baselines_are_fitted_on_the_source_and_scored_on_the_target(
    job: Callable[..., Job], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = job(tmp_path).config
    found = TASK.baselines(config, data, tmp_path)
    assert list(found) == ["mean pose", "linear", "neighbours"]
    linear = LinearMap(Samples.of(module.source_split(config, data)))
    expected = evaluate(linear, module.target_test(config, data), protocol=POSEAUG_H36M)
    assert found["linear"]["aggregate"]["mpjpe"] == pytest.approx(expected.metrics["mpjpe"])
    monkeypatch.setattr(module, "evaluate_baselines", None)
    assert TASK.baselines(job(tmp_path, gpa="none", lpa=True).config, data, tmp_path) == found


def test_a_lifter_of_the_source_alone_is_also_scored_on_the_sources_test(
    job: Callable[..., Job], data: Path, tmp_path: Path
) -> None:
    alone = job(tmp_path, gpa="none")
    run = execute(alone)
    own = run.metrics["estimates"][OWN_TEST]["aggregate"]
    lifter = trained_network(run, data).lifter
    test = module.source_test(run.config, data)
    assert (test.name, test.split) == (SOURCE, "test")
    expected = evaluate(lifter, test, protocol=POSEAUG_H36M)
    assert own["mpjpe"] == pytest.approx(expected.metrics["mpjpe"], rel=1e-4)
    assert all(name.startswith("prediction/") for name in run.per_clip if "/" in name)
    found = TASK.own_baselines(run.config, data, tmp_path)
    linear = LinearMap(Samples.of(module.source_split(run.config, data)))
    scored = evaluate(linear, test, protocol=POSEAUG_H36M).metrics["mpjpe"]
    assert found["linear"]["aggregate"]["mpjpe"] == pytest.approx(scored)
    assert found != TASK.baselines(run.config, data, tmp_path)


@pytest.mark.parametrize(
    "settings", [{}, {"gpa": "none", "lpa": True}, {"gpa": "none", "source": TARGET}]
)
def test_a_lifter_that_sees_the_target_is_scored_there_alone(
    job: Callable[..., Job], data: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    config = job(tmp_path, **settings).config
    assert "own test" not in config["data"]
    assert TASK.own_baselines(config, data, tmp_path) is None
