"""Finished runs on disk: one folder each, whole or not there at all.

``<root>/<run id>/`` holds ``config.json`` (everything that decides the numbers), ``metrics.json``
(aggregate, per action, per joint), ``per_clip.npz`` (for paired statistics), ``log.csv``,
``weights.safetensors`` and ``environment.json``. A run in progress lives in ``.<run id>.partial``
and takes its place by one rename; a lock that dies with its process keeps others out.

A run proves itself: ``SHA256SUMS``, written last, holds the hash of every file, and the folder's
name ends with that of the configuration. So does a training that several runs share.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from posekit.machine.storage import atomic_path, storage_error

CONFIG_FILE = "config.json"
TRAINING_FILES = (CONFIG_FILE, "log.csv", "weights.safetensors")
RUN_FILES = (*TRAINING_FILES, "environment.json", "metrics.json", "per_clip.npz")
MANIFEST_FILE = "SHA256SUMS"

# Names that ``atomic_path`` gives to files in the making.
_TEMPORARY = re.compile(r"^\..+\.[a-z0-9_]{8}(\.\w+)?$")


def run_id(label: str, config: Mapping[str, Any]) -> str:
    """Readable name and hash of a configuration: equal configurations, equal id."""
    return "-".join((config["dataset"], label, f"s{config['seed']}", _config_hash(config)))


def _config_hash(config: Mapping[str, Any]) -> str:
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class StoredRun:
    """A finished run.

    Attributes:
        id: its name.
        folder: where it lies.
        config: everything that decided its numbers.
        metrics: "evidence", "card" (the protocol card) and "estimates": ``{estimate: {"aggregate":
            {metric: value}, "per_action": {action: {metric: value}}, "per_joint": {"mpjpe":
            {joint: value}}}}``; lengths in millimetres.
        environment: provenance, ``seconds`` and ``peak_memory_mb``.
    """

    id: str
    folder: Path
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    environment: Mapping[str, Any]

    @cached_property
    def per_clip(self) -> Mapping[str, np.ndarray]:
        """``clips``, ``actions``, ``frames`` and one array ``<estimate>/<metric>`` per clip."""
        with np.load(self.folder / "per_clip.npz", allow_pickle=False) as archive:
            return dict(archive)

    @cached_property
    def log(self) -> Mapping[str, tuple[float, ...]]:
        """The training log, name of a column -> values: "step", "learning_rate", "seconds" ..."""
        with (self.folder / "log.csv").open(newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        return {name: tuple(float(row[place]) for row in rows) for place, name in enumerate(names)}


class RunStore:
    """The folder of runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self) -> None:
        """Make the folder, so that one that cannot be made is known before any work.

        Raises:
            StorageError: it cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, self.root) from error

    def folder(self, run: str) -> Path:
        """Where the finished run lies or will lie."""
        return self.root / run

    def load(self, run: str) -> StoredRun | None:
        """The finished run, or None; a damaged one is announced and counts as missing."""
        folder = self.folder(run)
        if not folder.is_dir():
            return None
        fault = _fault(folder, RUN_FILES)
        if fault:
            print(f"run {run} is damaged ({fault}) and will be run again.", flush=True)
            return None
        config, metrics, environment = (
            json.loads((folder / name).read_text())
            for name in (CONFIG_FILE, "metrics.json", "environment.json")
        )
        return StoredRun(run, folder, config, metrics, environment)

    def trained(self, folder: Path) -> bool:
        """Whether a folder of ``training_folder`` holds a whole training.

        A damaged one is announced and taken away.
        """
        proof = [folder / name for name in (MANIFEST_FILE, "weights.safetensors")]
        if not any(path.exists() for path in proof):
            return False
        fault = _fault(folder, TRAINING_FILES)
        if fault:
            print(
                f"training {folder.name} is damaged ({fault}) and will be done again.", flush=True
            )
            for path in folder.iterdir():
                _remove(path)
        return fault is None

    @contextmanager
    def training_folder(self, training: str) -> Iterator[Path]:
        """The folder of a training that several runs may share, held against other processes.

        Raises:
            StorageError: the folder of runs cannot be written.
        """
        folder = self.root / ".trainings" / training
        with self._locked(self.root / ".locks" / f"training-{training}.lock", training):
            self._prepare(folder)
            yield folder

    @contextmanager
    def working_folder(self, run: str) -> Iterator[Path]:
        """The unfinished run's folder, held against other processes until the block ends.

        It keeps what an interrupted process left there, less its half-written files.

        Raises:
            StorageError: the folder of runs cannot be written.
        """
        lock_path = self.root / ".locks" / f"{run}.lock"
        folder = self.root / f".{run}.partial"
        with self._locked(lock_path, run):
            self._prepare(folder)
            try:
                yield folder
            finally:
                with suppress(OSError):
                    folder.rmdir()  # only if nothing was begun there

    def finish(self, run: str, folder: Path) -> None:
        """Give the working folder its final name; a damaged earlier run makes room.

        What only an unfinished run needs, its snapshot, is dropped.

        Raises:
            StorageError: the folder of runs cannot be written.
        """
        target = self.folder(run)
        try:
            for path in [path for path in folder.iterdir() if path.name not in RUN_FILES]:
                _remove(path)
            write_manifest(folder, RUN_FILES)
            if target.exists():
                _remove(target)
            os.replace(folder, target)
        except OSError as error:
            raise storage_error(error, target) from error

    def _prepare(self, folder: Path) -> None:
        """Make a folder, or rid it of the half-written files of an interrupted process."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        for path in folder.rglob(".*"):
            if path.is_file() and _TEMPORARY.match(path.name):
                path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, path: Path, run: str) -> Iterator[None]:
        lock = FileLock(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                print(f"another process computes run {run}; waiting for it.", flush=True)
                lock.acquire()
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            yield
        finally:
            lock.release()


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a compressed npz archive, whole or not at all.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def write_manifest(folder: Path, names: Sequence[str]) -> None:
    """Write the hashes of a folder's files, as ``sha256sum --check`` reads them; to be done last.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    with atomic_path(folder / MANIFEST_FILE) as path:
        path.write_text(_manifest(_file_hashes(folder, names)))


def _manifest(hashes: Mapping[str, str]) -> str:
    return "".join(f"{digest}  {name}\n" for name, digest in hashes.items())


def _file_hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def _fault(folder: Path, names: Sequence[str]) -> str | None:
    """What is wrong with a finished folder, by its manifest and its name, or None."""
    missing = next((name for name in (MANIFEST_FILE, *names) if not (folder / name).is_file()), "")
    if missing:
        return f"{missing} is missing"
    try:
        promised = (folder / MANIFEST_FILE).read_bytes().decode("ascii")
        hashes = _file_hashes(folder, names)
        changed = next(
            (n for n, digest in hashes.items() if f"{digest}  {n}\n" not in promised), ""
        )
        if changed:
            return f"{changed} does not match its SHA-256"
        if promised != _manifest(hashes):
            return f"{MANIFEST_FILE} lists other files"
        config = json.loads((folder / CONFIG_FILE).read_text())
    except (OSError, ValueError) as error:
        return f"unreadable: {error}"
    if not folder.name.endswith(f"-{_config_hash(config)}"):
        return f"its name is not that of the configuration in {CONFIG_FILE}"
    return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
