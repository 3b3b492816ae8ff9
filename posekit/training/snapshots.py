"""State of a training run on disk, so that an interrupted run continues bit for bit."""

from __future__ import annotations

import csv
import hashlib
import io
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from posekit.errors import InvalidSnapshot
from posekit.machine.storage import atomic_path

SNAPSHOT_FILE = "snapshot.pt"
LOG_FILE = "log.csv"
DIGEST_BYTES = hashlib.sha256().digest_size


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """State of torch's generators that training draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Undo what was drawn since ``random_state``."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def save_snapshot(folder: Path, state: Mapping[str, Any]) -> None:
    """Write the snapshot and the log so far, each whole or not at all.

    Args:
        folder: folder of the run; made if missing.
        state: tensors, numbers, strings and containers of them; ``state["rows"]`` is the log.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    # Through memory: torch's own writer turns a full disk into a RuntimeError without a reason.
    content = io.BytesIO()
    torch.save(dict(state), content)
    # Within the file, so that both take its place together: torch does not notice a flipped bit.
    content.write(hashlib.sha256(content.getbuffer()).digest())
    with atomic_path(folder / SNAPSHOT_FILE) as path:
        path.write_bytes(content.getbuffer())
    write_log(folder / LOG_FILE, state["rows"])


def write_log(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write log rows as CSV, a column for each of their names.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)


def load_snapshot(folder: Path, identity: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state that ``save_snapshot`` left in ``folder``, or None if there is none.

    Args:
        folder: folder of the run.
        identity: what the run is (recipe, seed, data, network); the snapshot must agree.

    Raises:
        InvalidSnapshot: the file is corrupt, or belongs to another run.
    """
    path = folder / SNAPSHOT_FILE
    if not path.is_file():
        return None
    try:
        content = memoryview(path.read_bytes())
        body, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            raise ValueError("its content does not match its SHA-256")
        state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
        found = state["identity"]
    except Exception as error:
        raise InvalidSnapshot(
            f"{path} is no readable training snapshot ({type(error).__name__}); "
            "delete it to start this run again."
        ) from error
    different = [key for key in identity if found.get(key) != identity[key]]
    if different:
        raise InvalidSnapshot(
            f"{path} belongs to another run (different {', '.join(different)}); "
            "choose another folder, or delete it to start again."
        )
    return state


class Interrupt:
    """Whether Ctrl-C was pressed since ``deferred_interrupt`` began."""

    def __init__(self) -> None:
        self.requested = False


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Hold back Ctrl-C, so that it cannot fall into the middle of a step.

    The loop inside asks ``requested`` between steps. A second Ctrl-C is not held back. Threads
    other than the main one receive no signals, and a process started to ignore Ctrl-C (a shell's
    background job) goes on ignoring it: there, nothing changes.
    """
    interrupt = Interrupt()
    original = signal.getsignal(signal.SIGINT)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or original is signal.SIG_IGN:
        yield interrupt
        return

    def note(number: int, frame: FrameType | None) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, original)

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, original)
