"""Training of any lifter: one loop for the CPU, one GPU and several, resumable bit for bit."""

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
from torch import Tensor
from torch.multiprocessing import ProcessRaisedException

from posekit.datasets.clips import PoseDataset
from posekit.datasets.windows import ClipBank, Windows, evaluation_windows, training_windows
from posekit.errors import InvalidData, InvalidParameter, PosekitError
from posekit.machine.devices import choose_device
from posekit.machine.progress import Progress
from posekit.metrics.losses import SequenceLoss, joint_weights, sequence_loss
from posekit.models.layers import Lifter
from posekit.training.optimizers import build_optimizer
from posekit.training.recipes import Recipe
from posekit.training.snapshots import (
    LOG_FILE,
    deferred_interrupt,
    load_checkpoint,
    random_state,
    restore_random_state,
    save_checkpoint,
    write_log,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Recipe", "TrainingError", "TrainingLog", "epoch_order", "fit", "seed_torch"]

LOG_ROWS = 200
NORM_MOMENTUM = 0.1  # of batch normalisation before any schedule
JITTER_DEGREES, JITTER_SCALE = 5.0, 0.05


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
    lifter: Lifter,
    dataset: PoseDataset,
    recipe: Recipe,
    *,
    seed: int,
    device: str = "auto",
    devices: int = 1,
    folder: Path | None = None,
    label: str = "training",
    checkpoint_seconds: float = 60.0,
) -> TrainingLog:
    """Train a lifter in place; it is left in evaluation mode.

    With a ``folder``, the run leaves a checkpoint there every ``checkpoint_seconds``, on Ctrl-C
    and at its end. The same call continues from it: on one CPU, with the same number of threads,
    to the same weights bit for bit as an uninterrupted run. A finished run is only loaded.

    Args:
        lifter: the network, with the weights to start from.
        dataset: training clips with true poses.
        recipe: how to train.
        seed: of the order of the data and of all that is random inside the network.
        device: see ``posekit.machine.devices.choose_device``.
        devices: processes that share each batch (on GPUs 0 to devices - 1); 1 for none.
        folder: where ``checkpoint.pt`` and ``log.csv`` go; None for no files.
        label: what to call the run in progress reports.
        checkpoint_seconds: time between checkpoints.

    Raises:
        InvalidParameter: a window longer than the longest clip, or an unknown device.
        InvalidData: clips without truth, or no window without invalid frames.
        TrainingError: the loss is NaN or infinite, or one of several processes failed.
        InvalidCheckpoint: ``folder`` holds the checkpoint of another run.
        StorageError: ``folder`` cannot be written.
        KeyboardInterrupt: Ctrl-C; the checkpoint is written first.
    """
    _check_data(lifter, dataset)
    place = choose_device(device)
    _check_devices(place, devices)
    run = _Run(lifter, dataset, recipe, seed, folder, label, checkpoint_seconds)
    try:
        weights, facts = _fabric(place, devices).launch(run.train)
    except ProcessRaisedException as error:
        cause = str(error).strip().splitlines()[-1]
        raise TrainingError(f"{label}: one of {devices} processes failed: {cause}") from error
    if devices > 1:  # trained in other processes, which had copies
        lifter.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    lifter.eval()
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


def _check_data(lifter: Lifter, dataset: PoseDataset) -> None:
    longest = max(dataset.clips, key=lambda clip: clip.frames)
    if lifter.frames > longest.frames:
        raise InvalidParameter(
            f"frames is {lifter.frames}, and the longest clip of {dataset.name} {dataset.split}, "
            f"{longest.name}, has {longest.frames} frames; choose frames <= {longest.frames}."
        )
    for clip in dataset.clips:
        if clip.pose is None:
            raise InvalidData(f"{clip.name}: no true pose to train on; choose another data set.")


