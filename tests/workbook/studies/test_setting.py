"""Settings: the run of each row, its identity, and what is refused."""

import pytest

from posekit.errors import InvalidParameter
from posekit.workbook.studies import Study, setting


def test_a_change_of_code_asks_for_another_run(study, monkeypatch):
    row = study.paper.row("kpa-tpa/both")
    before = study.job(row, 0).id
    monkeypatch.setattr(setting, "code_version", lambda *modules: "changed")
    assert study.job(row, 0).id != before


def test_rows_that_cannot_run_say_why(study):
    with pytest.raises(InvalidParameter, match="choose dataset mpi_inf_3dhp"):
        study.run("mpi-inf-3dhp/ktpformer")
    (first, *_) = study.results("mpi-inf-3dhp").rows
    assert first.measured == {}
    assert "mpi_inf_3dhp" in first.not_run


@pytest.mark.parametrize("seeds", [[0, 0], [-1], [2**32], [True], [0.5], "12", -3, True, 2.0])
def test_seeds_that_make_no_sense_are_refused(seeds):
    with pytest.raises(InvalidParameter, match=r"seeds? (is|are) .*; give"):
        Study("ktpformer", seeds=seeds, device="cpu")


def test_unknown_names_are_refused():
    with pytest.raises(InvalidParameter, match="unknown data set"):
        Study("ktpformer", "humans", device="cpu")
    with pytest.raises(InvalidParameter, match="unknown paper"):
        Study("ktp", device="cpu")
