"""Joint sets are trees with mirror-symmetric sides, and conversions keep left left."""

import pytest
import torch

from posekit.errors import InvalidData, InvalidParameter
from posekit.geometry.skeletons import (
    COCO_17,
    HUMAN36M_16,
    HUMAN36M_17,
    HUMAN36M_32,
    HUMANEVA_15,
    LSP_14,
    MPI_INF_3DHP_17,
    SKELETONS,
    Skeleton,
    coco_to_human36m,
    coco_to_humaneva,
    human36m_17_to_16,
    human36m_17_to_lsp_14,
    human36m_32_to_17,
    mirror_points,
    mpi_inf_3dhp_to_human36m,
)


def asymmetric_pose(skeleton, channels=3):
    """Every coordinate of every joint has a value of its own."""
    return torch.arange(1.0, skeleton.joints * channels + 1).reshape(skeleton.joints, channels)


def joint(points, skeleton, name):
    return points[..., skeleton.index(name), :]


def assert_same_joints(before, source, after, target, names):
    """``names`` maps a joint of ``target`` to the joint of ``source`` that it must equal."""
    for new, old in names.items():
        assert torch.equal(joint(after, target, new), joint(before, source, old)), new


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_sides_mirror_the_tree(skeleton):
    mirror = skeleton.mirror
    assert [mirror[m] for m in mirror] == list(range(skeleton.joints))
    for child, parent in skeleton.bones:
        assert skeleton.parents[mirror[child]] == mirror[parent]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_sides_agree_with_the_names(skeleton):
    for left, right in zip(skeleton.left, skeleton.right, strict=True):
        assert skeleton.joint_names[left].startswith("left ")
        assert skeleton.joint_names[right] == skeleton.joint_names[left].replace("left", "right")
    middle = set(range(skeleton.joints)) - set(skeleton.left) - set(skeleton.right)
    assert not any("left" in skeleton.joint_names[j] for j in middle)
    assert not any("right" in skeleton.joint_names[j] for j in middle)


def test_published_numbering():
    assert HUMAN36M_17.index("right foot") == 3
    assert HUMAN36M_17.index("left wrist") == 13
    assert HUMAN36M_17.left == (4, 5, 6, 11, 12, 13)
    assert HUMAN36M_17.right == (1, 2, 3, 14, 15, 16)
    assert MPI_INF_3DHP_17.root == 14
    assert HUMAN36M_17.root == 0
    assert len(HUMAN36M_17.bones) == 16
    assert (16, 15) in HUMAN36M_17.bones


def test_unknown_joint_lists_the_choices():
    with pytest.raises(InvalidParameter, match=r"no joint 'nose'; choose one of: hip, right hip"):
        HUMAN36M_17.index("nose")


@pytest.mark.parametrize(
    ("parents", "left", "right", "complaint"),
    [
        ((-1, 0, -1), (), (), "2 joints have parent -1"),
        ((-1, 2, 1), (), (), "run in a circle"),
        ((-1, 0, 7), (), (), "joint 2 has parent 7"),
        ((-1, 0, 0), (1,), (), "do not pair up"),
        ((-1, 0, 0), (1,), (1,), "do not pair up"),
        ((-1, 0, 0), (1,), (5,), "do not pair up"),
    ],
)
def test_what_is_no_skeleton_is_refused(parents, left, right, complaint):
    with pytest.raises(InvalidParameter, match=complaint):
        Skeleton.from_parents("broken", parents, left, right)


def test_repeated_joint_names_are_refused():
    with pytest.raises(InvalidParameter, match="one name of its own"):
        Skeleton("broken", ("hip", "hip"), (-1, 0), (), ())


def test_mirror_negates_x_and_swaps_sides():
    pose = asymmetric_pose(HUMAN36M_17)
    mirrored = mirror_points(pose, HUMAN36M_17)
    expected = joint(pose, HUMAN36M_17, "right wrist") * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(joint(mirrored, HUMAN36M_17, "left wrist"), expected)
    expected = joint(pose, HUMAN36M_17, "head") * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(joint(mirrored, HUMAN36M_17, "head"), expected)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_mirroring_twice_changes_nothing(skeleton):
    pose = torch.randn(2, 5, skeleton.joints, 3)
    assert not torch.equal(mirror_points(pose, skeleton), pose)
    assert torch.equal(mirror_points(mirror_points(pose, skeleton), skeleton), pose)


