"""A small stand-in of 3DPW, written once for all tests that read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pw3d_files import write_small


@pytest.fixture(scope="session")
def small_pw3d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder; a test that damages files works on a copy."""
    root = tmp_path_factory.mktemp("pw3d")
    write_small(root)
    return root
