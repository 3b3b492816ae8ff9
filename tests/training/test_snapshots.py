"""An interrupted training run ends with the same weights as an uninterrupted one, bit for bit."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest
import tiny
import torch

from posekit.training import LiftingFeed, LiftingRecipe, fit, seed_torch

KILLS = 4


class InterruptedLifter(tiny.TinyLifter):
    """Presses Ctrl-C in the middle of a step, or dies there."""

    def __init__(self, step: int, error: type[Exception] | None = None) -> None:
        super().__init__()
        self.left, self.error = step, error

    def training_forward(self, keypoints, target):
        self.left -= 1
        if self.left == 0 and self.error is not None:
            raise self.error("the machine went away")
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        return self(keypoints)


# The snapshot names the class of the network.
InterruptedLifter.__name__ = tiny.TinyLifter.__name__


def _train(lifter, folder, epochs=40, snapshot_seconds=0.0):
    recipe = LiftingRecipe(learning_rate=1e-3, epochs=epochs, batch_size=4)
    return fit(
        lifter,
        LiftingFeed(tiny.dataset(), recipe),
        seed=7,
        device="cpu",
        folder=folder,
        snapshot_seconds=snapshot_seconds,
    )


def _fresh(lifter_class=tiny.TinyLifter, *arguments):
    seed_torch(7)
    return lifter_class(*arguments)


def _assert_same(first, second):
    for (name, value), other in zip(
        first.state_dict().items(), second.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name


def _without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize("step", [1, 4, 6, 14])
def test_ctrl_c_leaves_a_snapshot_to_resume_from(tmp_path, step):
    whole = _fresh()
    expected = _train(whole, None, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        # No snapshot falls due in time: the one that Ctrl-C leaves must do.
        _train(_fresh(InterruptedLifter, step), tmp_path, epochs=3, snapshot_seconds=3600.0)
    assert torch.load(tmp_path / "snapshot.pt", weights_only=True)["step"] == step
    resumed = tiny.TinyLifter()
    log = _train(resumed, tmp_path, epochs=3)
    _assert_same(whole, resumed)
    assert _without_seconds(log.rows) == _without_seconds(expected.rows)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_that_the_process_ignores_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        log = _train(_fresh(InterruptedLifter, 2), None, epochs=3)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert log.steps == 3 * log.steps_per_epoch


def test_a_crash_loses_nothing_but_time(tmp_path):
    whole = _fresh()
    _train(whole, None, epochs=3)
    for step in (2, 5, 3):
        with pytest.raises(RuntimeError, match="went away"):
            _train(_fresh(InterruptedLifter, step, RuntimeError), tmp_path, epochs=3)
    resumed = tiny.TinyLifter()
    _train(resumed, tmp_path, epochs=3)
    _assert_same(whole, resumed)


def test_sigkill_at_random_moments(tmp_path):
    """Snapshots follow each other without pause, so that some kills hit one being written."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tiny", "posekit.training.loop", "lightning_fabric"])
    generator = random.Random(time.time_ns())
    for _ in range(KILLS):
        before = _modified(tmp_path)
        process = processes.Process(target=_train_in_process, args=(tmp_path,))
        process.start()
        while _modified(tmp_path) == before and process.is_alive():
            time.sleep(0.005)
        time.sleep(generator.uniform(0.0, 0.4))
        process.kill()
        process.join()
    process = processes.Process(target=_train_in_process, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 0

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    whole = _fresh()
    _train(whole, None)
    torch.set_num_threads(threads)
    killed = tiny.TinyLifter()
    killed.load_state_dict(torch.load(tmp_path / "weights.pt"))
    _assert_same(whole, killed)


def _modified(folder: Path) -> int:
    path = folder / "snapshot.pt"
    return path.stat().st_mtime_ns if path.exists() else 0


def _train_in_process(folder: Path) -> None:
    torch.set_num_threads(1)
    lifter = _fresh()
    _train(lifter, folder)
    torch.save(lifter.state_dict(), folder / "weights.pt")
