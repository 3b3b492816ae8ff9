"""The parameters of a notebook: types, and one line about each mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from posekit.errors import InvalidParameter, StorageError
from posekit.workbook.notebooks.settings import PARAMETERS, assigned_names, parameters


def cell(folder: Path, **changes: object) -> dict[str, object]:
    """The globals of a notebook whose parameters cell has run."""
    values = {name: default for name, (_, default) in PARAMETERS.items()}
    return {**values, "output_dir": str(folder), **changes}


def test_parameters_come_back_with_their_types(tmp_path: Path) -> None:
    settings = parameters(cell(tmp_path, device="cpu", seeds=2), "ktpformer")
    assert (settings.dataset, settings.profile, settings.seeds) == ("synthetic", "auto", 2)
    assert settings.checkpoint is None
    assert str(settings.device) == "cpu"
    assert settings.results_file == tmp_path / "ktpformer-synthetic-auto.json"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "h36"}, "unknown data set 'h36'; did you mean 'h36m'?"),
        ({"profile": "fast"}, "choose one of: auto, smoke, quick, standard, gpu, paper"),
        ({"seeds": "3"}, "parameter 'seeds' is '3' of type str; expected int"),
        ({"seeds": True}, "of type bool; expected int"),
        ({"seeds": -1}, "seeds is -1"),
        ({"heads": -1}, "heads is -1"),
        ({"heads": 4}, "heads is 4; give the attention heads of a checkpoint, together with"),
        ({"dataset": None}, "of type NoneType; expected str"),
        ({"checkpoint": "nowhere.bin"}, "checkpoint nowhere.bin: no such file"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"In": ["", "datset = 'cmu'", "check"]}, "unknown parameter 'datset'"),
    ],
    ids=str,
)
def test_wrong_parameters_are_one_line(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidParameter, match=re.escape(message)) as error:
        parameters(cell(tmp_path, **changes), "ktpformer")
    assert "\n" not in str(error.value)


def test_a_missing_parameter_is_named(tmp_path: Path) -> None:
    namespace = cell(tmp_path)
    del namespace["device"]
    with pytest.raises(InvalidParameter, match="'device' is missing"):
        parameters(namespace, "ktpformer")


def test_only_cells_of_assignments_just_before_are_read() -> None:
    history = ["", "helper = 1\nprint(helper)", "a = 1\nb = 'x'  # type: str", "c = [1]", "check"]
    assert assigned_names(history) == ["a", "b", "c"]
    assert assigned_names(["", "x = compute()", "check"]) == []


def test_a_folder_that_cannot_be_written_is_found_at_once(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="choose another folder"):
        parameters(cell(blocked / "results"), "ktpformer")


def test_results_of_an_earlier_run_are_taken_away(tmp_path: Path) -> None:
    old = tmp_path / "ktpformer-synthetic-auto.json"
    old.write_text("{}")
    assert parameters(cell(tmp_path), "ktpformer").results_file == old
    assert list(tmp_path.iterdir()) == []
