"""Seeds, and the random states of the process, which belong to whoever called."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from posekit.errors import InvalidParameter

LARGEST_SEED = 2**32 - 1  # NumPy's global generator takes no larger one


def check_seed(seed: object) -> None:
    """Refuse what is no seed.

    Raises:
        InvalidParameter: no whole number from 0 to ``LARGEST_SEED``.
    """
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise InvalidParameter(
            f"seed is {seed!r:.60}; give a whole number from 0 to {LARGEST_SEED}."
        )


@contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """Give Python's, NumPy's and torch's generators their states back when the block ends.

    Args:
        device: the one that the block computes on.
    """
    python, cpu = random.getstate(), torch.get_rng_state()
    numpy = np.random.get_state()  # noqa: NPY002 - the caller may use it
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)
