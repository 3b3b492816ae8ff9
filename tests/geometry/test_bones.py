"""Operations on bones: what each changes, what it leaves alone, and that it can be undone."""

import pytest
import torch
from drawn_poses import drawn_poses
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidData
from posekit.geometry import bones
from posekit.geometry.rotations import axis_angle_to_matrix
from posekit.geometry.skeletons import HUMAN36M_16, mirror_points

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)
MIRRORED_BONES = [HUMAN36M_16.mirror[bone + 1] - 1 for bone in range(bones.BONES)]
MIRROR = torch.tensor([-1.0, 1.0, 1.0])  # of the coordinates


def draw(seed, *shape, scale=1.0):
    generator = torch.Generator().manual_seed(seed + 1)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def ratios_drawn(seed):
    return 0.2 * draw(seed, 4, bones.RATIOS).tanh()


def close(actual, expected, atol=1e-12):
    torch.testing.assert_close(actual, expected, atol=atol, rtol=0)


def distances(points):
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def test_a_bone_ends_at_its_joint_and_points_to_the_parent():
    pose = drawn_poses(0)
    vectors = bones.bone_vectors(pose)
    for child, parent in (("left wrist", "left elbow"), ("head", "thorax"), ("spine", "hip")):
        child, parent = HUMAN36M_16.index(child), HUMAN36M_16.index(parent)
        close(vectors[:, child - 1], pose[:, parent] - pose[:, child])


def test_left_and_right_share_ratios_and_templates():
    ratios = [bones.BONE_RATIO[bone] for bone in MIRRORED_BONES]
    assert tuple(ratios) == bones.BONE_RATIO
    assert set(bones.BONE_RATIO) == set(range(bones.RATIOS))
    spine_to_thorax = HUMAN36M_16.index("thorax") - 1
    assert bones.BONE_RATIO.count(bones.FIXED_RATIO) == 1
    assert bones.BONE_RATIO[spine_to_thorax] == bones.FIXED_RATIO
    assert (HUMAN36M_16.index("spine") - 1, spine_to_thorax) == bones.FIXED_DIRECTIONS
    templates = torch.tensor(bones.LENGTH_TEMPLATES)
    assert templates.shape == (5, bones.BONES)
    close(templates[:, MIRRORED_BONES], templates, atol=1e-5)


@few
@given(seed=seeds)
def test_vectors_rebuild_the_pose(seed):
    pose = drawn_poses(seed)
    vectors = bones.bone_vectors(pose)
    close(bones.rebuild(vectors), pose - pose[:, :1])
    close(bones.bone_vectors(bones.rebuild(vectors)), vectors)


@few
@given(seed=seeds)
def test_lengths_change_by_exactly_the_ratios_drawn(seed):
    pose, ratios = drawn_poses(seed), ratios_drawn(seed)
    changed = bones.lengthened(pose, ratios)
    factors = 1 + ratios[:, list(bones.BONE_RATIO)]
    close(bones.bone_lengths(changed), bones.bone_lengths(pose) * factors)
    # Every bone still leads the same way from the same parent: joints keep order and side.
    close(bones.bone_directions(changed), bones.bone_directions(pose))
    assert torch.equal(changed[:, 0], pose[:, 0])


@few
@given(seed=seeds)
def test_lengthening_can_be_undone(seed):
    pose, ratios = drawn_poses(seed), ratios_drawn(seed)
    undone = bones.lengthened(bones.lengthened(pose, ratios), 1 / (1 + ratios) - 1)
    close(undone, pose)
    swapped = bones.with_lengths(pose, bones.bone_lengths(pose).flip(0))
    close(bones.bone_lengths(swapped), bones.bone_lengths(pose).flip(0))
    close(bones.with_lengths(swapped, bones.bone_lengths(pose)), pose)


