"""Weights wrapped as people save them: found, unwrapped, and told; or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hostile_checkpoints import TINY, tiny_network
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from posekit.checkpoints import load
from posekit.checkpoints.files import CheckpointFile
from posekit.checkpoints.wrappers import find_weights
from posekit.errors import InvalidCheckpoint
from posekit.models import MODELS

State = dict[str, Tensor]


def file_of(*tables: tuple[tuple[str, ...], State]) -> CheckpointFile:
    return CheckpointFile(Path("model.bin"), "", 10**9, True, dict(tables), None, None, ())


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{name}": value for name, value in state.items()}


def averaged(network: nn.Module) -> State:
    return torch.optim.swa_utils.AveragedModel(network).state_dict()


AS_SAVED: dict[str, tuple[Callable[[nn.Module], State], str]] = {
    "data parallel": (lambda net: nn.DataParallel(net).state_dict(), "module."),
    "compiled": (lambda net: torch.compile(net).state_dict(), "_orig_mod."),
    "moving average": (averaged, "module."),
}


@pytest.mark.parametrize("model", MODELS)
def test_every_network_is_found_inside_of_others(model: str) -> None:
    assert set(TINY) == set(MODELS)
    state = tiny_network(model).state_dict()
    for prefix in ("", "module.", "module.module.", "module._orig_mod.", "model.net.", "a.b.c."):
        found = find_weights(file_of((("state_dict",), prefixed(state, prefix))))
        assert (found.network, found.prefix, found.entry) == (model, prefix, ("state_dict",))
        assert list(found.state) == list(state)
        assert all(found.state[name] is state[name] for name in state)


@pytest.mark.parametrize("wrapper", AS_SAVED)
def test_wrappers_of_torch_are_taken_off(tmp_path: Path, wrapper: str) -> None:
    save, prefix = AS_SAVED[wrapper]
    network = tiny_network("mixste")
    torch.save({"model": save(network), "epoch": 3}, tmp_path / "model.bin")
    loaded = load(tmp_path / "model.bin")
    points = torch.rand(1, 5, 17, 2)
    assert torch.equal(loaded.network(points), network(points))
    assert (loaded.identity.entry, loaded.identity.stripped) == ("model", (prefix,))
    assert loaded.identity.ignored == (("n_averaged",) if wrapper == "moving average" else ())


PARTS = st.sampled_from(["module", "_orig_mod", "model", "net", "ema", "lifter", "state_dict"])


@settings(max_examples=40, deadline=None)
@given(
    model=st.sampled_from(["gumlp", "mixste", "d3dp"]),
    parts=st.lists(PARTS, max_size=6),
    entry=st.lists(PARTS, max_size=3),
    inside=st.sampled_from(["", "_orig_mod", "module", "_checkpoint_wrapped_module"]),
)
def test_any_prefix_under_any_key_is_told(
    model: str, parts: list[str], entry: list[str], inside: str
) -> None:
    state = tiny_network(model).state_dict()
    prefix = "".join(f"{part}." for part in parts)
    names = {name: name for name in state}
    if inside:  # as when each block is wrapped on its own
        names = {
            name: ".".join([*name.split(".")[:1], inside, *name.split(".")[1:]]) for name in state
        }
    wrapped = {prefix + names[name]: value for name, value in state.items()}
    found = find_weights(file_of((tuple(entry), wrapped)))
    assert (found.network, found.entry, found.prefix) == (model, tuple(entry), prefix)
    assert found.inner == ((f"{inside}.",) if inside else ())
    assert list(found.state) == list(state)


def test_what_lightning_saves_beside_a_network_is_told(tmp_path: Path) -> None:
    state = prefixed(tiny_network("mixste").state_dict(), "model.")
    content = {
        "epoch": 4,
        "global_step": 1000,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state | {"criterion.weight": torch.ones(17)},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}}],
        "hyper_parameters": {"lr": 1e-3},
    }
    torch.save(content, tmp_path / "last.ckpt")
    card = load(tmp_path / "last.ckpt").identity
    assert (card.entry, card.stripped, card.epoch) == ("state_dict", ("model.",), 4)
    assert card.ignored == (
        "global_step",
        "pytorch-lightning_version",
        "optimizer_states",
        "hyper_parameters",
        "criterion.weight",
    )


def test_several_networks_are_refused_by_name_and_one_can_be_chosen(tmp_path: Path) -> None:
    online, average = (tiny_network("mixste").state_dict() for _ in range(2))
    average = {name: value + 1 for name, value in average.items()}
    both = prefixed(online, "online_model.") | prefixed(average, "ema_model.module.")
    path = tmp_path / "model.bin"
    torch.save({"state_dict": both, "best": online}, path)
    with pytest.raises(InvalidCheckpoint, match="holds 3 networks") as caught:
        load(path)
    for place in ("state_dict.online_model", "state_dict.ema_model.module", "best"):
        assert place in str(caught.value)
    loaded = load(path, entry="state_dict.ema_model.module")
    assert all(torch.equal(loaded.network.state_dict()[name], average[name]) for name in average)
    with pytest.raises(InvalidCheckpoint, match=r"no known network at ema; choose one of: .*best"):
        load(path, entry="ema")


def test_names_that_become_the_same_are_refused() -> None:
    state = tiny_network("mixste").state_dict()
    twice = state | {"STEblocks._orig_mod.0.norm1.weight": torch.ones(16)}
    with pytest.raises(
        InvalidCheckpoint,
        match=r"STEblocks\.0\.norm1\.weight and STEblocks\._orig_mod\.0\.norm1\.weight are both",
    ):
        find_weights(file_of(((), twice)))


def test_names_half_of_which_are_wrapped_do_not_match(tmp_path: Path) -> None:
    state = tiny_network("mixste").state_dict()
    torch.save(state | {"module.head.1.bias": torch.ones(3)}, tmp_path / "model.bin")
    with pytest.raises(InvalidCheckpoint, match=r"1 unexpected \(module\.head\.1\.bias\)"):
        load(tmp_path / "model.bin")


def test_no_known_network_is_told_by_its_first_names() -> None:
    other = {"encoder.weight\n": torch.ones(2), "decoder.weight": torch.ones(2)}
    with pytest.raises(InvalidCheckpoint, match=r"no network known here .*encoder\.weight\\n, dec"):
        find_weights(file_of(((), other)))
