"""Training of one network with one optimizer: on the CPU, one GPU and several."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing import ProcessRaisedException

from posekit.errors import InvalidParameter
from posekit.machine.devices import choose_device
from posekit.machine.random_state import check_seed, random_state_kept
from posekit.training.feeds import Feed
from posekit.training.optimizers import build_optimizer
from posekit.training.steps import TrainingError, TrainingLog, take_steps

if TYPE_CHECKING:
    from lightning_fabric import Fabric


NORM_MOMENTUM = 0.1  # of batch normalisation before any schedule


def seed_torch(seed: int, device: torch.device | None = None) -> None:
    """Seed what draws initial weights, stochastic depth, dropout and diffusion noise.

    Args:
        seed: a whole number.
        device: a GPU whose generator is seeded too; other GPUs keep theirs.
    """
    torch.default_generator.manual_seed(seed)
    if device is not None and device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


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
    """Train a network in place; it is left in evaluation mode, the caller's random states as ever.

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
        InvalidParameter: the feed does not fit the network, no seed, or an unknown device.
        InvalidData: the feed has nothing to train on.
        TrainingError: the loss is NaN or infinite, or one of several processes failed.
        InvalidSnapshot: ``folder`` holds the snapshot of another run.
        StorageError: ``folder`` cannot be written.
        KeyboardInterrupt: Ctrl-C; the snapshot is written first.
    """
    check_seed(seed)
    feed.check(network)
    place = choose_device(device)
    _check_devices(place, devices)
    run = _Run(network, feed, seed, folder, label, snapshot_seconds)
    try:
        with random_state_kept(place):
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
    """One training run, in one of the processes that share it; the ``Steps`` of ``take_steps``."""

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
        self.folder, self.label, self.snapshot_seconds = folder, label, snapshot_seconds

    def train(self, fabric: Fabric) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The loop; returns weights (where a copy was trained) and the fields of the log."""
        self._set_up(fabric)
        log = take_steps(
            self,
            device=fabric.device,
            folder=self.folder,
            label=self.label,
            snapshot_seconds=self.snapshot_seconds,
            leads=fabric.is_global_zero,
        )
        if fabric.world_size == 1:
            return {}, vars(log)
        fabric.barrier()
        torch.distributed.destroy_process_group()
        # As arrays: tensors would travel as handles that die with this process.
        state = self.network.state_dict()
        return {name: value.cpu().numpy() for name, value in state.items()}, vars(log)

    def _set_up(self, fabric: Fabric) -> None:
        if fabric.world_size > 1:  # a spawned process gets its parent's memory, not a copy
            self.network = copy.deepcopy(self.network)
        recipe = self.recipe
        self.fabric = fabric
        seed_torch(self.seed + fabric.global_rank, fabric.device)
        self.samples = self.feed.place(self.network, fabric.device)
        self.terms = self.samples.terms
        self.frames_per_step = recipe.batch_size * self.samples.frames
        self.steps_per_epoch = math.ceil(len(self.samples) / recipe.batch_size)
        self.steps = recipe.epochs * self.steps_per_epoch
        if recipe.max_steps is not None:
            self.steps = min(self.steps, recipe.max_steps)
        self.order, self.order_epoch = torch.empty(0), -1
        optimizer = build_optimizer(recipe, self.network.to(fabric.device).train().parameters())
        self.model, self.optimizer = fabric.setup(self.network, optimizer)
        if hasattr(self.network, "training_loss"):
            self.model.mark_forward_method("training_loss")

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the result; see ``Steps``."""
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

    def take(self, step: int) -> Tensor:
        """One step of the optimizer."""
        recipe = self.recipe
        chosen = self._chosen(step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(step)
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
        return torch.stack(tuple(terms)).detach()

    def rate(self, step: int) -> float:
        """The recipe's learning rate."""
        return self.recipe.rate(step, self.steps_per_epoch, self.steps)

    def state(self) -> dict[str, Any]:
        """Network and optimizer."""
        return {"model": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: Mapping[str, Any], step: int) -> None:
        """Network and optimizer; each process that does not lead gets a generator of its own."""
        self.network.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        rank = self.fabric.global_rank
        if rank:
            seed_torch(self.seed + rank + step, self.fabric.device)

    def _chosen(self, step: int) -> Tensor:
        """This process's samples of a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self.order_epoch:
            self.order_epoch = epoch
            self._schedule_norms(epoch)
            order = torch.from_numpy(epoch_order(len(self.samples), self.seed, epoch))
            self.order = order.to(self.fabric.device)
        size, world, rank = self.recipe.batch_size, self.fabric.world_size, self.fabric.global_rank
        batch = self.order[place * size : (place + 1) * size]
        if world > 1:
            # A short batch is filled from its start, so that every process has equal work.
            filled = math.ceil(len(batch) / world) * world
            batch = batch[torch.arange(rank, filled, world, device=batch.device) % len(batch)]
        return batch

    def _schedule_norms(self, epoch: int) -> None:
        lowest = self.recipe.norm_momentum
        if lowest is not None:
            done = epoch * self.steps_per_epoch / self.steps
            self.network.set_norm_momentum(NORM_MOMENTUM * (lowest / NORM_MOMENTUM) ** done)
