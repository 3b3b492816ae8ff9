"""A study: shared runs, caching, tables, verdicts and reference results, at a tiny scale."""

import json
import time
from dataclasses import replace

import pytest

from posekit.datasets import DATASETS
from posekit.datasets.selection import downsample
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.humaneva import write_layout
from posekit.errors import InvalidData, InvalidParameter, RunFailedError
from posekit.evaluation import evaluate
from posekit.evaluation.protocols import PROTOCOLS
from posekit.geometry.skeletons import HUMANEVA_15
from posekit.workbook.notebooks.paper_tables import comparison_table, verdict_table
from posekit.workbook.papers.claims import CONTRADICTED, NOT_ASSESSED, REPRODUCED, UNDECIDED
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.studies import Study, pool, references, setting, update_reference
from posekit.workbook.studies import study as studies
from posekit.workbook.studies.execution import execute, training_id
from posekit.workbook.studies.measured import Measured, merged
from posekit.workbook.studies.references import read_references
from posekit.workbook.tasks.data import load_split

TINY = replace(
    PROFILES["smoke"],
    name="tiny",
    seeds=(0, 1),
    verdicts=True,
    frames_divisor=27,
    width_divisor=64,
    depth_factor=0.25,
    steps=2,
)


@pytest.fixture(autouse=True)
def tiny_profile(monkeypatch):
    monkeypatch.setitem(PROFILES, "tiny", TINY)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def study(runs):
    study = Study("ktpformer", "synthetic", "tiny", runs=runs, device="cpu")
    study.run_all(["kpa-tpa"], workers=1)
    return study


def test_tables_that_show_the_same_run_share_it(study):
    plan = study.plan(["kpa-tpa", "topology", "frames"])
    shared = next(run for run in plan.runs if "kpa-tpa/both" in run.rows)
    assert {"kpa-tpa/both", "topology/local-and-global", "frames/243"} <= set(shared.rows)
    assert len(plan.runs) == 2 * (4 + 2 + 2)


def test_tables_of_costs_are_counted_without_runs(runs, monkeypatch):
    study = Study("uao", "synthetic", "tiny", runs=runs, device="cpu")
    monkeypatch.setattr(study, "run", None)
    assert study.plan(["table-efficiency"]).runs == ()
    paths = {path for planned in study.plan().runs for path in planned.rows}
    assert "table-h36m-readme/gumlp" in paths
    assert not any(path.startswith("table-efficiency/") for path in paths)
    found = study.results("table-efficiency")
    assert [row.measured["params"].value for row in found.rows] == pytest.approx(
        [row.row.published["params"] for row in found.rows]
    )
    assert (found.evidence, found.protocol) == ("", {})


def test_rows_that_optimise_share_the_training_of_the_row_that_does_not(runs):
    study = Study("uao", "synthetic", "tiny", runs=runs, device="cpu")
    tables = ("h36m-readme", "loss-terms", "uncertainty", "optimise-target", "iterations")
    rows = [row for name in tables for row in study.paper.table(f"table-{name}").rows if row.run]
    jobs = [study.job(row, 0) for row in rows]
    assert len({job.id for job in jobs}) > 10
    assert len({training_id(job) for job in jobs}) == 1


def test_finished_runs_are_not_executed_again(study, monkeypatch):
    def refuse(job):
        raise AssertionError(f"{job.id} was executed again")

    monkeypatch.setattr(pool, "execute", refuse)
    started = time.monotonic()
    plan = study.run_all(["kpa-tpa"])
    assert plan.missing == ()
    assert time.monotonic() - started < 1


