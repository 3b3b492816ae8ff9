"""Checkpoints made to hang a reader, to take all memory, or to be read as what they are not.

``python hostile_checkpoints.py FOLDER`` reads every one, each of at most 1 MB, and prints a line of
JSON for each: seconds of the processor, outcome, and the most memory that the process took so far.
"""

from __future__ import annotations

import io
import json
import pickle
import random
import resource
import struct
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from posekit import checkpoints
from posekit.errors import PosekitError
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import MODELS, build
from posekit.models.lifters import Lifter

MEBIBYTE = 1 << 20
MOST_MEMORY = 2 << 30
TINY = {
    "convformer": {"frames": 5, "embed_dim": 8, "kernels": "3-3"},
    "d3dp": {"frames": 5, "embed_dim": 16, "depth": 1, "timesteps": 20},
    "gla_gcn": {"frames": 9, "embed_dim": 8},
    "gumlp": {"embed_dim": 32, "depth": 1},
    "hot": {"frames": 9, "embed_dim": 16, "depth": 4, "tokens": 3},
    "ktpformer": {"frames": 5, "embed_dim": 16, "depth": 1},
    "mhformer": {"frames": 9, "embed_dim": 16, "hidden": 8, "encoder_depth": 1},
    "mixste": {"frames": 5, "embed_dim": 16, "depth": 1},
    "motionagformer": {"frames": 9, "embed_dim": 16, "depth": 1, "representation": 16},
    "motionbert": {"frames": 5, "embed_dim": 16, "depth": 1, "representation": 16},
    "semgcn": {"embed_dim": 16, "layers": 1},
    "simple_baseline": {"embed_dim": 16, "stages": 1},
    "st_gcn": {"embed_dim": 4},
    "videopose3d": {"embed_dim": 16, "blocks": 1},
}


def tiny_network(name: str) -> Lifter:
    """A network of a few thousand numbers, none of them 0."""
    torch.manual_seed(0)
    network = build(name, skeleton=HUMAN36M_17, **TINY[name]).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 + 0.1 * torch.rand_like(parameter)
    return network


def written(state: dict[str, Tensor], form: str) -> bytes:
    """The bytes of a file in the form "zip", "legacy" or "safetensors"."""
    if form == "safetensors":
        return safetensors.torch.save({name: value.contiguous() for name, value in state.items()})
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=form == "zip")
    return stream.getvalue()


