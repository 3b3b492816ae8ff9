"""Label maps as the human parser writes them: PNG pictures with a colour for each label.

Graphonomy's "universal" model, whose pictures DSR reads from ``grph_sequences``; see
``semantic_labels``.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from posekit.errors import InvalidData
from posekit.machine.names_from_files import shown

PALETTE = (
    *((0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85)),
    *((0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0), (52, 86, 128), (0, 128, 0)),
    *((0, 0, 255), (51, 170, 221), (0, 255, 255), (85, 255, 170), (170, 255, 85)),
    *((255, 255, 0), (255, 170, 0)),
)
"""Red, green and blue of each label id."""

_MOST_STRAY = 0.1  # of the coloured pixels; a parser's picture that was not resized has none
_MOST_PIXELS = 50_000_000


def label_ids(colours: Tensor) -> Tensor:
    """Label ids (..., H, W) uint8 of colours (..., H, W, 3), whole numbers.

    A colour that is not in the palette is background, as in DSR: resizing a label map mixes the
    colours on both sides of a border.
    """
    palette = torch.tensor(PALETTE, device=colours.device)
    code, codes = _one_number(colours.long()), _one_number(palette)
    ids = torch.zeros(code.shape, dtype=torch.uint8, device=colours.device)
    for number, known in enumerate(codes):
        ids[code == known] = number
    return ids


def read_label_image(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> Tensor:
    """Label ids (H, W) uint8 of a parser's PNG.

    Args:
        path: the picture.
        size: (height, width) of the photograph that it belongs to; any by default.

    Raises:
        InvalidData: no PNG, another size, or colours of no label.
    """
    name = shown(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, which are refused below
            picture = Image.open(path, formats=["PNG"])
        with picture:
            wide, high = picture.size
            if wide * high > _MOST_PIXELS:
                raise InvalidData(
                    f"{name}: has {wide} x {high} pixels, more than {_MOST_PIXELS:,}; give the "
                    f"label map of a photograph."
                )
            if size is not None and (high, wide) != tuple(size):
                raise InvalidData(
                    f"{name}: has {wide} x {high} pixels and its photograph {size[1]} x "
                    f"{size[0]}; give the label map of the same picture."
                )
            colours = torch.from_numpy(np.array(picture.convert("RGB")))
    except InvalidData:
        raise
    except Exception as error:  # a decoder of a damaged picture raises anything
        raise InvalidData(
            f"{name}: not a readable PNG ({type(error).__name__}); write it again."
        ) from error
    ids = label_ids(colours)
    coloured = colours.any(dim=-1)
    stray = int((coloured & (ids == 0)).sum())
    if stray > _MOST_STRAY * int(coloured.sum()):
        raise InvalidData(
            f"{name}: {stray:,} of its {int(coloured.sum()):,} coloured pixels are of no label's "
            f"colour; give the parser's colour picture, neither its grey one nor a JPEG's copy."
        )
    return ids


def _one_number(colours: Tensor) -> Tensor:
    red, green, blue = colours.unbind(-1)
    return (red << 16) + (green << 8) + blue
