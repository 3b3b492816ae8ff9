"""Every entry of the registry leads to modules that do what it says."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from posekit.datasets.source import DATASETS, DataSource

SOURCES = pytest.mark.parametrize("source", DATASETS.values(), ids=DATASETS)


@SOURCES
def test_a_reader_takes_what_the_door_hands_it(source: DataSource) -> None:
    reader = import_module(source.module)
    arguments = {"root": None, "keypoints": source.detected, "size": "smoke", **source.options}
    inspect.signature(reader.load).bind("test", **arguments)
    if source.files:
        inspect.signature(reader.on_disk).bind(None, **source.options)
    if source.standin:
        assert callable(import_module(source.standin).write_standin)


@SOURCES
def test_files_lie_in_the_folders_that_are_searched(source: DataSource) -> None:
    assert bool(source.files) == bool(source.page) == bool(source.remedy)
    assert {file.partition("/")[0] for file in source.files} <= set(source.search_folders)


@SOURCES
def test_a_wanted_detector_becomes_one_that_there_is(source: DataSource) -> None:
    assert not source.keypoints or source.detected in source.keypoints
    assert source.keypoints_for(source.detected) == source.detected
    expected = "openpose" if not source.keypoints else source.detected
    assert source.keypoints_for("openpose") == expected
