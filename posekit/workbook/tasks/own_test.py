"""Learning that shows on other data than those on which a row is compared.

A lifter that is trained on one data set and compared on another may err there as much as a linear
map and have learned its own data well: the gap between the two is what is studied. Such a run
keeps a second reading, on the test split of what it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

READING = "test split of its own source"


@runtime_checkable
class ComparesElsewhere(Protocol):
    """A task some of whose runs have the reading ``READING``."""

    def own_baselines(
        self, config: Mapping[str, Any], data: Path, runs: Path
    ) -> Mapping[str, Mapping[str, Any]] | None:
        """What trivial baselines give there, as ``Task.baselines``; None for a run without it."""