def archive(program: bytes, numbers: int = 4) -> bytes:
    """A file of torch.save whose pickle is ``program``, with one storage of float32, key "0"."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("model/data.pkl", program)
        file.writestr("model/data/0", bytes(4 * numbers))
    return stream.getvalue()


def text(content: str) -> bytes:
    """The instruction that puts a text on the stack."""
    encoded = content.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    """The instruction that puts a number on the stack."""
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def named(module: str, name: str) -> bytes:
    """The instruction that puts what a name stands for on the stack."""
    return b"c" + f"{module}\n{name}\n".encode()


def tensor(
    shape: tuple[int, ...], strides: tuple[int, ...], numbers: int, offset: int = 0
) -> bytes:
    """The instructions of a float32 tensor of storage "0"."""

    def numbered(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu")
    return (
        named("torch._utils", "_rebuild_tensor_v2")
        + b"(("
        + storage
        + number(numbers)
        + b"tQ"
        + number(offset)
        + numbered(shape)
        + numbered(strides)
        + b"\x89N"
        + b"tR"
    )


def shared_state(shapes: dict[str, tuple[int, ...]], numbers: int) -> bytes:
    """A state whose tensors all lie in one storage."""
    program = b"\x80\x02}("
    for name, shape in shapes.items():
        strides, step = [], 1
        for count in reversed(shape):
            strides.insert(0, step)
            step *= count
        program += text(name) + tensor(shape, tuple(strides), numbers)
    return archive(program + b"u.", numbers)


NESTED = b"\x80\x02)" + b"2\x86" * 100  # a tuple of twice the tuple before: 2 to the 100 leaves
LONG_LIST = b"\x80\x02](" + b"N" * 300_000 + b"e"
DEEP = 250_000


def programs() -> dict[str, bytes]:
    """Pickles, by what is wrong with them."""
    weight = tensor((2, 2), (2, 1), 4)
    named_set = named("__builtin__", "set")
    return {
        "nested key": b"\x80\x02}" + NESTED[2:] + b"Ns.",
        "nested keys": b"\x80\x02}(" + NESTED[2:] + b"Nu.",
        "nested key of a protocol 0": b"(" + NESTED[2:] + b"Nd.",
        "nested member": b"\x80\x04\x8f(" + NESTED[2:] + b"\x90.",
        "nested frozen member": b"\x80\x04(" + NESTED[2:] + b"\x91.",
        "nested member by call": b"\x80\x02" + named_set + b"(](" + NESTED[2:] + b"etR.",
        "nested key by call": b"\x80\x02"
        + named("collections", "OrderedDict")
        + b"(](]("
        + NESTED[2:]
        + b"NeetR.",
        "nested value": b"\x80\x02}" + text("weight") + NESTED[2:] + b"s.",
        "nested epoch": b"\x80\x02}(" + text("w") + weight + text("epoch") + NESTED[2:] + b"u.",
        "nested storage": b"\x80\x02(" + text("storage") + NESTED[2:] + b"NNNtQ.",
        "nested storage key": b"\x80\x02("
        + text("storage")
        + named("torch", "FloatStorage")
        + NESTED[2:]
        + b"NNtQ.",
        "nested identifier": NESTED + b"Q.",
        "nested name": b"\x80\x04" + NESTED[2:] + NESTED[2:] + b"\x93.",
        "nested state": b"\x80\x02"
        + named("collections", "OrderedDict")
        + b")R"
        + NESTED[2:]
        + b"b.",
        "nested result": NESTED + b".",
        "key of two huge numbers": b"\x80\x02}("
        + b"".join(number((1 << 61) * step - step) + b"N" for step in range(1, 64))
        + b"u.",
        "keys of one hash": b"\x80\x02}("
        + b"".join(
            b"\x8a\x0c" + (((1 << 61) - 1) * n).to_bytes(12, "little") + b"N"
            for n in range(1, 60_000)
        )
        + b"u.",
        "lists copied": LONG_LIST
        + b"q\x000"
        + (named("__builtin__", "list") + b"(h\x00tR0") * 20_000
        + b"N.",
        "texts copied": b"\x80\x02"
        + text("x" * 400_000)
        + b"q\x000"
        + (named("torch", "Size") + b"(h\x00tR") * 20_000
        + b"N.",
        "a million sets": b"\x80\x04" + b"\x8f" * 1_000_000 + b".",
        "many marks": b"\x80\x04" + b"(" * 300_000 + b".",
        "deep lists": b"\x80\x02" + b"]" * DEEP + b"a" * (DEEP - 1) + b".",
        "deep tuples": b"\x80\x02)" + b"\x85" * 300_000 + b".",
        "deep dictionaries": b"\x80\x02" + b"}N" * DEEP + b"N" + b"s" * DEEP + b".",
        "foreign names": b"\x80\x02" + b"".join(b"ca\n%x\n" % n for n in range(110_000)) + b".",
        "a frame of a terabyte": b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
        "bytes of an exabyte": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"N.",
        "bytes of four gigabytes": b"\x80\x03B" + struct.pack("<I", (1 << 32) - 1) + b"N.",
        "text of a terabyte": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"N.",
        "changing bytes of a terabyte": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"N.",
        "a memo of four billion": b"\x80\x03]r\xff\xff\xff\xff.",
        "a number of 900 kB": b"\x80\x02}\x8b"
        + struct.pack("<i", 900_000)
        + b"\x7f" * 900_000
        + b"Ns.",
        "a text of dots": b"\x80\x02}(" + text("a." * 400_000) + weight + b"u.",
        "many names of dots": b"\x80\x02}("
        + weight
        + b"q\x000"
        + b"".join(text("b." * 20 + str(name)) + b"h\x00" for name in range(15_000))
        + b"u.",
        "strides of nothing": b"\x80\x02}(" + text("w") + tensor((1 << 40,), (0,), 4) + b"u.",
        "a tensor outside": b"\x80\x02}(" + text("w") + tensor((2, 2), (2, 1), 4, 3) + b"u.",
        "strides outside": b"\x80\x02}(" + text("w") + tensor((2, 2), (1 << 40, 1), 4) + b"u.",
        "a negative size": b"\x80\x02}(" + text("w") + tensor((-2, -2), (2, 1), 4) + b"u.",
        "an empty tensor of a size": b"\x80\x02}("
        + text("w")
        + tensor((0, 1 << 47), (1, 1), 4)
        + b"u.",
        "many dimensions": b"\x80\x02}(" + text("w") + tensor((1,) * 900, (1,) * 900, 4) + b"u.",
        "a storage of a terabyte": b"\x80\x02}(" + text("w") + tensor((1,), (1,), 1 << 38) + b"u.",
        "an extension": b"\x80\x02\x82\x01.",
        "a number where a name is due": b"\x80\x02}(K\x03" + weight + b"N" + weight + b"u.",
        "control characters": b"\x80\x02}(" + text("\x1b[31m\n\u202e" * 9) + b"Nu.",
        "items into text": b"\x80\x02" + text("w") + b"(NNu.",
        "unknown instruction": b"\x80\x02\xfe.",
        "nothing": b"",
        "stop alone": b".",
    }


def forged_states() -> Iterator[tuple[str, bytes]]:
    """States that tell of networks that nobody should build."""
    mixste = {
        "Spatial_patch_to_embedding.weight": (2048, 2),
        "Spatial_pos_embed": (1, 17, 1),
        "Temporal_pos_embed": (1, 243, 1),
        "STEblocks.0.mlp.fc1.weight": (1, 1),
    }
    yield "a thousand million blocks", shared_state(mixste | {"STEblocks.999999999.x": (1,)}, 4096)
    yield "wide and deep", shared_state(mixste | {"STEblocks.127.x": (1,)}, 4096)
    wide = mixste | {"Spatial_patch_to_embedding.weight": (100_000, 2)}
    yield "a width of 100,000", shared_state(wide, 200_000)
    yield (
        "a width of nothing",
        shared_state(mixste | {"Spatial_patch_to_embedding.weight": (0, 2)}, 4096),
    )
    long = mixste | {"Temporal_pos_embed": (1, 200_000, 1)}
    yield "200,000 frames", shared_state(long, 200_000)
    hidden = mixste | {
        "Spatial_patch_to_embedding.weight": (1, 2),
        "STEblocks.0.mlp.fc1.weight": (200_000, 1),
    }
    yield "an MLP of 200,000", shared_state(hidden, 200_000)
    graphs = {
        "expand_gcn.gcn1.PA": (3, 17, 17),
        "expand_gcn.gcn1.conv_d.0.weight": (8, 2, 1, 1),
        "expand_gcn.tcn1.conv.weight": (8, 8, 1, 1),
        "fc.weight": (3, 8, 1),
        **{f"layers_tcngcn.{n}.x": (1,) for n in range(5000)},
    }
    yield "frames of 3 to the 2,500", shared_state(graphs, 1024)
    full = build("mixste", skeleton=HUMAN36M_17, frames=243, embed_dim=400, depth=8).state_dict()
    shapes = {name: tuple(value.shape) for name, value in full.items()}
    yield "a whole network of one storage", shared_state(shapes, 220_000)
    many = {f"{n}.weight": (1,) for n in range(4000)}
    yield "four thousand networks of one number", shared_state(many, 4)


def archives() -> Iterator[tuple[str, bytes]]:
    """Zip archives and files of safetensors that are not what they promise."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("model/data.pkl", b"\x80\x02" + b"N0" * (32 * MEBIBYTE) + b".")
    yield "a pickle that unpacks", stream.getvalue()
    for name, method in (("bz2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as file:
            file.writestr("model/data.pkl", random.Random(0).randbytes(2000))
        broken = bytearray(stream.getvalue())
        broken[100:140] = bytes(40)
        yield f"corrupt {name}", bytes(broken)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for member in range(7000):
            file.writestr(f"model/data/{member}", b"")
    yield "seven thousand members", stream.getvalue()
    whole = archive(b"\x80\x02N.")
    yield "a name that is no UTF-8", whole.replace(b"model/data/0", b"model/data/\xff")
    yield "members on top of each other", whole + whole[whole.rindex(b"PK\x01\x02") :]
    yield "an archive whose middle is gone", whole[:60] + whole[120:]
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}
    ).encode()
    yield "safetensors beyond the file", struct.pack("<Q", len(header)) + header + bytes(4)
    yield "a header of an exabyte", struct.pack("<Q", 1 << 60) + b"{" + bytes(100)
    header = b'{"w":' + b"[" * 500_000
    yield "a deep header", struct.pack("<Q", len(header)) + header
    header = b"{" + b",".join(
        b'"%d":{"dtype":"F32","shape":[0,%d],"data_offsets":[0,0]}' % (n, 1 << 60)
        for n in range(12_000)
    )
    yield "twelve thousand empty tensors", struct.pack("<Q", len(header) + 1) + header + b"}"


