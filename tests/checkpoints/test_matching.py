"""Whether a state can be a network's: every way in which it is not is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hostile_checkpoints import tiny_network
from torch import Tensor

from posekit.checkpoints import load
from posekit.checkpoints.files import CheckpointFile
from posekit.checkpoints.matching import (
    LARGEST,
    LARGEST_OTHER,
    check_bytes,
    check_match,
    check_sizes,
    load_strictly,
)
from posekit.errors import InvalidCheckpoint
from posekit.models import MODELS, network, option_defaults
from posekit.models.releases import Description

NAME = "head.1.bias"


def state() -> dict[str, Tensor]:
    return tiny_network("mixste").state_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 3**5000}, "its shapes tell frames <int>, beyond the 2187"),
        ({"embed_dim": 4096}, "embed_dim 4096, beyond the 2048"),
        ({"depth": 10**9}, "depth 1000000000, beyond the 128"),
        ({"mlp_ratio": 1e9}, "mlp_ratio 1000000000.0, beyond the 64"),
        ({"mlp_ratio": float("nan")}, "mlp_ratio nan"),
        ({"in_channels": -1}, "in_channels -1"),
        ({"timesteps": 10**6}, "timesteps 1000000, beyond the 8192"),
    ],
)
def test_sizes_beyond_any_published_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidCheckpoint, match=f"model.bin: .*{message}"):
        check_sizes(Description(17, options), "model.bin")


@pytest.mark.parametrize("model", MODELS)
def test_published_sizes_are_far_from_the_largest(model: str) -> None:
    made = network(model)
    for options in (option_defaults(made.Config), *made.published.values()):
        check_sizes(Description(17, options), model)
        for name in ("embed_dim", "depth"):
            assert 2 * options.get(name, 0) <= LARGEST[name]
        assert options.get("timesteps", 0) <= LARGEST_OTHER / 2


def test_weights_larger_than_their_file_are_refused() -> None:
    file = CheckpointFile(Path("model.bin"), "", 100, True, {}, None, None, ())
    check_bytes({"weight": torch.ones(50)}, file, "model.bin")
    with pytest.raises(InvalidCheckpoint, match="weights take 204 bytes and the file has 100"):
        check_bytes({"weight": torch.ones(51)}, file, "model.bin")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            torch.bool,
            r"1 of its weights are of the wrong kind of number \(head.1.bias torch.bool\)",
        ),
        (torch.int8, r"head.1.bias torch.int8"),
        (torch.int64, r"head.1.bias torch.int64"),
        (torch.complex64, r"head.1.bias torch.complex64"),
    ],
)
def test_weights_that_are_no_floating_point_numbers_are_refused(
    tmp_path: Path, kind: torch.dtype, message: str
) -> None:
    given = state()
    given[NAME] = given[NAME].to(kind)
    with pytest.raises(InvalidCheckpoint, match=message):
        check_match(tiny_network("mixste"), given, "model.bin")
    if not kind.is_complex:  # which the reader knows no storage of
        torch.save(given, tmp_path / "model.bin")
        with pytest.raises(InvalidCheckpoint, match=message):
            load(tmp_path / "model.bin")


def test_counters_that_are_no_integers_are_refused() -> None:
    given = tiny_network("gla_gcn").state_dict()
    given["data_bn.num_batches_tracked"] = torch.tensor(3.0)
    with pytest.raises(InvalidCheckpoint, match=r"num_batches_tracked torch\.float32"):
        check_match(tiny_network("gla_gcn"), given, "model.bin")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_values_that_are_not_finite_are_refused(value: float, kind: torch.dtype) -> None:
    given = state()
    given[NAME] = torch.full_like(given[NAME], value).to(kind)
    with pytest.raises(InvalidCheckpoint, match=r"1 of its weights hold NaN or infinity"):
        load_strictly(tiny_network("mixste"), given, "model.bin")


def test_values_beyond_single_precision_are_refused() -> None:
    given = state()
    given[NAME] = torch.full_like(given[NAME], 1e300, dtype=torch.float64)
    with pytest.raises(InvalidCheckpoint, match="hold NaN or infinity"):
        load_strictly(tiny_network("mixste"), given, "model.bin")


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.float8_e5m2])
def test_other_precisions_are_loaded(kind: torch.dtype) -> None:
    given = {name: value.to(kind) for name, value in state().items()}
    made = tiny_network("mixste")
    load_strictly(made, given, "model.bin")
    assert all(torch.equal(made.state_dict()[name], given[name].float()) for name in given)


def test_other_names_and_shapes_are_refused() -> None:
    given = state()
    with pytest.raises(InvalidCheckpoint, match=r"0 names missing \(none\), 1 unexpected \(extra"):
        check_match(tiny_network("mixste"), given | {"extra": torch.ones(1)}, "model.bin")
    lacking = {name: value for name, value in given.items() if name != NAME}
    with pytest.raises(InvalidCheckpoint, match=r"1 names missing \(head\.1\.bias\)"):
        check_match(tiny_network("mixste"), lacking, "model.bin")
    with pytest.raises(InvalidCheckpoint, match=r"head\.1\.bias \(4,\), not \(3,\)"):
        check_match(tiny_network("mixste"), given | {NAME: torch.ones(4)}, "model.bin")
