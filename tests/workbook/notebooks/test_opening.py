"""How a notebook begins and hands over: what it runs on, its checkpoint, clips, results."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import tiny
import torch

from posekit.errors import DatasetNotFound, InvalidData, InvalidParameter
from posekit.evaluation import MIXSTE, predict
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import build
from posekit.workbook.notebooks import opening
from posekit.workbook.notebooks.settings import PARAMETERS, Settings, parameters
from posekit.workbook.reports import RESULTS_MIME


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list:
    """What is displayed."""
    shown: list = []
    monkeypatch.setattr(opening, "display", lambda *things, **_: shown.extend(things))
    return shown


def settings(folder: Path, **changes: object) -> Settings:
    """Of a notebook whose parameters cell has run."""
    values = {name: default for name, (_, default) in PARAMETERS.items()}
    return parameters({**values, "output_dir": str(folder), **changes}, "ktpformer")


def test_the_banner_says_what_is_measured_and_what_auto_chose(tmp_path: Path, shown: list) -> None:
    study = opening.study(settings(tmp_path, device="cpu"))
    test = study.load("test", "cpn")
    opening.banner(study, test)
    (card,) = shown
    assert card.label == "synthetic"
    assert f"{len(test.clips)} clips" in card.entries["amount"]
    assert card.entries["profile"].startswith("smoke (chosen by auto;")
    opening.banner(opening.study(settings(tmp_path, profile="quick", device="cpu")), test)
    assert shown[1].entries["profile"] == "quick, seeds 0"


def test_missing_data_are_found_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    with pytest.raises(DatasetNotFound, match="POSEKIT_DATA"):
        opening.study(settings(tmp_path, dataset="h36m"))


def test_windows_longer_than_the_clips_are_found_unless_a_checkpoint_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(study: object) -> None:
        raise InvalidParameter("too long")

    monkeypatch.setattr(opening.Study, "check", refused)
    with pytest.raises(InvalidParameter, match="too long"):
        opening.study(settings(tmp_path))
    checkpoint = tmp_path / "weights.bin"
    checkpoint.touch()
    opening.study(settings(tmp_path, checkpoint=str(checkpoint)))


def test_without_a_checkpoint_a_line_says_how_to_give_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = settings(tmp_path)
    assert opening.show_checkpoint(given, opening.study(given)) is None
    assert "-p checkpoint FILE" in capsys.readouterr().out


def test_heads_that_are_given_are_the_checkpoint_s(tmp_path: Path, shown: list) -> None:
    made = build("mixste", skeleton=HUMAN36M_17, frames=9, embed_dim=16, depth=1, heads=4).eval()
    torch.save(made.state_dict(), tmp_path / "mixste.bin")
    given = settings(tmp_path, checkpoint=str(tmp_path / "mixste.bin"), heads=4, profile="smoke")
    loaded = opening.show_checkpoint(given, opening.study(given))
    points = torch.rand(1, 9, 17, 2)
    assert torch.equal(loaded.network.cpu()(points), made(points))
    assert shown[0].entries["heads"].startswith("4 (assumed, as given;")


def test_a_checkpoint_is_shown_and_handed_out(tmp_path: Path, shown: list) -> None:
    network = build("ktpformer", skeleton=HUMAN36M_17, frames=9, embed_dim=16, depth=2)
    path = tmp_path / "ktpformer_cpn.bin"
    torch.save({"model_pos": network.state_dict()}, path)
    given = settings(tmp_path, profile="smoke", checkpoint=str(path), device="cpu")
    loaded = opening.show_checkpoint(given, opening.study(given))
    assert loaded.identity.network == "ktpformer"
    card, table = shown
    assert card.title == f"Checkpoint {path.name}"
    assert [row[0] for row in table.rows] == ["cpn", "gt"]


def test_clips_to_view_are_predicted_and_true_poses_frame_by_frame() -> None:
    data = tiny.dataset()
    predictions = predict(tiny.TinyLifter().eval(), data, protocol=MIXSTE, device="cpu")
    clips = opening.clips_to_view(predictions, count=2)
    assert list(clips) == [clip.name for clip in data.clips[:2]]
    for clip, (prediction, truth) in zip(data.clips, clips.values(), strict=False):
        assert prediction.shape == truth.shape == (clip.frames, 17, 3)
        # About the root, as a lifter answers.
        torch.testing.assert_close(truth[:, 1:], (clip.pose - clip.pose[:, :1])[:, 1:])


def test_results_are_written_and_shown(tmp_path: Path, shown: list) -> None:
    given = settings(tmp_path)
    assert opening.export(given, {"title": "T"}) == given.results_file
    written = json.loads(given.results_file.read_text())
    assert written == {"paper": "ktpformer", "dataset": "synthetic", "profile": "auto"} | {
        "title": "T"
    }
    assert shown[0][RESULTS_MIME] == written
    assert given.results_file.name in shown[0]["text/html"]


def test_results_without_value_are_refused(tmp_path: Path) -> None:
    given = settings(tmp_path)
    with pytest.raises(InvalidData, match="cannot be written as JSON"):
        opening.export(given, {"mpjpe": math.nan})
    assert list(tmp_path.iterdir()) == []


def test_old_results_are_gone_once_a_run_has_begun(tmp_path: Path) -> None:
    given = settings(tmp_path)
    opening.export(given, {"title": "old"})
    assert json.loads(given.results_file.read_text())["title"] == "old"
    settings(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_every_kind_of_evidence_has_a_note_and_no_other() -> None:
    assert "never absolute figures" in opening.evidence_note("synthetic")
    with pytest.raises(InvalidData, match="unknown evidence"):
        opening.evidence_note("real")
