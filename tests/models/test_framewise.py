"""Lifters of single frames: windows, layers that they share, and the files that PoseAug saves."""

import pytest
import torch

from posekit import checkpoints
from posekit.errors import InvalidCheckpoint, InvalidData, InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_16, HUMAN36M_17, HUMANEVA_15, MPI_INF_3DHP_17
from posekit.models import build
from posekit.models.framewise import ChannelMap, ChannelNorm, joints_of, with_root
from posekit.profiling.counting import size_of

SMALL = {
    "semgcn": {"embed_dim": 24, "layers": 3},
    "simple_baseline": {"embed_dim": 24, "stages": 3},
    "st_gcn": {"embed_dim": 8},
    "videopose3d": {"embed_dim": 24, "blocks": 3},
}
ALL = pytest.mark.parametrize("name", SMALL)


def small(name, skeleton=HUMAN36M_16, **options):
    torch.manual_seed(0)
    network = build(name, skeleton=skeleton, **(SMALL[name] | options)).double().eval()
    with torch.no_grad():  # no number at the place where it starts
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def draw(*shape, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64) * 2 - 1


# Parameters as published, and multiply-accumulates counted by hand. A graph convolution of SemGCN
# mixes 16 joints twice, once for themselves; one of ST-GCN mixes them in four subsets.
PUBLISHED = [
    ("simple_baseline", 4_288_557, 32 * 1024 + 4 * 1024**2 + 1024 * 45, 0),
    ("videopose3d", 8_485_933, 32 * 1024 + 8 * 1024**2 + 1024 * 45, 0),
    ("semgcn", 267_343, 16 * 2 * (2 * 128 + 8 * 128**2 + 128 * 3), 2 * 16**2 * (9 * 128 + 3)),
    (
        "st_gcn",
        3_627_847,
        17 * (2 * 512 + 128 * 512 + 128 * 1024 + 2 * 128**2 + 256**2 + 128 * 256)  # joints
        + 5 * (256 * 2048 + 512 * 2048 + 2 * 512**2 + 256 * 512 + 1024 * 256)  # parts
        + 512**2  # body
        + 17 * (4 * 512 * 256 + 512 * 3),  # non-local block and head
        4 * (17**2 * (128 + 128 + 256) + 5**2 * (512 + 512)) + 17**2 * (256 + 256),
    ),
]


@pytest.mark.parametrize(("name", "parameters", "layers", "mixing"), PUBLISHED)
def test_size_is_that_of_the_release(name, parameters, layers, mixing):
    size = size_of(name, skeleton=HUMAN36M_16)
    assert size.parameters == parameters
    assert size.layer_macs == layers
    assert size.product_macs == layers + mixing
    window = size_of(name, skeleton=HUMAN36M_16, frames=3)
    assert (window.parameters, window.product_macs) == (parameters, 3 * size.product_macs)


@ALL
def test_frames_are_lifted_one_by_one(name):
    window, frame = small(name, frames=4), small(name)
    assert (frame.frames, frame.output) == (1, "sequence")
    keypoints = draw(2, 4, 16, 2)
    alone = frame(keypoints.flatten(0, 1)[:, None]).view(2, 4, 16, 3)
    torch.testing.assert_close(window(keypoints), alone)


@ALL
@pytest.mark.parametrize("skeleton", [HUMAN36M_16, HUMAN36M_17, MPI_INF_3DHP_17])
def test_the_root_is_the_origin_where_the_release_leaves_it_out(name, skeleton):
    pose = small(name, skeleton)(draw(3, 1, skeleton.joints, 2))
    assert pose.shape == (3, 1, skeleton.joints, 3)
    rooted = name in ("simple_baseline", "videopose3d")
    assert bool((pose[:, :, skeleton.root] == 0).all()) == rooted
    others = [joint for joint in range(skeleton.joints) if joint != skeleton.root]
    assert bool((pose[:, :, others] != 0).all())


@ALL
def test_a_batch_of_one_frame_trains(name):
    network = small(name).train()
    network(draw(1, 1, 16, 2)).square().sum().backward()
    assert all(bool(weight.grad.isfinite().all()) for weight in network.parameters())
    assert all(bool(value.isfinite().all()) for value in network.state_dict().values())


@ALL
def test_training_drops_and_evaluation_does_not(name):
    options = {} if name == "st_gcn" else {"dropout": 0.5}
    network, keypoints = small(name, **options), draw(3, 1, 16, 2)
    assert torch.equal(network(keypoints), network(keypoints))
    network.train()
    assert not torch.equal(network(keypoints), network(keypoints))


