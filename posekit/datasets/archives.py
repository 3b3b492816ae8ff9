"""Reads the community's archives of pickled arrays (npz, pkl) without running what is in them.

A pickle is a program: loading one with ``allow_pickle=True`` runs whatever its author wrote. The
files of this field need very little of that machine: containers, text, numbers and NumPy arrays.
The unpickler here knows these and refuses everything else. Even NumPy's own constructors are
replaced by inert stand-ins, since a forged dtype handed to them can corrupt memory.
"""

from __future__ import annotations

import ast
import io
import lzma
import math
import os
import pickle
import re
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from posekit.errors import InvalidData
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import BROKEN, STEPS, Budget, RestrictedUnpickler, reason, walk

LARGEST_HEADER = 10_000  # bytes; NumPy's own limit for parsing a header
LARGEST_RATIO, RATIO_FREE = 200, 1 << 26  # unpacked : packed, of all beyond 64 MiB together
# Bytes of a tree, shared parts counted each time : once, of trees beyond 64 MiB. Who reads a tree
# visits a part as often as it is referred to, and a few bytes can refer without end.
LARGEST_REPETITION, REPETITION_FREE = 4, 1 << 26
_SLOT = 64  # bytes of a container for each thing in it, about
PACKED_BY_NUMPY = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# The last record of an archive: signature, disks, number of members, place of their list.
_LAST_RECORD = struct.Struct("<4s6xH8sH")
# What a damaged archive can raise while it is opened or unpacked.
DAMAGED = (*BROKEN, OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_DTYPE_CODE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,6}|O8?|\?)")
_LEAVES = (type(None), bool, int, float, complex, str, bytes, np.generic)


class _Dtype:
    """Stands in for ``numpy.dtype`` while a pickle is read: plain element types only."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        code = code.decode("ascii") if isinstance(code, bytes) else code
        if not isinstance(code, str) or not _DTYPE_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"the element type {shown(code)} is not admitted")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _, order, subdtype, names, fields, *_ = state
        if (subdtype, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("structured element types are not admitted")
        order = order.decode("ascii") if isinstance(order, bytes) else order
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands in for ``numpy.ndarray`` while a pickle is read; ``build`` makes the array."""

    def __init__(self) -> None:
        self.state: tuple | None = None

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def parts(self) -> tuple[tuple[int, ...], np.dtype, str, Any]:
        """Shape, dtype, memory order and data, each checked."""
        if self.state is None or len(self.state) != 5:
            raise pickle.UnpicklingError("an array without its contents")
        _, shape, dtype, fortran, data = self.state
        if not isinstance(dtype, _Dtype) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise pickle.UnpicklingError("an array with a forged shape or element type")
        return tuple(shape), dtype.dtype, "F" if fortran else "C", data


class _ArrayType:
    """Stands in for the name ``numpy.ndarray``; cannot be called."""


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    if not isinstance(kind, _ArrayType):
        raise pickle.UnpicklingError("a subclass of numpy.ndarray is not admitted")
    return _Array()


def _scalar(dtype: _Dtype, data: bytes | str = b"") -> np.generic:
    raw = data.encode("latin1") if isinstance(data, str) else data
    if (
        not isinstance(dtype, _Dtype)
        or not isinstance(raw, bytes)
        or dtype.dtype.hasobject
        or len(raw) != dtype.dtype.itemsize
    ):
        raise pickle.UnpicklingError("a forged NumPy scalar")
    return np.frombuffer(raw, dtype.dtype, count=1)[0]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    # Python 2 and protocols below 3 spell bytes this way; other codecs could unpack bombs.
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"the codec {shown(encoding)} is not admitted")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _ArrayType(),
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(RestrictedUnpickler):
    admitted = ADMITTED
    stateful = (_Array, _Dtype)
    stateless = "is no array"


class ArrayUnpickler(_Unpickler):
    """Base of the unpicklers of formats that hold arrays and a few types more.

    What ``load`` gives still holds stand-ins in place of arrays; ``whole`` turns them into arrays.
    """

    def whole(self, node: Any) -> Any:
        """A part of what was read, with its arrays.

        Raises:
            UnpicklingError: it holds anything but containers, text, numbers and arrays.
        """
        return _resolve(node, {}, self.budget)


def restricted_load(
    stream: BinaryIO, name: str, *, encoding: str = "ASCII", budget: Budget | None = None
) -> Any:
    """Unpickle containers, text, numbers and NumPy arrays from ``stream``; run nothing.

    Args:
        stream: binary stream at the start of a pickle, any protocol.
        name: what to call it in messages (path, member).
        encoding: for text of Python 2 pickles, "latin1" where those hold arrays.
        budget: the steps that all pickles of the file share; by default those of this one.

    Returns:
        The object; arrays may be read-only views of the bytes read.

    Raises:
        InvalidData: the pickle is truncated, forged, or asks for anything else.
    """
    try:
        reader = _Unpickler(stream, encoding=encoding, budget=budget)
        tree = _resolve(reader.load(), {}, reader.budget)
        _check_repetition(tree)
        return tree
    except DAMAGED as error:
        raise InvalidData(
            f"{name}: the pickle is refused: {reason(error)}. Nothing in it was run; "
            "get the file again from its official page."
        ) from error