def test_human36m_reduces_by_name():
    recorded = asymmetric_pose(HUMAN36M_32)
    pose = human36m_32_to_17(recorded)
    names = {name: name for name in HUMAN36M_17.joint_names}
    assert_same_joints(recorded, HUMAN36M_32, pose, HUMAN36M_17, names)
    names.pop("neck/nose")
    assert_same_joints(pose, HUMAN36M_17, human36m_17_to_16(pose), HUMAN36M_16, names)


def test_3dhp_matches_human36m_by_name():
    pose = asymmetric_pose(MPI_INF_3DHP_17)
    names = {
        "hip": "pelvis",
        "right hip": "right hip",
        "right knee": "right knee",
        "right foot": "right ankle",
        "left hip": "left hip",
        "left knee": "left knee",
        "left foot": "left ankle",
        "spine": "spine",
        "thorax": "neck",
        "neck/nose": "head",
        "head": "head top",
        "left shoulder": "left shoulder",
        "left elbow": "left elbow",
        "left wrist": "left wrist",
        "right shoulder": "right shoulder",
        "right elbow": "right elbow",
        "right wrist": "right wrist",
    }
    converted = mpi_inf_3dhp_to_human36m(pose)
    assert_same_joints(pose, MPI_INF_3DHP_17, converted, HUMAN36M_17, names)


def test_lsp_matches_human36m_by_name():
    pose = asymmetric_pose(HUMAN36M_17)
    names = {name: name.replace("ankle", "foot") for name in LSP_14.joint_names}
    names |= {"neck": "thorax", "head top": "head"}
    assert_same_joints(pose, HUMAN36M_17, human36m_17_to_lsp_14(pose), LSP_14, names)


COCO_LIMBS = {
    f"{side} {limb}": f"{side} {limb}"
    for side in ("left", "right")
    for limb in ("hip", "knee", "shoulder", "elbow", "wrist")
}


def test_coco_gives_human36m_with_means_for_what_it_lacks():
    keypoints = asymmetric_pose(COCO_17)
    pose = coco_to_human36m(keypoints)
    names = COCO_LIMBS | {"left foot": "left ankle", "right foot": "right ankle"}
    names |= {"neck/nose": "nose"}
    assert_same_joints(keypoints, COCO_17, pose, HUMAN36M_17, names)
    hips = (joint(keypoints, COCO_17, "left hip") + joint(keypoints, COCO_17, "right hip")) / 2
    shoulders = joint(keypoints, COCO_17, "left shoulder") / 2
    shoulders = shoulders + joint(keypoints, COCO_17, "right shoulder") / 2
    eyes = (joint(keypoints, COCO_17, "left eye") + joint(keypoints, COCO_17, "right eye")) / 2
    torch.testing.assert_close(joint(pose, HUMAN36M_17, "hip"), hips)
    torch.testing.assert_close(joint(pose, HUMAN36M_17, "thorax"), shoulders)
    torch.testing.assert_close(joint(pose, HUMAN36M_17, "spine"), (hips + shoulders) / 2)
    torch.testing.assert_close(joint(pose, HUMAN36M_17, "head"), eyes)


def test_coco_gives_humaneva():
    keypoints = asymmetric_pose(COCO_17)
    pose = coco_to_humaneva(keypoints)
    names = COCO_LIMBS | {"left ankle": "left ankle", "right ankle": "right ankle", "head": "nose"}
    assert_same_joints(keypoints, COCO_17, pose, HUMANEVA_15, names)


@pytest.mark.parametrize(
    ("convert", "source"),
    [
        (human36m_32_to_17, HUMAN36M_32),
        (human36m_17_to_16, HUMAN36M_17),
        (human36m_17_to_lsp_14, HUMAN36M_17),
        (mpi_inf_3dhp_to_human36m, MPI_INF_3DHP_17),
        (coco_to_human36m, COCO_17),
        (coco_to_humaneva, COCO_17),
    ],
)
def test_conversions_commute_with_mirroring_and_count_joints(convert, source):
    points = torch.randn(4, source.joints, 3)
    converted = convert(points)
    target = next(
        skeleton
        for skeleton in (HUMAN36M_17, HUMAN36M_16, LSP_14, HUMANEVA_15)
        if skeleton.joints == converted.shape[-2]
    )
    torch.testing.assert_close(
        convert(mirror_points(points, source)), mirror_points(converted, target)
    )
    with pytest.raises(InvalidData, match=f"expected .*{source.joints}, channels"):
        convert(torch.zeros(4, source.joints + 1, 3))
