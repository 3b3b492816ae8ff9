"""DSR's training: terms and gradients, mirror images that agree, bodies in the full picture."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import smoke_pictures

from posekit.bodies import open_body
from posekit.bodies.body_joints import lsp_14
from posekit.errors import InvalidParameter
from posekit.models.scaling import Scale
from posekit.training.dsr_method import METHOD, in_full_picture, targets_of, true_joints

CPU = torch.device("cpu")
NARROW = Scale(width_divisor=16)


def method(**options: object) -> METHOD:
    return METHOD(METHOD.scaled(options, NARROW), open_body(), 64)


def test_options_are_scaled_and_written_out() -> None:
    published = METHOD.scaled({}, Scale())
    assert (published["backbone"], published["width"], published["hidden"]) == (
        "resnet50",
        64,
        1024,
    )
    small = METHOD.scaled({"minimal": "none"}, NARROW)
    assert (small["backbone"], small["width"], small["minimal"]) == ("resnet18", 4, "none")
    assert set(published) == set(small)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"unknown option of dsr 'widht'.*'width'"):
        METHOD.scaled({"widht": 3}, NARROW)
    with pytest.raises(InvalidParameter, match=r"unknown minimal 'iou'"):
        METHOD.scaled({"minimal": "iou"}, NARROW)


@pytest.mark.parametrize("minimal", ["none", "row_iou", "silhouette"])
def test_every_term_is_there_and_has_gradients(minimal: str) -> None:
    chosen = method(minimal=minimal, clothed=minimal == "row_iou")
    torch.manual_seed(0)
    network = chosen.build(0).train()
    batch = chosen.prepare(smoke_pictures("train"), CPU, training=True)
    losses = chosen.losses(network, {name: value[:3] for name, value in batch.items()}, 0)
    assert tuple(losses) == chosen.terms
    assert all(bool(value.isfinite()) for value in losses.values())
    assert (losses["minimal"] > 0) == (minimal != "none")
    losses["total"].backward()
    gradient = network.backbone.conv1.weight.grad
    assert gradient is not None
    assert bool(gradient.isfinite().all())
    assert gradient.norm() > 0


def test_only_the_most_ordinary_shapes_are_labelled() -> None:
    images = smoke_pictures("train")
    batch = method(labelled=0.25).prepare(images, CPU, training=True)
    shape = batch["betas"].square().sum(1)
    assert int(batch["labelled"].sum()) == round(0.25 * len(images))
    assert shape[batch["labelled"]].max() < shape[~batch["labelled"]].min()
    assert bool(method(labelled=1.0).prepare(images, CPU, training=True)["labelled"].all())


def test_in_a_mirror_the_pose_has_the_joints_of_the_mirrored_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = method()
    batch = chosen.prepare(smoke_pictures("train"), CPU, training=True)
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.zeros(*size))
    mirrored = chosen._augmented(batch)
    body = open_body()
    joints = lsp_14(body, body(mirrored["rotations"], mirrored["betas"]))
    middle = (joints[:, 2] + joints[:, 3])[:, None] / 2
    expected = mirrored["joints"][..., :3]
    hips = (expected[:, 2] + expected[:, 3])[:, None] / 2
    # The open body is a few millimetres off its own mirror image.
    assert ((joints - middle) - (expected - hips)).norm(dim=-1).max() < 0.01
    masks = (targets_of(each).minimal_mask for each in (mirrored, batch))
    assert torch.equal(next(masks), next(masks).flip(-1))


def test_keypoints_are_where_the_joints_are_seen() -> None:
    images = smoke_pictures("test")
    joints, pixels = true_joints(open_body(), images)
    assert joints.shape == (len(images), 14, 3)
    seen = ((pixels > -8) & (pixels < 72)).all(-1).float().mean()
    assert seen > 0.9
    batch = method().prepare(images, CPU, training=True)
    assert torch.allclose(batch["keypoints"][..., :2], pixels / 32 - 1)


@settings(max_examples=25, deadline=None)
@given(
    st.floats(-0.4, 0.4),
    st.floats(-0.4, 0.4),
    st.floats(20, 90),
    st.floats(0.1, 2.0),
    st.floats(-300, 300),
)
def test_a_body_keeps_place_and_size_in_the_full_picture(
    x: float, y: float, depth: float, zoom: float, shift: float
) -> None:
    focal, intrinsics = 1428.0, torch.tensor([[[900.0, 0, 640], [0, 900.0, 360], [0, 0, 1]]])
    affine = torch.tensor([[[zoom, 0, shift], [0, zoom, -shift], [0, 0, 1.0]]])
    crop = torch.tensor([[x, y, depth]])
    full = in_full_picture(crop, focal, 64, intrinsics, affine)
    pixel = focal * crop[:, :2] / depth + 32
    seen = (intrinsics @ full[..., None])[..., 0]
    in_crop = (affine @ (seen / seen[:, 2:])[..., None])[:, :2, 0]
    assert torch.allclose(in_crop, pixel, atol=0.05)
    assert float(900 * zoom / full[0, 2]) == pytest.approx(focal / depth, rel=1e-4)


def test_predictions_are_bodies_and_do_not_depend_on_the_batch() -> None:
    chosen = method()
    torch.manual_seed(0)
    network = chosen.build(0).eval()
    batch = chosen.prepare(smoke_pictures("test"), CPU, training=False)
    with torch.inference_mode():
        whole = chosen.predict(network, batch)
        part = chosen.predict(network, {name: value[2:4] for name, value in batch.items()})
    assert whole.rotations.shape == (len(smoke_pictures("test")), 24, 3, 3)
    for all_of_them, some in zip(whole[:3], part[:3], strict=True):
        assert torch.allclose(all_of_them[2:4], some, atol=1e-4)