def load_pickle(path: str | os.PathLike[str], *, encoding: str = "ASCII") -> Any:
    """``restricted_load`` of a whole file, as 3DPW's and MotionBERT's ``.pkl``."""
    with readable(path), Path(path).open("rb") as file:
        return restricted_load(file, str(path), encoding=encoding)


@contextmanager
def readable(path: str | os.PathLike[str]) -> Iterator[None]:
    """Where a file is opened and read.

    Raises:
        InvalidData: the operating system cannot read it.
    """
    try:
        yield
    except OSError as error:
        raise InvalidData(
            f"{shown(Path(path))}: cannot be read ({reason(error)}); see to its rights and its "
            "disk, or get it again."
        ) from error


def load_archive(
    path: str | os.PathLike[str], members: Collection[str] | None = None
) -> dict[str, Any]:
    """Read an ``.npz`` archive, pickled members included, without running anything.

    Args:
        path: the archive.
        members: names to read; all by default.

    Returns:
        Member name to array; a 0-d object array is replaced by the object it holds, as
        ``archive[name].item()`` would give it.

    Raises:
        InvalidData: not an npz archive, truncated, a member missing, or a refused pickle.
    """
    with _opened(path) as archive:
        entries = _entries(archive, path)
        wanted = list(entries) if members is None else list(members)
        missing = [name for name in wanted if name not in entries]
        if missing:
            raise InvalidData(
                f"{path}: no member {missing[0]!r}, the archive holds "
                f"{_listed(entries)}; is it another file?"
            )
        _check_unpacked(archive, [entries[name] for name in wanted], path)
        budget = Budget(STEPS + os.stat(path).st_size)
        return {name: _read_member(archive, entries[name], path, budget) for name in wanted}


