"""Fetches the CMU motion capture archive: one file, resumed after a cut, checked, then unpacked."""

from __future__ import annotations

import hashlib
import http.client
import re
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from posekit.datasets.archives import DAMAGED, readable
from posekit.datasets.cmu import SUBJECT_FOLDERS, TAKES, find_subjects
from posekit.errors import DatasetNotFound, InvalidData
from posekit.machine.progress import Progress
from posekit.machine.storage import atomic_path, storage_error
from posekit.machine.unpickler import reason

# The site asks not to be crawled and offers this one archive (about 1.1 GB) instead.
ARCHIVE_URL = "http://mocap.cs.cmu.edu/allasfamc.zip"
LARGEST_MEMBER = 1 << 26  # bytes of a take; the longest has a quarter of it
ATTEMPTS = 5
TIMEOUT = 60.0
CHUNK = 1 << 20
_MEMBER = re.compile(r"(?:.*/)?subjects/(\d+)/(\1(?:\.asf|_\d+\.amc))")


def download_cmu(
    root: Path,
    *,
    url: str = ARCHIVE_URL,
    expected_sha256: str | None = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Fetch and unpack the takes that ``load_dataset("cmu", ...)`` reads.

    An interrupted download goes on where it stopped when called again. CMU publishes no hash, so
    by default the archive's own checksums are tested and its SHA-256 is reported; give the hash
    of a copy you trust to compare.

    Args:
        root: data folder; files go to ``root/cmu``.
        url: where the archive lies.
        expected_sha256: hash that the archive must have.
        report: takes one line of progress.

    Returns:
        The folder of subjects.

    Raises:
        DatasetNotFound: the server cannot be reached or cuts the transfer again and again.
        InvalidData: the archive is corrupt or of another hash; it is deleted.
        StorageError: the folder cannot be written.
    """
    present = find_subjects(root)
    if present:
        report(f"CMU motion capture is already in {present}; nothing to do.")
        return present
    archive = root / "cmu" / url.rsplit("/", 1)[-1]
    if not archive.is_file():
        report(f"Fetching {url} to {archive}; it can be interrupted and continued.")
        fetch(url, archive)
    digest = _sha256(archive)
    if expected_sha256 and digest != expected_sha256.lower():
        archive.unlink()
        raise InvalidData(
            f"{archive} has SHA-256 {digest}, expected {expected_sha256}; it was deleted: run the "
            "same command again."
        )
    report(f"SHA-256 {digest}{'' if expected_sha256 else ' (none is published to compare with)'}")
    folder = root / "cmu" / SUBJECT_FOLDERS[0]
    count = _unpack(archive, folder)
    report(f"{count} files unpacked to {folder}; {archive.name} may be deleted.")
    return folder


def fetch(url: str, target: Path) -> None:
    """Download ``url`` to ``target``, which appears only when it is whole.

    What has arrived waits in ``<target>.part``; HTTP range requests fetch the rest.

    Raises:
        DatasetNotFound: unreachable, refused, or cut ``ATTEMPTS`` times in a row without progress.
        StorageError: the folder cannot be written.
    """
    part = target.with_name(target.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as error:
        raise storage_error(error, part) from error
    failures = 0
    while failures < ATTEMPTS:
        before = part.stat().st_size
        try:
            if _fetch_rest(url, part):
                part.replace(target)
                return
        except urllib.error.HTTPError as error:
            raise DatasetNotFound(
                f"{url}: the server answers {error.code} {error.reason}; see whether the page has "
                "moved, or fetch the archive in a browser."
            ) from error
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError):
            pass  # a cut: what arrived is kept, and counted below
        failures = 0 if part.stat().st_size > before else failures + 1
    raise DatasetNotFound(
        f"{url}: the transfer was cut at {part.stat().st_size} bytes; check the network and run "
        "the same command again, it goes on from there."
    )


def _fetch_rest(url: str, part: Path) -> bool:
    """Append what is missing to ``part``; True when it is whole."""
    start = part.stat().st_size
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        whole = error.headers.get("Content-Range", "").endswith(f"/{start}")
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and whole:
            return True
        raise
    with response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0  # the server sends everything again
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        _write(response, part, start, total)
    return total is None or part.stat().st_size == total


def _write(response: http.client.HTTPResponse, part: Path, start: int, total: int | None) -> None:
    label = f"{part.stem} (MB)"
    chunks = max(1, ((total or start) + CHUNK - 1) // CHUNK)
    with part.open("r+b") as file, Progress(label, chunks, done=start // CHUNK) as progress:
        file.truncate(start)
        file.seek(start)
        while chunk := response.read(CHUNK):
            try:
                file.write(chunk)
            except OSError as error:
                raise storage_error(error, part) from error
            progress.advance()


def _sha256(path: Path) -> str:
    with readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(archive: Path, folder: Path) -> int:
    """Unpack the listed takes and their skeletons; ``folder`` appears only when all are there."""
    count = 0
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack.") as temporary:
            staging = Path(temporary) / folder.name
            for name, content in _listed_members(archive):
                with atomic_path(staging / name[:2] / name) as path:
                    path.write_bytes(content)
                count += 1
            if not count:
                raise InvalidData(
                    f"{archive} holds none of the takes that posekit reads (subjects/NN/NN_MM.amc);"
                    " is it another archive? Delete it and run the same command again."
                )
            staging.replace(folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    return count


def _listed_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """File name and contents of each take and skeleton that posekit reads.

    Raises:
        InvalidData: the archive is corrupt; it is deleted.
    """
    names = {name for takes in TAKES.values() for name in takes.split()}
    wanted = {f"{name}.amc" for name in names} | {f"{name[:2]}.asf" for name in names}
    try:
        with zipfile.ZipFile(archive) as opened:
            found = {
                member[2]: entry
                for entry in opened.infolist()
                if (member := _MEMBER.fullmatch(entry.filename)) and member[2] in wanted
            }
            for name, entry in found.items():
                if entry.file_size > LARGEST_MEMBER:
                    raise ValueError(f"{name} unpacks to {entry.file_size} bytes")
                yield name, opened.read(entry)
    except DAMAGED as error:
        archive.unlink()
        raise InvalidData(
            f"{archive} is corrupt ({reason(error)}); it was deleted: run the same command again."
        ) from error
