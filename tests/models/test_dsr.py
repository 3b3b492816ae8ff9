"""DSR's regressor: its published sizes, its start, its files, and what it learns."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.checkpoints import load_image_network
from posekit.errors import InvalidCheckpoint, InvalidData, InvalidParameter
from posekit.models.dsr import DSR, DSRConfig, describe, normalised
from posekit.profiling.counting import measure_pass

SMALL = {"backbone": "resnet18", "width": 4, "hidden": 32, "crop_px": 64}


def small(**options):
    torch.manual_seed(0)
    return DSR(DSRConfig(**(SMALL | options))).eval()


@pytest.mark.parametrize(
    ("backbone", "parameters", "head", "gigamacs"),
    [("resnet50", 26_977_501, 3_469_469, 4.1196), ("resnet18", 13_073_117, 1_896_605, 1.8241)],
)
def test_size_is_that_of_the_release(backbone, parameters, head, gigamacs):
    with torch.device("meta"):
        network = DSR(DSRConfig(backbone=backbone))
        size = measure_pass(network, torch.empty(1, 3, 224, 224))
    assert size.parameters == parameters
    assert sum(value.numel() for value in network.head.parameters()) == head
    # The count of the release holds those of the normalisations.
    assert (size.product_macs + size.elementwise) / 1e9 == pytest.approx(gigamacs, rel=1e-4)


@given(pictures=st.integers(1, 3), size=st.sampled_from([64, 80, 96]))
@settings(max_examples=5, deadline=None)
def test_rotations_are_rotations_at_any_size(pictures, size):
    prediction = small(crop_px=size)(torch.randn(pictures, 3, size, size))
    assert prediction.rotations.shape == (pictures, 24, 3, 3)
    assert prediction.betas.shape == (pictures, 10)
    assert prediction.camera.shape == (pictures, 3)
    product = prediction.rotations @ prediction.rotations.mT
    torch.testing.assert_close(product, torch.eye(3).expand_as(product), atol=1e-5, rtol=0)
    assert (torch.linalg.det(prediction.rotations) > 0).all()


def test_first_estimate_is_near_its_start():
    network = small()
    pose = torch.randn(24, 6)
    network.head.init_pose[0] = pose.flatten()
    network.head.init_shape[0] = 0.5
    network.head.init_cam[0] = torch.tensor([0.7, 0.1, -0.2])
    for decoder in (network.head.decpose, network.head.decshape, network.head.deccam):
        torch.nn.init.zeros_(decoder.weight)
        torch.nn.init.zeros_(decoder.bias)
    prediction = network(torch.randn(2, 3, 64, 64))
    assert torch.equal(prediction.betas, torch.full((2, 10), 0.5))
    assert torch.equal(prediction.camera, torch.tensor([[0.7, 0.1, -0.2]] * 2))
    first = torch.nn.functional.normalize(pose.unflatten(1, (3, 2))[..., 0], dim=-1)
    torch.testing.assert_close(prediction.rotations[0, ..., 0], first)


def test_unset_start_is_an_unturned_body_in_front_of_the_camera():
    head = small().head
    identity = torch.eye(3)[:, :2].flatten()
    assert torch.equal(head.init_pose.unflatten(1, (24, 6))[0], identity.expand(24, 6))
    assert head.init_cam.tolist() == [[pytest.approx(0.9), 0, 0]]


def test_a_small_one_learns_on_a_processor():
    torch.manual_seed(1)
    network = small(dropout=0.0, hidden=64).train()
    pictures, betas = torch.randn(6, 3, 64, 64), torch.randn(6, 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(30):
        loss = (network(pictures).betas - betas).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_pictures_are_normalised_by_channel():
    grey = torch.full((1, 2, 2, 3), 255, dtype=torch.uint8)
    values = normalised(grey)
    assert values.shape == (1, 3, 2, 2)
    assert values[0, :, 0, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 1, 64, 64), (1, 3, 64, 32), (1, 3, 224, 224)])
def test_pictures_of_other_shapes_are_refused(shape):
    with pytest.raises(InvalidData, match=r"expected \(B, 3, 64, 64\)") as caught:
        small()(torch.zeros(shape))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"width": 0}, {"iterations": 0}, {"crop_px": 16}])
def test_sizes_that_cannot_be_are_refused(options):
    with pytest.raises(InvalidParameter, match=next(iter(options))):
        DSRConfig(**options)


def released(network):
    """DSR's file: the network inside a training program, beside a body model."""
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    return {"state_dict": {**state, "model.smpl.v_template": torch.zeros(5, 3)}, "epoch": 3}


def of_spin(network):
    """SPIN's file: names without the parts of the network."""
    state = network.state_dict().items()
    return {"model": {name.partition(".")[2]: value for name, value in state}, "optimizer": {}}


def shuffled(network):
    """The network with statistics and buffers of its own, too."""
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(value + 0.1 * torch.rand_like(value))
        else:
            value.copy_(torch.tensor(7))
    return network


@pytest.mark.parametrize("file", [released, of_spin])
@pytest.mark.parametrize("backbone", ["resnet18", "resnet50"])
def test_files_of_both_releases_give_the_same_network(tmp_path, file, backbone):
    network = shuffled(small(backbone=backbone, width=2, crop_px=224))
    torch.save(file(network), tmp_path / "checkpoint.pt")
    loaded = load_image_network(tmp_path / "checkpoint.pt", model="dsr")
    assert loaded.name == "dsr"
    assert not loaded.network.training
    assert loaded.network.config == network.config
    expected = network.state_dict()
    for name, value in loaded.network.state_dict().items():
        assert torch.equal(value, expected[name]), name
    body_model = [name for name in loaded.ignored if "smpl" in name]
    assert len(body_model) == (file is released)
    card = dict(loaded.rows())
    assert card["network"] == "dsr"
    assert f"backbone {backbone}, width 2" in card["options"]
    assert card["epoch"] == ("3" if file is released else "unknown")


def test_a_file_with_a_name_less_is_refused(tmp_path):
    content = released(small())
    del content["state_dict"]["model.head.fc2.bias"]
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(InvalidCheckpoint, match=r"head\.fc2\.bias") as caught:
        load_image_network(tmp_path / "checkpoint.pt")
    assert "\n" not in str(caught.value)


def test_weights_of_a_plain_resnet_are_none_of_dsr():
    state = small().backbone.state_dict()
    assert describe({**state, "fc.weight": torch.zeros(1000, 32)}) is None
