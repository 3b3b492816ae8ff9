"""What a lifting run computes: the data and joints that it takes, what it evaluates."""

import pytest
import tiny
import torch

from posekit.datasets import DATASETS
from posekit.datasets.standins.files import synthetic_takes
from posekit.datasets.standins.humaneva import write_layout
from posekit.errors import InvalidData
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15
from posekit.models import build
from posekit.workbook.studies import Study
from posekit.workbook.tasks.lifting_runs import evaluations, split_of


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


def test_data_that_changed_since_the_plan_are_refused(tmp_path):
    study = Study("ktpformer", profile="smoke", seeds=1, runs=tmp_path, device="cpu")
    config = study.job(study.paper.row("kpa-tpa/both"), 0).config
    for split in ("train", "test"):
        changed = {**config, "data": {**config["data"], split: "another"}}
        with pytest.raises(InvalidData, match=f"the {split} split of synthetic changed while"):
            split_of(changed, split, study.data)


def test_a_lifter_that_predicts_its_scale_has_it_ranked_unless_its_poses_are_optimised():
    torch.manual_seed(0)
    sizes = {"skeleton": HUMAN36M_17, "frames": 1, "embed_dim": 16, "depth": 1}
    how = {"protocol": "MHFormer", "hypotheses": None, "iterations": None, "optimise": None}
    lifter, dataset = build("gumlp", **sizes).eval(), tiny.dataset()
    ranked = evaluations(lifter, dataset, how, "cpu", 0)["prediction"].metrics
    assert -1 <= ranked["rank_correlation"] <= 1
    still = {**how, "optimise": {"iterations": 0}}
    optimised = evaluations(lifter, dataset, still, "cpu", 0)["prediction"].metrics
    assert "rank_correlation" not in optimised
    assert optimised["mpjpe"] == pytest.approx(ranked["mpjpe"])
