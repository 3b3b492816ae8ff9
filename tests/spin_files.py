"""A small list of SPIN's kind with its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from posekit.datasets.spin_pictures import LISTS

SIZE = (300, 200)  # width and height of the pictures


def write_list(root: Path, name: str, rows: int = 4) -> Path:
    """Pictures whose red grows to the right and whose green grows downwards; boxes about inside."""
    source = LISTS[name]
    folder = root / source.folder
    (folder / "images").mkdir(parents=True)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    ramp = np.stack([x * 0.8, y * 1.2, 0 * x + 90], axis=-1).astype(np.uint8)
    names = [f"images/S9_Walking 1.60457274_{20 * row + 1:06d}.jpg" for row in range(rows)]
    for picture in names:
        Image.fromarray(ramp).save(folder / picture, quality=95)
    rng = np.random.default_rng(0)
    joints = np.ones((rows, 24, 4))
    joints[..., :3] = rng.uniform(-0.8, 0.8, (rows, 24, 3))
    np.savez(
        folder / source.file,
        imgname=np.array(names),
        center=rng.uniform((120, 80), (180, 120), (rows, 2)),
        scale=rng.uniform(0.4, 0.6, rows),
        S=joints,
    )
    return folder
