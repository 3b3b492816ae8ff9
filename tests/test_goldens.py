"""Everything that the authors' released code computes, as far as goldens fix it.

The folder is ``POSEKIT_GOLDENS`` (default ``tests/goldens``); it may hold goldens of the same
models at any other size. A golden of a model that no check knows fails.
"""

import os
from pathlib import Path

import pytest
from golden_checks import geometry, metrics, networks, other_protocols, protocols
from golden_checks.golden import Golden

FOLDER = Path(os.environ.get("POSEKIT_GOLDENS") or Path(__file__).parent / "goldens")
CHECKS = (
    geometry.CHECKS | metrics.CHECKS | networks.CHECKS | protocols.CHECKS | other_protocols.CHECKS
)


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
