"""Recorded motion in Human3.6M's room: moved and turned, in view, and seen by a detector."""

from __future__ import annotations

import numpy as np
import torch

from posekit.datasets.staging import place_in_room, rig, see

CAMERAS = rig(("S9", "S11"), 3)


def walk(frames: int = 60) -> np.ndarray:
    """A stiff person who walks from far outside the room, (frames, 17, 3)."""
    rest = np.linspace([-0.3, -0.2, 0.1], [0.3, 0.2, 1.7], 17)
    path = np.linspace([7.0, 5.0, 0.0], [9.0, 6.0, 0.0], frames)
    return (rest + path[:, None]).astype(np.float32)


def test_rigs_are_taken_in_turn() -> None:
    again = rig(("S9", "S11"), 1)
    assert list(CAMERAS) == list(again)
    for name, camera in CAMERAS.items():
        assert torch.equal(camera.translation, again[name].translation)
    first = rig(("S9", "S11"), 2)
    assert not torch.equal(next(iter(first.values())).translation, camera.translation)


def test_a_take_is_moved_and_turned_but_never_bent() -> None:
    world = walk()
    before = world.copy()
    placed = place_in_room(world, "02_01", CAMERAS)
    assert (world == before).all()
    torch.testing.assert_close(placed[..., 2], torch.from_numpy(world[..., 2]))
    middle = placed[:, 0, :2].amax(0) + placed[:, 0, :2].amin(0)
    torch.testing.assert_close(middle, torch.zeros(2), atol=1e-5, rtol=0)
    found = torch.cdist(placed[:1, 0], placed[-1:, 5])
    expected = np.linalg.norm(world[0, 0] - world[-1, 5])
    torch.testing.assert_close(float(found), float(expected), atol=1e-5, rtol=0)
    for camera in CAMERAS.values():
        keypoints, _ = see(placed, camera, "gt", "key")
        assert float(keypoints.abs().max()) < 1


def test_the_name_of_a_take_decides_its_heading() -> None:
    placed = [place_in_room(walk(), name, CAMERAS) for name in ("02_01", "02_01", "02_02")]
    assert torch.equal(placed[0], placed[1])
    assert not torch.equal(placed[0], placed[2])


def test_the_detector_errs_by_level_and_key() -> None:
    placed = place_in_room(walk(), "02_01", CAMERAS)
    camera = next(iter(CAMERAS.values()))
    truth, pose = see(placed, camera, "gt", "key")
    torch.testing.assert_close(camera.project(pose), truth)
    torch.testing.assert_close(camera.camera_to_world(pose), placed, atol=1e-5, rtol=0)
    seen = [see(placed, camera, "cpn", key)[0] for key in ("key", "key", "other")]
    assert seen[0].shape == (60, 17, 3)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    error = 500 * float((seen[0][..., :2] - truth).norm(dim=-1).mean())
    assert 1 < error < 10
