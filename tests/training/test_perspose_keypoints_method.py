"""PersPose of keypoints as a method: what it sees, what it is told, and exact answers scored."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from pictures import pictures_folder, smoke_pictures

from posekit.bodies import open_body
from posekit.datasets.rendered import PEOPLE, BodyImages, load_rendered
from posekit.errors import InvalidParameter
from posekit.metrics.body_errors import body_errors
from posekit.models.perspective_heads import PersPosePrediction
from posekit.models.scaling import Scale
from posekit.training.perspose_keypoints_method import METHOD
from posekit.workbook.tasks.image_to_body_runs import surface_of, true_surface

CPU = torch.device("cpu")


def method(**options: object) -> METHOD:
    return METHOD(METHOD.scaled(options, Scale(width_divisor=16)), open_body(), 64)


def answering(batch: dict[str, torch.Tensor]) -> SimpleNamespace:
    """A network that knows the true depths and scales."""

    def predict_mean(keypoints: torch.Tensor, *_: torch.Tensor) -> PersPosePrediction:
        return PersPosePrediction(keypoints, batch["depth"], batch["scale"], None, None, None)

    return SimpleNamespace(predict_mean=predict_mean)


@pytest.mark.parametrize("rotation", [False, True])
def test_true_depths_and_scales_give_the_true_joints(rotation: bool) -> None:
    images, chosen = smoke_pictures("test"), method(rotation=rotation)
    network = answering(chosen.prepare(images, CPU, training=True))
    found = chosen.predict(network, chosen.prepare(images, CPU, training=False))
    body = open_body()
    errors = body_errors(surface_of(found, body), true_surface(images, body), body.faces)
    assert set(errors) == {"mpjpe", "pa_mpjpe"}
    assert errors["mpjpe"].mean() < 2.5  # the tip of the head is read off neck and shoulders


def test_terms_have_gradients() -> None:
    chosen = method(noise_px=3.0)
    torch.manual_seed(0)
    network = chosen.build(0).train()
    batch = chosen.prepare(smoke_pictures("train"), CPU, training=True)
    losses = chosen.losses(network, batch, 0)
    assert tuple(losses) == chosen.terms
    losses["total"].backward()
    assert network.first.weight.grad.norm() > 0


def test_test_keypoints_are_noisy_the_same_way_every_time() -> None:
    images = smoke_pictures("test")
    exact, noisy, again = (
        method(noise_px=noise).prepare(images, CPU, training=False)["keypoints"]
        for noise in (0.0, 8.0, 8.0)
    )
    assert torch.equal(noisy, again)
    deviation = float((noisy - exact).std())
    assert deviation == pytest.approx(8 * 64 / 256, rel=0.1)


def test_baselines_see_what_the_network_sees() -> None:
    images = smoke_pictures("test")
    assert method(encoding=False).plain_input(images).shape == (len(images), 50)
    assert method(encoding=True).plain_input(images).shape == (len(images), 100)
    identity = torch.eye(3).expand(len(images), 3, 3)
    assert torch.equal(method(rotation=False).axes(images), identity)
    assert not torch.allclose(method(rotation=True).axes(images), identity)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"widht": 3}, "unknown option of perspose_keypoints 'widht'"),
        ({"noise_px": -1.0}, "noise_px is -1.0; choose 0 or more"),
        ({"focal": 0.0}, "focal is 0.0; choose a factor above 0"),
        ({"focal": "35 mm"}, "focal is '35 mm'; choose a factor above 0"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        METHOD.scaled(options, Scale())


def test_persons_need_no_pictures() -> None:
    folder = pictures_folder()
    people = load_rendered(
        "test", size="smoke", cache=folder / "cache", data=folder, pictures=False
    )
    assert isinstance(people, BodyImages)
    assert (len(people), people.crop_px) == (PEOPLE["smoke"]["test"], 0)
    batch = method().prepare(people, CPU, training=True)
    assert batch["keypoints"].shape == (len(people), 25, 2)
