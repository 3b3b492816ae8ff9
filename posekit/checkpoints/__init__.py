"""Weights of the released networks, read without running anything in their files."""

from posekit.checkpoints.files import CheckpointFile, read
from posekit.checkpoints.image_networks import LoadedImageNetwork, load_image_network
from posekit.checkpoints.loading import Identity, LoadedCheckpoint, from_reference, load

__all__ = [
    "CheckpointFile",
    "Identity",
    "LoadedCheckpoint",
    "LoadedImageNetwork",
    "from_reference",
    "load",
    "load_image_network",
    "read",
]
