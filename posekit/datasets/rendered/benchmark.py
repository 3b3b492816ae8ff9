"""The open image benchmark: dressed bodies before known cameras, made once and kept on disk."""

from __future__ import annotations

from pathlib import Path

from posekit.datasets.rendered.body_images import BodyImages

# Pictures of the training and of the test split.
PICTURES = {
    "smoke": {"train": 24, "test": 16},
    "quick": {"train": 400, "test": 160},
    "standard": {"train": 4000, "test": 800},
    "full": {"train": 20_000, "test": 2000},
}
CROPS_PX = (64, 128, 256)
MOTIONS = ("synthetic", "cmu")

# Names of the bins in their order; the test split is balanced over all their combinations.
BINS = {
    "off_axis": ("0 to 10°", "10 to 20°", "20 to 30°", "30 to 45°"),
    "field_of_view": ("below 20°", "20 to 35°", "above 35°"),
    "looseness": ("0 to 1 cm", "1 to 3 cm", "3 to 6 cm"),
}


def load_rendered(
    split: str,
    *,
    size: str = "quick",
    crop_px: int = 64,
    motion: str = "synthetic",
    cache: Path,
    data: Path,
) -> BodyImages:
    """One split of the benchmark, from the cache or made now (with a progress bar).

    The same arguments give the same bytes, whatever the number of threads.

    Args:
        split: "train" or "test"; their persons and outfits' draws are disjoint.
        size: "smoke", "quick", "standard" or "full": pictures as in ``PICTURES``.
        crop_px: side of the crops, 64, 128 or 256.
        motion: where poses come from: "synthetic" (the generator) or "cmu" (motion capture).
        cache: folder below which pictures are kept, such as ``data / "cache"``.
        data: folder of data sets, read for "cmu" only.

    Raises:
        InvalidParameter: an unknown split, size, crop or motion.
        DatasetNotFound: CMU motion is not on disk.
        StorageError: the cache cannot be written.
    """
    raise NotImplementedError
