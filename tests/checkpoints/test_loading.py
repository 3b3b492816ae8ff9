"""Released checkpoints: networks told apart, options read off the shapes, loaded strictly."""

import argparse
import pickle

import numpy as np
import pytest
import safetensors.torch
import torch

from posekit.checkpoints import from_reference, load
from posekit.checkpoints.files import read
from posekit.errors import InvalidCheckpoint, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17, HUMANEVA_15, Skeleton
from posekit.models import build
from posekit.models.d3dp import REFERENCE_CONSTANTS

SMALL = {"frames": 5, "embed_dim": 16, "depth": 2}
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def network(name="ktpformer", **options):
    torch.manual_seed(0)
    built = build(name, skeleton=HUMAN36M_17, **(SMALL | options)).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return built


def save(content, path, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def release(built, **others):
    """What the authors' training scripts save: wrapped names and leftovers of the run."""
    optimiser = torch.optim.AdamW(built.parameters(), lr=1e-3)
    points = torch.rand(2, built.frames, built.skeleton.joints, 2)
    target = torch.rand(2, built.frames, built.skeleton.joints, 3)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    built.training_forward(points, target).sum().backward()
    optimiser.step()
    built.load_state_dict(before)
    return {
        "epoch": 87,
        "lr": 3.2e-5,
        "random_state": np.random.RandomState(1234),
        "optimizer": optimiser.state_dict(),
        "model_pos": {f"module.{name}": value for name, value in before.items()},
        **others,
    }


def keypoints():
    return torch.rand(2, 5, 17, 2, generator=torch.manual_seed(1))


@FORMATS
@pytest.mark.parametrize("name", ["mixste", "ktpformer", "d3dp"])
def test_released_file_gives_the_same_function(tmp_path, name, zipped):
    built = network(name)
    content = release(built, arguments=argparse.Namespace(keypoints="cpn_ft_h36m_dbb"))
    path = save(content, tmp_path / "model_243_CPN_best_epoch.bin", zipped)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    loaded = load(path)
    torch.testing.assert_close(loaded.network(keypoints()), built(keypoints()), rtol=0, atol=0)
    card = loaded.identity
    assert (card.network, card.frames, card.joints, card.width, card.depth) == (name, 5, 17, 16, 2)
    assert (card.epoch, card.learning_rate, card.keypoints) == (87, 3.2e-5, "cpn")
    assert card.ignored == ("random_state", "optimizer", "arguments")
    assert card.size == path.stat().st_size
    told = "right" if zipped else "none; compare its sha256"
    assert dict(card.rows())["checksums in the file"] == told
    assert card.parameters == sum(parameter.numel() for parameter in built.parameters())
    assert ("keys that did not match", "none") in card.rows()


def test_the_card_says_where_the_weights_stood_and_what_was_taken_off(tmp_path):
    state = network().state_dict()
    wrapped = {f"module._orig_mod.{name}": value for name, value in state.items()}
    card = load(save({"ema": {"shadow": wrapped}, "epoch": 3}, tmp_path / "weights.pth")).identity
    assert (card.entry, card.stripped) == ("ema.shadow", ("module._orig_mod.",))
    assert ("weights", "under ema.shadow") in card.rows()
    assert ("taken off their names", "module._orig_mod.") in card.rows()
    card = load(save(state, tmp_path / "bare.pth")).identity
    assert (card.entry, card.stripped, card.keypoints) == ("", (), "unknown")
    assert ("weights", "the file itself") in card.rows()
    assert ("taken off their names", "nothing") in card.rows()


def test_safetensors_and_half_precision_are_read(tmp_path):
    state = network().state_dict()
    safetensors.torch.save_file(state, tmp_path / "weights.safetensors")
    half = {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    }
    save(half, tmp_path / "half.bin")
    exact = load(tmp_path / "weights.safetensors").network(keypoints())
    torch.testing.assert_close(exact, network()(keypoints()), rtol=0, atol=0)
    rounded = load(tmp_path / "half.bin").network
    assert all(parameter.dtype == torch.float32 for parameter in rounded.parameters())
    torch.testing.assert_close(rounded(keypoints()), exact, rtol=0, atol=0.02)


@pytest.mark.parametrize(
    "options", [{"kpa": False}, {"tpa": False}, {"mlp_ratio": 3.0}, {"in_channels": 3}]
)
def test_options_are_read_off_the_shapes(tmp_path, options):
    built = network(**options)
    path = save(built.state_dict(), tmp_path / "weights.bin")
    assert load(path).network.state_dict().keys() == built.state_dict().keys()


def test_released_diffusion_files_hold_their_schedule(tmp_path):
    state = network("d3dp", timesteps=50).state_dict()
    schedule = {name: torch.ones(50, dtype=torch.float64) for name in REFERENCE_CONSTANTS}
    loaded = load(save(state | schedule, tmp_path / "d3dp.bin"))
    assert loaded.network.timesteps == 50
    assert set(loaded.identity.ignored) == REFERENCE_CONSTANTS
    assert loaded.identity.host == "mixste"


def graph_network(skeleton=HUMAN36M_17, **options):
    """A GLA-GCN after one pass in training, as any file holds one."""
    torch.manual_seed(0)
    built = build("gla_gcn", skeleton=skeleton, **({"frames": 9, "embed_dim": 8} | options))
    with torch.no_grad():
        for parameter in built.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        built.train()(torch.rand(4, 9, skeleton.joints, built.in_channels))
    return built.eval()


@FORMATS
def test_released_gla_gcn_file_gives_the_same_function(tmp_path, zipped):
    built = graph_network()
    path = save(release(built), tmp_path / "96_gt_243_supervised.bin", zipped)
    loaded = load(path, model="gla_gcn", frames=9)
    points = torch.rand(2, 9, 17, 2)
    torch.testing.assert_close(loaded.network(points), built(points), rtol=0, atol=0)
    card = loaded.identity
    assert (card.network, card.host, card.frames, card.width) == ("gla_gcn", "gla_gcn", 9, 8)
    assert (card.depth, card.heads, card.keypoints, card.epoch) == (2, None, "gt", 87)
    assert "heads" not in dict(card.rows())


@pytest.mark.parametrize(
    "options",
    [
        {"head": "unshared"},
        {"head": "flat"},
        {"head": "pooled"},
        {"use_b": False},
        {"use_c": False},
        {"global_head": True},
        {"global_layers": 2},
        {"temporal_kernel": 5},
        {"in_channels": 3},
        {"skeleton": HUMANEVA_15},
    ],
)
def test_options_of_gla_gcn_are_read_off_the_shapes(tmp_path, options):
    built = graph_network(**options)
    loaded = load(save(built.state_dict(), tmp_path / "weights.bin")).network
    points = torch.rand(2, 9, built.skeleton.joints, built.in_channels)
    torch.testing.assert_close(loaded(points), built(points), rtol=0, atol=0)


def test_mask_rcnn_variant_is_known_by_the_normalisation_that_never_ran(tmp_path):
    built = graph_network(HUMANEVA_15, variant="mask-rcnn")
    path = save(release(built), tmp_path / "96_detectron_pt_coco_27_supervised_epoch_990.bin")
    loaded = load(path)
    assert (loaded.network.variant, loaded.identity.keypoints) == ("mask-rcnn", "detectron")
    coco = torch.rand(2, 9, 17, 2)
    torch.testing.assert_close(loaded.network(coco), built(coco), rtol=0, atol=0)
    assert load(path, variant="standard").network.variant == "standard"


def test_files_of_something_else_are_refused(tmp_path):
    with pytest.raises(InvalidCheckpoint, match="No such file"):
        read(tmp_path / "absent.bin")
    with pytest.raises(InvalidCheckpoint, match="a pickled Linear, not a dictionary"):
        read(save(torch.nn.Linear(2, 2), tmp_path / "module.bin"))
    with pytest.raises(InvalidCheckpoint, match=r"holds no weights \(its entries: epoch\)"):
        read(save({"epoch": 3}, tmp_path / "epoch.bin"))
    np.savez(tmp_path / "archive.npz", weight=np.ones(3))
    with pytest.raises(InvalidCheckpoint, match=r"not one of torch\.save"):
        read(tmp_path / "archive.npz")
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{'no json'}")
    with pytest.raises(InvalidCheckpoint, match="safetensors"):
        read(tmp_path / "broken.safetensors")
    save({"conv.weight": torch.ones(3)}, tmp_path / "other.bin")
    with pytest.raises(InvalidCheckpoint, match=r"no network known here .*conv\.weight"):
        load(tmp_path / "other.bin")


def test_another_network_or_size_than_asked_is_refused(tmp_path):
    path = save(network("mixste").state_dict(), tmp_path / "weights.bin")
    with pytest.raises(InvalidCheckpoint, match="holds a mixste, not a ktpformer"):
        load(path, model="ktpformer")
    with pytest.raises(InvalidCheckpoint, match="windows of 5 frames, not 243"):
        load(path, frames=243)
    with pytest.raises(InvalidCheckpoint, match="17 joints, humaneva-15 has 15"):
        load(path, skeleton=HUMANEVA_15)


def test_weights_that_diverged_are_refused(tmp_path):
    state = network().state_dict()
    state["head.1.bias"] = torch.tensor([0.0, float("nan"), 0.0])
    with pytest.raises(InvalidCheckpoint, match=r"1 of its weights hold NaN .*head\.1\.bias"):
        load(save(state, tmp_path / "diverged.bin"))


def test_a_number_of_heads_that_cannot_be_assumed_is_asked_for(tmp_path):
    path = save(network("mixste", embed_dim=12, heads=4).state_dict(), tmp_path / "narrow.bin")
    with pytest.raises(
        InvalidCheckpoint, match=r"narrow\.bin: .*12 is not divisible .*heads="
    ) as e:
        load(path)
    assert "\n" not in str(e.value)
    assert load(path, heads=4).identity.heads == 4


def test_names_and_shapes_must_match_exactly(tmp_path):
    state = network().state_dict()
    lacking = {name: value for name, value in state.items() if not name.startswith("head.1.")}
    with pytest.raises(
        InvalidCheckpoint, match=r"2 names missing \(head\.1\.weight, head\.1\.bias"
    ):
        load(save(lacking | {"extra": torch.ones(1)}, tmp_path / "lacking.bin"))
    config = {"num_frame": 7, "num_joints": 17, "embed_dim": 16, "depth": 2}
    with pytest.raises(InvalidCheckpoint, match=r"of another size .*\(7, 16\)"):
        from_reference("ktpformer", config, state)
    with pytest.raises(InvalidParameter, match="unknown reference model 'hot'"):
        from_reference("hot", config, state)


def test_reference_of_an_unregistered_skeleton_is_built():
    config = {"num_frame": 3, "num_joints": 4, "embed_dim": 8, "depth": 1, "num_heads": 2}
    parents = [-1, 0, 1, 1]
    built = build(
        "ktpformer",
        skeleton=Skeleton.from_parents("small", parents),
        frames=3,
        embed_dim=8,
        depth=1,
        heads=2,
    ).eval()
    state = {name: value.numpy() for name, value in built.state_dict().items()}
    same = from_reference("ktpformer", config | {"parents": parents}, state)
    points = torch.rand(1, 3, 4, 2)
    torch.testing.assert_close(same(points), built(points), rtol=0, atol=0)


def test_reference_without_bias_of_queries_keys_and_values():
    built = network("mixste", heads=8)
    state = {}
    for name, value in built.state_dict().items():
        if name.endswith("qkv.bias"):
            value.zero_()
        else:
            state[name] = value
    config = {"num_frame": 5, "num_joints": 17, "embed_dim": 16, "depth": 2}
    same = from_reference("mixste", config | {"qkv_bias": False}, state)
    torch.testing.assert_close(same(keypoints()), built(keypoints()), rtol=0, atol=0)
    with pytest.raises(InvalidCheckpoint, match="4 names missing"):
        from_reference("mixste", config, state)


def test_reference_sampler_without_its_mirrored_pass_is_refused():
    with pytest.raises(InvalidParameter, match="flip is False"):
        from_reference("d3dp-sampler", {"num_joints": 17, "flip": False}, {})
