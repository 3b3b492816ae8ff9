"""PersPose of keypoints: what it can and cannot tell without the camera."""

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.models.perspective_heads import (
    metric,
    mirror_intrinsics,
    mirror_keypoints,
    mirror_prediction,
)
from posekit.models.perspose_keypoints import PersPoseKeypoints, PersPoseKeypointsConfig

PERSONS, SIDE = 4, 256
KNOWN = torch.ones(PERSONS, dtype=torch.bool)


def small(**options):
    torch.manual_seed(0)
    return PersPoseKeypoints(PersPoseKeypointsConfig(width=32, **options)).double().eval()


def keypoints():
    generator = torch.manual_seed(1)
    return SIDE * torch.rand(PERSONS, 25, 2, generator=generator, dtype=torch.float64)


def intrinsics(focal):
    matrix = torch.tensor([[focal, 0, 100.0], [0, focal, 140.0], [0, 0, 1]], dtype=torch.float64)
    return matrix.repeat(PERSONS, 1, 1)


def test_keypoints_are_passed_through_and_seen_again():
    points, camera = keypoints(), intrinsics(500.0)
    prediction = small()(points, camera, KNOWN)
    assert torch.equal(prediction.uv, points)
    image = metric(prediction, camera) @ camera.mT
    torch.testing.assert_close(image[..., :2] / image[..., 2:], points)


@pytest.mark.parametrize(("encoding", "differs"), [(False, False), (True, True)])
def test_one_crop_has_several_depths_only_for_who_is_told_the_camera(encoding, differs):
    network = small(encoding=encoding)
    near, far = (network(keypoints(), intrinsics(focal), KNOWN).depth for focal in (300.0, 900.0))
    assert (not torch.equal(near, far)) == differs


def test_unknown_cameras_are_not_looked_at():
    network, unknown = small(), KNOWN.clone()
    unknown[1] = False
    broken = intrinsics(500.0)
    broken[1] = torch.nan
    found = network(keypoints(), broken, unknown)
    assert all(value.isfinite().all() for value in found)


def test_the_mean_of_both_passes_is_the_same_for_the_mirror_image():
    network, points, camera = small(), keypoints(), intrinsics(500.0)
    mean = network.predict_mean(points, camera, KNOWN)
    mirrored = network.predict_mean(
        mirror_keypoints(points, SIDE), mirror_intrinsics(camera, SIDE), KNOWN
    )
    back = mirror_prediction(mirrored, SIDE)
    for name in ("uv", "depth", "rho", "twist", "betas"):
        torch.testing.assert_close(getattr(back, name), getattr(mean, name))


def test_rays_decide_depths_that_the_crop_leaves_open():
    # One crop of keypoints, seen by two cameras, with a depth for each.
    points, cameras = keypoints()[:1].expand(PERSONS, -1, -1), intrinsics(300.0)
    cameras[::2, :2, :2] *= 3
    target = torch.tensor([0.4, -0.4] * 2, dtype=torch.float64)

    def error(encoding):
        network = small(encoding=encoding).train()
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(60):
            optimiser.zero_grad()
            loss = (network(points, cameras, KNOWN).depth[:, 5, 0] - target).abs().mean()
            loss.backward()
            optimiser.step()
        return loss.item()

    assert error(encoding=True) < 0.1
    assert error(encoding=False) > 0.35


def test_a_wrong_number_of_joints_is_told_in_one_line():
    with pytest.raises(InvalidData, match=r"^PersPoseKeypoints: crop is \(4, 24, 2\), expected"):
        small()(keypoints()[:, 1:], intrinsics(500.0), KNOWN)


def test_a_width_of_zero_is_told_in_one_line():
    with pytest.raises(InvalidParameter, match="width is 0; give a whole number from 1"):
        PersPoseKeypointsConfig(width=0)
