"""Bodies fitted to pictures: where they begin, what keypoints leave open, what silhouettes do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import smoke_pictures

from posekit.bodies import open_body
from posekit.datasets.rendered import BodyImages
from posekit.errors import InvalidParameter
from posekit.metrics.body_errors import body_errors
from posekit.models.scaling import Scale
from posekit.training import Recipe
from posekit.training.body_regression import BodyEstimate
from posekit.training.body_steps import BodySteps
from posekit.training.dsr_fit_method import METHOD, FittedBodies, place_of
from posekit.workbook.tasks.image_to_body_data import taken
from posekit.workbook.tasks.image_to_body_runs import estimated, surface_of, true_surface

CPU = torch.device("cpu")
KEYPOINTS = {"minimal": "none", "clothed": False}


def some() -> BodyImages:
    """The pictures in the loosest clothes."""
    images = smoke_pictures("test")
    return taken(images, np.argsort(-images.looseness)[:4])


def fitted(
    network: FittedBodies, options: dict[str, object], steps: int, rate: float
) -> dict[str, torch.Tensor]:
    """Mean errors after some steps."""
    images, body = some(), open_body()
    chosen = METHOD(METHOD.scaled(options, Scale()), open_body(), images.crop_px)
    pictures = chosen.prepare(images, CPU, training=True)
    recipe = Recipe(
        learning_rate=rate, schedule="cosine", weight_decay=0.0, epochs=steps, batch_size=4
    )
    facts = {"seed": 0, "phase": 1, "clip": None, "data": ""}
    taking = BodySteps(chosen, network, pictures, recipe, **facts)
    for step in range(steps):
        taking.take(step)
    found = surface_of(estimated(network, chosen, images, CPU), body)
    errors = body_errors(found, true_surface(images, body), body.faces)
    return {name: float(values.mean()) for name, values in errors.items()}


def started(seed: int = 0) -> FittedBodies:
    torch.manual_seed(seed)
    return FittedBodies(4)


@settings(max_examples=20, deadline=None)
@given(st.floats(-2, 2), st.floats(-1, 1), st.floats(2, 8), st.integers(0, 99))
def test_a_body_is_placed_where_it_is_seen(x: float, y: float, depth: float, seed: int) -> None:
    joints = 0.5 * torch.randn(1, 24, 3, generator=torch.Generator().manual_seed(seed))
    intrinsics = torch.tensor([[[70.0, 0, 40], [0, 80.0, 20], [0, 0, 1]]])
    place = torch.tensor([[x, y, depth + 2]])
    seen = (joints + place[:, None]) @ intrinsics.mT
    found = place_of(joints, seen[..., :2] / seen[..., 2:], intrinsics)
    assert torch.allclose(found, place, atol=2e-2)


def test_keypoints_find_the_pose_and_leave_much_of_the_shape() -> None:
    images, body = some(), open_body()
    mean = BodyEstimate(
        torch.from_numpy(images.rotations), torch.zeros(4, 10), torch.from_numpy(images.translation)
    )
    true = true_surface(images, body)
    before = body_errors(surface_of(mean, body), true, body.faces)["rest_pve"].mean()
    after = fitted(started(), KEYPOINTS, 120, 0.1)
    assert after["mpjpe"] < 45
    assert 4 < after["rest_pve"] < before


def test_a_silhouette_makes_bodies_fatter_than_labels_do() -> None:
    network = started()
    fitted(network, KEYPOINTS, 120, 0.1)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    outcome = {}
    for name, options in {
        "silhouette": {"minimal": "silhouette", "clothed": False},
        "labels": {"labels": "true"},
    }.items():
        again = started()
        again.load_state_dict(state)
        outcome[name] = fitted(again, options, 30, 0.05)["fatter"]
    assert outcome["silhouette"] > outcome["labels"] + 1.0


def test_the_noise_is_the_seeds() -> None:
    first, same, other = started(0), started(0), started(1)
    assert torch.equal(first.noise_3d, same.noise_3d)
    assert not torch.equal(first.noise_3d, other.noise_3d)


def test_a_fit_is_told_no_negative_noise() -> None:
    with pytest.raises(InvalidParameter, match="noise_m is -1; choose 0 or more"):
        METHOD.scaled({"noise_m": -1}, Scale())
