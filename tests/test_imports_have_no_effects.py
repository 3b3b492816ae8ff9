"""Importing posekit and building one of its networks changes nothing of the process around it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# What the process is like, told before and after. Other packages add filters for warnings of their
# own when they are imported, so they come first; papermill would load a module of posekit.
SCRIPT = """
import logging, os, platform, signal, sys, warnings
from importlib import import_module
from pathlib import Path

looked_up = []
sys.addaudithook(lambda event, of: looked_up.append(of[1]) if event == "ctypes.dlsym" else None)

import nbconvert, plotly.tools, requests, scipy.spatial, scipy.special, torch

def process():
    return {
        "sys.excepthook": sys.excepthook,
        "sys.displayhook": sys.displayhook,
        "sys.path": list(sys.path),
        "environment variables": dict(os.environ),
        "folder": os.getcwd(),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "filters of asyncio": list(logging.getLogger("asyncio").filters),
        "root logger": (logging.root.level, *logging.root.handlers, *logging.root.filters),
        "warnings": (warnings.showwarning, *warnings.filters),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "precision": (torch.get_default_dtype(), torch.get_float32_matmul_precision()),
        "random numbers": torch.random.get_rng_state().sum().item(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "mallopt": "mallopt" in looked_up,
    }

def tell_changes(since, what):
    for name, value in process().items():
        if value != since[name]:
            print(f"{what} changes {name}")

before = process()
import posekit

package = Path(posekit.__file__).parent
files = sorted(path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py"))
names = [".".join(file.parts).removesuffix(".__init__") for file in files]
for name in names:
    since = process()
    import_module(name)
    tell_changes(since, f"importing {name}")
tell_changes(before, "importing everything")

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import MODELS, build

for model in MODELS:
    since = process()
    build(model, skeleton=HUMAN36M_17)  # draws its weights, so random numbers go on
    tell_changes({**since, "random numbers": process()["random numbers"]}, f"building {model}")

from posekit.machine.memory import freed_memory_kept

with freed_memory_kept():
    print(len(names), platform.libc_ver()[0] == "glibc", "mallopt" in looked_up)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines that the script prints: each change, and at last how much it looked at."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={name: value for name, value in os.environ.items() if name != "KINETO_LOG_LEVEL"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_importing_and_building_change_nothing(told: list[str]) -> None:
    assert told[:-1] == []


def test_all_modules_were_imported_and_the_allocator_was_watched(told: list[str]) -> None:
    modules, kept, seen = told[-1].split()
    assert int(modules) > 100
    assert kept == seen
