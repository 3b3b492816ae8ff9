"""PersPose: published size, encoding, mirroring, and a network small enough for a test."""

import pytest
import torch

from posekit.checkpoints import from_reference
from posekit.errors import InvalidData, InvalidParameter
from posekit.models.hrnet import STRIDE
from posekit.models.perspective_heads import mirror_intrinsics, mirror_prediction
from posekit.models.perspose import PersPose, PersPoseConfig
from posekit.profiling.counting import measure_pass

SIDE = 64
TINY = {
    **{"width": 8, "modules": (1, 1, 1), "blocks": 1, "stem": 16, "head": (8, 8, 16, 32)},
    **{"features": 128, "image_px": SIDE},
}
KNOWN = torch.ones(2, dtype=torch.bool)
AVERAGED = ("uv", "depth", "rho", "twist", "betas")


def tiny(**options):
    """A network that has seen one batch, by which it normalises; before, its output is constant."""
    torch.manual_seed(0)
    network = PersPose(PersPoseConfig(**TINY, **options)).double()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network(image(8), intrinsics(persons=8), torch.ones(8, dtype=torch.bool))
    return network.eval()


def image(persons=2):
    return torch.rand(persons, 3, SIDE, SIDE, generator=torch.manual_seed(1), dtype=torch.float64)


def intrinsics(focal=150.0, x=30.0, persons=2):
    matrix = torch.tensor([[focal, 0, x], [0, focal, 34.0], [0, 0, 1]], dtype=torch.float64)
    return matrix.repeat(persons, 1, 1)


def assert_same(one, other, names=AVERAGED):
    for name in names:
        torch.testing.assert_close(getattr(one, name), getattr(other, name))


def test_published_size():
    with torch.device("meta"):
        network = PersPose(PersPoseConfig())
    crop = torch.zeros(1, *network.crop_shape)
    size = measure_pass(network, crop, torch.zeros(1, 3, 3), KNOWN[:1])
    assert size.parameters == 75_713_559
    assert size.product_macs == 22_571_806_720
    # The count that is stated: without the layer of the rays and the linear heads, and with the
    # work of batch normalisation and upsampling.
    rays = network.cam_layer.weight.numel() * (256 // STRIDE) ** 2
    heads = 2048 * (25 + 1 + 75 + 11 + 30)
    assert round((size.product_macs + size.elementwise - rays - heads) / 1e9, 3) == 22.649


def test_a_network_of_under_half_a_million_parameters_learns_a_picture():
    torch.manual_seed(0)
    network = PersPose(PersPoseConfig(**TINY))
    assert sum(parameter.numel() for parameter in network.parameters()) < 500_000
    pictures, cameras = image().float(), intrinsics().float()
    target = torch.tensor([[[10.0, 20.0]], [[50.0, 40.0]]])
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        prediction = network(pictures, cameras, KNOWN)
        loss = (prediction.uv - target).abs().mean() + 100 * (prediction.rho - 0.02).abs().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_ranges_and_shapes():
    prediction = tiny()(image(), intrinsics(), KNOWN)
    assert [tuple(value.shape[1:]) for value in prediction] == [
        *((25, 2), (25, 1), (1, 1), (25, 3), (11,), (5, 3, 3))
    ]
    assert prediction.depth[:, 0].abs().max() == 0
    assert prediction.depth.abs().max() < 1.1


def test_the_range_of_rho_follows_the_size_of_the_crop():
    assert PersPose(PersPoseConfig(**TINY)).rho_middle == pytest.approx(4 * 0.007)
    assert PersPose(PersPoseConfig(**TINY, rho_middle=0.007)).rho_middle == 0.007


def test_rays_are_those_of_every_fourth_pixel():
    rays = tiny().encode_camera(intrinsics(), KNOWN)
    assert rays.shape == (2, 2, SIDE // STRIDE, SIDE // STRIDE)
    expected = [(4 * 3.5 - 30) / 150, (4 * 5.5 - 34) / 150]
    torch.testing.assert_close(rays[0, :, 5, 3], rays.new_tensor(expected))


def test_the_mirrored_camera_has_the_mirrored_rays():
    network = tiny()
    rays = network.encode_camera(intrinsics(), KNOWN)
    mirrored = network.encode_camera(mirror_intrinsics(intrinsics(), SIDE), KNOWN)
    torch.testing.assert_close(mirrored, rays.flip(-1) * rays.new_tensor([-1, 1])[:, None, None])


@pytest.mark.parametrize(
    ("options", "known"), [({"encoding": False}, KNOWN), ({}, ~KNOWN)], ids=["off", "unknown"]
)
def test_without_encoding_or_intrinsics_the_camera_changes_nothing(options, known):
    network = tiny(**options)
    assert network.encode_camera(intrinsics(), known).abs().max() == 0
    one = network(image(), intrinsics(150.0), known)
    assert_same(one, network(image(), intrinsics(400.0), known))


def test_with_encoding_the_camera_changes_the_prediction():
    network = tiny()
    depths = [network(image(), intrinsics(focal), KNOWN).depth for focal in (150.0, 400.0)]
    assert (depths[0] - depths[1]).abs().max() > 1e-3


def test_mirroring_is_of_each_person():
    network, which = tiny(), torch.tensor([True, False])
    mixed = network(image(), intrinsics(), KNOWN, which)
    plain = network(image(), intrinsics(), KNOWN)
    assert (mixed.uv - plain.uv)[0].abs().max() > 0.1
    back = mirror_prediction(
        network(image().flip(-1), mirror_intrinsics(intrinsics(), SIDE), KNOWN), SIDE
    )
    for ours, mirrored, straight in zip(mixed, back, plain, strict=True):
        torch.testing.assert_close(ours, torch.stack([mirrored[0], straight[1]]))


def test_the_mean_of_both_passes_is_the_same_for_the_mirror_image():
    network = tiny()
    mean = network.predict_mean(image(), intrinsics(), KNOWN)
    mirrored = network.predict_mean(image().flip(-1), mirror_intrinsics(intrinsics(), SIDE), KNOWN)
    assert_same(mirror_prediction(mirrored, SIDE), mean)


def test_shapes_that_do_not_fit_are_told_in_one_line():
    network = tiny()
    with pytest.raises(InvalidData, match=r"^PersPose: crop is \(2, 3, 64, 32\), expected"):
        network(image()[..., :32], intrinsics(), KNOWN)
    with pytest.raises(InvalidData, match=r"^PersPose: intrinsics is \(1, 3, 3\), expected"):
        network(image(), intrinsics(persons=1), KNOWN)
    with pytest.raises(InvalidData, match=r"^PersPose: known is \(1,\), expected \(2,\)"):
        network(image(), intrinsics(), KNOWN[:1])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"image_px": 100}, "image_px is 100; give a multiple of 32"),
        ({"width": 0}, "width is 0; give a whole number from 1"),
        ({"head": (8, 8, 16, 0)}, "head is 0; give a whole number from 1"),
        ({"modules": (1, 1)}, r"modules is \(1, 1\)"),
        ({"head": (8, 8, 16)}, r"head is \(8, 8, 16\)"),
    ],
)
def test_options_that_no_network_has(options, told):
    with pytest.raises(InvalidParameter, match=told):
        PersPoseConfig(**options)


def test_a_release_of_other_joints_is_refused():
    config = {"hrnet_width": 8, "modules_per_stage": [1, 1, 1], "blocks": 1, "image_px": SIDE}
    with pytest.raises(InvalidParameter, match="joints is 24; PersPose predicts 25 joints"):
        from_reference("perspose", {**config, "joints": 24}, {})