def _windows(lifter: Lifter, bank: ClipBank) -> Windows:
    """Windows to train on: those whose supervised frames are all valid."""
    if lifter.tiled_windows:
        windows = training_windows(bank.lengths, lifter.frames)
    else:
        windows = evaluation_windows(bank.lengths, lifter.frames, "centred")
        if lifter.supervises_all_frames:
            windows = windows.supervising_inputs()
    windows = windows.to(bank.device)
    windows = windows[bank.valid[windows.outputs].all(1)]
    if len(windows) == 0:
        raise InvalidData(
            f"{bank.dataset.name}: every window of {lifter.frames} frames holds an invalid frame; "
            "choose fewer frames."
        )
    return windows


def jittered(pose: Tensor) -> Tensor:
    """Poses (B, T, J, 3) turned and scaled in the image plane, each by a random choice.

    The angle is -5, 0 or 5 degrees, the scale 0.95, 1 or 1.05; depth stays (GLA-GCN's release).
    """
    chosen = torch.randint(-1, 2, (2, len(pose), 1, 1), device=pose.device)
    angle = torch.deg2rad(chosen[0] * JITTER_DEGREES)
    x, y, depth = pose.unbind(-1)
    turned = (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos())
    return torch.stack((*(part * (1 + chosen[1] * JITTER_SCALE) for part in turned), depth), dim=-1)


