"""Pictures of data sets: JPEG files that others made, so that nothing in them is taken on trust."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from posekit.errors import InvalidData
from posekit.machine.names_from_files import shown


def read_jpeg(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """One picture, (H, W, 3) RGB.

    Args:
        path: of a file that is there.
        size: width and height that its camera has, where one is known.

    Raises:
        InvalidData: no JPEG, or of another size.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, which are refused below
            picture = Image.open(path, formats=["JPEG"])
        with picture:
            if size is not None and picture.size != size:
                raise InvalidData(
                    f"{shown(path)}: has {picture.size[0]} x {picture.size[1]} pixels, its camera "
                    f"{size[0]} x {size[1]}; unpack the original pictures."
                )
            return np.array(picture.convert("RGB"))
    except InvalidData:
        raise
    except Exception as error:  # a decoder of a damaged picture raises anything
        raise InvalidData(
            f"{shown(path)}: not a readable JPEG ({type(error).__name__}); unpack it again."
        ) from error
