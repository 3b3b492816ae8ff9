"""DSR's own semantic prior, ``semantic_prior.npy``: the user's, under its authors' licence."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from posekit.bodies.semantic_labels import LABELS, check_prior
from posekit.errors import InvalidData
from posekit.machine.names_from_files import shown

_OFF = 1e-2  # that a face's probabilities may sum to more or less than 1


def read_prior(path: str | os.PathLike[str], faces: int) -> Tensor:
    """P(label | face), (F, 20) float32, of a ``.npy`` whose axes of length 1 do not count.

    Args:
        path: the file.
        faces: F of the body that it is for; 13,776 of SMPL, whose prior the authors give.

    Raises:
        InvalidData: no such file, another body's, or no probabilities.
    """
    name = shown(Path(path))
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, kind = np.squeeze(stored).shape, stored.dtype
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise InvalidData(
            f"{name}: not a readable .npy of numbers ({type(error).__name__}); get "
            f"semantic_prior.npy from DSR's page again."
        ) from error
    if shape != (faces, len(LABELS)) or kind.kind != "f":
        raise InvalidData(
            f"{name}: holds {kind} of shape {shape}; expected floating-point numbers "
            f"({faces}, {len(LABELS)}), the faces of the body by the labels."
        )
    prior = torch.from_numpy(np.array(np.squeeze(stored), dtype=np.float32))
    try:
        check_prior(prior)
    except InvalidData as error:
        raise InvalidData(f"{name}: {error}") from error
    off = float((prior.sum(dim=1) - 1).abs().max())
    if off > _OFF:
        raise InvalidData(
            f"{name}: a face's probabilities sum to 1 +- {off:.3g}; expected 1: is it the file of "
            f"counts?"
        )
    return prior
