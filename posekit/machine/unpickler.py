"""The restricted unpickler: what files of others may hold, and nothing in them is run.

A pickle is a program: ``pickle.load`` calls whatever its author wrote into it. Here every name that
a file asks for is looked up in a table of what is admitted and never imported; front ends for
archives of arrays (``datasets.archives``) and for checkpoints (``checkpoints.torch_files``) bring
their tables.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

# What a damaged or forged pickle can raise while it is read.
BROKEN = (
    pickle.UnpicklingError,
    struct.error,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)


class RestrictedUnpickler(pickle._Unpickler):
    """Builds what ``admitted`` names and sets the state of nothing but ``stateful`` types.

    In Python, since the unpickler in C can be made to reserve all memory by a few forged bytes,
    and sets attributes on whatever a forged file points it at.

    Attributes:
        admitted: (module, name) -> what stands for it.
        stateful: types whose instances may be given a state.
        stateless: how a refusal calls everything else.
    """

    admitted: ClassVar[Mapping[tuple[str, str], Any]]
    stateful: ClassVar[tuple[type, ...]]
    stateless: ClassVar[str]
    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the file."""
        if (module, name) in self.admitted:
            return self.admitted[module, name]
        return self.foreign(module, name)

    def foreign(self, module: str, name: str) -> Any:
        """What stands for a name that is not admitted.

        Raises:
            UnpicklingError: always, here.
        """
        raise pickle.UnpicklingError(
            f"it asks for {module}.{name}, which data do not need and which could run code"
        )

    def load_build(self) -> None:
        """The opcode that sets an object's state."""
        if len(self.stack) < 2 or not isinstance(self.stack[-2], self.stateful):
            raise pickle.UnpicklingError(f"it sets the state of something that {self.stateless}")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def walk(
    node: Any, leaf: Callable[[Any], Any], done: dict[int, Any], keys: type | tuple = object
) -> Any:
    """The tree of lists, dictionaries and tuples with ``leaf`` of everything else; each node once.

    Args:
        node: the tree; its lists and dictionaries are changed in place.
        leaf: gives what takes the place of a node that is no container.
        done: what took the place of each node seen so far, by ``id``.
        keys: types that keys of dictionaries may have.

    Raises:
        UnpicklingError: a key of another type.
    """
    if id(node) in done:
        return done[id(node)]
    if isinstance(node, dict):
        if not all(isinstance(key, keys) for key in node):
            raise pickle.UnpicklingError("a dictionary whose keys are neither text nor numbers")
        done[id(node)] = node
        for key, item in node.items():
            node[key] = walk(item, leaf, done, keys)
    elif isinstance(node, list):
        done[id(node)] = node
        node[:] = [walk(item, leaf, done, keys) for item in node]
    elif isinstance(node, tuple):
        done[id(node)] = tuple(walk(item, leaf, done, keys) for item in node)
    else:
        held = leaf(node)
        if held is node:  # text and numbers, of which there may be millions
            return node
        done[id(node)] = held
    return done[id(node)]


def reason(error: BaseException) -> str:
    """What an error says, on one line and not too long, without a full stop; else its name."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