def test_a_table_shows_what_the_runs_hold(study):
    result = study.results("kpa-tpa")
    both = next(row for row in result.rows if row.row.id == "both")
    stored = study.run("kpa-tpa/both")
    values = [run.metrics["estimates"]["prediction"]["aggregate"]["mpjpe"] for run in stored]
    assert both.measured["mpjpe"].values == tuple(values)
    assert both.measured["mpjpe"].value == pytest.approx(sum(values) / 2)
    assert both.measured["mpjpe"].spread > 0
    assert both.measured["params"].value == pytest.approx(35.21343)
    assert both.row.published["mpjpe"] == 40.1
    assert "9 frames" in both.ran
    assert result.evidence == "synthetic"


def test_the_figure_is_the_mean_over_clips_that_verdicts_use(study):
    row = study.paper.row("kpa-tpa/neither")
    paired = study.measured.read(row.path, "mpjpe")
    assert paired.values @ paired.weights == pytest.approx(study.figures(row)["mpjpe"].values)


def test_the_trained_network_is_handed_out_with_its_log(study):
    (first, _) = study.run("kpa-tpa/both")
    lifter = study.network("kpa-tpa/both")
    test = downsample(load_split("synthetic", "test", "cpn", "smoke", study.data), 3)
    found = evaluate(lifter, test, protocol=PROTOCOLS["MixSTE"], device="cpu").metrics["mpjpe"]
    stored = first.metrics["estimates"]["prediction"]["aggregate"]["mpjpe"]
    assert found == pytest.approx(stored, abs=1e-3)
    assert first.log_column("step") == (1.0, 2.0)


def test_the_protocol_card_says_what_was_scored(study):
    card = study.results("kpa-tpa").protocol
    assert card["Frames per window"] == "9"
    assert card["2D input"] == "cpn"
    assert card["Flip averaging"] == "yes"
    assert "none is chosen on test data" in card["Checkpoint choice"]


def test_a_card_of_several_protocols_names_them_all():
    found = merged([{"Flip": "yes", "Root": "free"}, {"Flip": "no", "Root": "free", "K": "2"}])
    assert found == {"Flip": "yes; no", "Root": "free", "K": "2"}


def test_rows_that_cannot_run_say_why(study):
    with pytest.raises(InvalidParameter, match="choose dataset mpi_inf_3dhp"):
        study.run("mpi-inf-3dhp/ktpformer")
    (first, *_) = study.results("mpi-inf-3dhp").rows
    assert first.measured == {}
    assert "mpi_inf_3dhp" in first.not_run


def test_verdicts_come_from_complete_runs_only(study, monkeypatch):
    monkeypatch.setattr(studies, "read_references", lambda paper: {})
    verdicts = {verdict.claim: verdict for verdict in study.verdicts()}
    assert verdicts["kpa-helps"].verdict in (REPRODUCED, CONTRADICTED, UNDECIDED)
    assert verdicts["kpa-helps"].basis == "this run (synthetic, tiny, 2 seeds)"
    assert verdicts["local-plus-global"].verdict == NOT_ASSESSED
    assert "missing" in verdicts["local-plus-global"].reason
    assert verdicts["small-overhead"].verdict == REPRODUCED
    assert verdicts["diffusion-oracle"].reason.startswith("oracle")


def test_a_profile_without_verdicts_gives_none_of_its_own(study, runs, monkeypatch):
    assert not PROFILES["smoke"].verdicts
    assert not PROFILES["quick"].verdicts
    for carries in (True, False):
        monkeypatch.setitem(PROFILES, "tiny", replace(TINY, verdicts=carries))
        again = Study("ktpformer", "synthetic", "tiny", seeds=study.seeds, runs=runs, device="cpu")
        verdicts = {verdict.claim: verdict for verdict in again.verdicts()}
        assert ("this run" in verdicts["kpa-helps"].basis) is carries


def test_the_same_seed_gives_the_same_numbers(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[1], runs=tmp_path, device="cpu")
    (run,) = again.run("kpa-tpa/neither")
    (first,) = [r for r in study.run("kpa-tpa/neither") if r.config["seed"] == 1]
    for name in ("metrics.json", "per_clip.npz", "weights.safetensors"):
        assert (run.folder / name).read_bytes() == (first.folder / name).read_bytes()