@ALL
@pytest.mark.parametrize("entry", ["state_dict", "model_pos"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_of_poseaug_are_known_by_their_names(tmp_path, name, entry, prefix):
    network = small(name).float()
    state = {f"{prefix}{key}": value for key, value in network.state_dict().items()}
    torch.save({"epoch": 37, entry: state}, tmp_path / "ckpt_best_h36m_p1.pth.tar")
    loaded = checkpoints.load(tmp_path / "ckpt_best_h36m_p1.pth.tar")
    card = loaded.identity
    assert (card.network, card.host, card.epoch, card.entry) == (name, name, 37, entry)
    assert (card.frames, card.joints, card.in_channels) == (1, 16, 2)
    assert (card.width, card.depth) == ((8, None) if name == "st_gcn" else (24, 3))
    assert (card.heads, card.assumed_heads, card.skeleton) == (None, None, "poseaug-16")
    assert card.stripped == ((prefix,) if prefix else ())
    keypoints = draw(2, 1, 16, 2).float()
    assert torch.equal(loaded.network(keypoints), network(keypoints))


@ALL
def test_a_file_of_17_joints_gives_a_network_of_17(tmp_path, name):
    network = small(name, HUMAN36M_17).float()
    torch.save({"state_dict": network.state_dict()}, tmp_path / "model.pth")
    loaded = checkpoints.load(tmp_path / "model.pth")
    assert (loaded.identity.joints, loaded.network.skeleton) == (17, HUMAN36M_17)
    keypoints = draw(2, 1, 17, 2).float()
    assert torch.equal(loaded.network(keypoints), network(keypoints))
    with pytest.raises(InvalidCheckpoint, match=r"is for 17 joints, poseaug-16 has 16"):
        checkpoints.load(tmp_path / "model.pth", skeleton=HUMAN36M_16)
    with pytest.raises(InvalidCheckpoint, match=r"is for windows of 1 frames, not 9"):
        checkpoints.load(tmp_path / "model.pth", frames=9)


@ALL
def test_bad_input_is_refused_in_one_line(name):
    network = small(name)
    for shape in [(2, 1, 17, 2), (2, 3, 16, 2), (2, 1, 16, 3), (2, 16, 2)]:
        with pytest.raises(InvalidData, match=r"takes \(batch, 1, 16, 2\)"):
            network(draw(*shape))
    with pytest.raises(InvalidParameter, match="joints of poseaug-16 and clips holds those of"):
        network.check_joints(HUMANEVA_15, "clips")
    with pytest.raises(InvalidParameter, match="no option 'heads'; it takes"):
        small(name, heads=8)
    with pytest.raises(InvalidParameter, match="embed_dim is 0; it counts from 1"):
        small(name, embed_dim=0)
    with pytest.raises(InvalidParameter, match="frames is 0"):
        small(name, frames=0)


def test_the_root_is_inserted_where_it_belongs():
    coordinates = torch.arange(1.0, 49.0).expand(2, 48)
    pose = with_root(coordinates, MPI_INF_3DHP_17)
    assert pose[0, 14].tolist() == [0, 0, 0]
    assert pose[0, 13].tolist() == [40, 41, 42]
    assert pose[0, 15].tolist() == [43, 44, 45]


def test_a_norm_is_that_of_its_channels_and_one_row_takes_what_it_has_seen():
    norm, plain = ChannelNorm(5), torch.nn.BatchNorm1d(5)
    values = draw(4, 3, 5).float()
    torch.testing.assert_close(norm(values), plain(values.flatten(0, 1)).view_as(values))
    seen = norm.running_mean.clone()
    alone = norm(values[:1, :1])
    torch.testing.assert_close(alone, plain.eval()(values[0, :1])[None])
    assert torch.equal(norm.running_mean, seen)


def test_a_map_is_the_convolution_that_it_is_saved_as():
    layer, values = ChannelMap(5, 7), draw(4, 3, 5).float()
    plain = torch.nn.functional.conv2d(values.permute(0, 2, 1)[..., None], layer.weight, layer.bias)
    torch.testing.assert_close(layer(values), plain[..., 0].permute(0, 2, 1))


def test_joints_are_told_by_widths_of_keypoints_alone():
    assert joints_of(32, 45) == (16, 2)
    assert joints_of(51, 48) == (17, 3)
    for widths in [(96, 45), (34, 51), (32, 46)]:  # PoseAug's generator, a pose with its root, none
        with pytest.raises(ValueError, match="no keypoints and pose"):
            joints_of(*widths)
