"""Pictures of the smoke size, made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.datasets.rendered import BodyImages, load_rendered


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def train(cache: Path) -> BodyImages:
    return load_rendered("train", size="smoke", cache=cache, data=cache)


@pytest.fixture(scope="session")
def test(cache: Path) -> BodyImages:
    return load_rendered("test", size="smoke", cache=cache, data=cache)
