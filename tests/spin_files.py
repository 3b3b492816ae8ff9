"""A small list of SPIN's kind with its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from posekit.datasets.spin_pictures import LISTS

# Names of pictures with a place for their number, by data set, and the size that their camera has.
NAMES = {
    "h36m": ("images/S9_Walking 1.60457274_{:06d}.jpg", (1000, 1002)),
    "mpi_inf_3dhp": ("mpi_inf_3dhp_test_set/TS5/imageSequence/img_{:06d}.jpg", (1920, 1080)),
}
GROWTH = (0.12, 0.2)  # of red to the right and of green downwards, per pixel


def write_list(root: Path, name: str, rows: int = 4) -> Path:
    """Pictures whose red grows to the right and whose green grows downwards; boxes about inside."""
    source = LISTS[name]
    folder = root / source.folder
    template, (width, height) = NAMES[source.dataset]
    y, x = np.mgrid[:height, :width]
    ramp = np.stack([x * GROWTH[0], y * GROWTH[1], 0 * x + 90], axis=-1).astype(np.uint8)
    names = [template.format(20 * row + 1) for row in range(rows)]
    for picture in names:
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(ramp).save(folder / picture, quality=95)
    rng = np.random.default_rng(0)
    joints = np.ones((rows, 24, 4))
    joints[..., :3] = rng.uniform(-0.8, 0.8, (rows, 24, 3))
    np.savez(
        folder / source.file,
        imgname=np.array(names),
        center=rng.uniform((0.3 * width, 0.4 * height), (0.6 * width, 0.6 * height), (rows, 2)),
        scale=rng.uniform(1.0, 1.4, rows),
        S=joints,
    )
    return folder
