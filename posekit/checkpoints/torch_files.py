"""Reads files that ``torch.save`` wrote, in either of its formats, without running what is in them.

A pickle is a program. Released checkpoints need it for tensors and containers only, but many also
hold leftovers of the training run (a NumPy ``RandomState``, command-line options). Tensors and
containers are kept here; a name of any other library becomes a placeholder that does nothing; a
name of Python's own library that could run code refuses the file. No name is ever imported.
"""

from __future__ import annotations

import errno
import io
import math
import pickle
import sys
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from posekit.errors import InvalidCheckpoint
from posekit.machine.names_from_files import shown
from posekit.machine.unpickler import (
    BROKEN,
    STEPS,
    Budget,
    RestrictedUnpickler,
    check_keys,
    reason,
    walk,
)

_FOREIGN_NAME = 1000  # steps for a type that stands for a name; files hold a few dozen
_MOST_DIMENSIONS = 8
ZIP_MAGIC = b"PK\x03\x04"
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Names of Python's own library that describe data. They become placeholders like foreign ones.
_HARMLESS = {
    ("_codecs", "encode"),
    ("argparse", "Namespace"),
    ("collections", "Counter"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("copyreg", "_reconstructor"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "object"),
    ("builtins", "slice"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("pathlib", "PosixPath"),
    ("pathlib._local", "PosixPath"),
    ("pathlib", "WindowsPath"),
    ("types", "SimpleNamespace"),
}
_PYTHON_2_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg", "commands": "subprocess"}


class Placeholder:
    """Stands for an object of another library; takes whatever a pickle does to it, does nothing."""

    def __new__(cls, *_args: object, **_options: object) -> Placeholder:
        return super().__new__(cls)

    def __init__(self, *_args: object, **_options: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass

    def __call__(self, *_args: object) -> Placeholder:
        return self

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def append(self, _item: object) -> None:
        """Take a list item and forget it."""

    def extend(self, _items: object) -> None:
        """Take list items and forget them."""


@dataclass
class _Storage:
    """Raw numbers that tensors are views of."""

    dtype: torch.dtype
    data: bytearray


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor as the pickle describes it; made and checked after the pickle is read."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def tensor(self) -> Tensor:
        """The tensor, if it lies within its storage and holds no number more often than that."""
        if not isinstance(self.storage, _Storage):
            raise pickle.UnpicklingError("a tensor without its numbers")
        if len(self.size) > _MOST_DIMENSIONS or len(self.size) != len(self.stride):
            raise pickle.UnpicklingError("a tensor whose strides are not of its dimensions")
        if not all(_is_count(number) for number in (*self.size, *self.stride, self.offset)):
            raise pickle.UnpicklingError("a tensor whose size is not of whole numbers")
        if math.prod(self.size) == 0:
            return torch.empty(self.size, dtype=self.storage.dtype)
        held = len(self.storage.data) // self.storage.dtype.itemsize
        steps = zip(self.size, self.stride, strict=True)
        last = self.offset + sum((count - 1) * stride for count, stride in steps)
        if math.prod(self.size) > held or last >= held:
            raise pickle.UnpicklingError("a tensor that is larger than its storage")
        flat = torch.frombuffer(self.storage.data, dtype=self.storage.dtype)
        return flat.as_strided(self.size, self.stride, self.offset)


class _CodeRequestedError(pickle.UnpicklingError):
    """The pickle asks for a name that could run code."""


def _is_count(number: object) -> bool:
    return type(number) is int and 0 <= number < 1 << 48


def _view(storage: Any, offset: int, size: Any, stride: Any, *_gradient: object) -> _View:
    return _View(storage, offset, _items(size), _items(stride))


def _parameter(view: _View, *_gradient: object) -> _View:
    return view


def _items(items: object = ()) -> tuple[Any, ...]:
    """The items of a container; those of a text would be many from few bytes."""
    if not isinstance(items, tuple | list | set):
        raise pickle.UnpicklingError("a container that is made of what is none")
    return tuple(items)


def _list(items: object = ()) -> list[Any]:
    return list(_items(items))


def _mapping(pairs: object = ()) -> OrderedDict[Any, Any]:
    pairs = _items(list(pairs.items()) if isinstance(pairs, dict) else pairs)
    check_keys((key for key, _ in pairs), (Placeholder,))
    return OrderedDict(pairs)


def _set(items: object = ()) -> set[Any]:
    members = _items(items)
    check_keys(members, (Placeholder,))
    return set(members)


# What a checkpoint may call: the construction of tensors, and containers.
_KEPT: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): _view,
    ("torch._utils", "_rebuild_tensor_v2"): _view,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): _items,
    ("collections", "OrderedDict"): _mapping,
    ("builtins", "dict"): _mapping,
    ("builtins", "set"): _set,
    ("builtins", "frozenset"): _set,
    ("builtins", "list"): _list,
    ("builtins", "tuple"): _items,
    **{("torch", name): name for name in _DTYPES},
}


# Key, number and bytes of its elements -> the bytes of a storage.
_Fetch = Callable[[str, int, int], bytearray]


