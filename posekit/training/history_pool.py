"""A pool of generated samples that a discriminator sees again later.

Shrivastava et al., "Learning from simulated and unsupervised images through adversarial training",
CVPR 2017; with PoseAug's size and rule (https://github.com/jfzhang95/PoseAug at f469ce4).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from posekit.errors import InvalidParameter, check_count


class HistoryPool:
    """Samples of earlier steps, so that a discriminator does not forget what it has seen.

    Draws come from torch's own CPU generator, on every device: a training whose snapshot holds
    that generator's state and the pool's goes on bit for bit.

    Args:
        size: how many samples it holds.

    Raises:
        InvalidParameter: a size below 1.
    """

    def __init__(self, size: int = 4096) -> None:
        check_count("size of a history pool", size)
        self.size = size
        self._stored: Tensor | None = None

    def exchange(self, samples: Tensor) -> Tensor:
        """What a discriminator should see in place of new samples.

        One after the other: while the pool is not full, a sample enters it and is given back; then
        with probability 1/2 it takes the place of a stored one, which is given back instead.

        Args:
            samples: (B, ...), at least one, always of one shape behind B.

        Returns:
            (B, ...), detached.
        """
        samples = samples.detach()
        stored = samples[:0] if self._stored is None else self._stored.to(samples.device)
        known = torch.cat([stored, samples])
        held, given = self._exchanged(len(stored), len(samples))
        self._stored = known[torch.tensor(held, device=known.device)]
        return known[torch.tensor(given, device=known.device)]

    def _exchanged(self, stored: int, new: int) -> tuple[list[int], list[int]]:
        """Which samples the pool holds afterwards and which it gives back, by their numbers;
        stored ones are counted first."""
        swapped = (torch.rand(new) < 0.5).tolist()
        places = torch.randint(self.size, (new,)).tolist()
        held, given = list(range(stored)), []
        for sample, swap, place in zip(range(stored, stored + new), swapped, places, strict=True):
            if len(held) < self.size:
                held.append(sample)
                given.append(sample)
            elif swap:
                given.append(held[place])
                held[place] = sample
            else:
                given.append(sample)
        return held, given

    def state(self) -> dict[str, Tensor]:
        """What ``restore`` needs; empty before the first samples."""
        return {} if self._stored is None else {"stored": self._stored}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what ``state`` gave.

        Raises:
            InvalidParameter: it holds more samples than this pool may.
        """
        stored = state.get("stored")
        if stored is not None and len(stored) > self.size:
            raise InvalidParameter(
                f"the state of a history pool holds {len(stored)} samples; this pool takes "
                f"{self.size}: make it as large as that one."
            )
        self._stored = stored