def test_a_damaged_run_is_said_and_run_again(study, tmp_path, capsys):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    (run,) = again.run("kpa-tpa/neither")
    (run.folder / "metrics.json").write_text('{"estimates"')
    (repaired,) = again.run("kpa-tpa/neither")
    assert "damaged" in capsys.readouterr().out
    assert repaired.metrics == run.metrics


def test_hypotheses_are_read_at_their_iteration(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    path = "d3dp-3dhp-aggregation/j-agg-iteration-1"
    (run,) = again.run(path)
    estimates = run.metrics["estimates"]
    assert set(estimates) == {
        f"{name}@{step}" for name in ("j_best", "p_best", "p_agg", "j_agg") for step in (1, 2)
    }
    row = again.paper.row(path)
    assert again.figures(row)["mpjpe"].value == estimates["j_agg@1"]["aggregate"]["mpjpe"]
    card = again.results("d3dp-3dhp-aggregation").protocol
    assert (card["Sampling iterations"], card["Frames"]) == ("2", "one in 3")
    assert card["Predicted root"] == "set to the origin before scoring"
    assert estimates["j_best@2"]["aggregate"]["mpjpe"] <= min(
        estimates[f"{name}@2"]["aggregate"]["mpjpe"] for name in ("p_best", "p_agg", "j_agg")
    )


def test_a_change_of_code_asks_for_another_run(study, monkeypatch):
    row = study.paper.row("kpa-tpa/both")
    before = study.job(row, 0).id
    monkeypatch.setattr(setting, "code_version", lambda *modules: "changed")
    assert study.job(row, 0).id != before


def test_failures_are_gathered_and_the_rest_is_kept(tmp_path, monkeypatch):
    study = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    broken = study.job(study.paper.row("kpa-tpa/neither"), 0).id

    def sometimes(job):
        if job.id == broken:
            raise InvalidData("the loss is not finite.")
        return execute(job)

    monkeypatch.setattr(pool, "execute", sometimes)
    with pytest.raises(RunFailedError, match=r"1 of 4 runs failed: .*not finite"):
        study.run_all(["kpa-tpa"], workers=1)
    assert len(study.plan(["kpa-tpa"]).missing) == 1


def test_a_failure_that_nobody_foresaw_ends_no_other_run(tmp_path, monkeypatch):
    study = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    broken = study.job(study.paper.row("kpa-tpa/neither"), 0).id

    def sometimes(job):
        if job.id == broken:
            raise RuntimeError("out of memory\nin a second line")
        return execute(job)

    monkeypatch.setattr(pool, "execute", sometimes)
    with pytest.raises(
        RunFailedError, match=r"1 of 4 runs failed: .*RuntimeError: out of memory in"
    ):
        study.run_all(["kpa-tpa"], workers=1)
    assert len(study.plan(["kpa-tpa"]).missing) == 1


def test_a_cause_that_many_runs_share_is_told_once(tmp_path, monkeypatch):
    def full(job):
        raise InvalidData(f"cannot write {job.id}/weights: the disk is full.")

    monkeypatch.setattr(pool, "execute", full)
    study = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    with pytest.raises(RunFailedError) as caught:
        study.run_all(["kpa-tpa"], workers=1)
    told = str(caught.value)
    assert told.startswith("4 of 4 runs failed: ")
    assert " and 3 more: cannot write " in told
    assert told.count("the disk is full") == 1


def test_windows_longer_than_the_longest_clip_are_found_before_training(tmp_path, monkeypatch):
    monkeypatch.setitem(PROFILES, "long", replace(TINY, frames_divisor=1, frame_rate_divisor=1))
    study = Study("ktpformer", "synthetic", "long", runs=tmp_path, device="cpu")
    with pytest.raises(InvalidParameter, match=r"has 120 frames; choose a smaller profile"):
        study.check()
    Study("ktpformer", "synthetic", "tiny", runs=tmp_path, device="cpu").check()


def test_workers_compute_what_one_process_computes(study, tmp_path):
    again = Study("ktpformer", "synthetic", "tiny", seeds=[0], runs=tmp_path, device="cpu")
    again.run_all(["kpa-tpa"], workers=2)
    for path in ("kpa-tpa/neither", "kpa-tpa/both"):
        (run,) = again.run(path)
        (first,) = [r for r in study.run(path) if r.config["seed"] == 0]
        assert run.metrics == first.metrics


@pytest.mark.parametrize("seeds", [[0, 0], [-1]])
def test_seeds_that_make_no_sense_are_refused(seeds):
    with pytest.raises(InvalidParameter, match="different numbers"):
        Study("ktpformer", seeds=seeds, device="cpu")


def test_unknown_names_are_refused():
    with pytest.raises(InvalidParameter, match="unknown data set"):
        Study("ktpformer", "humans", device="cpu")
    with pytest.raises(InvalidParameter, match="unknown paper"):
        Study("ktp", device="cpu")


@pytest.fixture
def only_kpa_tpa(study):
    """The paper reduced to the table whose runs the fixture has."""
    table = study.paper.table("kpa-tpa")
    claims = tuple(claim for claim in study.paper.claims if claim.table == "kpa-tpa")
    paper = study.paper.model_copy(update={"tables": (table,), "claims": claims})
    study.setting = replace(study.setting, paper=paper)
    study.measured = Measured(study.setting)
    return study


def test_reference_results_are_written_and_read_back(only_kpa_tpa, tmp_path, monkeypatch):
    study = only_kpa_tpa
    path = update_reference(study, tmp_path)
    reference = read_references("ktpformer", tmp_path)["synthetic"]
    assert reference.seeds == (0, 1)
    assert reference.command == (
        "posekit report ktpformer --dataset synthetic --profile tiny --seeds 2 --update-reference"
    )
    row = study.paper.row("kpa-tpa/both")
    assert reference.rows[row.path].figures["mpjpe"] == pytest.approx(
        study.figures(row)["mpjpe"].values, abs=1e-3
    )
    assert reference.verdict("kpa-helps").basis.startswith("reference run (synthetic, tiny")
    assert not references.is_stale(reference, study.setting)
    with monkeypatch.context() as change:
        change.setitem(PROFILES, "tiny", replace(TINY, steps=3))
        assert references.is_stale(reference, study.setting)
    monkeypatch.setattr(setting, "code_version", lambda *modules: "changed")
    assert references.is_stale(reference, study.setting)
    assert reference.verdict("kpa-helps", stale=True).basis.startswith("stale")
    text = json.dumps(json.loads(path.read_text()))
    assert str(tmp_path) not in text
    assert len(text) < 20_000


def test_reference_results_need_a_whole_study_that_carries_verdicts(study, tmp_path):
    with pytest.raises(InvalidParameter, match="runs are missing"):
        update_reference(study, tmp_path)
    smoke = Study("ktpformer", profile="smoke", runs=tmp_path, device="cpu")
    with pytest.raises(InvalidParameter, match="carries no verdicts"):
        update_reference(smoke, tmp_path)


def test_a_torn_reference_file_is_one_line(tmp_path):
    (tmp_path / "ktpformer.json").write_text('{"results": {"synthetic": {}}}')
    with pytest.raises(InvalidData, match=r"ktpformer.json .* restore it with git") as caught:
        read_references("ktpformer", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def humaneva(tmp_path_factory):
    """A data folder with a short stand-in of HumanEva-I: 15 joints, no CPN keypoints."""
    root = tmp_path_factory.mktemp("humaneva")
    write_layout(root / "humaneva", synthetic_takes("seed"), (45, 55), "seed")
    return root


def test_a_table_takes_the_detections_and_the_joints_that_a_data_set_has(humaneva, tmp_path):
    study = Study("ktpformer", "humaneva", "smoke", data=humaneva, runs=tmp_path)
    asked = {row.run.settings["keypoints"] for row in study.paper.rows if row.run}
    inputs = {name: study.task.input("humaneva", name) for name in asked}
    assert inputs == {"cpn": "mrcnn", "gt": "gt"}
    (run,) = study.run("kpa-tpa/both")
    card = run.metrics["card"]
    assert (card["2D input"], card["Skeleton"]) == ("mrcnn", "humaneva-15")
    assert len(run.metrics["estimates"]["prediction"]["per_joint"]["mpjpe"]) == 15
    assert study.network("kpa-tpa/both").skeleton is HUMANEVA_15
    assert study.load("test", "cpn").keypoints == "mrcnn"


def test_where_there_are_no_detections_the_truth_stands_for_them():
    assert DATASETS["mpi_inf_3dhp"].keypoints_for("cpn") == "gt"
    assert DATASETS["h36m"].keypoints_for("any file") == "any file"
    assert DATASETS["synthetic"].keypoints_for("cpn") == "cpn"


def test_rows_of_humaneva_are_run_there_and_fill_its_columns(humaneva, tmp_path):
    study = Study("ktpformer", "humaneva", "smoke", data=humaneva, runs=tmp_path)
    (run,) = study.run("humaneva/ktpformer")
    figures = study.figures(study.paper.row("humaneva/ktpformer"))
    groups = run.metrics["estimates"]["prediction"]["per_action"]
    assert figures["walk_s2"].value == groups["Walking S2"]["mpjpe"]
    assert figures["jog_s1"].value == groups["Jog S1"]["mpjpe"]
    assert any(name.startswith("Box") for name in groups)
    counted = [
        groups[f"{do} {who}"]["mpjpe"] for do in ("Walking", "Jog") for who in ("S1", "S2", "S3")
    ]
    assert figures["avg"].value == pytest.approx(sum(counted) / 6)
    assert study.results("humaneva").protocol["Actions"].startswith("Walking and Jog")
    assert study.paper.row("mpi-inf-3dhp/ktpformer").run is None


def test_a_verdict_says_what_of_its_claim_is_judged(tmp_path):
    study = Study("hot", profile="smoke", runs=tmp_path, device="cpu")
    rows = {row[0]: row[1] for row in verdict_table(study).rows}
    (speed,) = (text for text in rows if "frames per second rise clearly" in text)
    assert "Judged here: Parameters only" in speed
    assert rows[speed] == REPRODUCED


def test_a_table_says_whether_the_paper_has_it_and_what_input_stands_for_its_own(tmp_path):
    made = Study("uao", profile="smoke", runs=tmp_path, device="cpu")
    assert "paper has this table: not verified" in comparison_table(made, "table-iterations").note
    hosts = Study("hot", profile="smoke", runs=tmp_path, device="cpu")
    assert "2D input of this run: cpn" in comparison_table(hosts, "table-main-h36m").note


def test_both_inputs_of_gla_gcn_are_run_on_humaneva(humaneva, tmp_path):
    study = Study("gla_gcn", "humaneva", "smoke", data=humaneva, runs=tmp_path)
    assert study.plan(["table-humaneva"]).seconds > 0
    for row, variant in (("mask-rcnn", "mask-rcnn"), ("gt", "standard")):
        (run,) = study.run(f"table-humaneva/{row}")
        groups = run.metrics["estimates"]["prediction"]["per_action"]
        counted = [groups[name]["p_mpjpe"] for name in groups if not name.startswith("Box")]
        figure = study.figures(study.paper.row(f"table-humaneva/{row}"))["p_mpjpe"]
        assert figure.value == pytest.approx(sum(counted) / 6)
        assert study.network(f"table-humaneva/{row}").variant == variant
