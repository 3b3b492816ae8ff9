"""Checkpoint files: their weights and what else they tell, wherever authors keep them."""

import hashlib
import os

import pytest
import safetensors.torch
import torch

from posekit.checkpoints import files
from posekit.checkpoints.files import first_few, read
from posekit.errors import InvalidCheckpoint

STATE = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


@pytest.mark.parametrize("place", [(), ("model_pos",), ("a", "b", "c")])
def test_tensors_and_what_else_a_file_tells(tmp_path, place):
    path = tmp_path / "model.bin"
    content = STATE
    for key in reversed(place):
        content = {key: content}
    torch.save(content | {"epoch": 87, "lr": 3.2e-5, "args": {"frames": 9}}, path)
    found = read(path)
    assert list(found.tables) == [place]
    assert list(found.tables[place]) == list(STATE)
    for name, value in STATE.items():
        assert torch.equal(found.tables[place][name], value)
    assert (found.epoch, found.learning_rate) == (87, 3.2e-5)
    assert found.entries == (*place[:1], "args")
    assert (found.path, found.size) == (path, path.stat().st_size)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_safetensors_hold_weights_alone(tmp_path):
    safetensors.torch.save_file(STATE, tmp_path / "model.safetensors")
    found = read(tmp_path / "model.safetensors")
    assert found.tables[()].keys() == STATE.keys()
    assert torch.equal(found.tables[()]["layer.weight"], STATE["layer.weight"])
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{'no json'}")
    with pytest.raises(InvalidCheckpoint, match="not a readable safetensors file"):
        read(tmp_path / "broken.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a pickled list, not a dictionary of weights"),
        ({"epoch": 3}, r"holds no weights \(its entries: epoch\)"),
        ({"model_pos": {}}, "holds no weights"),
        ({"state_dict": {"weight": 3}}, "holds no weights"),
        ({"shadow_params": [torch.ones(2)]}, "holds no weights"),
        ({None: torch.ones(2), "bias": torch.ones(2)}, "a tensor is called None, which is no text"),
        ({3: torch.ones(2), "bias": torch.ones(2)}, "a tensor is called 3, which is no text"),
        ({"two\nlines \x1b": 3}, r"its entries: two\\nlines \\x1b"),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "other.bin")
    with pytest.raises(InvalidCheckpoint, match=message) as caught:
        read(tmp_path / "other.bin")
    assert "\n" not in str(caught.value)


def test_more_tensors_than_any_network_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_TENSORS", 3)
    torch.save({"a": STATE, "b": {"c": dict(STATE)}}, tmp_path / "model.bin")
    with pytest.raises(InvalidCheckpoint, match="holds more than 3 tensors"):
        read(tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("told", "epoch", "rate"),
    [
        ({"epoch": 10**300, "lr": float("nan")}, None, None),
        ({"epoch": True, "lr": 1}, None, None),
        ({"epoch": -1, "lr": "fast"}, None, None),
        ({"epoch": 0, "lr": 0.5}, 0, 0.5),
    ],
)
def test_an_absurd_epoch_is_not_believed(tmp_path, told, epoch, rate):
    torch.save(STATE | told, tmp_path / "model.bin")
    found = read(tmp_path / "model.bin")
    assert (found.epoch, found.learning_rate) == (epoch, rate)


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    torch.save(STATE, tmp_path / "model.bin")

    def refused(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(InvalidCheckpoint, match=r"model\.bin: cannot be read \(Permission denied"):
        read(tmp_path / "model.bin")


@pytest.mark.parametrize("name", ["a\0b", "half \udcff", "x" * 5000, "two\nlines"])
def test_a_path_that_no_file_has_is_told_in_one_line(name):
    with pytest.raises(InvalidCheckpoint, match="cannot be read") as caught:
        read(name)
    assert str(caught.value).isprintable()


def test_a_pipe_or_a_folder_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidCheckpoint, match="is no file; give the path"):
            read(path)


def test_a_long_list_of_names_is_cut():
    assert first_few([]) == "none"
    assert first_few("abcd") == "a, b, c, d"
    assert first_few("abcdef") == "a, b, c, d and 2 more"
