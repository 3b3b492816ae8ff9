"""The unpickler that both front ends share: admitted names alone, and each node once."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posekit.machine import unpickler
from posekit.machine.unpickler import (
    BROKEN,
    STEPS,
    Budget,
    RestrictedUnpickler,
    check_keys,
    reason,
    walk,
)


class Held:
    """An admitted class with a state."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.value = state["value"]


class Other:
    """An admitted class whose state nobody may set."""


class Unpickler(RestrictedUnpickler):
    """Admits the two, wherever this file is imported from."""

    admitted = {(__name__, "Held"): Held, (__name__, "Other"): Other}  # noqa: RUF012
    stateful = (Held,)
    stateless = "has none"


class PlainUnpickler(Unpickler):
    """Admits what older protocols spell by name."""

    admitted = {  # noqa: RUF012
        ("__builtin__", "set"): set,
        ("__builtin__", "bytearray"): bytearray,
        ("builtins", "bytearray"): bytearray,
        ("_codecs", "encode"): str.encode,
    }


def load(content: Any, protocol: int = 2) -> Any:
    stream = content if isinstance(content, bytes) else pickle.dumps(content, protocol)
    return Unpickler(io.BytesIO(stream)).load()


def with_state(kind: type) -> Any:
    made = kind()
    made.value = 3
    return made


@pytest.mark.parametrize("protocol", [2, 4])
def test_state_goes_to_admitted_containers_alone(protocol: int) -> None:
    found = load(with_state(Held), protocol)
    assert (type(found), found.value) == (Held, 3)
    assert type(load(Other(), protocol)) is Other
    with pytest.raises(pickle.UnpicklingError, match="sets the state of something that has none"):
        load(with_state(Other), protocol)


@pytest.mark.parametrize(
    "stream",
    [b"}b.", b"\x80\x02]}b.", b"\x80\x02(}b.", f"c{__name__}\nHeld\n}}S'x'\nI1\nsb.".encode()],
    ids=["nothing", "list", "mark", "class"],
)
def test_a_forged_state_is_refused(stream: bytes) -> None:
    with pytest.raises(BROKEN):
        load(stream)
    assert not hasattr(Held, "x")


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, eval, getattr, os.path.join])
def test_other_names_are_not_imported(function: Any, protocol: int) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"it asks for .* which could run code"):
        load(function, protocol)


def test_a_dotted_name_is_not_followed() -> None:
    forged = b"\x80\x04\x8c" + bytes([len(__name__)]) + __name__.encode()
    forged += b"\x8c\x0dHeld.__init__\x93."
    with pytest.raises(pickle.UnpicklingError, match=r"Held\.__init__"):
        load(forged)


def test_a_forged_memo_reserves_no_memory() -> None:
    tracemalloc.start()
    assert load(b"\x80\x03]r\xff\xff\xff\x07.") == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


NESTED = b")" + b"2\x86" * 100  # a tuple of twice the tuple before: hashing it never ends


@pytest.mark.parametrize(
    "stream",
    [
        b"}" + NESTED + b"Ns.",
        b"}(" + NESTED + b"Nu.",
        b"(" + NESTED + b"Nd.",
        b"\x8f(" + NESTED + b"\x90.",
        b"(" + NESTED + b"\x91.",
        b"}]Ns.",
        b"}\x8a\x09" + (1 << 64).to_bytes(9, "little") + b"Ns.",
    ],
    ids=["one", "several", "since a mark", "set", "frozen set", "list", "huge number"],
)
def test_keys_are_looked_at_before_they_are_hashed(stream: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="keys are neither text nor numbers"):
        load(b"\x80\x04" + stream)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_plain_keys_are_kept(protocol: int) -> None:
    content = {"a": 1, b"b": 2, 3: 4, 0.5: None, None: {1, 2}, True: "yes", -(1 << 59): []}
    assert PlainUnpickler(io.BytesIO(pickle.dumps(content, protocol))).load() == content


def test_further_keys_are_admitted_by_name() -> None:
    check_keys([np.int64(3), np.float32(0.5), np.str_("a")])
    check_keys([Held()], (Held,))
    for key in (Held(), (1,), 1j, np.complex64(1)):
        with pytest.raises(pickle.UnpicklingError):
            check_keys([key])


