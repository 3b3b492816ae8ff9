"""Pickled archives are read as data: what could run code is refused, and nothing is run."""

from __future__ import annotations

import codecs
import io
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from posekit.datasets import archives
from posekit.datasets.archives import load_archive, load_pickle, member_names, restricted_load
from posekit.errors import InvalidData


class Call:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


def read(content: object, protocol: int = 3) -> object:
    return restricted_load(io.BytesIO(pickle.dumps(content, protocol=protocol)), "file.npz")


def assert_same(found: object, expected: object) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key])
    elif isinstance(expected, list | tuple) or _holds_objects(expected):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


def _holds_objects(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.hasobject


def community_file() -> dict:
    rng = np.random.default_rng(0)
    ragged = np.empty(2, dtype=object)
    ragged[:] = [rng.random((2, 3)), {"inner": np.arange(3)}]
    shared = rng.random((3, 17, 2)).astype(np.float32)
    return {
        "S9": {"Walking 1": [shared, shared, np.asfortranarray(rng.random((4, 5)))]},
        "metadata": {"num_joints": 17, "keypoints_symmetry": [[np.int64(4)], (np.float32(0.5),)]},
        "text": np.array(["a", "bc"]),
        "bytes": b"\x00\xff",
        "big-endian": np.arange(3, dtype=">f8"),
        "mask": np.array([True, False]),
        "ragged": ragged,
        "nothing": [None, True, 1.5, "é"],
    }


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_containers_numbers_and_arrays_come_back_as_they_were(protocol: int) -> None:
    assert_same(read(community_file(), protocol), community_file())


def test_an_npz_is_read_as_numpy_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    content = community_file()
    plain = np.arange(12.0).reshape(3, 4)
    np.savez_compressed(path, tree=np.array(content, dtype=object), plain=plain, f=plain.T)
    found = load_archive(path)
    assert_same(found["tree"], content)
    assert_same(found["plain"], plain)
    np.testing.assert_array_equal(found["f"], plain.T)
    assert list(load_archive(path, ["plain"])) == ["plain"]


def test_python_2_pickles_with_latin1_text_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sequence.pkl"
    # As Python 2 wrote it: the array's bytes are a text string.
    state = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt"
    state += b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    path.write_bytes(state + b"S'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb.")
    np.testing.assert_array_equal(load_pickle(path, encoding="latin1"), np.float32([1.0, 2.0]))


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """A file that exists only if something was run."""
    return tmp_path / "it-was-run"


def attacks(witness: Path) -> dict[str, object]:
    nested = np.empty(2, dtype=object)
    nested[:] = [1, Call(os.system, f"touch {witness}")]
    return {
        "os.system": Call(os.system, f"touch {witness}"),
        "eval": Call(eval, f"open({str(witness)!r}, 'w').close()"),
        "exec": Call(exec, f"open({str(witness)!r}, 'w').close()"),
        "open": Call(open, str(witness), "w"),
        "getattr": Call(getattr, "text", "format"),
        "in a dictionary": {"S9": {"Walking": [Call(os.system, f"touch {witness}")]}},
        "in an object array": nested,
        "numpy.load": Call(np.load, str(witness)),
        "numpy.memmap": Call(np.memmap, str(witness), "u1", "w+", 0, 4),
        "ndarray called": Call(np.ndarray, (2, 2)),
        "class outside the list": Path("x"),
    }


@pytest.mark.parametrize("name", attacks(Path("unused")))
def test_what_could_run_code_is_refused_and_not_run(
    name: str, witness: Path, tmp_path: Path
) -> None:
    attack = attacks(witness)[name]
    path = tmp_path / "data.npz"
    held = np.array(None, dtype=object)
    held[()] = attack
    np.savez(path, positions_3d=held)
    with pytest.raises(InvalidData, match="refused") as caught:
        load_archive(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert not witness.exists()


def reduce_of(function: object, *arguments: object) -> bytes:
    return pickle.dumps(Call(function, *arguments), protocol=3)


def pickled(content: object) -> bytes:
    return pickle.dumps(content, protocol=3)


FORGERIES = {
    "scalar of objects": reduce_of(np.float64(1).__reduce__()[0], np.dtype("O"), b"x" * 8),
    "scalar too short": reduce_of(np.float64(1).__reduce__()[0], np.dtype("f8"), b"xx"),
    "structured type": pickled(np.zeros(1, dtype=[("field", "i8")])),
    "codec bomb": reduce_of(codecs.encode, "x", "zlib"),
    "array of a wrong length": pickled(np.arange(4.0)).replace(b"K\x04\x85", b"K\x09\x85"),
    "count instead of bytes": pickled(np.arange(4, dtype="u1")).replace(
        b"C\x04\x00\x01\x02\x03", b"J\x00\x00\x00\x40"
    ),
    "state of a function": b"\x80\x03cnumpy.core.multiarray\nscalar\n}b.",
    "truncated": pickled(community_file())[:-40],
    "empty": b"",
    "persistent id": b"\x80\x03X\x01\x00\x00\x00xQ.",
    "nested without end": b"\x80\x03" + b"]" * 200_000 + b"a" * 199_999 + b".",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_pickles_are_refused(name: str) -> None:
    with pytest.raises(InvalidData, match="refused"):
        restricted_load(io.BytesIO(FORGERIES[name]), "file.npz")


def test_a_forged_memo_reserves_no_memory() -> None:
    tracemalloc.start()
    assert restricted_load(io.BytesIO(b"\x80\x03]r\xff\xff\xff\x07."), "file.npz") == []
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def npy(header: str, body: bytes = b"", length: int | None = None) -> bytes:
    text = header.encode()
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", length or len(text)) + text + body


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"), "promises"),
        (npy("{}", length=1 << 31), "header of 2147483648 bytes"),
        (npy("__import__('os').system('true')"), "header is refused"),
        (npy("{'descr': [('a', 'O')], 'fortran_order': False, 'shape': ()}"), "not admitted"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "not admitted"),
        (npy("(" * 9000), "header is refused"),
        (b"PK\x03\x04 not an array", "not a NumPy array"),
        (b"", "not a NumPy array"),
    ],
)
def test_forged_headers_are_refused(tmp_path: Path, member: bytes, message: str) -> None:
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("positions_3d.npy", member)
    with pytest.raises(InvalidData, match=message):
        load_archive(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, zeros=np.zeros(70 << 20, dtype=np.uint8))
    with pytest.raises(InvalidData, match="decompression bomb"):
        load_archive(path)


def test_truncated_and_foreign_files_are_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez(whole, positions_3d=np.arange(1000.0))
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[:4000])
    flipped = tmp_path / "flipped.npz"
    content = bytearray(whole.read_bytes())
    content[2000] ^= 255
    flipped.write_bytes(content)
    for path in (cut, flipped):
        with pytest.raises(InvalidData, match="truncated") as caught:
            load_archive(path)
        assert str(path) in str(caught.value)
    with pytest.raises(InvalidData, match=r"no member 'positions_2d'.*positions_3d"):
        load_archive(whole, ["positions_2d"])