def member_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the members of an ``.npz`` archive, without reading them.

    Raises:
        InvalidData: not an npz archive, or truncated.
    """
    with _opened(path) as archive:
        return tuple(_entries(archive, path))


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    with readable(path):
        Path(path).open("rb").close()
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DAMAGED as error:
        raise InvalidData(
            f"{shown(Path(path))}: not a readable npz archive ({reason(error)}); it is truncated "
            "or another kind of file: download or copy it again."
        ) from error


def _entries(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> dict[str, zipfile.ZipInfo]:
    entries: dict[str, zipfile.ZipInfo] = {}
    found = len(archive.infolist())
    if not found or found != _promised_members(archive, path):
        raise InvalidData(f"{path}: members are missing; the file is damaged: get it again.")
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if name in entries:
            raise InvalidData(
                f"{path}: two members are called {shown(name)}; the file is damaged: get it again."
            )
        entries[name] = entry
    return entries


def _promised_members(archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> int:
    """How many members the last record of the archive promises; ``zipfile`` never compares."""
    with Path(path).open("rb") as file:
        file.seek(-(_LAST_RECORD.size + len(archive.comment)), os.SEEK_END)
        signature, count, *_ = _LAST_RECORD.unpack(file.read(_LAST_RECORD.size))
    if signature != b"PK\5\6":
        raise zipfile.BadZipFile("bytes follow on its last record")
    return count


def _listed(names: Collection[str]) -> str:
    return ", ".join(shown(name) for name in sorted(names)[:8]) or "nothing"


def _check_unpacked(
    archive: zipfile.ZipFile, entries: Collection[zipfile.ZipInfo], path: str | os.PathLike[str]
) -> None:
    """Refuse members that unpack to more than any data set does, or as NumPy never packs them."""
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, os.stat(path).st_size)
    if unpacked > RATIO_FREE and unpacked / packed > LARGEST_RATIO:
        raise InvalidData(
            f"{path}: its {packed} bytes unpack to {unpacked}, a decompression bomb; get it again."
        )
    for entry in entries:
        if entry.compress_type not in PACKED_BY_NUMPY:
            raise InvalidData(
                f"{path} [{shown(entry.filename)}]: packed by method {entry.compress_type}, which "
                "NumPy never writes; save it with numpy.savez_compressed."
            )


def _read_member(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    path: str | os.PathLike[str],
    budget: Budget,
) -> Any:
    name = f"{path} [{shown(entry.filename)}]"
    with archive.open(entry) as stream:
        shape, dtype, order, header = _read_header(stream, name)
        if dtype.hasobject:
            held = restricted_load(stream, name, budget=budget)
            if stream.read(1):  # and so its checksum is never looked at
                raise InvalidData(f"{name}: bytes follow on its pickle; get the file again.")
            return held.item() if isinstance(held, np.ndarray) and held.ndim == 0 else held
        size = math.prod(shape) * dtype.itemsize
        if size != entry.file_size - header:
            raise InvalidData(
                f"{name}: the header promises {_bytes(size)} bytes, the member holds "
                f"{entry.file_size - header}; the file is damaged: get it again."
            )
        return np.frombuffer(stream.read(size), dtype).reshape(shape, order=order)


def _bytes(size: int) -> str:
    return str(size) if size < 1 << 64 else "more than 2^64"


def _read_header(
    stream: io.BufferedIOBase, name: str
) -> tuple[tuple[int, ...], np.dtype, str, int]:
    """Shape, dtype, memory order and number of header bytes of a ``.npy`` member."""
    magic = stream.read(8)
    width = {1: 2, 2: 4, 3: 4}.get(magic[6] if len(magic) == 8 else 0)
    if magic[:6] != b"\x93NUMPY" or width is None:
        raise InvalidData(f"{name}: not a NumPy array; is it another kind of archive?")
    length = int.from_bytes(stream.read(width), "little")
    if length > LARGEST_HEADER:
        raise InvalidData(f"{name}: a header of {length} bytes is refused (forged).")
    try:
        header = ast.literal_eval(stream.read(length).decode("latin1"))
        shape, descr = tuple(header["shape"]), header["descr"]
        if not isinstance(descr, str) or not _DTYPE_CODE.fullmatch(descr):
            raise ValueError(f"element type {shown(descr)} is not admitted")
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ValueError("a shape of anything but whole numbers is not admitted")
        order = "F" if header["fortran_order"] else "C"
        return shape, np.dtype(descr), order, 8 + width + length
    except BROKEN as error:
        raise InvalidData(f"{name}: the array header is refused: {reason(error)}.") from error


def _resolve(node: Any, done: dict[int, Any], budget: Budget) -> Any:
    """The tree of ``node`` with arrays in place of what stands for them."""

    def leaf(held: Any) -> Any:
        if isinstance(held, _Array):
            return _build(held, done, budget)
        if isinstance(held, _LEAVES):
            return held
        raise pickle.UnpicklingError(
            f"an object of type {shown(type(held).__name__)} is not admitted"
        )

    return walk(node, leaf, done, keys=_LEAVES)


def _build(node: _Array, done: dict[int, Any], budget: Budget) -> np.ndarray:
    shape, dtype, order, data = node.parts()
    if not dtype.hasobject:
        if isinstance(data, str):  # many arrays may be of one text
            if id(data) not in done:
                done[id(data)] = data.encode("latin1")
            data = done[id(data)]
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("an array without its bytes")
        return np.frombuffer(data, dtype).reshape(shape, order=order)
    if not isinstance(data, list) or len(data) != math.prod(shape):
        raise pickle.UnpicklingError("an object array whose length is not its shape's")
    budget.spend(len(data))
    array = np.empty(len(data), dtype=object)
    for index, item in enumerate(data):
        array[index] = _resolve(item, done, budget)
    return array.reshape(shape, order=order)


def _check_repetition(tree: Any) -> None:
    """Refuse a tree that is small in the file and endless for whoever walks through it.

    Raises:
        UnpicklingError: a part that holds itself, or parts that are held over and over.
    """
    sizes = _Sizes()
    whole = sizes.of(tree)
    if whole > REPETITION_FREE and whole > LARGEST_REPETITION * sizes.once:
        raise pickle.UnpicklingError("it holds the same parts over and over")


class _Sizes:
    """Bytes of trees, about; ``once`` sums up those of each part, however often it is held."""

    def __init__(self) -> None:
        self.once = 0
        self._known: dict[int, int] = {}
        self._buffers: set[int] = set()

    def of(self, node: Any) -> int:
        """Bytes of a tree, a shared part counted each time."""
        if isinstance(node, str | bytes):
            return len(node)
        if isinstance(node, np.ndarray) and not node.dtype.hasobject:
            self._count_buffer(node)
            return node.nbytes
        parts = node.ravel() if isinstance(node, np.ndarray) else node
        if not isinstance(parts, dict | list | tuple | np.ndarray) or not len(parts):
            return 0
        if id(node) in self._known:
            if self._known[id(node)] < 0:
                raise pickle.UnpicklingError("a container that holds itself")
            return self._known[id(node)]
        self._known[id(node)] = -1
        own = _SLOT * len(parts)
        if isinstance(node, dict):
            own += sum(len(key) for key in node if isinstance(key, str | bytes))
            parts = node.values()
        self.once += own
        self._known[id(node)] = own + sum(map(self.of, parts))
        return self._known[id(node)]

    def _count_buffer(self, array: np.ndarray) -> None:
        held: Any = array
        while isinstance(held, np.ndarray) and held.base is not None:
            held = held.base
        if id(held) not in self._buffers:
            self._buffers.add(id(held))
            self.once += array.nbytes
