"""A checkpoint of images in a notebook: its card, its errors on 3DPW, or what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from image_checkpoints import save_dsr
from pw3d_files import EVERY, write_small_with_pictures
from smpl_files import smpl_arrays, write_pickle
from spin_files import write_list

from posekit.errors import InvalidCheckpoint
from posekit.workbook.notebooks import body_checkpoints
from posekit.workbook.notebooks.body_checkpoints import show_image_checkpoint
from posekit.workbook.notebooks.settings import Settings
from posekit.workbook.tables import Card, Grid
from posekit.workbook.tasks import image_to_body_checkpoints


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Card | Grid]:
    """What is displayed."""
    found: list[Card | Grid] = []
    monkeypatch.setattr(body_checkpoints, "display", found.append)
    return found


def settings(folder: Path, checkpoint: Path | None) -> Settings:
    return Settings(
        paper="dsr",
        dataset="synthetic",
        profile="smoke",
        claims="auto",
        rows=(),
        seeds=0,
        checkpoint=checkpoint,
        heads=0,
        device=torch.device("cpu"),
        output_dir=folder,
    )


def test_without_a_checkpoint_nothing_is_shown(
    tmp_path: Path, shown: list, capsys: pytest.CaptureFixture
) -> None:
    assert show_image_checkpoint(settings(tmp_path, None), "dsr") is None
    assert capsys.readouterr().out.endswith("-p checkpoint FILE\n")
    assert not shown


def test_without_3dpw_the_card_is_shown_and_what_is_missing_told(
    tmp_path: Path, shown: list, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path / "data"))
    chosen = settings(tmp_path, save_dsr(tmp_path / "dsr.pt"))
    loaded = show_image_checkpoint(chosen, "dsr")
    assert loaded is not None
    assert loaded.name == "dsr"
    assert [item.title for item in shown] == ["Checkpoint dsr.pt"]
    said = capsys.readouterr().out
    assert said.startswith("Not scored. 3DPW: ")
    assert said.count("\n") == 1
    with pytest.raises(InvalidCheckpoint, match="holds a dsr, not a perspose"):
        show_image_checkpoint(chosen, "perspose")


def test_errors_on_a_standin_say_that_they_mean_nothing(
    tmp_path: Path, shown: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    monkeypatch.setitem(image_to_body_checkpoints.EVERY, "smoke", EVERY)
    write_small_with_pictures(tmp_path)
    show_image_checkpoint(settings(tmp_path, save_dsr(tmp_path / "dsr.pt")), "dsr")
    _, table, protocol = shown
    assert (table.label, protocol.label) == ("STAND-IN", "STAND-IN")
    assert "figures mean nothing" in table.note
    assert f"One picture in {EVERY}." in table.note
    assert table.columns == ("pictures", "MPJPE", "PA-MPJPE", "PVE", "PVE, pelvis on pelvis")
    assert [row[0] for row in table.rows][:2] == ["all", "off axis 0 to 10°"]
    assert all(isinstance(error, float) for row in table.rows for error in row[1:])
    assert protocol.title == "Protocol, 3DPW"
    assert "clipped to -0.2 .. 1.2" in protocol.entries["Boxes"]


def test_lists_that_are_on_disk_are_scored_too(
    tmp_path: Path, shown: list, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    monkeypatch.setitem(image_to_body_checkpoints.EVERY, "smoke", 1)
    write_list(tmp_path, "h36m_p2", rows=2)
    (tmp_path / "smpl").mkdir()
    write_pickle(tmp_path / "smpl" / "SMPL_NEUTRAL.pkl")
    np.save(tmp_path / "smpl" / "J_regressor_h36m.npy", smpl_arrays()["J_regressor"][:17])
    show_image_checkpoint(settings(tmp_path, save_dsr(tmp_path / "dsr.pt")), "dsr")
    assert "Not scored. 3DPW" in capsys.readouterr().out
    _, table, _ = shown
    assert table.caption == "dsr.pt on Human3.6M, protocol 2 (the frontal camera) (mm)"
    assert table.columns == ("pictures", "MPJPE", "PA-MPJPE")
    assert [row[0] for row in table.rows] == ["all"]
    assert not table.note
