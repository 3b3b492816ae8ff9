"""What a run and a report record of code, packages, machine and time."""

import getpass
import platform
import re
from pathlib import Path

import torch

from posekit.machine import provenance
from posekit.machine.provenance import environment, git_state, peak_memory_megabytes


def test_the_record_names_no_person_host_or_folder():
    text = str(environment("cpu"))
    assert platform.node() not in text
    assert str(Path.home()) not in text.replace("'/'", "")
    assert getpass.getuser() not in text or getpass.getuser() in platform.processor()


def test_the_record_says_what_ran_where():
    record = environment("cpu")
    assert record["device"] == "cpu"
    assert record["packages"]["torch"]
    assert record["cores"] >= 1
    assert record["date"].endswith("+00:00")


def test_outside_a_checkout_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "repository_root", lambda: tmp_path)
    git_state.cache_clear()
    assert git_state() == (None, None)
    git_state.cache_clear()


def test_the_commit_is_that_of_the_checkout():
    commit, dirty = git_state()
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert dirty in (True, False)


def test_a_checkout_without_git_has_no_commit(monkeypatch, tmp_path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(provenance, "repository_root", lambda: tmp_path)
    git_state.cache_clear()
    assert git_state() == (None, None)
    git_state.cache_clear()


def test_a_package_that_is_not_there_has_no_version(monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "no-such-package"))
    assert environment()["packages"] == {"torch": torch.__version__, "no-such-package": None}


def test_peak_memory_never_falls():
    before = peak_memory_megabytes()
    block = torch.ones(2**24)  # 64 MB
    assert 10 < before <= peak_memory_megabytes() < 2**20
    assert block.sum() == 2**24
