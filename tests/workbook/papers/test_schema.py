"""The models of a paper's file: what they take, what they refuse, what else holds their fields."""

import json
from dataclasses import fields, replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from posekit.errors import InvalidData
from posekit.metrics.hypotheses import j_agg, j_best, p_best
from posekit.training import LiftingRecipe
from posekit.workbook.papers import ORACLE_ESTIMATES, RowRun, Table, load_paper, read_paper, schema
from posekit.workbook.papers.profiles import PROFILES, Profile

RECIPE = {"learning_rate": 1e-3, "decay": 0.99, "epochs": 2, "frames_per_step": 27}
ROW = {
    "id": "with",
    "name": "with the prior",
    "variant": {"prior": True},
    "published": {"mpjpe": 40, "params": None},
    "per_action": {"mpjpe": {"Directions": 37.5}},
    "source": "seen",
    "run": {"model": "mixste", "keypoints": "cpn", "frames": 27, "recipe": RECIPE},
    "only_on": "h36m",
}
PAPER = {
    "key": "small",
    "title": "A small paper",
    "venue": "CVPR",
    "year": 2024,
    "arxiv": None,
    "code": None,
    "licence_of_code": "MIT",
    "note": "made up",
    "sources": {"seen": "Table 1"},
    "definitions": {"nothing": {}},
    "scaling": {"quick": {"steps": 5, "depth_factor": 0.5}},
    "claims": [
        {
            "id": "prior-helps",
            "text": "The prior helps.",
            "test": "mpjpe(with) < mpjpe(without)",
            "table": "prior",
            "basis": "abstract",
            "scope": "small",
            "comparison": [
                {"metric": "mpjpe", "lower": "prior/with", "than": ["prior/with", "prior/without"]}
            ],
        }
    ],
    "tables": [
        {
            "id": "prior",
            "title": "The prior",
            "kind": "ablation",
            "dataset": "h36m",
            "conditions": {"frames": 27},
            "metric_units": {"mpjpe": "mm", "params": "M"},
            "complete": False,
            "baseline": "without",
            "rows": [
                ROW,
                {**ROW, "id": "without", "name": "without"},
                {**{k: v for k, v in ROW.items() if k != "run"}, "id": "peer", "not_run": "why"},
            ],
        }
    ],
}

# Every place with keys of its own, as the way to it; elsewhere keys are free.
PLACES = (
    (),
    ("scaling", "quick"),
    ("claims", 0),
    ("claims", 0, "comparison", 0),
    ("tables", 0),
    *(("tables", 0, "rows", row) for row in range(3)),
    ("tables", 0, "rows", 0, "run", "recipe"),
)


OPTIONAL = {"arxiv", "licence_of_code", "note", "definitions", "scaling", "steps", "depth_factor"}
OPTIONAL |= {"scope", "baseline", "per_action", "only_on", "not_run"}


def fresh():
    """The paper as if it had been read from a file: no part stands in two places."""
    return json.loads(json.dumps(PAPER))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("papers")


def read(folder, content):
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(content))
    return read_paper(path)


def place(content, way):
    for step in way:
        content = content[step]
    return content


@st.composite
def misspelt_keys(draw):
    """A place, one of its keys, and that key with a letter lost, doubled or turned around."""
    way = draw(st.sampled_from(PLACES))
    key = draw(st.sampled_from(sorted(place(PAPER, way))))
    at = draw(st.integers(0, len(key) - 1))
    wrong = draw(
        st.sampled_from(
            [key[:at] + key[at + 1 :], key[:at] + key[at:].title(), key[: at + 1] + key[at:]]
        )
    )
    return way, key, wrong


@given(misspelt_keys())
def test_a_misspelt_key_is_refused_in_one_line(folder, chosen):
    way, key, wrong = chosen
    if wrong == key:
        return
    content = fresh()
    inner = place(content, way)
    inner[wrong] = inner.pop(key)
    with pytest.raises(InvalidData) as caught:
        read(folder, content)
    where = "/".join(map(str, (*way, wrong)))
    assert str(caught.value) == f"small.yaml: at {where}: no such key; correct or remove it."


@given(st.sampled_from([(way, key) for way in PLACES for key in place(PAPER, way)]))
def test_a_forgotten_key_is_refused_or_has_a_usual_value(folder, chosen):
    way, key = chosen
    content = fresh()
    del place(content, way)[key]
    if key in OPTIONAL:
        read(folder, content)
        return
    with pytest.raises(InvalidData, match=f"{key}|`run:`|either") as caught:
        read(folder, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["model", "recipe"])
def test_a_run_needs_a_network_and_a_recipe(folder, key):
    content = fresh()
    run = content["tables"][0]["rows"][0]["run"]
    run[key[:-1]] = run.pop(key)
    message = f"at tables/0/rows/0/run/{key}: this key is missing; add it"
    with pytest.raises(InvalidData, match=message):
        read(folder, content)