class _Unpickler(RestrictedUnpickler):
    """Keeps tensors and containers, and gets the numbers of a storage from ``fetch``."""

    admitted = _KEPT
    stateful = (OrderedDict, Placeholder)
    stateless = "has none"
    inert = (Placeholder,)

    def __init__(self, stream: BinaryIO, fetch: _Fetch, budget: Budget) -> None:
        super().__init__(stream, encoding="latin1", budget=budget)
        self._fetch = fetch
        self._storages: dict[str, _Storage] = {}
        self._foreign: dict[tuple[str, str], type[Placeholder]] = {}

    def find_class(self, module: str, name: str) -> Any:
        return super().find_class(_PYTHON_2_NAMES.get(module, module), name)

    def foreign(self, module: str, name: str) -> type[Placeholder]:
        own = module.partition(".")[0] in sys.stdlib_module_names
        if own and (module, name) not in _HARMLESS:
            raise _CodeRequestedError(shown(f"{module}.{name}"))
        if (module, name) not in self._foreign:
            self.budget.spend(_FOREIGN_NAME)
            made = type(shown(name), (Placeholder,), {"__module__": shown(module)})
            self._foreign[module, name] = made
        return self._foreign[module, name]

    def persistent_load(self, identifier: Any) -> _Storage:
        if not isinstance(identifier, tuple) or len(identifier) not in (5, 6):
            raise pickle.UnpicklingError("a storage that is not described as one")
        kind, type_name, key, _location, count, *view = identifier
        if not all(type(text) is str for text in (kind, type_name, key)) or not _is_count(count):
            raise pickle.UnpicklingError("a storage that is not described as one")
        if kind != "storage" or type_name not in _DTYPES or view not in ([], [None]):
            raise pickle.UnpicklingError(f"a storage of an unknown kind, {shown(type_name)}")
        dtype = _DTYPES[type_name]
        if key not in self._storages:
            self._storages[key] = _Storage(dtype, self._fetch(key, count, dtype.itemsize))
        if (self._storages[key].dtype, len(self._storages[key].data)) != (
            dtype,
            count * dtype.itemsize,
        ):
            raise pickle.UnpicklingError(f"two storages of one key, {shown(key)}")
        return self._storages[key]


def read_torch_file(path: Path) -> Any:
    """The object that ``torch.save`` wrote, with placeholders for what is no tensor or container.

    Raises:
        InvalidCheckpoint: the file is truncated, no such file, or asks to run code.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        zipped = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
        file.seek(0)
        try:
            return walk(_read_zip(file) if zipped else _read_legacy(file), _tensor, {})
        except _CodeRequestedError as error:
            raise InvalidCheckpoint(
                f"{shown(path)}: refused, its pickle asks for {error}, which could run code and "
                f"which weights never need; nothing was run. Get the file from its official page."
            ) from error
        except (*BROKEN, OSError, zipfile.BadZipFile, zlib.error) as error:
            # zipfile looks for what a damaged archive promises in front of the file's first byte.
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            raise InvalidCheckpoint(
                f"{shown(path)}: not a readable checkpoint ({reason(error)}); it is truncated, "
                f"damaged or of another format: download or copy it again."
            ) from error


def _read_zip(file: BinaryIO) -> Any:
    """The format of PyTorch 1.6 and later: ``data.pkl`` and one stored member per storage."""
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise pickle.UnpicklingError("a compressed archive, which torch.save never writes")
        if sum(member.file_size for member in members) > size:
            raise pickle.UnpicklingError("members that lie on top of each other")
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1 or any(name.endswith("constants.pkl") for name in archive.namelist()):
            raise pickle.UnpicklingError("a zip archive, but not one of torch.save")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            order = archive.read(f"{folder}byteorder").decode("ascii", "replace")
            if order != sys.byteorder:
                raise pickle.UnpicklingError(f"numbers in {shown(order)} byte order")

        def fetch(key: str, count: int, itemsize: int) -> bytearray:
            size = count * itemsize
            member = archive.getinfo(f"{folder}data/{key}")
            if member.file_size != size:
                raise pickle.UnpicklingError(f"storage {shown(key)} does not have its {size} bytes")
            return bytearray(archive.read(member))

        # Read whole, so that its checksum is compared.
        stream = io.BytesIO(archive.read(pickles[0]))
        return _Unpickler(stream, fetch, Budget(STEPS + size)).load()


def _read_legacy(file: BinaryIO) -> Any:
    """The format before PyTorch 1.6: five pickles in a row, then the numbers of each storage."""
    available = file.seek(0, io.SEEK_END)
    file.seek(0)
    budget = Budget(STEPS + available)
    storages: dict[str, bytearray] = {}
    counts: dict[str, int] = {}

    def fetch(key: str, count: int, itemsize: int) -> bytearray:
        nonlocal available
        available -= count * itemsize
        if available < 0:
            raise pickle.UnpicklingError(f"storage {shown(key)} exceeds the file")
        storages[key], counts[key] = bytearray(count * itemsize), count
        return storages[key]

    def following() -> Any:
        return _Unpickler(file, fetch, budget).load()

    if following() != _LEGACY_MAGIC or following() != _LEGACY_PROTOCOL:
        raise pickle.UnpicklingError("a pickle, but not one of torch.save")
    following()  # sizes of C types on the machine that wrote the file
    content = following()
    keys = following()
    if not isinstance(keys, list) or not all(type(key) is str for key in keys):
        raise pickle.UnpicklingError("a list of storages whose keys are no text")
    if sorted(keys) != sorted(storages):
        raise pickle.UnpicklingError("other storages than its tensors are made of")
    for key in keys:
        told = int.from_bytes(file.read(8), "little")
        if told != counts[key] or file.readinto(storages[key]) != len(storages[key]):
            raise pickle.UnpicklingError(f"storage {shown(key)} is cut off")
    return content


def _tensor(node: Any) -> Any:
    return node.tensor() if isinstance(node, _View) else node
