"""Rendered pictures for tests, made once per process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from posekit.datasets.rendered import BodyImages, load_rendered

_FOLDER = TemporaryDirectory(prefix="posekit-pictures-")


def pictures_folder() -> Path:
    """A data folder in which pictures of the smoke size are kept until the process ends."""
    return Path(_FOLDER.name)


@cache
def smoke_pictures(split: str) -> BodyImages:
    """Crops of 64 pixels."""
    folder = pictures_folder()
    return load_rendered(split, size="smoke", cache=folder / "cache", data=folder)
