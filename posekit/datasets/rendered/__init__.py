"""Rendered pictures of dressed bodies: the open image benchmark of image-to-body methods."""

from posekit.datasets.rendered.benchmark import (
    BINS,
    CACHE,
    CROPS_PX,
    MOTIONS,
    PEOPLE,
    PICTURES,
    load_rendered,
)
from posekit.datasets.rendered.body_images import BodyImages

__all__ = [
    "BINS",
    "CACHE",
    "CROPS_PX",
    "MOTIONS",
    "PEOPLE",
    "PICTURES",
    "BodyImages",
    "load_rendered",
]
