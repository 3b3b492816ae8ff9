"""Checkpoint files: their weights and what else they tell, wherever authors keep them."""

import hashlib
import os

import pytest
import safetensors.torch
import torch

from posekit.checkpoints.files import STATE_ENTRIES, first_few, read
from posekit.errors import InvalidCheckpoint

STATE = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


@pytest.mark.parametrize("entry", [None, *STATE_ENTRIES])
def test_weights_and_what_else_a_file_tells(tmp_path, entry):
    wrapped = {f"module.{name}": value for name, value in STATE.items()}
    path = tmp_path / "model.bin"
    content = {"epoch": 87, "lr": 3.2e-5, "args": {"frames": 9}}
    torch.save(wrapped if entry is None else content | {entry: wrapped}, path)
    found = read(path)
    assert list(found.state) == list(STATE)
    for name, value in STATE.items():
        assert torch.equal(found.state[name], value)
    told = (found.epoch, found.learning_rate, found.others)
    assert told == ((None, None, ()) if entry is None else (87, 3.2e-5, ("args",)))
    assert (found.path, found.size) == (path, path.stat().st_size)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_safetensors_hold_weights_alone(tmp_path):
    safetensors.torch.save_file(STATE, tmp_path / "model.safetensors")
    found = read(tmp_path / "model.safetensors")
    assert found.state.keys() == STATE.keys()
    assert torch.equal(found.state["layer.weight"], STATE["layer.weight"])
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
    ],
)
def test_a_file_without_weights_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "other.bin")
    with pytest.raises(InvalidCheckpoint, match=message) as caught:
        read(tmp_path / "other.bin")
    assert "\n" not in str(caught.value)


def test_a_pipe_or_a_folder_is_no_checkpoint(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidCheckpoint, match="is no file; give the path"):
            read(path)


def test_a_long_list_of_names_is_cut():
    assert first_few([]) == "none"
    assert first_few("abcd") == "a, b, c, d"
    assert first_few("abcdef") == "a, b, c, d and 2 more"