def test_unpacked_sizes_are_limited_for_all_members_together(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **{f"{n}": np.zeros(20 << 20, dtype=np.uint8) for n in range(4)})
    with pytest.raises(InvalidData, match="decompression bomb"):
        load_archive(path)
    assert load_archive(path, ["2"])["2"].shape == (20 << 20,)


def test_steps_are_limited_for_all_members_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "STEPS", 50_000)
    path = tmp_path / "data.npz"
    header = "{'descr': '|O', 'fortran_order': False, 'shape': ()}"
    idle = b"\x80\x03N" + b"N0" * 20_000 + b"."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.npy", "b.npy"):
            archive.writestr(name, npy(header, idle))
    assert load_archive(path, ["a"]) == {"a": None}
    with pytest.raises(InvalidData, match="more steps than data of its size need"):
        load_archive(path)


def test_a_member_that_goes_on_after_its_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    header = "{'descr': '|O', 'fortran_order': False, 'shape': ()}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy(header, pickled(1) + b"more"))
    with pytest.raises(InvalidData, match="bytes follow on its pickle"):
        load_archive(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("corrupt", [False, True])
def test_what_numpy_never_packs_is_refused(tmp_path: Path, method: int, corrupt: bool) -> None:
    path = tmp_path / "data.npz"
    np.savez(tmp_path / "plain.npz", pose=np.arange(1000.0))
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("pose.npy", zipfile.ZipFile(tmp_path / "plain.npz").read("pose.npy"))
    if corrupt:
        content = bytearray(path.read_bytes())
        content[60:160] = bytes(100)
        path.write_bytes(content)
    with pytest.raises(InvalidData, match=r"which NumPy never writes; save it with numpy\.savez"):
        load_archive(path)


def test_names_of_members_are_shown_on_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    hostile = "line\nbreak\x1b[31m" + "x" * 500
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(hostile, b"")
    for read in (load_archive, lambda path: load_archive(path, ["pose"])):
        with pytest.raises(InvalidData) as caught:
            read(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


def test_names_that_are_no_text_twins_and_lost_members_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, pose=np.arange(3.0), mask=np.arange(3.0))
    whole = path.read_bytes()
    marked = bytearray(whole.replace(b"mask", b"m\xff\xfek"))
    for at in (marked.rindex(b"PK\1\2") + 8, marked.rindex(b"PK\3\4") + 6):
        marked[at + 1] |= 0x08  # "names are UTF-8"
    end = whole.rindex(b"PK\5\6")
    lost = bytearray(whole)
    directory = struct.unpack("<I", whole[end + 12 : end + 16])[0]
    lost[end + 12 : end + 16] = struct.pack("<I", directory // 2)
    emptied = bytearray(whole)
    emptied[end + 8 : end + 20] = bytes(12)
    for content in (bytes(marked), whole.replace(b"mask", b"pose"), bytes(lost), bytes(emptied)):
        path.write_bytes(content)
        for read in (load_archive, member_names):
            with pytest.raises(InvalidData, match=r"data\.npz") as caught:
                read(path)
            assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param([np.zeros(1 << 20)] * 100, id="one array a hundred times"),
        pytest.param({"a": ["x" * (1 << 20)] * 100}, id="one text a hundred times"),
    ],
)
def test_parts_that_are_held_over_and_over_are_refused(tree: object) -> None:
    with pytest.raises(InvalidData, match="the same parts over and over"):
        read(tree)


def test_a_container_that_holds_itself_is_refused() -> None:
    tree: list = [1]
    tree.append(tree)
    with pytest.raises(InvalidData, match="a container that holds itself"):
        read(tree)


def test_parts_that_are_held_twice_are_read() -> None:
    pose = np.arange(1 << 20).astype(np.float64)
    found = read({"a": pose, "b": [pose, pose], "c": [["text"]] * 1000})
    assert found["a"] is found["b"][1]
    assert len(found["c"]) == 1000
