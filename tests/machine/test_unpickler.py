"""The unpickler that both front ends share: admitted names alone, and each node once."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
from typing import Any

import pytest

from posekit.machine.unpickler import BROKEN, RestrictedUnpickler, reason, walk


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
