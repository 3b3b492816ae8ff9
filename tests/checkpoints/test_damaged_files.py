"""Damaged and hostile checkpoints: an error of one line, or the very weights; soon, and in little
memory."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import hostile_checkpoints
import pytest
import torch
from hostile_checkpoints import MEBIBYTE, MOST_MEMORY, outcome, tiny_network, written
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.checkpoints import load
from posekit.errors import PosekitError

MOST_SECONDS = 20
FORMS = ("zip", "legacy", "safetensors")


def test_no_file_of_a_megabyte_takes_long_or_all_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, hostile_checkpoints.__file__, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1:], done.stderr[-1000:])
    found = [line for line in lines if "name" in line]
    assert len(found) > 200
    assert max(line["size"] for line in lines if "begins" in line) <= MEBIBYTE
    assert [(line["name"], line["outcome"]) for line in found if line["outcome"]] == []
    assert [line["name"] for line in found if line["seconds"] > MOST_SECONDS] == []
    assert max(line["peak"] for line in found) < MOST_MEMORY


@cache
def whole(model: str, form: str) -> tuple[dict[str, torch.Tensor], bytes]:
    state = tiny_network(model).state_dict()
    return state, written(state, form)


SHARE = st.floats(0, 1, exclude_max=True)
FLIPS = st.lists(st.tuples(SHARE, st.integers(1, 255)), min_size=1, max_size=4)
CUT = st.tuples(SHARE, st.integers(1, 5000))


def flipped(content: bytes, flips: list[tuple[float, int]]) -> bytes:
    changed = bytearray(content)
    for share, bits in flips:  # as shares: torch writes addresses, so that lengths vary
        changed[int(share * len(changed))] ^= bits
    return bytes(changed)


def cut(content: bytes, share: float, size: int) -> bytes:
    place = int(share * len(content))
    return content[:place] + content[place + size :]


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(["gumlp", "mixste"]),
    form=st.sampled_from(FORMS),
    damage=st.one_of(FLIPS, CUT, SHARE),
)
def test_a_damaged_file_is_refused_in_one_line_or_gives_the_very_weights(
    tmp_path_factory: pytest.TempPathFactory,
    model: str,
    form: str,
    damage: list[tuple[float, int]] | tuple[float, int] | float,
) -> None:
    state, content = whole(model, form)
    if isinstance(damage, list):
        content = flipped(content, damage)
    elif isinstance(damage, tuple):
        content = cut(content, *damage)
    else:
        content = content[: int(damage * len(content))]
    path = tmp_path_factory.mktemp("damaged") / "model.bin"
    path.write_bytes(content)
    assert outcome(path) == ""
    try:
        loaded = load(path)
    except PosekitError:
        return
    found = loaded.network.state_dict()
    assert loaded.identity.network == model
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in state.items()
    }
    assert all(bool(value.isfinite().all()) for value in found.values())
    if form == "zip":  # the other forms hold no checksum, so that a flipped number is a number
        assert all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", ["gla_gcn", "motionagformer"])
def test_a_file_without_its_end_is_refused(tmp_path: Path, model: str, form: str) -> None:
    _, content = whole(model, form)
    for share in (0.0, 0.01, 0.3, 0.6, 0.9, 0.99):
        path = tmp_path / "cut.bin"
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(PosekitError, match=r"cut\.bin: "):
            load(path)
