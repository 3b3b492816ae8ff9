"""What a run records, and when two runs were made by the same code."""

import getpass
import platform
from pathlib import Path

from posekit.machine import provenance
from posekit.machine.provenance import environment, git_state


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
