"""Weights of networks that read images: the authors' files of PersPose, whole and damaged."""

import pytest
import torch

from posekit.checkpoints.image_networks import IMAGE_NETWORKS, load_image_network
from posekit.errors import InvalidCheckpoint
from posekit.models.perspose import PersPose, PersPoseConfig

SIZE = {
    **{"width": 4, "modules": (1, 2, 1), "blocks": 1, "stem": 4, "head": (2, 2, 4, 4)},
    **{"features": 8, "components": 10},
}


def network():
    torch.manual_seed(0)
    return PersPose(PersPoseConfig(**SIZE, image_px=64)).eval()


def released(state):
    """What the authors' files hold beside the network: a body model and its parameters."""
    body = {"smpl.betas": torch.zeros(96, 11), "smpl.v_template": torch.zeros(6890, 3)}
    return {**state, **body}


def save(content, tmp_path):
    path = tmp_path / "perspose.pth"
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("wrap", "prefix"),
    [(lambda state: state, "module."), (lambda state: {"model": state, "epoch": 3}, "")],
    ids=["itself", "under model"],
)
def test_the_authors_files_load_without_their_body_model(tmp_path, wrap, prefix):
    built = network()
    state = released(built.state_dict())
    path = save(wrap({prefix + name: value for name, value in state.items()}), tmp_path)
    loaded = load_image_network(path, image_px=64)
    assert loaded.name == "perspose" in IMAGE_NETWORKS
    assert loaded.network.config == built.config
    assert not loaded.network.training
    assert loaded.ignored == ("smpl.betas", "smpl.v_template")
    for name, value in built.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value), name


def test_the_published_crop_is_assumed(tmp_path):
    path = save(network().state_dict(), tmp_path)
    assert load_image_network(path).network.config == PersPoseConfig(**SIZE)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda state: state.pop("cam_layer.weight"), "is of no network known here"),
        (lambda state: state.pop("twist_layer.bias"), r"1 names missing \(twist_layer.bias\)"),
        (lambda state: state.update(extra=torch.zeros(1)), r"1 unexpected \(extra\)"),
        (
            lambda state: state.update({"hm_layer.bias": torch.zeros(24)}),
            r"1 shapes differ \(hm_layer.bias \(24,\), not \(25,\)\)",
        ),
        (
            lambda state: state.update({"hm_layer.bias": torch.full((25,), torch.nan)}),
            r"1 of its weights hold NaN or infinity \(hm_layer.bias\)",
        ),
    ],
)
def test_damage_is_told_in_one_line(tmp_path, damage, told):
    state = network().state_dict()
    damage(state)
    with pytest.raises(InvalidCheckpoint, match=told) as caught:
        load_image_network(save(state, tmp_path), image_px=64)
    assert "\n" not in str(caught.value)
    assert "perspose.pth" in str(caught.value)


def test_a_file_of_another_network_than_expected_is_refused(tmp_path):
    path = save(network().state_dict(), tmp_path)
    with pytest.raises(InvalidCheckpoint, match="holds a perspose, not a dsr; choose the file of"):
        load_image_network(path, model="dsr")


def test_a_crop_that_no_network_takes_is_refused(tmp_path):
    path = save(network().state_dict(), tmp_path)
    with pytest.raises(InvalidCheckpoint, match="image_px is 100"):
        load_image_network(path, image_px=100)
