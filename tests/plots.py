"""Plots read back: coordinates from plotly's JSON, and motion to draw."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import torch

from posekit.geometry.skeletons import HUMAN36M_17
from posekit.workbook.figures import TradeOff

JOINTS = HUMAN36M_17.joints
POINTS = [
    TradeOff(None, 27, flops=0.1, seconds=0.010, error=70.0),
    TradeOff(1, 9, flops=0.05, seconds=0.008, error=72.0),
    TradeOff(2, 9, flops=0.06, seconds=0.009, error=71.5),
    TradeOff(2, 3, flops=0.055, seconds=0.007, error=73.0),
]


def motion(frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(frames, JOINTS, 3, generator=generator)
    return target + 0.05 * torch.randn(frames, JOINTS, 3, generator=generator), target


def plain(figure: go.Figure) -> dict:
    return json.loads(figure.to_json())


def trace(traces: list[dict], name: str) -> dict:
    return next(item for item in traces if item.get("name") == name)


def points_of(segments: dict) -> np.ndarray:
    """(bones, 2, 3): start and end of every drawn segment."""
    axes = [np.array([value for value in segments[a] if value is not None]) for a in "xyz"]
    return np.stack(axes, axis=-1).reshape(-1, 2, 3)
