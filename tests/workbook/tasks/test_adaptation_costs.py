"""The estimate of an adaptation's time: what it grows with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from posekit.workbook.papers import RowRun
from posekit.workbook.papers.profiles import PROFILES
from posekit.workbook.tasks import find_task

RECIPE = {"learning_rate": 1e-3, "decay": 1.0, "epochs": 50, "frames_per_step": 1024}
TASK = find_task("adaptation")
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


def seconds(
    device: torch.device = CPU,
    *,
    model: str = "simple_baseline",
    profile: str = "standard",
    scale: dict[str, Any] | None = None,
    **settings: Any,
) -> float:
    named = {"embed_dim": 512, **settings}
    run = RowRun(task="adaptation", model=model, recipe=RECIPE, settings=named)
    chosen = replace(PROFILES[profile], **(scale or {}))
    return TASK.seconds(TASK.configuration(run, "synthetic", chosen), device)


def test_twice_the_steps_take_twice_as_long() -> None:
    once, twice = (seconds(lpa=True, scale={"steps": steps}) for steps in (1000, 2000))
    assert twice == pytest.approx(2 * once)


def test_generator_and_discriminators_cost_more_than_alignment() -> None:
    assert seconds(gpa="none") == seconds(gpa="full")
    assert seconds(lpa=True) > 2 * seconds(gpa="full")


@pytest.mark.parametrize("model", ["simple_baseline", "semgcn", "videopose3d", "st_gcn"])
def test_wider_lifters_take_longer(model: str) -> None:
    wide, narrow = (seconds(model=model, scale={"width_divisor": by}) for by in (1, 8))
    assert 0.1 < narrow < wide < 3600


def test_video_lifters_take_as_long_as_lifting_says() -> None:
    options = {"frames": 81, "depth": 8, "heads": 8}
    one = seconds(model="mixste", **options)
    more = seconds(model="mixste", scale={"frames_per_step": 216}, **options)
    assert more == pytest.approx(2 * one, rel=0.1)


def test_the_published_run_is_for_a_gpu() -> None:
    hours = [seconds(where, profile="paper", lpa=True) / 3600 for where in (GPU, CPU)]
    assert hours[0] < 2 < 10 < hours[1]
