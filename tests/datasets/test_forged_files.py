"""Small files that would take all time or all memory: 20 seconds and 2 GiB for any of 1 MB.

A corpus of forged files, one idea each, is read in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
from acclaim import motion_text, skeleton_text

from posekit.datasets import annot_data, load_dataset
from posekit.datasets.archives import load_archive, load_pickle
from posekit.datasets.asf_amc import read_take
from posekit.datasets.cmu import read_index
from posekit.datasets.locate import is_standin
from posekit.datasets.pw3d_sequences import MEMBERS
from posekit.datasets.spin_archives import read_spin_archive
from posekit.errors import PosekitError

MOST_BYTES = 1 << 20
MOST_SECONDS = 20.0
MOST_MEMORY = 2 << 30
MOST_CHARACTERS = 1000  # of a message

START, END = b"\x80\x03", b"."
BINGET_0, BINPUT_0 = b"h\x00", b"q\x00"
F4 = b"cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R"
EMPTY_ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"


def text(content: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(content)) + content


def integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def array(shape: bytes, data: bytes, dtype: bytes = F4) -> bytes:
    """A pickled array: version, shape (a tuple), dtype, C order, and what holds its data."""
    return EMPTY_ARRAY + b"(K\x01" + shape + dtype + b"\x89" + data + b"tb"


def doubled(opening: bytes, pair: bytes, levels: int) -> bytes:
    """A container of twice the same container, ``levels`` deep."""
    steps = b"".join(bytes((*b"q", level, *b"h", level)) + pair for level in range(1, levels + 1))
    return opening + steps


def pickles() -> dict[str, bytes]:
    """Bodies between the start and the end of a pickle."""
    objects = b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R"
    many = 20_000
    lists = b"".join(bytes((*b"0]q", n, *b"(h", n - 1, *b"h", n - 1, *b"e")) for n in range(1, 40))
    return {
        "key of nested tuples": b"}" + doubled(b")", b"\x86", 60) + b"K\x01s",
        "value of nested tuples": b"}X\x01\x00\x00\x00a" + doubled(b")", b"\x86", 60) + b"s",
        "set of nested tuples": b"\x8f(" + doubled(b")", b"\x86", 60) + b"\x90",
        "value of nested lists": b"}X\x01\x00\x00\x00a]q\x00" + lists + b"s",
        "list that holds itself": b"]q\x00(h\x00h\x00e",
        "nested without end": b"]" * 500_000 + b"a" * 499_999,
        "many dictionaries": b"(" + b"}K\x01K\x01s" * 170_000 + b"l",
        "steps that do nothing": b"N" + b"N0" * 500_000,
        "memo of everything": b"".join(b"Nr" + struct.pack("<I", n) for n in range(170_000)),
        "bytes of 4 GB": b"B\xff\xff\xff\xff12",
        "bytes of 2^60": b"\x8e" + struct.pack("<Q", 1 << 60) + b"12",
        "text of 2^60": b"\x8d" + struct.pack("<Q", 1 << 60) + b"12",
        "changing bytes of 8 GB": b"\x96" + struct.pack("<Q", 8 << 30) + b"12",
        "frame of 2^60": b"\x95" + struct.pack("<Q", 1 << 60) + b"N",
        "number of 2 GB": b"\x8b" + struct.pack("<i", (1 << 31) - 1) + b"12",
        "number of a million digits": b"\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000,
        "written number": b"L" + b"9" * 1_000_000 + b"L\n",
        "shape of 10^18": array(b"\x8a\x08" + struct.pack("<q", 10**17) + b"\x85", b"C\x0412.."),
        "shape without elements": array(
            b"K\x00" + integer((1 << 31) - 1) + integer((1 << 31) - 1) + b"\x87", b"C\x00"
        ),
        "one array everywhere": b"("
        + array(integer(100_000) + b"\x85", b"B" + struct.pack("<I", 400_000) + bytes(400_000))
        + b"q\x00"
        + BINGET_0 * 200_000
        + b"l",
        "arrays of one text": text(b"a" * 400_000)
        + b"q\x000("
        + (array(integer(100_000) + b"\x85", BINGET_0) * 5_000)
        + b"l",
        "arrays of one list": b"("
        + b"N" * 200_000
        + b"lq\x000("
        + (array(integer(200_000) + b"\x85", BINGET_0, objects) * 6_000)
        + b"l",
        "text many times": text(b"a" * 400_000) + b"q\x000(" + BINGET_0 * 300_000 + b"l",
        "encoded many times": text(b"a" * 400_000)
        + b"q\x000("
        + (b"c_codecs\nencode\n" + BINGET_0 + b"X\x06\x00\x00\x00latin1\x86R") * many
        + b"l",
    }


def npy(header: str, body: bytes = b"") -> bytes:
    raw = header.encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(raw)) + raw + body


def header(descr: str, shape: str) -> str:
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}"


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archives() -> dict[str, bytes]:
    held = npy(header("|O", "()"))
    zeros = npy(header("|u1", f"({50 << 20},)"), bytes(50 << 20))
    lists = START + b"(" + b"]" * (20 << 20) + b"l" + END
    return {
        "zeros": packed({"a.npy": npy(header("|u1", f"({128 << 20},)"), bytes(128 << 20))}),
        "zeros in many members": packed({f"{n}.npy": zeros for n in range(5)}),
        "empty lists": packed({"a.npy": held + lists}),
        "header of a large shape": packed({"a.npy": npy(header("<f8", f"({10**4000},)"))}),
        "header of many axes": packed({"a.npy": npy(header("<f8", f"({'1, ' * 2000})"))}),
        "header of hexadecimals": packed({"a.npy": npy(header("<f8", f"(0x{'f' * 8000},)"))}),
        "nested header": packed({"a.npy": npy("(" * 9000)}),
        "wide elements": packed({"a.npy": npy(header("<U999999", "(0,)"))}),
        "lzma": packed({"a.npy": held}, zipfile.ZIP_LZMA),
        "bzip2": packed({"a.npy": held}, zipfile.ZIP_BZIP2),
        "many members": packed({f"{n}": b"" for n in range(9_000)}, zipfile.ZIP_STORED),
        "long name": packed({"a\n\x1b[31m" * 8_000: b""}, zipfile.ZIP_STORED),
    }


def matlab(write: Callable[[h5py.File], None]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512) as file:
        write(file)
    return buffer.getvalue()


def matlab_files() -> dict[str, bytes]:
    def large(file: h5py.File) -> None:
        for name, shape in (("annot2", (17, 2)), ("annot3", (17, 3)), ("valid_frame", ())):
            file.create_dataset(name, (10**9, 1, *shape), "f8", chunks=(1000, 1, *shape))

    def large_chunks(file: h5py.File) -> None:
        for name, shape in (("annot2", (17, 2)), ("annot3", (17, 3)), ("valid_frame", ())):
            settings = {"chunks": (10**7, 1, *shape), "maxshape": (None, 1, *shape)}
            held = file.create_dataset(name, (5, 1, *shape), "f4", compression="gzip", **settings)
            held.id.write_direct_chunk((0,) * held.ndim, b"\x00" * 1000)

    def many_names(file: h5py.File) -> None:
        for number in range(600):
            file.create_group(f"{number}" * 40)

    return {
        "large": matlab(large),
        "large chunks": matlab(large_chunks),
        "many names": matlab(many_names),
    }


def indices() -> dict[str, bytes]:
    entry = {"subject": "S01", "group": "walk", "frames": 9}
    return {
        "nested": b"[" * 1_000_000,
        "long number": b'{"clips": {}, "fps": ' + b"9" * 1_000_000 + b"}",
        "large number": b'{"clips": {}, "fps": 1' + b"0" * 4_000 + b"}",
        "many takes": json.dumps({"clips": {str(n): entry for n in range(15_000)}}).encode(),
        "long name": json.dumps({"clips": {"a\n" * 200_000: entry}}).encode(),
    }


def acclaim() -> dict[str, tuple[str, str]]:
    """Skeletons and motions."""
    skeleton, motion = skeleton_text(), motion_text(3)
    bone = "begin\nname b{}\ndirection 0 1 0\nlength 1\naxis 0 0 0 XYZ\nend\n"
    bones = "".join(bone.format(number) for number in range(15_000))
    rows = motion.partition("\n1\n")[2].partition("\n2\n")[0]
    still = skeleton.replace("    dof", "    # dof")
    return {
        "many bones": (skeleton.replace(":bonedata\n", f":bonedata\n{bones}"), motion),
        "many frames": (skeleton, motion_text(2_200)),
        "short frames": (
            still,
            ":DEGREES\n" + "".join(f"{number}\nroot 0 0 0 0 0 0\n" for number in range(1, 40_000)),
        ),
        "only numbers": (skeleton, ":DEGREES\n" + "\n".join(map(str, range(150_000)))),
        "one long line": (skeleton, f"{motion}root {'1 ' * 500_000}"),
        "one long word": (f"{skeleton}{'x' * 1_000_000}", f"{motion}{rows}"),
        "long numbers": (skeleton.replace("length 0.45", f"length {'9' * 900_000}"), motion),
    }


def write_corpus(folder: Path) -> None:
    for name, body in pickles().items():
        (folder / f"{name}.pkl").write_bytes(START + body + END)
    for name, content in archives().items():
        (folder / f"{name}.npz").write_bytes(content)
    for name in ("key of nested tuples", "arrays of one text", "bytes of 2^60"):
        member = npy(header("|O", "()")) + START + pickles()[name] + END
        (folder / f"{name}.npz").write_bytes(packed({"positions_2d.npy": member}))
    for name, content in matlab_files().items():
        (folder / f"{name}.mat").write_bytes(content)
    for name, content in indices().items():
        (folder / f"{name}.json").write_bytes(content)
    for name, (skeleton, motion) in acclaim().items():
        (folder / f"{name}.asf").write_text(skeleton)
        (folder / f"{name}.amc").write_text(motion)
    for name in ("value of nested lists", "value of nested tuples"):
        write_sequences(folder, name, pickles()[name])


def write_sequences(folder: Path, name: str, body: bytes) -> None:
    """What is hard to walk through, where loaders expect names, rates and masks."""
    root = folder / f"{name}.data"
    (root / "mpi_inf_3dhp").mkdir(parents=True)
    (root / "h36m_motionbert").mkdir()
    (root / "pw3d" / "sequenceFiles" / "train").mkdir(parents=True)
    hard = body[body.index(b"a") + 1 : -1]  # without the dictionary around it
    sequence = b"}" + text(b"S1 Seq1") + b"](}" + hard + b"es"
    member = npy(header("|O", "()")) + START + sequence + END
    (root / "mpi_inf_3dhp" / "data_train_3dhp.npz").write_bytes(packed({"data.npy": member}))
    fields = (
        b"joint_2d",
        b"joint3d_image",
        b"camera_name",
        b"source",
        b"2.5d_factor",
        b"joints_2.5d_image",
    )
    split = b"}(" + b"".join(text(field) + hard for field in fields) + b"u"
    content = START + b"}" + text(b"train") + split + b"s" + END
    (root / "h36m_motionbert" / "h36m_sh_conf_cam_source_final.pkl").write_bytes(content)
    persons = b"".join(text(field.encode()) + b"](" + hard + b"e" for field in MEMBERS[1:])
    content = START + b"}(" + text(b"sequence") + text(b"a") + persons + b"u" + END
    (root / "pw3d" / "sequenceFiles" / "train" / "a.pkl").write_bytes(content)
    member = npy(header("|O", "()")) + START + hard + END
    names = ("imgname", "center", "scale", "pose", "shape", "S")
    (root / "list.npz").write_bytes(packed({f"{name}.npy": member for name in names}))


READERS: dict[str, Callable[[Path], Any]] = {
    ".pkl": load_pickle,
    ".npz": lambda path: (is_standin(path), load_archive(path)),
    ".mat": lambda path: annot_data.read(path, "annot3"),
    ".json": read_index,
    ".amc": lambda path: read_take(path, path.with_suffix(".asf")),
    ".data": lambda root: (
        [
            _tried(load_dataset, name, "train", root=root)
            for name in ("mpi_inf_3dhp", "h36m_motionbert", "pw3d")
        ]
        + [_tried(read_spin_archive, root / "list.npz")]
    ),
}


def _tried(load: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    told = ""
    try:
        load(*arguments, **options)
    except PosekitError as error:
        told = str(error)
    assert told.isprintable(), repr(told)
    assert len(told) < MOST_CHARACTERS, told


def read_corpus(folder: Path) -> Iterator[tuple[str, float]]:
    """Every file read: its name and the seconds that it took."""
    for path in sorted(folder.iterdir()):
        if path.suffix in READERS:
            began = time.process_time()
            _tried(READERS[path.suffix], path)
            yield path.name, time.process_time() - began


def test_no_small_file_takes_all_time_or_memory(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    assert {name: size for name, size in sizes.items() if size > 1.1 * MOST_BYTES} == {}
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert len(told["seconds"]) > 50
    assert {name: taken for name, taken in told["seconds"].items() if taken > MOST_SECONDS} == {}
    assert told["memory"] < MOST_MEMORY


if __name__ == "__main__":
    seconds = dict(read_corpus(Path(sys.argv[1])))
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "memory": memory}))
