"""The index: a card for every run, what is missing, and no folder of this machine."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from executed_notebook import executed_notebook, failed_notebook, write_executed
from html_pages import Page

from posekit.datasets import DATASETS
from posekit.workbook.reports import RESULTS_MIME
from posekit.workbook.reports.index import build_index, data_table


def test_index_has_a_card_per_run_with_verdicts_and_failures(tmp_path: Path) -> None:
    write_executed(tmp_path)
    failed_notebook(tmp_path)
    (tmp_path / ".demo-h36m.partial.ipynb").write_text("")
    text = build_index(tmp_path, tmp_path / "html" / "index.html").read_text("utf-8")
    found = Page(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))
    assert found.faults == []
    links = [item["href"] for item in found.of("a")]
    assert {"demo-synthetic.html", "demo-cmu.html"} <= set(links)
    assert "Demo &lt;paper&gt;" in text
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    for fact in ("supports", "published", "synthetic motion", "This run failed", "Human3.6M"):
        assert fact in words
    strips = [item for item in found.of("svg") if item.get("class") == "pk-strip"]
    assert strips[0]["aria-label"].startswith("both against neither: here −2.1")
    assert "ktpformer: no run yet" in words
    assert str(Path.home()) not in text


def test_the_index_names_no_folder_of_damaged_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "h36m").mkdir()
    (tmp_path / "h36m" / "data_3d_h36m.npz").write_bytes(b"cut off")
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    (row,) = (row for row in data_table().rows if row[0] == DATASETS["h36m"].title)
    assert row[1] == "damaged"
    assert str(tmp_path) not in str(row)


def test_a_paper_of_the_readers_own_has_its_card_or_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers, executed = tmp_path / "papers", tmp_path / "executed"
    papers.mkdir()
    executed.mkdir()
    (papers / "mine.ipynb").touch()
    monkeypatch.setenv("POSEKIT_PAPERS", str(papers))
    assert "mine: no run yet; run posekit report mine" in text_of_index(executed)
    write_executed(executed, "mine-synthetic")
    text = text_of_index(executed)
    assert "mine: no run yet" not in text
    assert 'href="mine-synthetic.html"' in text


def test_a_run_of_another_version_has_its_card_and_says_so(tmp_path: Path) -> None:
    notebook = executed_notebook()
    notebook.cells[1].outputs[-1].data[RESULTS_MIME]["answer"] = {"claim": "of old"}
    nbformat.write(notebook, tmp_path / "demo-synthetic.ipynb")
    text = text_of_index(tmp_path)
    assert 'href="demo-synthetic.html"' in text
    assert "answer box, claims: Field required; run the notebook anew." in text


def text_of_index(executed: Path) -> str:
    return build_index(executed, executed / "index.html").read_text("utf-8")
