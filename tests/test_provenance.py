"""What a run records, and when two runs were made by the same code."""

import getpass
import platform
from pathlib import Path

import pytest

from posekit import provenance
from posekit.provenance import code_version, environment, git_state


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


def test_a_run_depends_on_its_own_network_and_not_on_others():
    mixste = provenance._closure(["posekit.execution", "posekit.models.mixste"])
    assert "posekit.models.mixste" in mixste
    assert {"posekit.training", "posekit.losses", "posekit.windows", "posekit.metrics"} <= mixste
    assert not {"posekit.cli", "posekit.claims", "posekit.papers", "posekit.profiles"} & mixste
    assert code_version("posekit.models.mixste") != code_version("posekit.models.ktpformer")


@pytest.fixture
def version_of(tmp_path, monkeypatch):
    """The version of one module with the given source."""

    def version(source):
        path = tmp_path / "module.py"
        path.write_text(source)
        monkeypatch.setattr(provenance, "_path", lambda name: path)
        provenance._tree.cache_clear()
        code_version.cache_clear()
        return code_version("posekit.module")

    yield version
    provenance._tree.cache_clear()
    code_version.cache_clear()


def test_comments_docstrings_and_layout_leave_the_version(version_of):
    first = version_of('"""A."""\ndef f(x):\n    """B."""\n    return 2 * x\n')
    again = version_of('"""C."""\n\n\ndef f(x):  # doubled\n    return (2 * x)\n')
    assert first == again


def test_a_changed_number_changes_the_version(version_of):
    assert version_of("def f(x):\n    return 2 * x\n") != version_of(
        "def f(x):\n    return 3 * x\n"
    )


def test_a_module_that_few_runs_use_counts_where_it_is_named():
    plain = code_version("posekit.execution")
    assert code_version("posekit.execution", "posekit.optimisation") != plain
