"""Fingerprints of data sets are remembered until the data change."""

import pytest
import torch

from posekit.errors import DatasetNotFound
from posekit.workbook.tasks import data
from posekit.workbook.tasks.data import data_fingerprints, known_fingerprints, load_split


def test_a_fingerprint_is_remembered(tmp_path, monkeypatch):
    arguments = ("synthetic", "gt", "smoke", tmp_path, tmp_path / "runs")
    assert known_fingerprints(*arguments) is None
    found = data_fingerprints(*arguments)
    assert found["test"] == load_split("synthetic", "test", "gt", "smoke", tmp_path).fingerprint
    assert found["train"] != found["test"]

    def refuse(*_arguments):
        raise AssertionError("the data set was loaded again")

    monkeypatch.setattr(data, "load_split", refuse)
    assert data_fingerprints(*arguments) == found


@pytest.mark.parametrize("place", ["", "h36m"])
def test_a_changed_file_is_another_data_set(tmp_path, place):
    arguments = ("h36m", "gt", "smoke", tmp_path, tmp_path / "runs")
    before = data._memory(*arguments)
    (tmp_path / place).mkdir(exist_ok=True)
    file = tmp_path / place / "data_3d_h36m.npz"
    file.write_bytes(b"first")
    between = data._memory(*arguments)
    file.write_bytes(b"second, longer")
    assert len({before, between, data._memory(*arguments)}) == 3


def test_a_changed_file_in_a_folder_of_the_data_set_is_seen(tmp_path):
    arguments = ("mpi_inf_3dhp", "gt", "smoke", tmp_path, tmp_path / "runs")
    found = []
    for content in (b"", b"longer"):  # directly in the data folder, without one of the set's own
        (tmp_path / "TS1").mkdir(exist_ok=True)
        (tmp_path / "TS1" / "annot_data.mat").write_bytes(content)
        found.append(data._memory(*arguments))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "anything").write_text("of a run")
    assert len({*found, data._memory(*arguments)}) == 2


def test_another_processor_may_generate_other_digits(tmp_path, monkeypatch):
    arguments = ("synthetic", "gt", "smoke", tmp_path, tmp_path / "runs")
    here = data._memory(*arguments)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    assert data._memory(*arguments) != here


def test_a_torn_memory_is_computed_anew(tmp_path):
    arguments = ("synthetic", "gt", "smoke", tmp_path, tmp_path / "runs")
    found = data_fingerprints(*arguments)
    data._memory(*arguments).write_text('{"train"')
    assert data_fingerprints(*arguments) == found


def test_data_that_are_missing_are_said(tmp_path):
    with pytest.raises(DatasetNotFound):
        data_fingerprints("h36m", "gt", "smoke", tmp_path, tmp_path / "runs")


def test_another_numpy_or_other_code_may_make_other_data(tmp_path, monkeypatch):
    arguments = ("synthetic", "gt", "smoke", tmp_path, tmp_path / "runs")
    before = data._memory(*arguments)
    monkeypatch.setattr(data.np, "__version__", "0.0")
    between = data._memory(*arguments)
    monkeypatch.setattr(data, "code_version", lambda *modules: "another")
    assert len({before, between, data._memory(*arguments)}) == 3
