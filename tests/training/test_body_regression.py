"""The contract of methods that find bodies: found by name, with a plain view of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posekit.bodies import open_body
from posekit.errors import InvalidParameter
from posekit.models.scaling import Scale
from posekit.training.body_regression import BodyMethod, downscaled, method


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(InvalidParameter, match=r"unknown method 'nothing'.*nothing_method\.py"):
        method("nothing")


def test_methods_are_found_by_name() -> None:
    for name, fits in (("dsr", False), ("dsr_fit", True)):
        found = method(name)
        assert issubclass(found, BodyMethod)
        assert found.fits == fits
        assert found.terms[-1] == "total"


def test_a_method_without_a_network_has_no_costs() -> None:
    fit = method("dsr_fit")
    made = fit(fit.scaled({}, Scale()), open_body(), 64)
    with pytest.raises(InvalidParameter, match="no costs to count"):
        made.example(torch.device("cpu"))


def test_baselines_see_mean_colours() -> None:
    pictures = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    pictures[0, :8, :8] = (255, 0, 51)
    seen = downscaled(pictures).reshape(3, 8, 8)
    assert seen[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])
    assert seen.sum() == pytest.approx(1.2)
