"""Everything that the authors' released code computes, as far as goldens fix it.

The folder is ``POSEKIT_GOLDENS`` (default ``tests/goldens``); it may hold goldens of the same
models at any other size. A golden of a model that no check knows fails.
"""

import os
import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import golden_checks
import pytest
from golden_checks.golden import Golden

FOLDER = Path(os.environ.get("POSEKIT_GOLDENS") or Path(__file__).parent / "goldens")


def _checks() -> dict[str, Callable[[Golden], None]]:
    """Model of a golden -> its check: the ``CHECKS`` of every module of ``golden_checks``."""
    names = (module.name for module in pkgutil.iter_modules(golden_checks.__path__))
    modules = [import_module(f"golden_checks.{name}") for name in names]
    return {
        model: check for module in modules for model, check in getattr(module, "CHECKS", {}).items()
    }


CHECKS = _checks()


def _goldens() -> list[Path]:
    paths = sorted(FOLDER.glob("*.json"))
    if not paths:
        raise pytest.UsageError(f"{FOLDER} holds no goldens (*.json); set POSEKIT_GOLDENS.")
    return paths


@pytest.mark.parametrize("path", _goldens(), ids=lambda path: path.stem)
def test_golden(path):
    golden = Golden.load(path)
    model = golden.spec["model"]
    assert model in CHECKS, f"{path.name}: no check for model {model!r}; known: {sorted(CHECKS)}"
    CHECKS[model](golden)
