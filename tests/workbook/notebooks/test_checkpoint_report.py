"""A checkpoint of the authors: its card, its errors, and the network to look into."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from posekit.checkpoints import LoadedCheckpoint, load
from posekit.errors import InvalidCheckpoint
from posekit.evaluation import MIXSTE, PROTOCOLS, evaluate
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, Skeleton
from posekit.models import build, network
from posekit.workbook.notebooks.checkpoint_report import (
    checkpoint_table,
    identity_card,
    lifter_to_examine,
)
from posekit.workbook.studies import Study

SMALL = {"frames": 9, "embed_dim": 16, "depth": 1}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study("ktpformer", profile="smoke", runs=tmp_path / "runs", device="cpu")


def saved(
    folder: Path, name: str, model: str, skeleton: Skeleton = HUMAN36M_17, **options: Any
) -> LoadedCheckpoint:
    """A checkpoint of random weights, read back from a file of that name."""
    torch.save(build(model, skeleton=skeleton, **options).state_dict(), folder / name)
    return load(folder / name, model=model, skeleton=skeleton)


def test_the_card_names_the_file_and_its_network(tmp_path: Path) -> None:
    card = identity_card(saved(tmp_path, "mixste_cpn.bin", "mixste", **SMALL).identity)
    assert card.title == "Checkpoint mixste_cpn.bin"
    assert card.entries["network"].startswith("mixste")


def test_errors_stand_beside_the_input_that_the_file_was_trained_with(
    tmp_path: Path, study: Study
) -> None:
    loaded = saved(tmp_path, "mixste_cpn.bin", "mixste", **SMALL)
    table = checkpoint_table(loaded, study)
    assert [row[:2] for row in table.rows] == [("cpn", "yes"), ("gt", "no, with cpn")]
    scored = evaluate(loaded.network, study.load("test", "gt"), protocol=MIXSTE, device="cpu")
    assert table.rows[1][3:7] == tuple(
        scored.metrics[name] for name in ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")
    )
    assert table.rows[1][7] is None
    assert "-p profile standard" in table.note


def test_a_file_that_does_not_tell_its_input_is_not_guessed(tmp_path: Path, study: Study) -> None:
    table = checkpoint_table(saved(tmp_path, "weights.bin", "mixste", **SMALL), study)
    assert {row[1] for row in table.rows} == {"unknown: the file does not tell"}


def test_a_checkpoint_of_other_joints_is_refused(tmp_path: Path, study: Study) -> None:
    loaded = saved(tmp_path, "humaneva.bin", "mixste", HUMANEVA_15, **SMALL)
    with pytest.raises(InvalidCheckpoint, match="takes 15 joints of 2 channels, and synthetic"):
        checkpoint_table(loaded, study)


def test_without_a_checkpoint_the_trained_network_of_the_row_is_examined(study: Study) -> None:
    lifter, protocol = lifter_to_examine(study, None, "kpa-tpa/both")
    assert isinstance(lifter, network("ktpformer"))
    rate = study.profile.frame_rate_divisor
    assert protocol == replace(PROTOCOLS["MixSTE"], downsample=rate)


@pytest.mark.parametrize(("model", "every_nth"), [("gumlp", True), ("mixste", False)])
def test_a_checkpoint_is_examined_on_all_frames_unless_it_lifts_each_alone(
    tmp_path: Path, study: Study, model: str, every_nth: bool
) -> None:
    size = {"embed_dim": 32, "depth": 1} if every_nth else SMALL
    loaded = saved(tmp_path, "weights.bin", model, **size)
    lifter, protocol = lifter_to_examine(study, loaded, "kpa-tpa/both")
    assert lifter is loaded.network
    assert protocol.downsample == (study.profile.frame_rate_divisor if every_nth else 1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "8 (assumed, the network's default; no file tells it)"),
        ({"heads": 4}, "4 (assumed, as given; no file tells it)"),
    ],
    ids=["default", "given"],
)
def test_assumed_heads_stand_beside_every_figure(
    tmp_path: Path,
    study: Study,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, int],
    text: str,
) -> None:
    torch.save(build("mixste", skeleton=HUMAN36M_17, **SMALL).state_dict(), tmp_path / "mixste.bin")
    loaded = load(tmp_path / "mixste.bin", **options)
    assert identity_card(loaded.identity).entries["heads"] == text
    table = checkpoint_table(loaded, study)
    assert {row[table.columns.index("attention heads")] for row in table.rows} == {text}
    lifter_to_examine(study, loaded, "kpa-tpa/both")
    assert f"mixste.bin: {text}" in capsys.readouterr().out


def test_a_network_without_heads_assumes_none(
    tmp_path: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = saved(tmp_path, "graphs.bin", "gla_gcn", frames=9, embed_dim=8)
    table = checkpoint_table(loaded, study)
    assert {row[table.columns.index("attention heads")] for row in table.rows} == {
        "none in this network"
    }
    lifter_to_examine(study, loaded, "kpa-tpa/both")
    assert not capsys.readouterr().out
