"""Folders that posekit reads and writes; atomic writes: a file is there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posekit.errors import InvalidParameter, StorageError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "your quota is used up; free some space and run the same command again",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "the folder is read-only for you; choose another folder",
    errno.EPERM: "the folder is read-only for you; choose another folder",
    errno.ENOENT: "the folder cannot be made there; choose another folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder",
    errno.EEXIST: "a file of that name stands where a folder is due; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose another folder",
}


def repository_root() -> Path | None:
    """The checkout that this package runs from, or None for an installed copy."""
    folder = Path(__file__).resolve().parents[2]
    return folder if (folder / "pyproject.toml").is_file() else None


def data_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Folder that holds data sets: the argument, else ``POSEKIT_DATA``, else ``./data``.

    In a folder of the checkout, as a notebook that JupyterLab opens, it is the checkout's ``data``,
    unless one stands there.
    """
    chosen = root or os.environ.get("POSEKIT_DATA")
    if chosen:
        return Path(chosen).expanduser()
    checkout, here = repository_root(), Path("data")
    below = checkout is not None and checkout.resolve() in Path.cwd().parents
    return checkout / here if checkout and below and not here.is_dir() else here


def runs_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Folder of cached runs: the argument, else ``POSEKIT_RUNS``, else ``reports/runs``.

    Outside a checkout the user's cache folder takes the place of ``reports``.
    """
    chosen = root or os.environ.get("POSEKIT_RUNS")
    if chosen:
        return Path(chosen).expanduser()
    checkout = repository_root()
    return (checkout / "reports" if checkout else Path.home() / ".cache" / "posekit") / "runs"


def paper_folders() -> tuple[Path, ...]:
    """Folders with papers of the reader's own: ``POSEKIT_PAPERS``, separated as ``PATH`` is.

    Each holds a paper's YAML file, its notebook, and its modules (a network, a task, figures).

    Raises:
        InvalidParameter: one of them is no folder.
    """
    named = [part for part in os.environ.get("POSEKIT_PAPERS", "").split(os.pathsep) if part]
    folders = tuple(Path(part).expanduser().resolve() for part in named)
    for folder in folders:
        if not folder.is_dir():
            raise InvalidParameter(
                f"POSEKIT_PAPERS names {folder}, which is no folder; correct or unset it."
            )
    return folders


def storage_error(error: OSError, path: Path) -> StorageError:
    """An operating system error on ``path`` as one line with its remedy."""
    told = f"{error.strerror or error}; choose another folder"
    reason = _REASONS.get(error.errno or 0, told)
    return StorageError(f"cannot write {path}: {reason}.")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well.

    A block that raises, or a process that dies, leaves ``path`` as it was.

    Raises:
        StorageError: the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.open("x").close()  # with the rights that the caller's umask gives new files
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
