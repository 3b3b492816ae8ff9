"""Progress: a bar for a person, few lines for a log."""

import io
import re
import sys

import pytest

from posekit.machine import progress
from posekit.machine.progress import SECONDS_BETWEEN_LINES, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds; a test moves it."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    return now


def test_a_log_gets_a_line_at_most_so_often(clock, capsys):
    with Progress("runs", 10) as steps:
        for _ in range(6):
            clock[0] += 0.6 * SECONDS_BETWEEN_LINES
            steps.advance("mixste")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["runs: 2/10", "runs: 4/10", "runs: 6/10"]
    assert all(line.endswith("s left mixste") for line in lines)


def test_the_time_left_counts_the_steps_that_were_made_here(clock, capsys):
    steps = Progress("training", 100, done=90)
    clock[0] += 2 * SECONDS_BETWEEN_LINES
    steps.advance()
    left = 2 * SECONDS_BETWEEN_LINES * 9
    assert capsys.readouterr().out == f"training: 91/100, about {left:.0f} s left \n"


def test_a_quick_run_prints_nothing(clock, capsys):
    with Progress("runs", 2) as steps:
        steps.advance()
        steps.advance()
    assert steps.done == 2
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("runs", 4, done=1) as steps:
        steps.advance("mixste")
        steps.advance("hot")
    shown = terminal.getvalue()
    assert re.search(r"runs:\s+25%", shown)
    assert capsys.readouterr().out == ""
    assert shown.rpartition("\r")[0].rstrip(" \r").count("\n") == 0
