"""The download of CMU's archive: resumed after a cut, checked, unpacked, and safe to run."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from acclaim import archive_bytes, motion_text, skeleton_text

from posekit.datasets import download, load_dataset
from posekit.datasets.download import download_cmu
from posekit.errors import DatasetNotFound, InvalidData

PAYLOAD = archive_bytes(
    {
        "all_asfamc/subjects/02/02.asf": skeleton_text(),
        "all_asfamc/subjects/02/02_01.amc": motion_text(120),
        "all_asfamc/subjects/49/49.asf": skeleton_text(),
        "all_asfamc/subjects/49/49_01.amc": motion_text(120),
        "all_asfamc/subjects/77/77_01.amc": "not one of the takes that are read",
        "../../escape/subjects/02/../../02_02.amc": "a member that would leave the folder",
    }
)


class Server(BaseHTTPRequestHandler):
    """Serves a payload with range requests; cuts transfers and forgets ranges as it is told."""

    payload = PAYLOAD
    cuts: tuple[int, ...] = ()
    ranges = True
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        server = type(self)
        asked = self.headers.get("Range", "")
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-") or 0) if self.ranges else 0
        if self.path.endswith("missing.zip"):
            self.send_error(404)
            return
        if start and start >= len(self.payload):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.payload)}")
            self.end_headers()
            return
        body = self.payload[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            cut, *rest = server.cuts
            server.cuts = tuple(rest)
            body = body[:cut]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(**settings: object) -> Iterator[tuple[str, type[Server]]]:
    handler = type("Handler", (Server,), {"asked": [], **settings})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/allasfamc.zip", handler
        server.shutdown()


def test_the_download_gives_a_data_set(tmp_path: Path) -> None:
    lines: list[str] = []
    with serving() as (url, handler):
        folder = download_cmu(tmp_path, url=url, report=lines.append)
        assert download_cmu(tmp_path, url=url, report=lines.append) == folder
    assert handler.asked == [""]
    assert hashlib.sha256(PAYLOAD).hexdigest() in " ".join(lines)
    assert "nothing to do" in lines[-1]
    assert sorted(path.name for path in folder.glob("*/*")) == [
        *("02.asf", "02_01.amc", "49.asf", "49_01.amc"),
    ]
    assert load_dataset("cmu", "train", root=tmp_path).clips[0].take == "02_01"
    assert not list(tmp_path.rglob("*escape*"))
    assert not list(tmp_path.rglob("*.part"))


def test_a_cut_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with serving(cuts=(1000, 2500)) as (url, handler):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert handler.asked == ["", "bytes=1000-", "bytes=3500-"]
    assert (tmp_path / "cmu" / "allasfamc.zip").read_bytes() == PAYLOAD


def test_a_download_is_continued_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with serving(cuts=(1500, 0, 0)) as (url, _):
        with pytest.raises(DatasetNotFound, match="cut at 1500 bytes"):
            download_cmu(tmp_path, url=url, report=lambda _: None)
        assert not (tmp_path / "cmu" / "allasfamc.zip").exists()
    with serving() as (url, handler):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert handler.asked == ["bytes=1500-"]


def test_a_server_without_ranges_is_read_from_the_start(tmp_path: Path) -> None:
    with serving(cuts=(1000,), ranges=False) as (url, _):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert (tmp_path / "cmu" / "allasfamc.zip").read_bytes() == PAYLOAD


def test_a_part_that_is_already_whole_is_taken(tmp_path: Path) -> None:
    (tmp_path / "cmu").mkdir()
    (tmp_path / "cmu" / "allasfamc.zip.part").write_bytes(PAYLOAD)
    with serving() as (url, _):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert (tmp_path / "cmu" / "allasfamc.zip").read_bytes() == PAYLOAD


def test_a_corrupt_archive_is_deleted_and_said(tmp_path: Path) -> None:
    damaged = bytearray(PAYLOAD)
    damaged[300] ^= 255
    with (
        serving(payload=bytes(damaged)) as (url, _),
        pytest.raises(InvalidData, match=r"corrupt.*run the same command again"),
    ):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_an_archive_whose_packing_is_corrupt_is_deleted_and_said(
    tmp_path: Path, method: int
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("subjects/02/02_01.amc", motion_text(300))
    damaged = bytearray(buffer.getvalue())
    damaged[80:180] = bytes(100)
    with (
        serving(payload=bytes(damaged)) as (url, _),
        pytest.raises(InvalidData, match=r"corrupt.*run the same command again") as caught,
    ):
        download_cmu(tmp_path, url=url, report=lambda _: None)
    assert str(caught.value).isprintable()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_take_larger_than_any_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST_MEMBER", 1000)
    with (
        serving() as (url, _),
        pytest.raises(InvalidData, match=r"02\.asf unpacks to \d+ bytes"),
    ):
        download_cmu(tmp_path, url=url, report=lambda _: None)


def test_a_hash_that_is_given_must_hold(tmp_path: Path) -> None:
    with serving() as (url, _):
        with pytest.raises(InvalidData, match="expected 00ff"):
            download_cmu(tmp_path, url=url, expected_sha256="00ff", report=lambda _: None)
        assert not (tmp_path / "cmu" / "allasfamc.zip").exists()
        digest = hashlib.sha256(PAYLOAD).hexdigest()
        download_cmu(tmp_path, url=url, expected_sha256=digest, report=lambda _: None)


def test_a_missing_or_unreachable_archive_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with serving() as (url, _):
        moved = url.replace("allasfamc", "missing")
        with pytest.raises(DatasetNotFound, match="the server answers 404"):
            download_cmu(tmp_path, url=moved, report=lambda _: None)
    with pytest.raises(DatasetNotFound, match="cut at 0 bytes; check the network"):
        download_cmu(tmp_path, url=url, report=lambda _: None)


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with (
        serving(payload=archive_bytes({"readme.txt": "hello"})) as (url, _),
        pytest.raises(InvalidData, match="holds none of the takes"),
    ):
        download_cmu(tmp_path, url=url, report=lambda _: None)
