"""The restricted unpickler: what files of others may hold, and nothing in them is run.

A pickle is a program: ``pickle.load`` calls whatever its author wrote into it. Here every name that
a file asks for is looked up in a table of what is admitted and never imported; front ends for
archives of arrays (``datasets.archives``) and for checkpoints (``checkpoints.torch_files``) bring
their tables.

A pickle is also a program that can be made to run long and to take all memory in a few bytes. So
lengths are bounded by the bytes that are there, keys are looked at before they are hashed, and
every step is paid from a budget, which several pickles of one file share.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Collection, Iterable, Mapping, Sized
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar

import numpy as np

from posekit.machine.names_from_files import shown

# What a damaged or forged pickle can raise while it is read.
BROKEN = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
# Keys are hashed and compared. The hash of a tuple is computed anew each time, and doubles its time
# with each level of a tuple of twice the same tuple; complex numbers can be made to share a hash.
KEYS = (type(None), bool, int, float, str, bytes, np.str_, np.bytes_, np.integer, np.floating)
STEPS = 4_000_000  # some seconds; archives of poses take some thousands
_LARGEST_KEY = 1 << 60  # larger numbers can be made to share a hash
_COPIED_A_STEP = 100  # characters or bytes that are copied in the time of a step
_PIECE = 1 << 20  # bytes asked for at once


@dataclass
class Budget:
    """How many steps the pickles of one file may still take, all together.

    Every byte of a pickle is one step at most, so a file that is not compressed is given its own
    size in addition to ``STEPS``; a compressed one that unpacks to more has no such need.

    Attributes:
        left: steps; an item or ``_COPIED_A_STEP`` characters that are copied count as one.
    """

    left: int = STEPS

    def spend(self, steps: int) -> None:
        """Take some steps.

        Raises:
            UnpicklingError: more than are left.
        """
        self.left -= steps
        if self.left < 0:
            raise pickle.UnpicklingError("it takes more steps than data of its size need")


class RestrictedUnpickler(pickle._Unpickler):
    """Builds what ``admitted`` names and sets the state of nothing but ``stateful`` types.

    In Python, since the unpickler in C can be made to reserve all memory by a few forged bytes,
    and sets attributes on whatever a forged file points it at.

    Args:
        stream: at the start of a pickle.
        encoding: for text of Python 2.
        budget: the steps that all pickles of the file share; by default one for this pickle alone,
            which grows with the file where ``stream`` is one.

    Attributes:
        admitted: (module, name) -> what stands for it.
        stateful: types whose instances may be given a state: dictionaries, which leave it out, and
            types with a ``__setstate__``.
        stateless: how a refusal calls everything else.
        inert: types whose instances take items and keys and do nothing with them.
    """

    admitted: ClassVar[Mapping[tuple[str, str], Any]]
    stateful: ClassVar[tuple[type, ...]]
    stateless: ClassVar[str]
    inert: ClassVar[tuple[type, ...]] = ()
    dispatch: ClassVar[Mapping[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(
        self, stream: BinaryIO, *, encoding: str = "ASCII", budget: Budget | None = None
    ) -> None:
        super().__init__(_Exact(stream), encoding=encoding)
        self.budget = budget or Budget(STEPS + _file_size(stream))
        self.dispatch = _Paid(type(self).dispatch, self.budget)

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
            f"it asks for {shown(f'{module}.{name}')}, which data do not need and which could run "
            f"code"
        )

    def get_extension(self, _code: int) -> None:
        """The opcodes that name a thing by a number that this process knows.

        Raises:
            UnpicklingError: always.
        """
        raise pickle.UnpicklingError("it asks for a thing by a number, which data do not need")

    def load_build(self) -> None:
        """The opcode that sets an object's state; attributes of a dictionary are left out."""
        if len(self.stack) < 2 or not isinstance(self.stack[-2], self.stateful):
            raise pickle.UnpicklingError(f"it sets the state of something that {self.stateless}")
        state, held = self.stack.pop(), self.stack[-1]
        if not isinstance(held, dict):
            held.__setstate__(state)

    def load_reduce(self) -> None:
        """The opcode that calls what an admitted name stands for."""
        self._pay_for(self.stack[-1])
        super().load_reduce()

    def load_newobj(self) -> None:
        """The opcode that makes an object of a type."""
        self._pay_for(self.stack[-1])
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        """The opcode that makes an object of a type with named arguments."""
        self._pay_for(self.stack[-2])
        self._pay_for(tuple(self.stack[-1].values()))
        super().load_newobj_ex()

    def _instantiate(self, kind: Any, arguments: list[Any]) -> None:
        self._pay_for(arguments)
        self.append(kind(*arguments))

    def _pay_for(self, arguments: Any) -> None:
        """Pay for what a call can copy: its arguments, all of them sequences of the pickle."""
        if not isinstance(arguments, tuple | list):
            raise pickle.UnpicklingError("a call whose arguments are no tuple")
        for argument in arguments:
            if isinstance(argument, str | bytes | bytearray):
                self.budget.spend(len(argument) // _COPIED_A_STEP)
            elif isinstance(argument, Sized):
                self.budget.spend(len(argument))

    def load_setitem(self) -> None:
        """The opcode that puts one value under a key."""
        self._check_target(self.stack[-3], dict)
        check_keys(self.stack[-2:-1], self.inert)
        super().load_setitem()

    def load_setitems(self) -> None:
        """The opcode that puts values under keys."""
        self._check_target(self.metastack[-1][-1], dict)
        check_keys(self.stack[::2], self.inert)
        super().load_setitems()

    def load_dict(self) -> None:
        """The opcode that makes a dictionary of all since the mark."""
        check_keys(self.stack[::2], self.inert)
        super().load_dict()

    def load_additems(self) -> None:
        """The opcode that puts members into a set."""
        self._check_target(self.metastack[-1][-1], set)
        check_keys(self.stack, self.inert)
        super().load_additems()

    def load_frozenset(self) -> None:
        """The opcode that makes a frozen set of all since the mark."""
        check_keys(self.stack, self.inert)
        super().load_frozenset()

    def load_append(self) -> None:
        """The opcode that puts one item at the end of a list."""
        self._check_target(self.stack[-2], list)
        super().load_append()

    def load_appends(self) -> None:
        """The opcode that puts items at the end of a list."""
        self._check_target(self.metastack[-1][-1], list)
        super().load_appends()

    def load_bytearray8(self) -> None:
        """The opcode of bytes that can change; made of what is there, not of what is promised."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    def _check_target(self, target: Any, kind: type) -> None:
        if not isinstance(target, (kind, *self.inert)):
            raise pickle.UnpicklingError(f"it puts items into what is no {kind.__name__}")

    for _opcode, _load in {
        pickle.BUILD: load_build,
        pickle.REDUCE: load_reduce,
        pickle.NEWOBJ: load_newobj,
        pickle.NEWOBJ_EX: load_newobj_ex,
        pickle.SETITEM: load_setitem,
        pickle.SETITEMS: load_setitems,
        pickle.DICT: load_dict,
        pickle.ADDITEMS: load_additems,
        pickle.FROZENSET: load_frozenset,
        pickle.APPEND: load_append,
        pickle.APPENDS: load_appends,
        pickle.BYTEARRAY8: load_bytearray8,
    }.items():
        dispatch[_opcode[0]] = _load
    del _opcode, _load


def _file_size(stream: BinaryIO) -> int:
    """Bytes of a file on disk, 0 for any other stream, such as that of a compressed member."""
    try:
        return os.fstat(stream.fileno()).st_size
    except OSError:
        return 0


class _Exact:
    """A stream that gives as many bytes as it is asked for, or ends.

    It never reserves what is promised: a length of 4 GB in front of 10 bytes costs nothing.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.readline = stream.readline

    def read(self, size: int) -> bytes:
        if size <= _PIECE:
            read = self._stream.read(size)
        else:
            pieces, missing = [], size
            while missing and (piece := self._stream.read(min(missing, _PIECE))):
                pieces.append(piece)
                missing -= len(piece)
            read = b"".join(pieces)
        if len(read) < size:
            raise EOFError("it ends before what it promises")
        return read


class _Paid(dict):
    """What each opcode does; looking one up is paid as a step."""

    def __init__(self, dispatch: Mapping[int, Any], budget: Budget) -> None:
        super().__init__(dispatch)
        self._budget = budget

    def __getitem__(self, opcode: int) -> Any:
        self._budget.spend(1)
        return super().__getitem__(opcode)

    def __missing__(self, opcode: int) -> Any:
        raise pickle.UnpicklingError(f"the byte {opcode} is no instruction")


def check_keys(keys: Iterable[Any], inert: Collection[type] = ()) -> None:
    """Refuse keys, before they are hashed, that are neither text nor plain numbers.

    Args:
        keys: of a dictionary, or the members of a set.
        inert: further types that are admitted, whose hash takes no time.

    Raises:
        UnpicklingError: such a key.
    """
    kinds = (*KEYS, *inert)
    for key in keys:
        if not isinstance(key, kinds) or (type(key) is int and abs(key) >= _LARGEST_KEY):
            raise pickle.UnpicklingError("a dictionary whose keys are neither text nor numbers")


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
    """What an error says, on one line and not too long, without a full stop; else its name.

    An error that carries anything but text and numbers tells its name alone: its text would hold
    the ``repr`` of what a file put there.
    """
    told = str(error) if all(type(part) in (str, int) for part in error.args) else ""
    return shown(" ".join(told.split()).rstrip("."), 200) or type(error).__name__
