"""Set-up: requirements, constraints, environment.yml and the tools that check the code."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("jupyterlab", "ipykernel", "pytest-xdist", "nbval", "ruff")  # run, never imported
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]


def constraints_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("constraints", ROOT / ".ci" / "constraints.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONSTRAINTS = constraints_script()


def pins() -> dict[str, str]:
    lines = (ROOT / ".constraints.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return dict(pairs)


def requirements() -> list[Requirement]:
    texts = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        texts += extra
    return [Requirement(text) for text in texts]


def imported_distributions(folder: str) -> set[str]:
    """Names of the distributions whose modules the Python files of a folder import."""
    modules = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                modules.add(node.module.partition(".")[0])
    found = packages_distributions()
    return {
        CONSTRAINTS.canonical(found[name][0])
        for name in modules - sys.stdlib_module_names
        if name in found
    }


@pytest.mark.parametrize("requirement", requirements(), ids=lambda item: item.name)
def test_the_pin_satisfies_the_range(requirement: Requirement) -> None:
    name = CONSTRAINTS.canonical(requirement.name)
    if name in ("torch", "posekit"):
        assert name not in pins()
    else:
        assert Version(pins()[name]) in requirement.specifier


def test_installed_versions_are_the_pinned_ones() -> None:
    installed = CONSTRAINTS.installed_closure("posekit[test]")
    assert {name: pins().get(name) for name in installed} == installed


def test_no_build_of_torch_is_pinned() -> None:
    assert not [name for name in pins() if CONSTRAINTS.UNPINNED.match(name)]


def test_installed_torch_is_in_the_range() -> None:
    wanted = next(item for item in requirements() if item.name == "torch")
    assert Version(version("torch")) in wanted.specifier


def test_each_imported_package_is_required_by_name() -> None:
    core = {CONSTRAINTS.canonical(Requirement(text).name) for text in PROJECT["dependencies"]}
    notebooks = {
        CONSTRAINTS.canonical(Requirement(text).name)
        for text in PROJECT["optional-dependencies"]["notebooks"]
    }
    named = {CONSTRAINTS.canonical(item.name) for item in requirements()}
    assert imported_distributions("posekit") - {"posekit"} == (core | notebooks) - set(TOOLS)
    assert imported_distributions("tests") <= named | {"posekit"}


def test_conda_installs_from_the_same_files() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, section = environment["dependencies"]
    assert pip == "pip"
    assert section == {"pip": ["-c .constraints.txt", "-e .[notebooks,test]"]}
    allowed = SpecifierSet(python.removeprefix("python").strip())
    required = SpecifierSet(PROJECT["requires-python"])
    for minor in range(9, 15):
        candidate = Version(f"3.{minor}.1")
        assert candidate not in allowed or candidate in required
    assert {"3.11.4", "3.12.1"} == {text for text in ("3.11.4", "3.12.1") if text in allowed}


def test_citation_and_package_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == PROJECT["version"] == version("posekit")
    assert citation["license"] == PROJECT["license"] == "MIT"


def test_the_makefile_names_the_tested_torch() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = re.search(r"^TORCH\s*\?= torch==(\S+)$", makefile, re.MULTILINE)
    wanted = next(item for item in requirements() if item.name == "torch")
    assert Version(named[1]) in wanted.specifier


@pytest.mark.parametrize("target", ["report", "test", "lab"])
def test_make_targets_say_what_they_do(target: str) -> None:
    make = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'echo "posekit: ' in make.stdout


def test_continuous_integration_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text("utf-8").rstrip().endswith("exec make --no-print-directory test")
    subprocess.run(["sh", "-n", script], check=True)


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(arguments: tuple[str, ...]) -> None:
    ruff = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr
