"""Random camera rigs look at the person from where such rigs stand."""

from __future__ import annotations

import pytest
import torch

from posekit.datasets.synthetic import draw_rig, record
from posekit.datasets.synthetic.person import keyed_generator
from posekit.errors import InvalidParameter
from posekit.geometry.cameras import human36m_cameras


@pytest.mark.parametrize(
    ("style", "cameras", "width"),
    [("h36m-like", 4, 1000), ("3dhp-like", 8, 2048), ("outdoor", 1, 1920)],
)
def test_random_rigs_look_at_the_person(style: str, cameras: int, width: int) -> None:
    rig = draw_rig(style, keyed_generator("rig", style))
    assert len(rig) == cameras
    clips = record("S9", "Posing", 1, 50, rig, keypoints="gt")
    assert [clip.camera_name for clip in clips] == list(rig)
    for clip in clips:
        assert clip.camera.resolution[0] == width
        pixels = clip.camera.to_pixels(clip.keypoints[..., :2])
        assert (pixels > 0).all()
        assert (pixels < clip.camera.resolution).all()
        # Heads are up and the person stands in front of the camera.
        assert (pixels[:, 10, 1] < pixels[:, 3, 1] - 0.25 * width / 2).all()
        assert 2.5 < float(clip.pose[:, 0, 2].mean()) < 7.5


def test_human36m_like_rigs_resemble_the_calibrated_ones() -> None:
    real = {name: camera.translation for name, camera in human36m_cameras("S1").items()}
    taken = set()
    for camera in draw_rig("h36m-like", keyed_generator("rig")).values():
        name = min(real, key=lambda name: float((real[name] - camera.translation).norm()))
        taken.add(name)
        place = camera.translation
        turned = torch.atan2(place[1], place[0]) - torch.atan2(real[name][1], real[name][0])
        assert abs(float(turned)) < 0.15
        assert float(place[2]) == pytest.approx(float(real[name][2]), abs=0.25)
        focal = human36m_cameras("S1")[name].focal
        assert float(camera.focal[0]) == pytest.approx(float(focal[0]), rel=0.01)
    assert taken == set(real)


def test_an_unknown_rig_is_refused() -> None:
    with pytest.raises(
        InvalidParameter, match="'dome'; choose one of h36m-like, 3dhp-like, outdoor"
    ):
        draw_rig("dome", keyed_generator("rig"))
