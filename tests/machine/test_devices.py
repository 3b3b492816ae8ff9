"""Choice of the device by name."""

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.machine.devices import choose_device


def test_names():
    assert choose_device("cpu") == torch.device("cpu")
    expected = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    assert choose_device("auto") == expected


@pytest.mark.parametrize("name", ["gpu", "meta", "mps", ""])
def test_unknown_names(name):
    with pytest.raises(InvalidParameter, match="choose one of: auto, cpu, cuda"):
        choose_device(name)


def test_gpu_that_is_not_there():
    with pytest.raises(InvalidParameter, match=r"finds (no usable GPU|\d+ GPU)"):
        choose_device(f"cuda:{torch.cuda.device_count()}")