def epoch_order(samples: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's samples, (samples,): decided by seed and epoch alone."""
    return np.random.default_rng((seed, epoch)).permutation(samples)


class _Run:
    """One training run, in one of the processes that share it."""

    def __init__(
        self,
        lifter: Lifter,
        dataset: PoseDataset,
        recipe: Recipe,
        seed: int,
        folder: Path | None,
        label: str,
        checkpoint_seconds: float,
    ) -> None:
        self.lifter, self.dataset, self.recipe, self.seed = lifter, dataset, recipe, seed
        self.folder = None if folder is None else Path(folder)
        self.label, self.checkpoint_seconds = label, checkpoint_seconds
        self.rows: list[dict[str, float]] = []
        self.step, self.seconds_before = 0, 0.0
        self.pending: list[Tensor] = []  # loss terms of the steps since the last row

    def train(self, fabric: Fabric) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The loop; returns weights (where a copy was trained) and the fields of the log."""
        self._set_up(fabric)
        self._resume()
        self.start = self.last_checkpoint = time.monotonic()
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
                if time.monotonic() - self.last_checkpoint >= self.checkpoint_seconds:
                    self._save()
        self._save()
        if fabric.world_size == 1:
            return {}, self._log()
        fabric.barrier()
        torch.distributed.destroy_process_group()
        # As arrays: tensors would travel as handles that die with this process.
        state = self.lifter.state_dict()
        return {name: value.cpu().numpy() for name, value in state.items()}, self._log()

    def _set_up(self, fabric: Fabric) -> None:
        if fabric.world_size > 1:  # a spawned process gets its parent's memory, not a copy
            self.lifter = copy.deepcopy(self.lifter)
        recipe, lifter = self.recipe, self.lifter
        self.fabric = fabric
        seed_torch(self.seed + fabric.global_rank)
        self.bank = ClipBank(self.dataset, fabric.device, lifter.in_channels)
        self.windows = _windows(lifter, self.bank)
        self.weights = joint_weights(lifter.skeleton) if recipe.joint_weighting else None
        self.copies = 2 if recipe.flip else 1
        self.steps_per_epoch = math.ceil(len(self.windows) * self.copies / recipe.batch_size)
        self.steps = recipe.epochs * self.steps_per_epoch
        if recipe.max_steps is not None:
            self.steps = min(self.steps, recipe.max_steps)
        self.row_every = math.ceil(self.steps / LOG_ROWS)
        optimizer = build_optimizer(recipe, lifter.to(fabric.device).train().parameters())
        self.model, self.optimizer = fabric.setup(lifter, optimizer)
        self.model.mark_forward_method("training_loss")

    def _batches(self) -> Iterator[Tensor]:
        """This process's samples of every step, from the current one to the last."""
        size, samples = self.recipe.batch_size, len(self.windows) * self.copies
        world, rank = self.fabric.world_size, self.fabric.global_rank
        order, order_epoch = torch.empty(0), -1
        while self.step < self.steps:
            epoch, place = divmod(self.step, self.steps_per_epoch)
            if epoch != order_epoch:
                order_epoch = epoch
                self._schedule_norms(epoch)
                order = torch.from_numpy(epoch_order(samples, self.seed, epoch))
                order = order.to(self.bank.device)
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
            self.lifter.set_norm_momentum(NORM_MOMENTUM * (lowest / NORM_MOMENTUM) ** done)

    def _criterion(self, prediction: Tensor, target: Tensor) -> SequenceLoss:
        """The recipe's loss of a prediction, in float32."""
        recipe = self.recipe
        return sequence_loss(
            prediction.float(), target, self.weights, recipe.consistency, recipe.velocity
        )

    def _take_step(self, chosen: Tensor) -> None:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(self.step, self.steps_per_epoch, self.steps)
        windows = self.windows[chosen // self.copies]
        batch = self.bank.gather(windows, chosen % 2 == 1 if recipe.flip else None)
        pose = jittered(batch.pose) if recipe.jitter else batch.pose
        # Not Fabric's mixed precision: it would round the keypoints themselves to bf16.
        with torch.autocast(
            self.bank.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"
        ):
            loss = self.model.training_loss(batch.keypoints, pose, self._criterion)
        self.optimizer.zero_grad()
        # Several processes seed with their common loss, as one process would.
        common = self.fabric.all_reduce(loss.total.detach().clone())
        self.fabric.backward(loss.total, gradient=common if recipe.loss_seeded else None)
        self.optimizer.step()
        self.pending.append(torch.stack(loss).detach())
        self.step += 1

    def _note(self) -> str:
        return f"loss {self.rows[-1]['total']:.4f}" if self.rows else ""

    def _add_row(self) -> None:
        self._check_pending()
        means = torch.stack(self.pending).double().mean(0).tolist()
        self.pending.clear()
        last = self.step - 1
        self.rows.append(
            {
                "epoch": last // self.steps_per_epoch + 1,
                "step": self.step,
                **dict(zip(("position", "consistency", "velocity", "total"), means, strict=True)),
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
        frames = self.steps * self.recipe.batch_size * self.lifter.frames
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
        shapes = [f"{name} {tuple(v.shape)}" for name, v in self.lifter.state_dict().items()]
        return {
            "recipe": recipe,
            "seed": self.seed,
            "data": self.dataset.fingerprint,
            "network": [type(self.lifter).__name__, self.lifter.frames, *shapes],
        }

    def _save(self) -> None:
        self._check_pending()
        self.last_checkpoint = time.monotonic()
        if self.folder is None or not self.fabric.is_global_zero:
            return
        save_checkpoint(
            self.folder,
            {
                "identity": self._identity(),
                "step": self.step,
                "model": self.lifter.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "random": random_state(self.bank.device),
                "rows": self.rows,
                "pending": [terms.cpu() for terms in self.pending],
                "seconds": self._seconds(),
            },
        )
        self.last_checkpoint = time.monotonic()

    def _resume(self) -> None:
        if self.folder is None:
            return
        state = load_checkpoint(self.folder, self._identity())
        if state is None:
            if self.fabric.is_global_zero:  # a folder that cannot be written shows at once
                write_log(self.folder / LOG_FILE, [])
            return
        self.lifter.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds_before = state["step"], state["seconds"]
        self.rows = list(state["rows"])
        self.pending = [terms.to(self.bank.device) for terms in state["pending"]]
        if self.fabric.is_global_zero:
            restore_random_state(state["random"], self.bank.device)
        else:  # only the first process's generator is stored
            seed_torch(self.seed + self.fabric.global_rank + self.step)
