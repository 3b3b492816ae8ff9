"""Human3.6M's cameras: calibration, rigid motion, projection as published, mirroring, batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.calibration import load_calibration
from posekit.geometry.cameras import Camera, human36m_cameras
from posekit.geometry.rotations import axis_angle_to_quaternion
from posekit.geometry.skeletons import HUMAN36M_17, mirror_points

coordinates = st.floats(-4.0, 4.0, width=32)
triples = st.tuples(coordinates, coordinates, coordinates)


def camera_named(name="54138969", subject="S1"):
    return human36m_cameras(subject)[name]


def pose_before_the_camera(frames=5, joints=17):
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(frames, joints, 3, generator=generator) * 0.4
    return points + torch.tensor([0.3, -0.2, 4.5])


def test_four_cameras_in_the_order_of_the_files():
    cameras = human36m_cameras("S9")
    assert list(cameras) == ["54138969", "55011271", "58860488", "60457274"]
    assert cameras["54138969"].resolution.tolist() == [1000, 1002]
    assert cameras["58860488"].resolution.tolist() == [1000, 1000]
    for camera in cameras.values():
        assert camera.rotation.norm().item() == pytest.approx(1, abs=1e-5)
        assert 2 < camera.translation.norm().item() < 8  # metres from the middle of the room


@pytest.mark.parametrize("subject", ["S2", "S3", "S4", "S12"])
def test_subjects_without_extrinsics_are_refused(subject):
    with pytest.raises(InvalidParameter, match=rf"'{subject}'; choose one of: S1, S5") as caught:
        human36m_cameras(subject)
    assert "\n" not in str(caught.value)


def test_intrinsics_are_shared_and_extrinsics_are_not():
    first, second = camera_named(subject="S1"), camera_named(subject="S11")
    assert torch.equal(first.intrinsics, second.intrinsics)
    assert not torch.equal(first.translation, second.translation)


def test_takes_are_packaged():
    takes = load_calibration("h36m_takes")["takes"]
    assert "Directions" not in takes["S11"]["Directions"]
    assert "Directions 1" in takes["S11"]["Directions"]


def test_the_camera_centre_is_the_origin_of_its_frame():
    camera = camera_named()
    origin = camera.world_to_camera(camera.translation)
    torch.testing.assert_close(origin, torch.zeros(3))
    ahead = camera.camera_to_world(torch.tensor([0.0, 0.0, 1.0])) - camera.translation
    # All four cameras look at the middle of the room, the world's origin at the floor.
    assert torch.dot(ahead[:2], -camera.translation[:2]) > 0


@settings(max_examples=40, deadline=None)
@given(turn=triples, translation=triples, point=triples)
def test_world_to_camera_and_back(turn, translation, point):
    camera = Camera.from_pixels(
        focal=(1145, 1144),
        centre=(512, 515),
        resolution=(1000, 1002),
        rotation=axis_angle_to_quaternion(torch.tensor(turn)).tolist(),
        translation=translation,
    )
    point = torch.tensor(point)
    there = camera.world_to_camera(point)
    torch.testing.assert_close(camera.camera_to_world(there), point, atol=1e-5, rtol=0)


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.floats(0, 1000, width=32), st.floats(0, 1002, width=32)))
def test_pixels_and_back(pixel):
    camera, pixel = camera_named(), torch.tensor(pixel)
    torch.testing.assert_close(camera.to_pixels(camera.normalise(pixel)), pixel, atol=1e-3, rtol=0)


def test_normalised_screen_keeps_the_aspect_ratio():
    corners = camera_named().normalise(torch.tensor([[0.0, 0.0], [1000.0, 1002.0]]))
    torch.testing.assert_close(corners, torch.tensor([[-1.0, -1.002], [1.0, 1.002]]))


def test_projection_is_the_published_formula_and_not_opencvs():
    camera = camera_named()
    x, y, depth = 0.8, -0.5, 3.0
    f_x, f_y, c_x, c_y, k1, k2, k3, p1, p2 = camera.intrinsics.double().tolist()
    u, v = x / depth, y / depth
    r2 = u * u + v * v
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * u + p2 * v
    expected = [f_x * (u * factor + p1 * r2) + c_x, f_y * (v * factor + p2 * r2) + c_y]
    measured = camera.project(torch.tensor([x, y, depth]))
    torch.testing.assert_close(measured, torch.tensor(expected), atol=1e-6, rtol=0)
    tangential = 2 * p2 * u * v + p1 * (r2 + 2 * u * u)
    opencv = f_x * (u * (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) + tangential) + c_x
    assert abs(opencv - measured[0].item()) > 1e-5


def test_rays_are_clamped_before_distortion_also_behind_the_camera():
    camera = camera_named()
    wide = torch.tensor([[9.0, -9.0, 1.0], [9.0, -9.0, -1.0]])
    edge = torch.tensor([[1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]])
    for distortion in (True, False):
        torch.testing.assert_close(
            camera.project(wide, distortion), camera.project(edge, distortion)
        )


def test_linear_projection_is_the_pinhole_formula_in_pixels():
    camera = camera_named()
    point = torch.tensor([0.4, 0.3, 5.0])
    pixel = camera.to_pixels(camera.project(point, distortion=False))
    expected = [1145.0494 * 0.4 / 5 + 512.5415, 1143.7811 * 0.3 / 5 + 515.4515]
    torch.testing.assert_close(pixel, torch.tensor(expected), atol=1e-2, rtol=0)


def test_a_mirrored_camera_sees_the_mirrored_pose():
    camera = camera_named()
    pose = pose_before_the_camera()
    seen = camera.mirrored().project(mirror_points(pose, HUMAN36M_17))
    torch.testing.assert_close(seen, mirror_points(camera.project(pose), HUMAN36M_17))
    changed = camera.intrinsics != camera.mirrored().intrinsics
    assert changed.nonzero().flatten().tolist() == [2, 7]


def test_a_batch_of_cameras_does_what_each_does_alone():
    cameras = list(human36m_cameras("S5").values())
    batch = Camera.stack(cameras)
    assert batch.intrinsics.shape == (4, 9)
    poses = torch.stack([pose_before_the_camera() + index for index in range(4)])
    torch.testing.assert_close(batch[2].intrinsics, cameras[2].intrinsics)
    for name in ("project", "world_to_camera", "camera_to_world"):
        together = getattr(batch, name)(poses)
        alone = torch.stack(
            [getattr(camera, name)(pose) for camera, pose in zip(cameras, poses, strict=True)]
        )
        torch.testing.assert_close(together, alone)
    pixels = batch.to_pixels(batch.project(poses))
    torch.testing.assert_close(batch.normalise(pixels), batch.project(poses))
    mirrored = torch.stack([camera.mirrored().intrinsics for camera in cameras])
    torch.testing.assert_close(batch.mirrored().intrinsics, mirrored)


@pytest.mark.parametrize("name", ["54138969", "55011271", "58860488", "60457274"])
def test_rays_undo_projection_and_distortion(name):
    camera = camera_named(name)
    rays = torch.stack(torch.meshgrid(*[torch.linspace(-0.5, 0.5, 21)] * 2, indexing="ij"), dim=-1)
    points = torch.cat([rays, torch.ones(21, 21, 1)], dim=-1)
    assert bool((camera.project(points).abs().amax(dim=(0, 1)) > 1).all())  # the whole picture
    torch.testing.assert_close(camera.rays(camera.project(points)), rays, rtol=0, atol=1e-6)
    both = Camera.stack([camera, camera_named()])
    screen = torch.stack([one.project(points) for one in (camera, camera_named())])
    torch.testing.assert_close(both.rays(screen), torch.stack([rays, rays]), rtol=0, atol=1e-6)


def test_rays_of_places_far_outside_the_picture_stay_finite():
    rays = camera_named().rays(torch.tensor([[30.0, -30.0], [-3.0, 2.0]]))
    assert bool((rays.abs() <= 1).all())


def test_points_without_the_batch_dimension_are_refused():
    batch = Camera.stack(list(human36m_cameras("S5").values())).to("cpu")
    with pytest.raises(InvalidData, match=r"batch shape \(4,\)"):
        batch.project(torch.ones(3))


def test_fields_of_the_wrong_shape_are_refused():
    camera = camera_named()
    fields = {name: getattr(camera, name) for name in camera.__dataclass_fields__}
    with pytest.raises(InvalidParameter, match=r"radial has shape \(2,\); expected \(3,\)"):
        Camera(**fields | {"radial": torch.zeros(2)})


def test_projection_has_gradients():
    camera = camera_named()
    points = pose_before_the_camera(frames=1, joints=3).double().requires_grad_()
    doubled = Camera(
        **{name: getattr(camera, name).double() for name in camera.__dataclass_fields__}
    )
    assert torch.autograd.gradcheck(doubled.project, (points,))
