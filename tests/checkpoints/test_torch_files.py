"""Files of ``torch.save``: tensors as they were, code never run, damage told in one line."""

import io
import os
import pickle
import zipfile
from contextlib import suppress
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.checkpoints import torch_files
from posekit.checkpoints.files import read
from posekit.errors import InvalidCheckpoint

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def save(content, path, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def leftovers(**others):
    """What the authors' training scripts save: weights and leftovers of the run."""
    layer = torch.nn.Linear(20, 30)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    layer(torch.rand(2, 20)).sum().backward()
    optimiser.step()
    return {
        "epoch": 87,
        "random_state": np.random.RandomState(1234),
        "optimizer": optimiser.state_dict(),
        "model_pos": layer.state_dict(),
        **others,
    }


def test_tensors_keep_their_views_and_types(tmp_path):
    base = torch.arange(24, dtype=torch.float64).view(4, 6)
    content = {
        "transposed": base.T,
        "part": base[1:3, ::2],
        "brain": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(7),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    for zipped in (True, False):
        state = read(save(content, tmp_path / f"{zipped}.bin", zipped)).tables[()]
        assert list(state) == list(content)
        for name, value in content.items():
            assert state[name].dtype == value.dtype
            assert torch.equal(state[name], value)


class Malicious:
    """Unpickling this the ordinary way calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@FORMATS
@pytest.mark.parametrize(
    ("function", "wanted"),
    [(os.system, "system"), (eval, "builtins.eval"), (getattr, "builtins.getattr")],
)
def test_code_is_refused_and_not_run(tmp_path, zipped, function, wanted):
    sentinel = tmp_path / "sentinel"
    arguments = {
        os.system: (f"touch {sentinel}",),
        eval: (f"open({str(sentinel)!r}, 'w')",),
        getattr: (sentinel, "touch"),
    }[function]
    content = leftovers(extra=Malicious(function, *arguments))
    path = save(content, tmp_path / "model.bin", zipped)
    with pytest.raises(InvalidCheckpoint, match=rf"refused, .*{wanted}.*nothing was run") as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert not sentinel.exists()


def test_plain_pickle_with_code_is_refused_and_not_run(tmp_path):
    sentinel = tmp_path / "sentinel"
    path = tmp_path / "model.bin"
    path.write_bytes(pickle.dumps(Malicious(os.system, f"touch {sentinel}")))
    with pytest.raises(InvalidCheckpoint, match="refused"):
        read(path)
    assert not sentinel.exists()


@FORMATS
def test_functions_of_other_libraries_are_not_run(tmp_path, zipped):
    sentinel = tmp_path / "sentinel.npy"
    extra = Malicious(np.save, str(sentinel), [1])
    path = save(leftovers(extra=extra), tmp_path / "model.bin", zipped)
    sentinel.unlink(missing_ok=True)
    assert read(path).entries == ("random_state", "optimizer", "model_pos", "extra")
    assert not sentinel.exists()


class Forged:
    """Stands for a function with a state."""


class ForgedName(pickle._Pickler):
    """Writes a state for a function, which no honest pickle holds."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_forged(self, _item):
        self.save_global(torch._utils._rebuild_tensor_v2)
        self.save({"forged": True})
        self.write(pickle.BUILD)

    dispatch[Forged] = save_forged


def test_a_pickle_sets_no_attribute_of_a_function(tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "model.bin", "w") as archive:
        ForgedName(stream, 2).dump({"weight": Forged()})
        archive.writestr("model/data.pkl", stream.getvalue())
    with pytest.raises(InvalidCheckpoint, match="sets the state of something that has none"):
        read(tmp_path / "model.bin")
    assert not hasattr(torch_files._view, "forged")


@FORMATS
def test_truncated_files_are_refused_in_one_line(tmp_path, zipped):
    whole = save(leftovers(), tmp_path / "whole.bin", zipped).read_bytes()
    for share in (0.0, 0.001, 0.1, 0.5, 0.9, 0.999):
        path = tmp_path / "cut.bin"
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(
            InvalidCheckpoint, match=r"cut\.bin: not a readable checkpoint"
        ) as caught:
            read(path)
        assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(
    damage=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    ),
    zipped=st.booleans(),
)
def test_damaged_files_never_raise_anything_else(tmp_path_factory, damage, zipped):
    folder = tmp_path_factory.mktemp("damaged")
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(3)}
    path = save({"model_pos": state, "epoch": 3}, folder / "model.bin", zipped)
    content = bytearray(path.read_bytes())
    # Places as shares: torch writes addresses into the file, so its length varies.
    for place, value in damage:
        content[int(place * len(content))] = value
    path.write_bytes(content)
    with suppress(InvalidCheckpoint):
        found = read(path)
        for table in found.tables.values():
            assert all(isinstance(value, torch.Tensor) for value in table.values())
