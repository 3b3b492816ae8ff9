"""PersPose with pictures as a method: terms, scaled options, true heads as true bodies."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from pictures import smoke_pictures

from posekit.bodies import open_body
from posekit.errors import InvalidParameter
from posekit.metrics.body_errors import body_errors
from posekit.models.perspective_heads import PersPosePrediction
from posekit.models.scaling import Scale
from posekit.training.perspose_method import METHOD
from posekit.workbook.tasks.image_to_body_runs import surface_of, true_surface

CPU = torch.device("cpu")
NARROW = Scale(width_divisor=16, depth_factor=0.25)


def method(**options: object) -> METHOD:
    return METHOD(METHOD.scaled(options, NARROW), open_body(), 64)


def test_options_are_scaled_and_written_out() -> None:
    published = METHOD.scaled({}, Scale())
    assert (published["width"], published["modules"], published["blocks"]) == (48, [1, 4, 3], 4)
    small = METHOD.scaled({"rotation": False}, NARROW)
    assert (small["width"], small["modules"], small["rotation"]) == (4, [1, 1, 1], False)
    assert set(small) == set(published)
    with pytest.raises(InvalidParameter, match="unknown option of perspose 'widht'"):
        METHOD.scaled({"widht": 3}, NARROW)


@pytest.mark.parametrize("rotation", [False, True])
def test_true_heads_give_the_true_bodies(rotation: bool) -> None:
    images, chosen = smoke_pictures("test"), method(rotation=rotation)
    batch = chosen.prepare(images, CPU, training=True)

    def predict_mean(*_: torch.Tensor) -> PersPosePrediction:
        none = torch.ones(len(images), 1, 3)
        return PersPosePrediction(
            uv=batch["uv"],
            depth=batch["depth"],
            rho=batch["scale"],
            twist=torch.cat([none, batch["twist"], none], dim=1),
            betas=batch["betas"],
            leaf_rotations=batch["leaves"],
        )

    network = SimpleNamespace(predict_mean=predict_mean)
    found = chosen.predict(network, chosen.prepare(images, CPU, training=False))
    body = open_body()
    errors = body_errors(surface_of(found, body), true_surface(images, body), body.faces)
    # Sizes come in steps of a tenth of the first shape component.
    assert errors["mpjpe"].mean() < 5
    assert errors["pve"].mean() < 6
    torch.testing.assert_close(
        found.translation, torch.from_numpy(images.translation), atol=5e-3, rtol=0
    )


def test_every_term_is_there_and_has_gradients() -> None:
    chosen = method()
    torch.manual_seed(0)
    network = chosen.build(0).train()
    batch = chosen.prepare(smoke_pictures("train"), CPU, training=True)
    losses = chosen.losses(network, {name: value[:3] for name, value in batch.items()}, 0)
    assert tuple(losses) == chosen.terms
    assert all(bool(value.isfinite()) and value > 0 for value in losses.values())
    losses["total"].backward()
    assert network.cam_layer.weight.grad.norm() > 0
