"""Camera goldens: rigid motion, projection and intrinsics of Human3.6M's cameras."""

from __future__ import annotations

import torch

from golden_checks.golden import Golden
from posekit.geometry.cameras import human36m_cameras

NORMALISED, PIXELS = 1e-5, 1e-2  # absolute tolerances that the goldens state


def check_camera(golden: Golden) -> None:
    world = golden.inputs["world"]
    for subject in golden.config["subjects"]:
        cameras = human36m_cameras(subject)
        for name in golden.config["cameras"]:
            camera = cameras[name]
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
                expected = golden.tensor(f"{subject}_{name}_{quantity}")
                torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance)
    if "clamp_camera" in golden.inputs:
        # The goldens project the clamped points with this camera; every subject shares it.
        camera = human36m_cameras(golden.config["subjects"][0])["54138969"]
        clamped = camera.project(golden.inputs["clamp_camera"])
        torch.testing.assert_close(clamped, golden.tensor("clamp_norm2d"), rtol=0, atol=NORMALISED)


CHECKS = {"camera": check_camera}
