"""Mistakes told in one line."""

from __future__ import annotations

import pytest

from posekit import errors
from posekit.errors import DatasetNotFound, PosekitError, unknown


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("h36", "unknown data set 'h36'; did you mean 'h36m'? choose one of: cmu, h36m."),
        ("zzz", "unknown data set 'zzz'; choose one of: cmu, h36m."),
        (3, "unknown data set 3; choose one of: cmu, h36m."),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_and_all(value: object, told: str) -> None:
    assert unknown("data set", value, iter(("cmu", "h36m"))) == told


def test_a_notebook_shows_the_message_and_no_traceback() -> None:
    error = DatasetNotFound("nothing here.")
    assert error._render_traceback_() == ["DatasetNotFound: nothing here."]


def test_every_error_is_one_of_posekit_and_says_what_it_is_for() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind.__module__ == errors.__name__
    ]
    assert len(kinds) > 5
    assert all(issubclass(kind, PosekitError) and kind.__doc__ for kind in kinds)