def damaged(whole: bytes, chance: random.Random) -> bytes:
    """A file with some bytes changed, cut out, or exchanged, or without its end."""
    content = bytearray(whole)
    kind = chance.choice(["flip", "cut", "truncate", "exchange"])
    place, size = chance.randrange(len(content)), chance.randrange(1, 200)
    if kind == "flip":
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
    elif kind == "cut":
        del content[place : place + size]
    elif kind == "truncate":
        del content[place:]
    else:
        content[place : place + size], content[:size] = (
            content[:size],
            content[place : place + size],
        )
    return bytes(content)


def corpus() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file."""
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    for name, program in programs().items():
        yield f"zip: {name}", archive(program)
        if len(program) < 100_000:  # what is only long takes as long in both forms
            yield f"legacy: {name}", magic + pickle.dumps({}, 2) + program + pickle.dumps(["0"], 2)
    yield from forged_states()
    yield from archives()
    chance = random.Random(0)
    for model in MODELS:
        state = tiny_network(model).state_dict()
        for form in ("zip", "legacy", "safetensors"):
            whole = written(state, form)
            for case in range(4):
                yield f"{model} {form} {case}", damaged(whole, chance)


def outcome(path: Path) -> str:
    """What reading a file comes to: "" for an error of posekit in one line or a network."""
    try:
        checkpoints.load(path)
    except PosekitError as error:
        message = str(error)
        return "" if message.isprintable() and len(message) < 1500 else f"message: {message!r:.300}"
    except BaseException as error:
        return f"{type(error).__name__}: {error!s:.300}"
    return ""


def main(folder: Path) -> None:
    """Read every file of the corpus, in no more than two gibibytes beyond those of the imports."""
    files = list(corpus())
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, content in files:
        print(json.dumps({"begins": name, "size": len(content)}), flush=True)
        path = folder / "model.bin"
        path.write_bytes(content)
        began = time.process_time()
        found = outcome(path)
        told = {
            "name": name,
            "seconds": time.process_time() - began,
            "outcome": found,
            "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
