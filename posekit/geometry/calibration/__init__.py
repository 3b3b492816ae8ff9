"""Published calibration tables, packaged as JSON: cameras and take names of the data sets."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load_calibration(name: str) -> dict[str, Any]:
    """Content of one packaged table; treat it as read-only, it is shared between callers.

    Args:
        name: ``"h36m_cameras"``, ``"h36m_takes"`` or ``"humaneva_cameras"``. Lengths are in the
            units that the table's own ``units`` entry states (millimetres, pixels).
    """
    return json.loads((files(__name__) / f"{name}.json").read_text(encoding="utf-8"))