def test_what_a_task_knows_is_kept_as_it_stands():
    flat = {
        "model": "hot",
        "recipe": RECIPE,
        "keypoints": "cpn",
        "tokens": 81,
        "optimise": {"a": 1},
    }
    run = RowRun.model_validate(flat)
    assert (run.task, run.model, run.estimate) == ("lifting", "hot", "prediction")
    assert run.settings == {"keypoints": "cpn", "tokens": 81, "optimise": {"a": 1}}
    assert run.recipe == RECIPE
    assert run == RowRun(model="hot", recipe=RECIPE, settings=run.settings)


def test_a_paper_names_the_task_of_its_rows(folder):
    content = {**fresh(), "task": "sketching"}
    rows = content["tables"][0]["rows"]
    rows[0]["run"] |= {"recipe": {"own": True}, "estimate": "best of ten"}
    rows[1]["run"] |= {"task": "lifting"}
    content["claims"][0]["comparison"][0] |= {"metric": "ink", "than": 2.0, "lower": "prior/with"}
    paper = read(folder, content)
    assert [row.run.task for row in paper.rows[:2]] == ["sketching", "lifting"]
    assert paper.rows[0].run.recipe == {"own": True}


def test_rows_know_their_table_and_their_source(folder):
    row = read(folder, PAPER).row("prior/with")
    assert (row.table, row.path, row.source) == ("prior", "prior/with", "Table 1")
    assert (row.published["mpjpe"], type(row.published["mpjpe"])) == (40, int)
    peer = {key: value for key, value in PAPER["tables"][0]["rows"][2].items() if key != "not_run"}
    content = {
        **PAPER,
        "tables": [{**PAPER["tables"][0], "rows": [*PAPER["tables"][0]["rows"][:2], peer]}],
    }
    assert read(folder, content).row("prior/peer").not_run == "published figure of another method"


def test_a_baseline_is_a_row_of_its_table(folder):
    assert read(folder, PAPER).table("prior").baseline == "without"
    table = PAPER["tables"][0]
    assert Table.model_validate({**table, "baseline": None}).baseline is None
    with pytest.raises(ValidationError, match="choose one of: with, without, peer"):
        Table.model_validate({**table, "baseline": "neither"})


def test_rows_of_another_data_set_are_not_run(folder):
    paper = read(folder, PAPER)
    assert paper.on_dataset("h36m") == paper
    elsewhere = paper.on_dataset("synthetic").row("prior/with")
    assert elsewhere.run is None
    assert elsewhere.not_run == "is of another data set; choose dataset h36m"
    assert paper.row("prior/with").run is not None


def test_papers_do_not_change(folder):
    paper = read(folder, PAPER)
    for part, name in ((paper, "title"), (paper.tables[0], "rows"), (paper.rows[0], "run")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, None)


def test_oracles_are_the_aggregations_that_pick_by_the_truth_or_by_its_root():
    assert {j_best.__name__, p_best.__name__, j_agg.__name__} == set(ORACLE_ESTIMATES)


def test_a_published_recipe_is_one_that_can_be_trained():
    known = {field.name for field in fields(LiftingRecipe)}
    scaled_only = {"max_steps", "batch_size", "warm_up", "precision"}
    assert set(schema.LiftingRecipe.__annotations__) - {"frames_per_step"} == known - scaled_only


def test_a_paper_scales_fields_of_a_profile():
    known = {field.name for field in fields(Profile)}
    assert set(schema.Scaling.__annotations__) <= known
    for key in ("gla_gcn", "hot", "uao"):
        for name, scaling in load_paper(key).scaling.items():
            assert replace(PROFILES[name], **scaling) != PROFILES[name]


def test_rows_beside_a_headline_claim_are_run_with_it(folder):
    content = fresh()
    content["claims"][0]["comparison"] = [{"metric": "mpjpe", "lower": 0, "than": "prior/without"}]
    content["claims"][0]["beside"] = ["prior/with"]
    assert read(folder, content).headline_rows == ()
    content["claims"][0]["headline"] = True
    paper = read(folder, content)
    assert paper.headline_rows == ("prior/with", "prior/without")
    assert paper.claims[0].rows == ("prior/without",)
    content["claims"][0]["beside"] = ["prior/peer"]
    with pytest.raises(InvalidData, match="prior/peer, which cannot be run"):
        read(folder, content)


def test_a_headline_claim_is_trained_for_from_its_size_on(folder):
    content = fresh()
    content["claims"][0]["headline"] = True
    content["claims"][0]["comparison"] = [
        {"metric": "mpjpe", "lower": "prior/with", "than": "prior/without"}
    ]
    content["claims"][0]["trained_from"] = "standard"
    paper = read(folder, content)
    assert paper.headline_rows_at("quick") == ()
    both = ("prior/with", "prior/without")
    assert paper.headline_rows_at("standard") == paper.headline_rows_at("full") == both
    assert paper.headline_rows == both
    content["claims"][0]["trained_from"] = "gpu"
    with pytest.raises(InvalidData, match="trained_from"):
        read(folder, content)
