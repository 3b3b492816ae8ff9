"""Figures of trained networks: drawn, drawn with a warning, or a sentence instead."""

from __future__ import annotations

from pathlib import Path

import plotly.graph_objects as go
import pytest

from posekit.workbook.figures.style import PLOTLY_MIME
from posekit.workbook.notebooks import trained_figures
from posekit.workbook.studies import Study

WARNING = "its figures mean nothing"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts below what is displayed."""
    shown: list[str] = []

    def display(*_: object, metadata: dict, **__: object) -> None:
        shown.append(metadata[PLOTLY_MIME]["alt"])

    monkeypatch.setattr("posekit.workbook.figures.style.display", display)
    return shown


def study(folder: Path, profile: str) -> Study:
    return Study("uao", profile=profile, runs=folder, device="cpu")


def test_a_few_steps_are_said_to_mean_nothing(tmp_path: Path, shown: list[str]) -> None:
    for profile in ("smoke", "quick"):
        trained_figures.show(study(tmp_path, profile), go.Figure(), alt="Errors.")
    assert shown[0].startswith("Errors. ")
    assert WARNING in shown[0]
    assert shown[1] == "Errors."


def test_a_checkpoint_has_been_trained_elsewhere(tmp_path: Path, shown: list[str]) -> None:
    loaded = object()
    trained_figures.show(study(tmp_path, "smoke"), go.Figure(), alt="Errors.", loaded=loaded)
    assert shown == ["Errors."]


def test_nothing_to_draw_is_a_sentence(
    tmp_path: Path, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    trained_figures.show(study(tmp_path, "quick"), None, alt="Errors.")
    assert shown == []
    assert capsys.readouterr().out.startswith("Nothing to draw:")
