"""Seeds that are none are refused; the caller's random states survive."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posekit.errors import InvalidParameter
from posekit.machine.random_state import LARGEST_SEED, check_seed, random_state_kept

NO_SEEDS = st.one_of(
    st.integers(max_value=-1),
    st.integers(min_value=LARGEST_SEED + 1),
    st.booleans(),
    st.floats(),
    st.text(),
    st.none(),
)


@given(NO_SEEDS)
def test_what_is_no_seed_is_refused_in_one_line(seed):
    with pytest.raises(InvalidParameter, match="give a whole number from 0 to 4294967295") as told:
        check_seed(seed)
    assert "\n" not in str(told.value)


@given(st.integers(0, LARGEST_SEED))
def test_seeds_are_accepted(seed):
    check_seed(seed)


def states():
    numpy = np.random.get_state()[1].tolist()  # noqa: NPY002
    return random.getstate(), numpy, torch.get_rng_state().tolist()


@pytest.mark.parametrize("fails", [False, True])
def test_states_are_given_back(fails):
    before = states()
    try:
        with random_state_kept(torch.device("cpu")):
            random.seed(1)
            np.random.seed(1)  # noqa: NPY002
            torch.manual_seed(1)
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert states() == before
