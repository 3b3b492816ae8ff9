"""Synthetic motion is possible for a body, does what its action says, and never changes."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

from posekit.datasets.synthetic import ACTIONS, HUMAN36M_ACTIONS, SUBJECTS, generate_take
from posekit.datasets.synthetic.motion import LARGEST_TWIST
from posekit.datasets.synthetic.person import draw_person
from posekit.errors import InvalidParameter
from posekit.geometry.skeletons import HUMAN36M_17

FRAMES = 400
FPS = 50.0
PARENTS = np.array(HUMAN36M_17.parents)
RIGHT_BONES, LEFT_BONES = [1, 2, 3, 14, 15, 16], [4, 5, 6, 11, 12, 13]


@pytest.fixture(scope="module")
def takes() -> dict[tuple[str, str, int], np.ndarray]:
    return {
        (subject, action, take): generate_take(subject, action, take, FRAMES).astype(float)
        for subject in ("S1", "S9")
        for action in ACTIONS
        for take in (1, 2)
    }


def of(takes: dict, action: str) -> list[np.ndarray]:
    return [pose for key, pose in takes.items() if key[1] == action]


def bone_lengths(pose: np.ndarray) -> np.ndarray:
    return np.linalg.norm(pose[:, 1:] - pose[:, PARENTS[1:]], axis=-1)


def bend(pose: np.ndarray, first: int, middle: int, last: int) -> np.ndarray:
    """Angle between two bones of a limb, degrees; 0 for a straight one."""
    upper, lower = pose[:, middle] - pose[:, first], pose[:, last] - pose[:, middle]
    cosine = (upper * lower).sum(-1)
    cosine /= np.linalg.norm(upper, axis=-1) * np.linalg.norm(lower, axis=-1)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


def facing(pose: np.ndarray) -> np.ndarray:
    """Horizontal unit vector to which the hips face."""
    left = pose[:, 4, :2] - pose[:, 1, :2]
    forward = np.stack([left[:, 1], -left[:, 0]], axis=-1)
    return forward / np.linalg.norm(forward, axis=-1, keepdims=True)


def ground_speed(pose: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(pose[:, 0, :2], axis=0), axis=-1).mean() * FPS)


def test_bones_keep_their_length_and_left_equals_right(takes: dict) -> None:
    for pose in takes.values():
        lengths = bone_lengths(pose)
        assert np.ptp(lengths, axis=0).max() < 1e-6
        mean = np.insert(lengths.mean(axis=0), 0, 0.0)
        np.testing.assert_allclose(mean[RIGHT_BONES], mean[LEFT_BONES], atol=1e-6)


def test_bones_are_those_of_the_person() -> None:
    person = draw_person("S7", "posekit")
    lengths = bone_lengths(generate_take("S7", "Posing", 1, 10).astype(float)).mean(axis=0)
    expected = [person.hip_half_width, person.thigh, person.shank]
    np.testing.assert_allclose(lengths[:3], expected, atol=1e-6)
    np.testing.assert_allclose(lengths[8], 0.6622 * person.head, atol=2e-5)
    np.testing.assert_allclose(lengths[[11, 12]], [person.upper_arm, person.forearm], atol=1e-6)


def test_no_limit_is_violated(takes: dict) -> None:
    for pose in takes.values():
        for limb in ((1, 2, 3), (4, 5, 6), (14, 15, 16), (11, 12, 13)):
            assert bend(pose, *limb).max() <= 150.0
        trunk = pose[:, 8] - pose[:, 7]
        forward = (trunk[:, :2] * facing(pose)).sum(-1)
        pitch = np.rad2deg(np.arctan2(forward, trunk[:, 2]))
        assert pitch.min() > -26
        assert pitch.max() < 91
        hips, shoulders = pose[:, 4] - pose[:, 1], pose[:, 11] - pose[:, 14]
        upright = np.abs(pitch) < 20
        twist = np.arctan2(shoulders[:, 1], shoulders[:, 0]) - np.arctan2(hips[:, 1], hips[:, 0])
        twist = np.abs(np.rad2deg(np.remainder(twist + np.pi, 2 * np.pi) - np.pi))
        assert (twist[upright] < LARGEST_TWIST + 1).all()


def test_knees_bend_forward_and_elbows_do_not_bend_backward(takes: dict) -> None:
    for pose in takes.values():
        forward = facing(pose)
        for hip, knee, ankle in ((1, 2, 3), (4, 5, 6)):
            bent = (bend(pose, hip, knee, ankle) > 25) & (pose[:, 0, 2] > 0.6)
            off_line = pose[:, knee] - (pose[:, hip] + pose[:, ankle]) / 2
            assert ((off_line[:, :2] * forward).sum(-1)[bent] > 0).all()
    for pose in of(takes, "Walking"):
        for shoulder, elbow, wrist in ((14, 15, 16), (11, 12, 13)):
            off_line = pose[:, elbow] - (pose[:, shoulder] + pose[:, wrist]) / 2
            bent = bend(pose, shoulder, elbow, wrist) > 15
            assert ((off_line[:, :2] * facing(pose)).sum(-1)[bent] < 0).all()


def test_nobody_sinks_into_the_floor_or_leaves_the_room(takes: dict) -> None:
    for (subject, action, _), pose in takes.items():
        foot_height = draw_person(subject, "posekit").foot_height
        assert pose[:, [3, 6], 2].min() > foot_height - 0.01
        assert pose[..., 2].min() > 0.0
        if action in HUMAN36M_ACTIONS:
            assert np.abs(pose[:, 0, :2]).max() < 2.8
        if action not in ("Running", "Jumping"):
            assert pose[:, [3, 6], 2].min(axis=1).max() < foot_height + 0.03


@pytest.mark.parametrize("subject", SUBJECTS["train"] + SUBJECTS["test"])
def test_feet_do_not_slide_in_walking(subject: str) -> None:
    pose = generate_take(subject, "Walking", 1, 500).astype(float)
    foot_height = draw_person(subject, "posekit").foot_height
    for ankle in (3, 6):
        speed = np.linalg.norm(np.gradient(pose[:, ankle, :2], axis=0), axis=-1) * FPS
        stance = (pose[:, ankle, 2] < foot_height + 0.025) & (speed < 0.4)
        edges = np.flatnonzero(np.diff(stance.astype(int)))
        steps = [
            pose[start + 1 : stop + 1, ankle, :2]
            for start, stop in itertools.pairwise(edges)
            if stance[start + 1]
        ]
        lengths = np.array([len(step) for step in steps])
        slides = np.array(
            [np.linalg.norm(step - step[len(step) // 2], axis=-1).max() for step in steps]
        )
        assert slides.max() < 0.02
        # A step of a walker stands for more than a quarter of a second.
        assert (lengths > 13).sum() >= 5
        assert lengths[lengths > 13].sum() > 0.25 * len(pose)


def test_walkers_face_where_they_go() -> None:
    for subject in SUBJECTS["test"]:
        pose = generate_take(subject, "Walking", 1, 300).astype(float)
        step = pose[25:, 0, :2] - pose[:-25, 0, :2]
        along = (step / np.linalg.norm(step, axis=-1, keepdims=True) * facing(pose)[12:-13]).sum(-1)
        assert np.percentile(along, 5) > 0.8


def test_speed_of_every_gait(takes: dict) -> None:
    assert all(0.6 < ground_speed(pose) < 2.0 for pose in of(takes, "Walking"))
    assert all(0.75 < ground_speed(pose) < 1.05 for pose in of(takes, "WalkTogether"))
    assert all(1.7 < ground_speed(pose) < 3.3 for pose in of(takes, "Running"))
    for action in ("Posing", "Sitting", "SittingDown", "Eating"):
        assert all(ground_speed(pose) < 0.15 for pose in of(takes, action))


def test_jumpers_fly_like_stones() -> None:
    pose = generate_take("S6", "Jumping", 1, 150).astype(float)
    lowest = pose[:, [3, 6], 2].min(axis=1)
    air = np.flatnonzero(lowest > lowest.min() + 0.05)
    assert 10 <= len(air) <= 30
    inside = pose[air[2] : air[-2], 0, 2]
    gravity = np.diff(inside, 2).mean() * FPS**2
    assert gravity == pytest.approx(-9.81, rel=0.1)


def test_sitters_sit(takes: dict) -> None:
    for pose in of(takes, "Sitting"):
        seated = np.sort(pose[:, 0, 2])[: FRAMES // 4]
        assert (seated > 0.48).all()
        assert (seated < 0.60).all()
    for pose in of(takes, "SittingDown"):
        assert np.sort(pose[:, 0, 2])[FRAMES // 4] < 0.25
    knees = [bend(pose, 1, 2, 3) for pose in of(takes, "Sitting")]
    assert all(np.median(knee) > 40 for knee in knees)


def test_hands_do_what_the_action_says(takes: dict) -> None:
    def nearest(pose: np.ndarray, joint: int) -> np.ndarray:
        return np.linalg.norm(pose[:, [13, 16]] - pose[:, joint, None], axis=-1).min(axis=-1)

    for pose in of(takes, "Phoning"):
        assert (nearest(pose, 10) < 0.25).mean() > 0.95
    for action in ("Eating", "Smoking"):
        for pose in of(takes, action):
            assert 0.08 < (nearest(pose, 9) < 0.22).mean() < 0.9
    for pose in of(takes, "Photo"):
        both = np.linalg.norm(pose[:, [13, 16]] - pose[:, 9, None], axis=-1).max(axis=-1)
        assert (both < 0.4).mean() > 0.1
    arm = draw_person("S1", "posekit").arm
    for pose in of(takes, "Directions"):
        reach = np.linalg.norm(pose[:, [13, 16]] - pose[:, [11, 14]], axis=-1)
        raised = pose[:, [13, 16], 2] > pose[:, [11, 14], 2] - 0.2
        assert ((reach > 0.75 * arm) & raised).any(axis=-1).mean() > 0.15


def test_accelerations_are_those_of_people(takes: dict) -> None:
    """CMU motion capture shows 5.8/14.8/35 m/s^2 in walking, 1.3/6.5/19 in gestures."""

    def percentiles(actions: tuple[str, ...]) -> np.ndarray:
        poses = [pose for action in actions for pose in of(takes, action)]
        size = [np.linalg.norm(np.diff(pose, 2, axis=0), axis=-1) * FPS**2 for pose in poses]
        return np.percentile(np.concatenate([values.ravel() for values in size]), [50, 90, 99])

    walking = percentiles(("Walking", "WalkDog", "WalkTogether"))
    assert (np.array([3.5, 9, 18]) < walking).all()
    assert (walking < np.array([9, 20, 45])).all()
    gestures = percentiles(("Discussion", "Directions", "Posing", "Greeting"))
    assert (np.array([0.3, 2.5, 8]) < gestures).all()
    assert (gestures < np.array([3, 10, 30])).all()
    assert percentiles(HUMAN36M_ACTIONS)[2] < 35


def test_no_joint_jumps(takes: dict) -> None:
    for (_, action, _), pose in takes.items():
        if action in HUMAN36M_ACTIONS:
            acceleration = np.linalg.norm(np.diff(pose, 2, axis=0), axis=-1) * FPS**2
            assert acceleration.max() < 120


GOLDEN = {
    ("S1", "Walking", 1): "ec38ff58f6229525",
    ("S9", "Phoning", 2): "eecdd7502f07f050",
    ("S11", "SittingDown", 1): "10c891a5783c6b7b",
    ("S6", "Purchases", 2): "206d10cc3090cc6b",
}


@pytest.mark.parametrize(("key", "digest"), GOLDEN.items())
def test_same_seed_same_motion_everywhere(key: tuple[str, str, int], digest: str) -> None:
    tenths = np.round(generate_take(*key, 150).astype(float) * 1e4).astype("<i4")
    assert hashlib.sha256(tenths.tobytes()).hexdigest()[:16] == digest


def test_arguments_decide_the_motion() -> None:
    pose = generate_take("S1", "Eating", 1, 60)
    assert pose.shape == (60, 17, 3)
    assert pose.dtype == np.float32
    assert (pose == generate_take("S1", "Eating", 1, 60)).all()
    for other in (("S5", "Eating", 1), ("S1", "Smoking", 1), ("S1", "Eating", 2)):
        assert np.abs(pose - generate_take(*other, 60)).max() > 0.01
    assert np.abs(pose - generate_take("S1", "Eating", 1, 60, seed="another")).max() > 0.01


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_very_short_takes(frames: int) -> None:
    for action in ACTIONS:
        pose = generate_take("S1", action, 1, frames)
        assert pose.shape == (frames, 17, 3)
        assert np.isfinite(pose).all()


def test_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(InvalidParameter, match="'Swimming'; choose one of Directions"):
        generate_take("S1", "Swimming", 1, 60)
    with pytest.raises(InvalidParameter, match="at least one frame"):
        generate_take("S1", "Walking", 1, 0)
