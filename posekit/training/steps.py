"""What every training shares, whatever a step of it does: progress, log, snapshots, resumption.

``fit`` takes steps of one network and one optimizer through it; a method with several of both
brings steps of its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from posekit.errors import PosekitError
from posekit.machine.progress import Progress
from posekit.training.snapshots import (
    LOG_FILE,
    deferred_interrupt,
    load_snapshot,
    random_state,
    restore_random_state,
    save_snapshot,
    write_log,
)

LOG_ROWS = 200


class TrainingError(PosekitError):
    """Training cannot go on: the loss is not finite, or one of several processes failed."""


@dataclass(frozen=True)
class TrainingLog:
    """What happened in a training run.

    Attributes:
        rows: means of the loss terms over stretches of equal length, at least ``LOG_ROWS`` of them
            or one per step, with epoch, step (steps done), learning_rate and seconds (computing
            time so far, all parts of an interrupted run together).
        steps: optimizer steps done.
        steps_per_epoch: steps of one pass over the data.
        seconds: computing time.
        frames_per_second: frames of input per second of training, mirrored ones included.
    """

    rows: tuple[dict[str, float], ...]
    steps: int
    steps_per_epoch: int
    seconds: float
    frames_per_second: float


class Steps(Protocol):
    """The steps of one training.

    What is random in a step is drawn from torch's own generators, or decided by the number of the
    step; then a resumed training goes on bit for bit.

    Attributes:
        terms: names of what ``take`` gives, in order; the last, "total", is the learning curve.
        steps: how many there are.
        steps_per_epoch: how many make one pass over the data.
        frames_per_step: frames (or images) that a step sees.
        identity: what decides the result (recipe, seed, data, networks), as plain values; a
            snapshot of another is refused.
    """

    terms: tuple[str, ...]
    steps: int
    steps_per_epoch: int
    frames_per_step: int
    identity: Mapping[str, Any]

    def take(self, step: int) -> Tensor:
        """Take a step, counted from 0; its loss terms (terms,), detached."""

    def rate(self, step: int) -> float:
        """The learning rate of a step, for the log."""

    def state(self) -> dict[str, Any]:
        """Networks, optimizers and whatever else steps change: tensors in plain containers."""

    def restore(self, state: Mapping[str, Any], step: int) -> None:
        """Go back to what ``state`` gave after ``step`` steps."""


def take_steps(
    steps: Steps,
    *,
    device: torch.device,
    folder: Path | None,
    label: str,
    snapshot_seconds: float,
    leads: bool = True,
) -> TrainingLog:
    """Take all steps that are left, with progress and a log.

    With a ``folder``, it holds a snapshot every ``snapshot_seconds``, after Ctrl-C and at the end;
    the same call continues from there.

    Args:
        steps: what to take.
        device: where they compute, whose generator belongs to the snapshot.
        folder: where ``snapshot.pt`` and ``log.csv`` go; None for no files.
        label: what to call the training in progress reports.
        snapshot_seconds: time between snapshots.
        leads: whether this process, of several that share the steps, reports and writes.

    Raises:
        TrainingError: a loss term is NaN or infinite.
        InvalidSnapshot: ``folder`` holds the snapshot of another training, or a damaged one.
        StorageError: ``folder`` cannot be written.
        KeyboardInterrupt: Ctrl-C; the snapshot is written first.
    """
    loop = _Loop(steps, device, folder, label, leads)
    loop.resume()
    with (
        Progress(label, steps.steps, done=loop.step) as progress,
        deferred_interrupt() as interrupt,
    ):
        while loop.step < steps.steps:
            loop.take_step()
            if leads:
                progress.advance(loop.note())
            if interrupt.requested:
                loop.save()
                raise KeyboardInterrupt
            if loop.since_snapshot() >= snapshot_seconds:
                loop.save()
    loop.save()
    return loop.log()


class _Loop:
    """Where a training stands."""

    def __init__(
        self, steps: Steps, device: torch.device, folder: Path | None, label: str, leads: bool
    ) -> None:
        self.steps, self.device, self.label, self.leads = steps, device, label, leads
        self.folder = None if folder is None else Path(folder)
        self.row_every = max(1, steps.steps // LOG_ROWS)
        self.rows: list[dict[str, float]] = []
        self.pending: list[Tensor] = []  # loss terms of the steps since the last row
        self.step, self.seconds_before = 0, 0.0
        self.start = self.last_snapshot = time.monotonic()

    def take_step(self) -> None:
        self.pending.append(self.steps.take(self.step))
        self.step += 1
        if self.step % self.row_every == 0 or self.step == self.steps.steps:
            self._add_row()

    def note(self) -> str:
        return f"loss {self.rows[-1][self.steps.terms[-1]]:.4f}" if self.rows else ""

    def since_snapshot(self) -> float:
        return time.monotonic() - self.last_snapshot

    def log(self) -> TrainingLog:
        seconds = self.rows[-1]["seconds"]
        frames = self.steps.steps * self.steps.frames_per_step
        return TrainingLog(
            rows=tuple(self.rows),
            steps=self.step,
            steps_per_epoch=self.steps.steps_per_epoch,
            seconds=seconds,
            frames_per_second=frames / max(seconds, 1e-9),
        )

    def save(self) -> None:
        self._check_pending()
        if self.folder is not None and self.leads:
            save_snapshot(
                self.folder,
                {
                    "identity": dict(self.steps.identity),
                    "step": self.step,
                    "steps": self.steps.state(),
                    "random": random_state(self.device),
                    "rows": self.rows,
                    "pending": [terms.cpu() for terms in self.pending],
                    "seconds": self._seconds(),
                },
            )
        self.last_snapshot = time.monotonic()

    def resume(self) -> None:
        if self.folder is not None:
            state = load_snapshot(self.folder, self.steps.identity)
            if state is not None:
                self._restore(state)
            elif self.leads:  # a folder that cannot be written shows at once
                write_log(self.folder / LOG_FILE, [])
        self.start = self.last_snapshot = time.monotonic()

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.step, self.seconds_before = state["step"], state["seconds"]
        self.rows = list(state["rows"])
        self.pending = [terms.to(self.device) for terms in state["pending"]]
        self.steps.restore(state["steps"], self.step)
        if self.leads:  # only the leading process's generator is stored
            restore_random_state(state["random"], self.device)

    def _add_row(self) -> None:
        self._check_pending()
        means = torch.stack(self.pending).double().mean(0).tolist()
        self.pending.clear()
        last = self.step - 1
        self.rows.append(
            {
                "epoch": last // self.steps.steps_per_epoch + 1,
                "step": self.step,
                **dict(zip(self.steps.terms, means, strict=True)),
                "learning_rate": self.steps.rate(last),
                "seconds": round(self._seconds(), 3),
            }
        )

    def _check_pending(self) -> None:
        """Refuse a loss that is not finite; looked at late, so that a GPU need not wait."""
        if not self.pending:
            return
        finite = torch.isfinite(torch.stack(self.pending)).all(1)
        if not bool(finite.all()):
            step = self.step - len(self.pending) + int((~finite).nonzero()[0]) + 1
            raise TrainingError(
                f"{self.label}: the loss is not finite at step {step} of {self.steps.steps}; "
                "choose a smaller learning rate, or precision float32."
            )

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.start
