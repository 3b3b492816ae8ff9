"""Names from files: one short line of printable characters, whatever a file puts there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posekit.machine.names_from_files import LONGEST, shown


class Unrepresentable:
    def __repr__(self) -> str:
        raise AssertionError("asked for its repr")

    __str__ = __repr__


ANYTHING = st.one_of(
    st.text(), st.binary(), st.integers(), st.floats(), st.booleans(), st.none(), st.builds(object)
)


@given(ANYTHING)
def test_anything_is_one_short_printable_line(name: object) -> None:
    text = shown(name)
    assert len(text) <= LONGEST
    assert text.isprintable()
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Walking 1.54138969", "Walking 1.54138969"),
        ("hanché", "hanché"),
        ("two\nlines\t\x1b[31m", r"two\nlines\t\x1b[31m"),
        ("turned \u202e round", r"turned \u202e round"),
        ("half \udcff", r"half \udcff"),
        (b"S1/\xff", r"S1/\xff"),
        (None, "None"),
        (7, "7"),
        pytest.param(1 << 100_000, "<int>", id="enormous"),
        pytest.param(Unrepresentable(), "<Unrepresentable>", id="unknown"),
        pytest.param(type("x" * 200, (), {})(), "<" + "x" * 37 + "...>", id="long type"),
    ],
)
def test_names_keep_what_can_be_read(name: object, text: str) -> None:
    assert shown(name) == text


def test_a_long_name_is_cut_and_a_path_is_not() -> None:
    assert shown("x" * 100) == "x" * 57 + "..."
    assert shown("x" * 100, most=10) == "xxxxxxx..."
    assert shown(Path("x" * 100) / "a\nb.npz") == "x" * 100 + r"/a\nb.npz"