@pytest.mark.parametrize(
    "stream",
    [
        b"B" + struct.pack("<I", (1 << 32) - 1),
        b"X" + struct.pack("<I", (1 << 32) - 1),
        b"\x8d" + struct.pack("<Q", 1 << 40),
        b"\x8e" + struct.pack("<Q", 1 << 62),
        b"\x95" + struct.pack("<Q", 1 << 40),
        b"\x96" + struct.pack("<Q", 1 << 40),
        b"\x8b" + struct.pack("<i", (1 << 31) - 1),
        b"U\xff",
    ],
)
def test_lengths_are_bounded_by_the_bytes_that_are_there(stream: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(EOFError, match="ends before what it promises"):
        load(b"\x80\x05" + stream + b"abc.")
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_long_contents_are_read_whole() -> None:
    content = [os.urandom(3 << 20), bytearray(os.urandom(3 << 20)), "text" * (1 << 20)]
    for protocol in (4, 5):
        assert PlainUnpickler(io.BytesIO(pickle.dumps(content, protocol))).load() == content


def test_pickles_of_one_file_share_their_steps() -> None:
    stream, budget = pickle.dumps(list(range(100))), Budget(300)
    Unpickler(io.BytesIO(stream), budget=budget).load()
    assert 90 <= 300 - budget.left <= 110
    Unpickler(io.BytesIO(stream), budget=budget).load()
    with pytest.raises(pickle.UnpicklingError, match="takes more steps than data of its size"):
        Unpickler(io.BytesIO(stream), budget=budget).load()


def test_what_a_call_copies_is_paid() -> None:
    class Copying(Unpickler):
        admitted = {("a", "copy"): list}  # noqa: RUF012

    program = b"\x80\x02](" + b"N" * 1000 + b"eq\x000" + b"ca\ncopy\n(h\x00tR0" * 50 + b"N."
    budget = Budget(10_000)
    with pytest.raises(pickle.UnpicklingError, match="more steps"):
        Copying(io.BytesIO(program), budget=budget).load()


def test_a_large_file_on_disk_may_take_the_steps_of_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert STEPS > 1_000_000
    monkeypatch.setattr(unpickler, "STEPS", 10)
    (tmp_path / "long.pkl").write_bytes(pickle.dumps(list(range(1000))))
    with (tmp_path / "long.pkl").open("rb") as file:
        assert Unpickler(file).load() == list(range(1000))


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"\x80\x02\xfe.", "the byte 254 is no instruction"),
        (b"\x80\x02\x82\x01.", "asks for a thing by a number"),
        (b"\x80\x02X\x01\0\0\0w(NNu.", "puts items into what is no dict"),
        (b"\x80\x02}Na.", "puts items into what is no list"),
        (b"\x80\x04](N\x90.", "puts items into what is no set"),
        (b"\x80\x02NNR.", "a call whose arguments are no tuple"),
        (b"ca\x1b[31m\nb\n.", r"asks for a\\x1b\[31m\.b"),
    ],
)
def test_forged_instructions_are_refused(stream: bytes, message: str) -> None:
    with pytest.raises(BROKEN, match=message):
        load(stream)


def test_each_node_of_a_tree_is_visited_once() -> None:
    held = Held()
    tree: dict[str, Any] = {"list": [held, 1], "tuple": (held, "text")}
    tree["self"], tree["again"] = tree, tree["list"]
    visited = []

    def leaf(node: Any) -> Any:
        visited.append(node)
        return "made" if node is held else node

    found = walk(tree, leaf, {})
    assert found is tree
    assert found["self"] is tree
    assert found["again"] is found["list"]
    assert found["list"] == ["made", 1]
    assert found["tuple"] == ("made", "text")
    assert visited == [held, 1, "text"]


def test_keys_of_dictionaries_may_be_limited() -> None:
    assert walk({(1, 2): 3}, lambda node: node, {}) == {(1, 2): 3}
    with pytest.raises(pickle.UnpicklingError, match="keys are neither text nor numbers"):
        walk([{(1, 2): 3}], lambda node: node, {}, keys=(str, int))


def test_a_reason_is_one_short_line() -> None:
    assert reason(ValueError("first\n  second.")) == "first second"
    assert reason(EOFError()) == "EOFError"
    assert len(reason(ValueError("x" * 500))) == 200
    assert reason(OSError(22, "Invalid argument")) == "[Errno 22] Invalid argument"
    assert reason(ValueError("\x1b[31m")) == r"\x1b[31m"


def test_a_reason_never_asks_for_the_repr_of_what_a_file_holds() -> None:
    class Endless:
        def __repr__(self) -> str:
            raise AssertionError("asked for its repr")

        __str__ = __repr__

    assert reason(KeyError(Endless())) == "KeyError"
    assert reason(TypeError("a", Endless())) == "TypeError"
