"""Reading papers: mistakes in a YAML file are told in one line, own papers are found."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from posekit.errors import InvalidData, InvalidParameter
from posekit.workbook.papers import list_papers, load_paper, loader, read_paper

KTPFORMER = Path(loader.__file__).parent / "ktpformer.yaml"


@pytest.fixture
def broken(tmp_path):
    """Writes a change of the real file and gives its path."""

    def write(change):
        content = yaml.load(KTPFORMER.read_bytes(), yaml.CSafeLoader)
        change(content)
        path = tmp_path / "broken.yaml"
        path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
        return path

    return write


@pytest.fixture
def own_papers(tmp_path, monkeypatch):
    """A folder of the reader's own papers."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("POSEKIT_PAPERS", str(folder))
    return folder


def test_unknown_names_list_the_known_ones():
    paper = load_paper("ktpformer")
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


def _misspell_metric(content):
    content["tables"][0]["rows"][0]["published"]["mpjpe"] = "40.1 mm"


def _forget_verdict(content):
    del content["claims"][0]["not_assessed"]


def _lose_source(content):
    content["tables"][0]["rows"][0]["source"] = "hearsay"


def _lose_sources(content):
    content["sources"] = ["hearsay"]


def _repeat_row(content):
    content["tables"][0]["rows"].append(content["tables"][0]["rows"][0])


def _repeat_table(content):
    content["tables"].append(content["tables"][0])


def _repeat_claim(content):
    content["claims"].append(content["claims"][0])


def _misspell_recipe(content):
    content["tables"][0]["rows"][0]["run"]["recipe"]["learning_rat"] = 1e-3


def _misspell_estimate(content):
    content["tables"][0]["rows"][0]["run"]["estimate"] = "j_bets"


def _run_and_not(content):
    content["tables"][0]["rows"][0]["not_run"] = "too slow"


def _compare_peer(content):
    content["claims"][2]["comparison"][0]["than"] = "h36m-cpn/stcformer-243"


def _compare_three(content):
    content["claims"][2]["comparison"][0]["than"] = ["h36m-cpn/mixste-243"] * 3


def _quote_number(content):
    content["claims"][2]["comparison"][0]["than"] = "1.01"


def _scale_by_half(content):
    content["scaling"] = {"quick": {"steps": 0.5}}


def _scale_the_paper(content):
    content["scaling"] = {"paper": {"steps": 5}}


def _lose_baseline(content):
    content["tables"][0]["baseline"] = "mixste"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_misspell_metric, "at tables/0/rows/0/published/mpjpe: '40.1 mm' is no number"),
        (_forget_verdict, "at claims/0: a claim has either"),
        (_lose_source, "at tables/0/rows/0/source: the source 'hearsay' is not among `sources`"),
        (_lose_sources, "at sources: Input should be a valid dictionary, not"),
        (_repeat_row, "at tables/0: the row .* stands there twice; rename one"),
        (_repeat_table, "the table h36m-cpn stands there twice"),
        (_repeat_claim, "the claim best-on-three-data-sets stands there twice"),
        (_misspell_recipe, "at tables/0/rows/0/run/recipe/learning_rat: no such key"),
        (_misspell_estimate, "at tables/0/rows/0/run/estimate: 'j_bets' is unknown"),
        (_run_and_not, "at tables/0/rows/0: a row has either `run` or `not_run`"),
        (_compare_peer, "compares h36m-cpn/stcformer-243, which is not a row with `run:`"),
        (_compare_three, "at claims/2/comparison/0/than: .* no pair of such rows"),
        (_quote_number, "at claims/2/comparison/0/than: '1.01' is no `table/row`"),
        (_scale_by_half, "at scaling/quick/steps: Input should be a valid integer"),
        (_scale_the_paper, "Input should be 'smoke', 'quick', 'standard' or 'gpu', not 'paper'"),
        (_lose_baseline, "at tables/0: the baseline 'mixste' is no row of h36m-cpn; choose one of"),
    ],
)
def test_a_mistake_in_the_file_is_named_in_one_line(broken, change, message):
    with pytest.raises(InvalidData, match=f"^broken.yaml: .*{message}") as caught:
        read_paper(broken(change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"key: [ktpformer\ntitle: x: y", b"title: \xff\xfe\xff"])
def test_a_file_that_is_not_yaml_is_refused(tmp_path, content):
    path = tmp_path / "torn.yaml"
    path.write_bytes(content)
    with pytest.raises(InvalidData, match="is not YAML"):
        read_paper(path)


def test_a_file_without_a_mapping_is_refused(tmp_path):
    path = tmp_path / "list.yaml"
    path.write_text("- ktpformer")
    with pytest.raises(InvalidData, match=r"^list\.yaml: Input should be a valid dictionary"):
        read_paper(path)


def test_papers_of_the_readers_own_are_found(own_papers):
    content = KTPFORMER.read_text().replace("key: ktpformer", "key: mine", 1)
    (own_papers / "mine.yaml").write_text(content)
    assert "mine" in list_papers()
    assert load_paper("mine").rows == load_paper("ktpformer").rows
    assert load_paper("mine") is load_paper("mine")


def test_a_key_that_stands_twice_names_both_files(own_papers):
    own = own_papers / "ktpformer.yaml"
    own.write_text(KTPFORMER.read_text())
    for ask in (list_papers, lambda: load_paper("uao")):
        with pytest.raises(InvalidData, match="two papers have the key 'ktpformer'") as caught:
            ask()
        assert re.search(
            f"{re.escape(str(KTPFORMER))} and {re.escape(str(own))}", str(caught.value)
        )
        assert "\n" not in str(caught.value)


def test_a_file_is_named_as_its_paper(own_papers):
    (own_papers / "copied.yaml").write_text(KTPFORMER.read_text())
    with pytest.raises(InvalidData, match=r"copied\.yaml: its key is 'ktpformer'; name the file"):
        load_paper("copied")


def test_papers_are_read_without_torch():
    code = (
        "import sys; from posekit.workbook.papers import list_papers, load_paper; "
        "[load_paper(key) for key in list_papers()]; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
