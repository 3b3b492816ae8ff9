"""Tiny networks of images in the layout of the authors' files."""

from __future__ import annotations

from pathlib import Path

import torch

from posekit.models.dsr import DSR, DSRConfig
from posekit.models.perspose import PersPose, PersPoseConfig


def save_dsr(path: Path) -> Path:
    """DSR's layout: the network inside a training program, beside a body model."""
    torch.manual_seed(0)
    network = DSR(DSRConfig(backbone="resnet18", width=2, hidden=8))
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    body = {"model.smpl.v_template": torch.zeros(6890, 3)}
    torch.save({"state_dict": {**state, **body}, "epoch": 3}, path)
    return path


def save_perspose(path: Path, components: int = 10) -> Path:
    """PersPose's layout, of a network whose joints lie about, as inverse kinematics asks for."""
    torch.manual_seed(0)
    network = PersPose(
        PersPoseConfig(
            width=4,
            modules=(1, 1, 1),
            blocks=1,
            stem=4,
            head=(2, 2, 4, 4),
            features=8,
            components=components,
        )
    )
    with torch.no_grad():
        network.hm_layer.weight.mul_(300)
        network.depth_layer_global.bias.normal_()
    torch.save({"model": {**network.state_dict(), "smpl.betas": torch.zeros(96, 11)}}, path)
    return path
