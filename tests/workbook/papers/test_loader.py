"""Papers as data: what was published is kept, and mistakes in a YAML file are told in one line."""

from pathlib import Path

import pytest
import yaml

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.training import Recipe
from posekit.workbook import papers
from posekit.workbook.papers import PAIRED_METRICS, list_papers, load_paper, read_paper
from posekit.workbook.studies import execution

KTPFORMER = Path(papers.__file__).parent / "ktpformer.yaml"


@pytest.fixture(scope="module")
def paper():
    return load_paper("ktpformer")


@pytest.fixture
def broken(tmp_path):
    """Writes a change of the real file and gives its path."""

    def write(change):
        content = yaml.safe_load(KTPFORMER.read_text())
        change(content)
        path = tmp_path / "broken.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def test_published_figures_of_the_headline_rows(paper):
    assert paper.row("h36m-cpn/ktpformer-243").published == {"mpjpe": 40.1, "p_mpjpe": 31.9}
    assert paper.row("h36m-cpn/mixste-243").published == {
        "mpjpe": 40.9,
        "p_mpjpe": 32.6,
        "mpjve": 2.3,
    }
    assert paper.row("h36m-gt/ktpformer").published["mpjpe"] == 19.0
    assert paper.row("h36m-diffusion/ktpformer-in-d3dp").published["mpjpe"] == 33.0
    assert paper.row("mpi-inf-3dhp/ktpformer").published == {
        "pck": 98.9,
        "auc": 85.9,
        "mpjpe": 16.7,
    }


def test_an_unverified_figure_is_absent_and_never_zero(paper):
    assert paper.row("kpa-tpa/neither").published == {"mpjpe": None}


def test_every_row_has_a_source_and_runs_or_says_why_not(paper):
    for row in paper.rows:
        assert row.source
        assert (row.run is None) == bool(row.not_run), row.path


def test_every_run_builds_and_trains_as_published(paper):
    options = {}
    for row in (row for row in paper.rows if row.run):
        key = (row.run.model, tuple(sorted(row.run.options.items())))
        options.setdefault(key, row.path)
        recipe = {key: value for key, value in row.run.recipe.items() if key != "frames_per_step"}
        Recipe(**recipe)
    for model, chosen in options:
        small = {**dict(chosen), "embed_dim": 8, "frames": 3, "heads": 1}
        assert build(model, skeleton=HUMAN36M_17, **small).frames == 3


def test_rows_of_different_tables_share_the_published_configuration(paper):
    same = ("h36m-cpn/ktpformer-243", "kpa-tpa/both", "topology/local-and-global", "frames/243")
    assert len({str(paper.row(path).run) for path in same}) == 1


def test_aggregation_rows_are_readings_of_one_run(paper):
    rows = [row for row in paper.rows if row.table == "d3dp-3dhp-aggregation"]
    assert len(rows) == 20
    assert len({str((row.run.model, row.run.options, row.run.hypotheses)) for row in rows}) == 1
    assert {row.run.estimate for row in rows if row.run.oracle} == {"j_best", "p_best"}


def test_published_figures_are_oracles_too(paper):
    marked = {row.path for row in paper.rows if row.oracle and row.run is None}
    assert "h36m-gt-diffusion/ddhpose-p-best-20-10" in marked
    assert "h36m-gt-diffusion/ddhpose-p-best-1-1" not in marked  # one hypothesis: nothing to pick
    assert not paper.row("h36m-cpn/ktpformer-243").oracle


def test_every_headline_claim_is_there_with_a_comparison_or_a_reason(paper):
    claims = {claim.id: claim for claim in paper.claims}
    assert {"beats-mixste-cpn", "plug-and-play", "small-overhead"} <= set(claims)
    assert "licensed" in claims["best-on-three-data-sets"].not_assessed
    for claim in claims.values():
        assert bool(claim.comparison) != bool(claim.not_assessed)


def test_unknown_names_list_the_known_ones(paper):
    assert "ktpformer" in list_papers()
    with pytest.raises(InvalidParameter, match=r"choose one of: .*ktpformer"):
        load_paper("ktpfromer")
    with pytest.raises(InvalidParameter, match="kpa-tpa"):
        paper.table("kpa")
    with pytest.raises(InvalidParameter, match="kpa-tpa holds: neither, kpa-only"):
        paper.row("kpa-tpa/none")


def test_an_oracle_figure_in_a_claim_is_refused(broken):
    def change(content):
        claim = next(claim for claim in content["claims"] if claim["id"] == "plug-and-play")
        claim["comparison"][1]["lower"] = "plug-in/d3dp-plus-priors-j-best"

    with pytest.raises(InvalidData, match="oracle figures never enter a verdict"):
        read_paper(broken(change))


def test_a_claim_on_a_figure_that_is_not_kept_take_by_take_is_refused(broken):
    def change(content):
        claim = next(claim for claim in content["claims"] if claim["id"] == "plug-and-play")
        claim["comparison"][0]["metric"] = "pck"

    with pytest.raises(InvalidData, match="plug-and-play compares pck; verdicts need one of mpjpe"):
        read_paper(broken(change))
    assert PAIRED_METRICS == execution.PAIRED_METRICS


def _misspell_metric(content):
    content["tables"][0]["rows"][0]["published"]["mpjpe"] = "40.1 mm"


def _forget_verdict(content):
    del content["claims"][0]["not_assessed"]


def _lose_source(content):
    content["tables"][0]["rows"][0]["source"] = "hearsay"


def _repeat_row(content):
    content["tables"][0]["rows"].append(content["tables"][0]["rows"][0])


def _misspell_recipe(content):
    content["tables"][0]["rows"][0]["run"]["recipe"]["learning_rat"] = 1e-3


def _compare_peer(content):
    content["claims"][2]["comparison"][0]["than"] = "h36m-cpn/stcformer-243"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_misspell_metric, "tables/0/rows/0/published/mpjpe"),
        (_forget_verdict, "claims/0"),
        (_lose_source, "hearsay"),
        (_repeat_row, "twice"),
        (_misspell_recipe, "learning_rat"),
        (_compare_peer, "not a row with `run:`"),
    ],
)
def test_a_mistake_in_the_file_is_named_in_one_line(broken, change, message):
    with pytest.raises(InvalidData, match=message) as caught:
        read_paper(broken(change))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_yaml_is_refused(tmp_path):
    path = tmp_path / "torn.yaml"
    path.write_text("key: [ktpformer\ntitle: x: y")
    with pytest.raises(InvalidData, match="is not YAML"):
        read_paper(path)
