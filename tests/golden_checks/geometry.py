"""Camera goldens: rigid motion, projection and intrinsics of Human3.6M's cameras."""

from __future__ import annotations

from dataclasses import fields

from golden_checks.golden import Golden
from posekit.geometry.cameras import Camera, human36m_cameras

NORMALISED, PIXELS = 1e-5, 1e-2  # absolute tolerances that the goldens state


def check_camera(golden: Golden) -> None:
    world = golden.input("world")
    golden.tells("note")
    for subject in golden.config["subjects"]:
        cameras = human36m_cameras(subject)
        for name in golden.config["cameras"]:
            camera = _in_float64(cameras[name])
            points = camera.world_to_camera(world)
            screen = camera.project(points)
            measured = {
                "camera": (points, NORMALISED),
                "norm2d": (screen, NORMALISED),
                "norm2d_linear": (camera.project(points, distortion=False), NORMALISED),
                "pixels": (camera.to_pixels(screen), PIXELS),
                "intrinsic": (camera.intrinsics, NORMALISED),
            }
            for quantity, (actual, tolerance) in measured.items():
                golden.compare_within(f"{subject}_{name}_{quantity}", actual, tolerance)
    if "clamp_camera" in golden.shapes:
        # The goldens project the clamped points with this camera; every subject shares it.
        camera = _in_float64(human36m_cameras(golden.config["subjects"][0])["54138969"])
        clamped = camera.project(golden.input("clamp_camera"))
        golden.compare_within("clamp_norm2d", clamped, NORMALISED)


def _in_float64(camera: Camera) -> Camera:
    return Camera(*(getattr(camera, field.name).double() for field in fields(camera)))


CHECKS = {"camera": check_camera}
