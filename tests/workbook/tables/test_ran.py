"""What was run: the common part once, then the differences."""

from __future__ import annotations

from posekit.workbook.tables.ran import what_was_run


def test_the_common_part_stands_once_and_rows_that_are_alike_together() -> None:
    ran = what_was_run(
        "this run", {"a": "9 frames, width 8", "b": "9 frames, width 4", "c": "9 frames, width 8"}
    )
    assert ran.head == "What was run (this run): 9 frames."
    assert ran.differing == {"a; c": "width 8", "b": "width 4"}
    assert ran.lines == [ran.head, "  a; c: width 8", "  b: width 4"]


def test_rows_that_are_all_alike_have_no_differences() -> None:
    ran = what_was_run("this run", {"a": "9 frames, width 8", "b": "9 frames, width 8"})
    assert ran.lines == ["What was run (this run): 9 frames, width 8."]


def test_rows_may_share_nothing_and_have_nothing_of_their_own() -> None:
    apart = what_was_run("this run", {"a": "9 frames", "b": "27 frames"})
    assert "nothing is common" in apart.head
    more = what_was_run("this run", {"a": "9 frames", "b": "9 frames, 5 hypotheses"})
    assert more.differing == {"a": "nothing else", "b": "5 hypotheses"}
