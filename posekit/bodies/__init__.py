"""Parametric bodies, what they wear, and how they are drawn."""

from posekit.bodies.body import FACING_CAMERA, BodyModel, Posed
from posekit.bodies.open_body import open_body

__all__ = ["FACING_CAMERA", "BodyModel", "Posed", "open_body"]
