"""MPI-INF-3DHP's raw test annotations, ``TS*/annot_data.mat``: MATLAB 7.3, which is HDF5.

Axes come reversed with respect to MATLAB: (frames, 1, joints, coordinates).
"""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np

from posekit.errors import InvalidData
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import BROKEN, reason

MOST_FRAMES = 100_000  # the longest sequence has some thousands
_JOINTS = 17


def read(path: Path, scale: str) -> dict[str, np.ndarray]:
    """One sequence in the layout of P-STMO's test file.

    Args:
        path: the file.
        scale: "annot3" (metric) or "univ_annot3" (scaled to one height).

    Returns:
        ``data_2d`` (frames, 17, 2) pixels, ``data_3d`` (frames, 17, 3) millimetres in the camera
        frame, ``valid`` (frames,) 1 for frames to score.

    Raises:
        InvalidData: no such file, truncated, a data set missing or of another shape.
    """
    try:
        with h5py.File(path, "r") as file:
            return {
                "data_2d": _dataset(file, "annot2", (1, _JOINTS, 2), path),
                "data_3d": _dataset(file, scale, (1, _JOINTS, 3), path),
                "valid": _dataset(file, "valid_frame", (1,), path),
            }
    except (OSError, *BROKEN) as error:
        raise InvalidData(
            f"{path}: not a readable MATLAB 7.3 file ({reason(error)}); it is truncated "
            "or another kind of file: get it again."
        ) from error


def _dataset(file: h5py.File, name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    # A link could lead to any other file of this machine.
    link = file.get(name, getlink=True) if name in file else None
    held = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(held, h5py.Dataset) or held.external or held.is_virtual:
        raise InvalidData(
            f"{path}: no data set {name!r}, the file holds "
            f"{', '.join(shown(name) for name in sorted(file)[:8]) or 'nothing'}; "
            "is it another file?"
        )
    if held.dtype.kind not in "fiu" or held.shape[1:] != shape or held.shape[0] > MOST_FRAMES:
        raise InvalidData(
            f"{path}: {name} is {shown(held.dtype.name)} of shape {held.shape}, expected numbers "
            f"of shape (frames, {', '.join(map(str, shape))})."
        )
    most = MOST_FRAMES * math.prod(shape)
    if math.prod(held.chunks or ()) > most:  # each is unpacked whole, however few frames there are
        raise InvalidData(
            f"{path}: {name} lies in chunks of more than {most} numbers; save it anew."
        )
    values = held[()]
    return values.reshape(len(values), *shape[1:])
