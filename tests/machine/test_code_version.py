"""When two runs were made by the same code: by what their definitions say, wherever they stand."""

import pytest

from posekit.machine import code_version as versions
from posekit.machine.code_version import closure, code_version

EXECUTION = "posekit.workbook.studies.execution"
LIFTING = "posekit.workbook.tasks.lifting_runs"
SCALED = "FACTOR = 2\n\ndef scaled(x):\n    return FACTOR * x\n"
CALLER = "from posekit.scale import scaled\n\ndef error(x):\n    return scaled(x) + 1\n"


@pytest.fixture
def version_of(tmp_path, monkeypatch):
    """The version of ``posekit.root`` among modules with the given sources."""

    def version(**sources):
        paths = {}
        for name, source in sources.items():
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            paths[f"posekit.{name}"] = folder / f"{name}.py"
            paths[f"posekit.{name}"].write_text(source)
        monkeypatch.setattr(versions, "_path", paths.get)
        versions._read.cache_clear()
        code_version.cache_clear()
        return code_version("posekit.root")

    yield version
    monkeypatch.undo()
    versions._read.cache_clear()
    code_version.cache_clear()


def test_a_run_depends_on_its_own_network_and_not_on_others():
    found = {module for module, _ in closure((EXECUTION, LIFTING, "posekit.models.mixste"))}
    assert {"posekit.models.mixste", "posekit.training.loop", "posekit.metrics.losses"} <= found
    assert {"posekit.datasets.windows", "posekit.metrics.pose_errors"} <= found
    above = {name for name in found if name.startswith("posekit.workbook")}
    assert all(name == EXECUTION or name.startswith("posekit.workbook.tasks") for name in above)
    assert code_version("posekit.models.mixste") != code_version("posekit.models.ktpformer")


def test_the_registry_of_data_sets_is_no_dependence():
    found = closure(("posekit.workbook.tasks.adaptation_runs",))
    names = {name for module, name in found if module == "posekit.datasets.source"}
    assert "DATASETS" not in names
    assert ("posekit.workbook.tasks.adaptation_runs", "_decisive") in found


def test_a_name_in_annotations_alone_is_no_dependence():
    found = {module for module, _ in closure((EXECUTION, LIFTING, "posekit.models.gla_gcn"))}
    assert not {"posekit.models.d3dp", "posekit.models.mixste"} & found


def test_a_module_that_few_runs_use_counts_where_it_is_named():
    plain = code_version(EXECUTION)
    assert code_version(EXECUTION, "posekit.evaluation.optimisation") != plain


def test_a_definition_may_move_to_another_module(version_of):
    apart = version_of(root=CALLER, scale=SCALED)
    together = version_of(root=SCALED + "\ndef error(x):\n    return scaled(x) + 1\n")
    renamed = version_of(root=CALLER.replace("posekit.scale", "posekit.factors"), factors=SCALED)
    assert apart == together == renamed


def test_the_way_of_importing_does_not_count(version_of):
    by_name = version_of(root=CALLER, scale=SCALED)
    through = "from posekit import scale\n\ndef error(x):\n    return scale.scaled(x) + 1\n"
    inside = "def error(x):\n    from posekit.scale import scaled\n    return scaled(x) + 1\n"
    exported = version_of(root=CALLER, scale="from posekit.factors import scaled\n", factors=SCALED)
    assert by_name == version_of(root=through, scale=SCALED) == exported
    assert by_name == version_of(root=inside, scale=SCALED)


def test_what_a_run_does_not_reach_does_not_count(version_of):
    plain = version_of(root=CALLER, scale=SCALED)
    assert plain == version_of(root=CALLER, scale=SCALED + "\ndef halved(x):\n    return x / 2\n")


@pytest.mark.parametrize("change", [("FACTOR = 2", "FACTOR = 3"), ("FACTOR * x", "FACTOR + x")])
def test_what_a_run_reaches_counts_through_modules(version_of, change):
    assert version_of(root=CALLER, scale=SCALED) != version_of(
        root=CALLER, scale=SCALED.replace(*change)
    )


def test_statements_that_bind_nothing_count(version_of):
    plain = version_of(root=CALLER, scale=SCALED)
    assert plain != version_of(root=CALLER, scale=SCALED + "import torch\ntorch.manual_seed(1)\n")


def test_comments_docstrings_layout_and_annotations_leave_the_version(version_of):
    first = version_of(root='"""A."""\ndef f(x):\n    """B."""\n    return 2 * x\n')
    again = version_of(root='"""C."""\n\n\ndef f(x: int) -> int:  # doubled\n    return (2 * x)\n')
    assert first == again


def test_a_local_name_is_not_the_global_of_the_same_name(version_of):
    local = "from posekit import scale\n\ndef error(scale):\n    return scale + 1\n"
    changed = SCALED.replace("2", "3")
    assert version_of(root=local, scale=SCALED) == version_of(root=local, scale=changed)


def test_the_text_of_an_error_leaves_the_version(version_of):
    first = version_of(root="def f(x):\n    if x:\n        raise ValueError('a')\n    return 2\n")
    again = version_of(root="def f(x):\n    if x:\n        raise ValueError('b')\n    return 2\n")
    assert first == again


def test_a_table_beside_the_code_counts(version_of, tmp_path):
    plain = version_of(root=SCALED)
    (tmp_path / "0" / "cameras.json").write_text("[1]")
    versions._read.cache_clear()
    code_version.cache_clear()
    assert code_version("posekit.root") != plain