@few
@given(seed=seeds, scale=st.floats(0, 3))
def test_turned_bones_keep_their_lengths_and_the_spine_its_direction(seed, scale):
    pose = drawn_poses(seed)
    turned = bones.redirected(pose, draw(seed, 4, bones.BONES, 3, scale=scale))
    close(bones.bone_lengths(turned), bones.bone_lengths(pose))
    assert torch.equal(turned[:, 0], pose[:, 0])
    change = bones.direction_change(pose, turned)
    close(change[:, list(bones.FIXED_DIRECTIONS)], torch.zeros(4, 2, dtype=torch.float64))
    cosines = torch.cosine_similarity(bones.bone_vectors(pose), bones.bone_vectors(turned), dim=-1)
    close(change, 1 - cosines)
    close(bones.redirected(pose, torch.zeros(4, bones.BONES, 3)), pose)


@few
@given(seed=seeds)
def test_a_turn_keeps_all_distances_and_can_be_undone(seed):
    pose, axis_angle = drawn_poses(seed), draw(seed, 4, 3, scale=2.0)
    pivot = draw(seed + 1, 4, 3)
    for centre in (None, pivot):
        turned = bones.rotate_axis_angle(pose, axis_angle, centre)
        close(distances(turned), distances(pose))
        close(bones.rotate_axis_angle(turned, -axis_angle, centre), pose)
    turned = bones.rotate_axis_angle(pose, axis_angle)
    assert torch.equal(turned[:, 0], pose[:, 0])
    matrix = axis_angle_to_matrix(axis_angle)
    close(bones.bone_vectors(turned), bones.bone_vectors(pose) @ matrix.transpose(-1, -2))


@few
@given(seed=seeds)
def test_a_mirrored_pose_is_changed_as_its_mirror_image(seed):
    pose, ratios = drawn_poses(seed), ratios_drawn(seed)
    offsets, axis_angle = draw(seed, 4, bones.BONES, 3), draw(seed, 4, 3)
    lengths = bones.bone_lengths(pose).flip(0)

    def mirror(pose):
        return mirror_points(pose, HUMAN36M_16)

    image = mirror(pose)
    close(bones.bone_lengths(image), bones.bone_lengths(pose)[:, MIRRORED_BONES])
    close(bones.lengthened(image, ratios), mirror(bones.lengthened(pose, ratios)))
    close(
        bones.with_lengths(image, lengths[:, MIRRORED_BONES]),
        mirror(bones.with_lengths(pose, lengths)),
    )
    close(
        bones.redirected(image, offsets[:, MIRRORED_BONES] * MIRROR),
        mirror(bones.redirected(pose, offsets)),
    )
    # A mirror turns the sense of every turn, and the axis along x once more.
    close(
        bones.rotate_axis_angle(image, -axis_angle * MIRROR),
        mirror(bones.rotate_axis_angle(pose, axis_angle)),
    )


def test_parameters_broadcast_over_frames():
    window = torch.stack([drawn_poses(seed) for seed in range(3)], dim=1)
    ratios = ratios_drawn(0)
    by_frame = [bones.lengthened(window[:, frame], ratios) for frame in range(3)]
    close(bones.lengthened(window, ratios[:, None]), torch.stack(by_frame, dim=1))


def test_gradients_of_a_still_body_are_finite():
    pose = drawn_poses(0).requires_grad_()
    axis_angle = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(4, bones.BONES, 3, dtype=torch.float64, requires_grad=True)
    changed = bones.rotate_axis_angle(bones.redirected(pose, offsets), axis_angle)
    changed.square().sum().backward()
    assert all(values.grad.isfinite().all() for values in (pose, axis_angle, offsets))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda pose: bones.bone_vectors(pose[:, :15]), r"pose of shape \(4, 15, 3\)"),
        (lambda pose: bones.rebuild(pose), r"bone vectors of shape \(4, 16, 3\)"),
        (lambda pose: bones.lengthened(pose, pose[..., 0]), r"length ratios of shape \(4, 16\)"),
        (lambda pose: bones.with_lengths(pose, pose[..., 0]), r"bone lengths of shape \(4, 16\)"),
        (lambda pose: bones.redirected(pose, pose), r"direction offsets of shape \(4, 16, 3\)"),
        (lambda pose: bones.rotate_axis_angle(pose, pose[..., :2]), "axis-angle vectors of shape"),
    ],
)
def test_other_shapes_are_refused(wrong, told):
    with pytest.raises(InvalidData, match=told) as caught:
        wrong(drawn_poses(0))
    assert "\n" not in str(caught.value)
