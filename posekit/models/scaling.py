"""How far a published network is scaled down for a machine that cannot train it."""

from __future__ import annotations

import math
from dataclasses import dataclass

NARROWEST = 4  # channels

HEAD_WIDTH = 16
"""Channels that an attention head of a narrowed network keeps at least."""


@dataclass(frozen=True)
class Scale:
    """Divisors and factors that are the same for all networks; see ``Lifter.scaled``.

    Attributes:
        frames_divisor: divides the frames of a window.
        width_divisor: divides the width of the network.
        depth_factor: multiplies the number of blocks; halves are rounded up.
    """

    frames_divisor: int = 1
    width_divisor: int = 1
    depth_factor: float = 1.0

    def frames(self, published: int) -> int:
        """Frames of a window, at least 1."""
        return max(1, published // self.frames_divisor)

    def width(self, published: int) -> int:
        """Channels of a token."""
        return max(NARROWEST, published // self.width_divisor)

    def heads(self, published: int, width: int) -> int:
        """Attention heads of a network whose scaled width is ``width``."""
        if self.width_divisor == 1:
            return published
        return max(1, min(published, width // HEAD_WIDTH))

    def blocks(self, published: int) -> int:
        """Number of blocks, possibly 0."""
        return math.floor(self.depth_factor * published + 0.5)
