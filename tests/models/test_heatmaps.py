"""Heat maps: cells have their centres at +0.5, and points come back out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.models.heatmaps import decode, draw_points, soft_argmax

WIDTH, HEIGHT = 12, 9


def one_hot(column, row):
    logits = torch.zeros(HEIGHT, WIDTH, dtype=torch.float64)
    logits[row, column] = 1
    return logits


@given(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.sampled_from([1.0, 4.0, 7.5]))
@settings(max_examples=40)
def test_one_cell_is_its_centre(column, row, stride):
    centre = torch.tensor([column + 0.5, row + 0.5], dtype=torch.float64) * stride
    torch.testing.assert_close(soft_argmax(1e3 * one_hot(column, row), stride), centre)
    torch.testing.assert_close(decode(one_hot(column, row), stride), centre)


def test_a_flat_map_is_the_middle_of_its_picture():
    middle = soft_argmax(torch.zeros(2, 5, HEIGHT, WIDTH), 4.0)
    torch.testing.assert_close(middle, torch.tensor([24.0, 18.0]).expand(2, 5, 2))


@given(st.floats(20, 236), st.floats(20, 236))
@settings(max_examples=40)
def test_a_drawn_point_is_found_again(x, y):
    point = torch.tensor([[x, y]], dtype=torch.float64)
    found = decode(draw_points(point, 64, 4.0), 4.0)
    torch.testing.assert_close(found, point, rtol=0, atol=0.06)  # 0.013 cells: no Gaussian's top


def test_a_point_reaches_three_deviations():
    (drawn,) = draw_points(torch.tensor([[32.0, 32.0]]), 64, 1.0, deviation=2.0)
    columns = drawn.any(dim=0).nonzero().squeeze(1)
    assert (int(columns.min()), int(columns.max())) == (26, 38)
    assert drawn.max() == pytest.approx(torch.exp(torch.tensor(-0.0625)).item())


def test_a_maximum_at_the_border_stays_in_its_cell():
    (drawn,) = draw_points(torch.tensor([[0.2, 20.0]]), 64, 1.0)
    assert decode(drawn, 1.0)[0] == 0.5


def test_positions_are_not_rounded_under_autocast():
    logits = torch.randn(2, 5, 64, 64, generator=torch.manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = soft_argmax(logits, 4.0)
    torch.testing.assert_close(rounded, soft_argmax(logits, 4.0))
