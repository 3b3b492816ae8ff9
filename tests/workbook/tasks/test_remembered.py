"""Baselines that are computed once: what finds them again, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from posekit.workbook.tasks.remembered import remembered_baselines

FOUND = {"linear": {"aggregate": {"mpjpe": 73.25}}}


def forbidden() -> dict:
    raise AssertionError("computed again")


def test_the_same_question_is_answered_from_memory(tmp_path: Path) -> None:
    first = remembered_baselines(tmp_path, "here", {"data": "a", "views": None}, lambda: FOUND)
    again = remembered_baselines(tmp_path, "here", {"views": None, "data": "a"}, forbidden)
    assert first == again == FOUND


def test_another_question_is_not(tmp_path: Path) -> None:
    remembered_baselines(tmp_path, "here", {"data": "a"}, lambda: FOUND)
    with pytest.raises(AssertionError, match="computed again"):
        remembered_baselines(tmp_path, "here", {"data": "b"}, forbidden)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'{"baselines": {}, "sha256": ""}', b"\xff"]
)
def test_a_damaged_memory_is_made_anew(content: bytes, tmp_path: Path) -> None:
    remembered_baselines(tmp_path, "here", {}, lambda: FOUND)
    (path,) = (tmp_path / ".baselines").iterdir()
    path.write_bytes(content)
    assert remembered_baselines(tmp_path, "here", {}, lambda: FOUND) == FOUND
    assert remembered_baselines(tmp_path, "here", {}, forbidden) == FOUND
