"""Mirrored bodies: what they are in space, twice, and at their joints."""

import torch

from posekit.bodies.mirroring import KEYPOINTS_MIRROR, mirrored_keypoints, mirrored_rotations
from posekit.geometry.rotations import axis_angle_to_matrix
from posekit.geometry.skeletons import SMPL_24, mirror_points


def test_mirror_of_a_mirror_is_the_body():
    rotations = axis_angle_to_matrix(torch.randn(2, 24, 3, generator=torch.manual_seed(0)))
    twice = mirrored_rotations(mirrored_rotations(rotations))
    torch.testing.assert_close(twice, rotations)
    keypoints = torch.randn(2, 49, 3)
    assert torch.equal(mirrored_keypoints(mirrored_keypoints(keypoints)), keypoints)


def test_joints_of_a_mirrored_pose_are_the_mirrored_joints():
    generator = torch.manual_seed(1)
    rotations = axis_angle_to_matrix(torch.randn(24, 3, generator=generator))
    offsets = torch.randn(24, 3, generator=generator)
    offsets = (offsets + mirror_points(offsets, SMPL_24)) / 2  # bones of a symmetric body

    def joints(local):
        places, turned = [torch.zeros(3)], [local[0]]
        for joint in range(1, 24):
            parent = SMPL_24.parents[joint]
            places.append(places[parent] + turned[parent] @ offsets[joint])
            turned.append(turned[parent] @ local[joint])
        return torch.stack(places)

    found = joints(mirrored_rotations(rotations))
    expected = mirror_points(joints(rotations), SMPL_24)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_keypoints_from_the_left_edge_stay_in_the_picture():
    keypoints = torch.tensor([10.0, 20.0, 0.7]).repeat(49, 1)
    found = mirrored_keypoints(keypoints, width=64)
    assert found[0].tolist() == [54, 20, keypoints[0, 2].item()]


def test_other_side_of_the_other_side_is_the_keypoint():
    assert [KEYPOINTS_MIRROR[number] for number in KEYPOINTS_MIRROR] == list(range(49))
