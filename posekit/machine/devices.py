"""The device that a run uses, chosen by name."""

from __future__ import annotations

import torch

from posekit.errors import InvalidParameter


def choose_device(name: str = "auto") -> torch.device:
    """The torch device called ``name``.

    Args:
        name: "auto" (the first GPU, else the CPU), "cpu", "cuda" or "cuda:1", "cuda:2"...

    Raises:
        InvalidParameter: an unknown name, or a GPU that this machine or this torch does not have.
    """
    gpus = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda", 0) if gpus else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise InvalidParameter(f"unknown device {name!r}; choose one of: auto, cpu, cuda, cuda:N.")
    if device.type == "cpu":
        return torch.device("cpu")
    index = device.index or 0
    if index >= gpus:
        found = f"{gpus} GPU{'s' if gpus != 1 else ''}" if gpus else "no usable GPU"
        raise InvalidParameter(
            f"device {name!r} was asked for and torch {torch.__version__} finds {found}; "
            "choose auto or cpu."
        )
    return torch.device("cuda", index)
