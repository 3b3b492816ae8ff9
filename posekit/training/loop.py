"""Training of any network: one loop for the CPU, one GPU and several, resumable bit for bit."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing import ProcessRaisedException

from posekit.errors import InvalidParameter, PosekitError
from posekit.machine.devices import choose_device
from posekit.machine.progress import Progress
from posekit.training.feeds import Feed
from posekit.training.optimizers import build_optimizer
from posekit.training.snapshots import (
    LOG_FILE,
    deferred_interrupt,
    load_snapshot,
    random_state,
    restore_random_state,
    save_snapshot,
    write_log,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric


LOG_ROWS = 200
NORM_MOMENTUM = 0.1  # of batch normalisation before any schedule


class TrainingError(PosekitError):
    """Training cannot go on: the loss is not finite, or one of several processes failed."""


@dataclass(frozen=True)
class TrainingLog:
    """What happened in a training run.

    Attributes:
        rows: means of the loss terms over up to ``LOG_ROWS`` stretches of the run, with epoch,
            step (steps done), learning_rate and seconds (computing time so far, all parts of an
            interrupted run together).
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


def seed_torch(seed: int) -> None:
    """Seed what draws initial weights, stochastic depth, dropout and diffusion noise."""
    torch.manual_seed(seed)


def fit(
    network: nn.Module,
    feed: Feed,
    *,
    seed: int,
    device: str = "auto",
    devices: int = 1,
    folder: Path | None = None,
    label: str = "training",
    snapshot_seconds: float = 60.0,
) -> TrainingLog:
    """Train a network in place; it is left in evaluation mode.

    With a ``folder``, the run leaves a snapshot there every ``snapshot_seconds``, on Ctrl-C and at
    its end. The same call continues from it: on one CPU, with the same number of threads, to the
    same weights bit for bit as an uninterrupted run. A finished run is only loaded.

    Args:
        network: with the weights to start from.
        feed: what it is trained on, how, and by which loss, as ``LiftingFeed``.
        seed: of the order of the data and of all that is random inside the network.
        device: see ``posekit.machine.devices.choose_device``.
        devices: processes that share each batch (on GPUs 0 to devices - 1); 1 for none.
        folder: where ``snapshot.pt`` and ``log.csv`` go; None for no files.
        label: what to call the run in progress reports.
        snapshot_seconds: time between snapshots.

    Raises:
        InvalidParameter: the feed does not fit the network, or an unknown device.
        InvalidData: the feed has nothing to train on.
        TrainingError: the loss is NaN or infinite, or one of several processes failed.
        InvalidSnapshot: ``folder`` holds the snapshot of another run.
        StorageError: ``folder`` cannot be written.
        KeyboardInterrupt: Ctrl-C; the snapshot is written first.
    """
    feed.check(network)
    place = choose_device(device)
    _check_devices(place, devices)
    run = _Run(network, feed, seed, folder, label, snapshot_seconds)
    try:
        weights, facts = _fabric(place, devices).launch(run.train)
    except ProcessRaisedException as error:
        cause = str(error).strip().splitlines()[-1]
        raise TrainingError(f"{label}: one of {devices} processes failed: {cause}") from error
    if devices > 1:  # trained in other processes, which had copies
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    network.eval()
    return TrainingLog(**facts)


def _fabric(device: torch.device, devices: int) -> Fabric:
    # Imported here: it takes as long as torch itself, and only training needs it.
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments import LightningEnvironment

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    several = devices > 1
    chosen = devices if several or device.type == "cpu" else [device.index]
    return Fabric(
        accelerator=device.type,
        devices=chosen,
        strategy="ddp_spawn" if several else "auto",
        # A cluster's scheduler is no business of a run that stays on one machine.
        plugins=[LightningEnvironment()],
    )


def _check_devices(device: torch.device, devices: int) -> None:
    available = torch.cuda.device_count() if device.type == "cuda" else devices
    if not 1 <= devices <= available:
        raise InvalidParameter(
            f"devices is {devices}; choose a number from 1 to {max(1, available)}."
        )


def epoch_order(samples: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's samples, (samples,): decided by seed and epoch alone."""
    return np.random.default_rng((seed, epoch)).permutation(samples)


class _Run:
    """One training run, in one of the processes that share it."""

    def __init__(
        self,
        network: nn.Module,
        feed: Feed,
        seed: int,
        folder: Path | None,
        label: str,
        snapshot_seconds: float,
    ) -> None:
        self.network, self.feed, self.recipe, self.seed = network, feed, feed.recipe, seed
        self.folder = None if folder is None else Path(folder)
        self.label, self.snapshot_seconds = label, snapshot_seconds
        self.rows: list[dict[str, float]] = []
        self.step, self.seconds_before = 0, 0.0
        self.pending: list[Tensor] = []  # loss terms of the steps since the last row

    def train(self, fabric: Fabric) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The loop; returns weights (where a copy was trained) and the fields of the log."""
        self._set_up(fabric)
        self._resume()
        self.start = self.last_snapshot = time.monotonic()
        with (
            Progress(self.label, self.steps, done=self.step) as progress,
            deferred_interrupt() as interrupt,
        ):
            for chosen in self._batches():
                self._take_step(chosen)
                if self.step % self.row_every == 0 or self.step == self.steps:
                    self._add_row()
                if fabric.is_global_zero:
                    progress.advance(self._note())
                if interrupt.requested:
                    self._save()
                    raise KeyboardInterrupt
                if time.monotonic() - self.last_snapshot >= self.snapshot_seconds:
                    self._save()
        self._save()
        if fabric.world_size == 1:
            return {}, self._log()
        fabric.barrier()
        torch.distributed.destroy_process_group()
        # As arrays: tensors would travel as handles that die with this process.
        state = self.network.state_dict()
        return {name: value.cpu().numpy() for name, value in state.items()}, self._log()

    def _set_up(self, fabric: Fabric) -> None:
        if fabric.world_size > 1:  # a spawned process gets its parent's memory, not a copy
            self.network = copy.deepcopy(self.network)
        recipe = self.recipe
        self.fabric = fabric
        seed_torch(self.seed + fabric.global_rank)
        self.samples = self.feed.place(self.network, fabric.device)
        self.steps_per_epoch = math.ceil(len(self.samples) / recipe.batch_size)
        self.steps = recipe.epochs * self.steps_per_epoch
        if recipe.max_steps is not None:
            self.steps = min(self.steps, recipe.max_steps)
        self.row_every = math.ceil(self.steps / LOG_ROWS)
        optimizer = build_optimizer(recipe, self.network.to(fabric.device).train().parameters())
        self.model, self.optimizer = fabric.setup(self.network, optimizer)
        if hasattr(self.network, "training_loss"):
            self.model.mark_forward_method("training_loss")

    def _batches(self) -> Iterator[Tensor]:
        """This process's samples of every step, from the current one to the last."""
        size, samples = self.recipe.batch_size, len(self.samples)
        world, rank = self.fabric.world_size, self.fabric.global_rank
        order, order_epoch = torch.empty(0), -1
        while self.step < self.steps:
            epoch, place = divmod(self.step, self.steps_per_epoch)
            if epoch != order_epoch:
                order_epoch = epoch
                self._schedule_norms(epoch)
                order = torch.from_numpy(epoch_order(samples, self.seed, epoch))
                order = order.to(self.fabric.device)
            batch = order[place * size : (place + 1) * size]
            if world > 1:
                # A short batch is filled from its start, so that every process has equal work.
                filled = math.ceil(len(batch) / world) * world
                batch = batch[torch.arange(rank, filled, world, device=batch.device) % len(batch)]
            yield batch

    def _schedule_norms(self, epoch: int) -> None:
        lowest = self.recipe.norm_momentum
        if lowest is not None:
            done = epoch * self.steps_per_epoch / self.steps
            self.network.set_norm_momentum(NORM_MOMENTUM * (lowest / NORM_MOMENTUM) ** done)

    def _take_step(self, chosen: Tensor) -> None:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(self.step, self.steps_per_epoch, self.steps)
        batch = self.samples.gather(chosen)
        # Not Fabric's mixed precision: it would round the keypoints themselves to bf16.
        with torch.autocast(
            self.fabric.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"
        ):
            terms = self.samples.loss(self.model, batch)
        total = terms[-1]
        self.optimizer.zero_grad()
        # Several processes seed with their common loss, as one process would.
        common = self.fabric.all_reduce(total.detach().clone())
        self.fabric.backward(total, gradient=common if recipe.loss_seeded else None)
        self.optimizer.step()
        self.pending.append(torch.stack(tuple(terms)).detach())
        self.step += 1

    def _note(self) -> str:
        return f"loss {self.rows[-1][self.samples.terms[-1]]:.4f}" if self.rows else ""

    def _add_row(self) -> None:
        self._check_pending()
        means = torch.stack(self.pending).double().mean(0).tolist()
        self.pending.clear()
        last = self.step - 1
        self.rows.append(
            {
                "epoch": last // self.steps_per_epoch + 1,
                "step": self.step,
                **dict(zip(self.samples.terms, means, strict=True)),
                "learning_rate": self.recipe.rate(last, self.steps_per_epoch, self.steps),
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
                f"{self.label}: the loss is not finite at step {step} of {self.steps}; "
                "choose a smaller learning rate, or precision float32."
            )

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.start

    def _log(self) -> dict[str, Any]:
        seconds = self.rows[-1]["seconds"]
        frames = self.steps * self.recipe.batch_size * self.samples.frames
        return {
            "rows": tuple(self.rows),
            "steps": self.step,
            "steps_per_epoch": self.steps_per_epoch,
            "seconds": seconds,
            "frames_per_second": frames / max(seconds, 1e-9),
        }

    def _identity(self) -> dict[str, Any]:
        recipe = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self.recipe).items()
        }
        shapes = [f"{name} {tuple(v.shape)}" for name, v in self.network.state_dict().items()]
        return {
            "recipe": recipe,
            "seed": self.seed,
            "data": self.feed.fingerprint,
            "network": [type(self.network).__name__, self.samples.frames, *shapes],
        }

    def _save(self) -> None:
        self._check_pending()
        self.last_snapshot = time.monotonic()
        if self.folder is None or not self.fabric.is_global_zero:
            return
        save_snapshot(
            self.folder,
            {
                "identity": self._identity(),
                "step": self.step,
                "model": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "random": random_state(self.fabric.device),
                "rows": self.rows,
                "pending": [terms.cpu() for terms in self.pending],
                "seconds": self._seconds(),
            },
        )
        self.last_snapshot = time.monotonic()

    def _resume(self) -> None:
        if self.folder is None:
            return
        state = load_snapshot(self.folder, self._identity())
        if state is None:
            if self.fabric.is_global_zero:  # a folder that cannot be written shows at once
                write_log(self.folder / LOG_FILE, [])
            return
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds_before = state["step"], state["seconds"]
        self.rows = list(state["rows"])
        self.pending = [terms.to(self.fabric.device) for terms in state["pending"]]
        if self.fabric.is_global_zero:
            restore_random_state(state["random"], self.fabric.device)
        else:  # only the first process's generator is stored
            seed_torch(self.seed + self.fabric.global_rank + self.step)
