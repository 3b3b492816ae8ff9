"""Steps that a method brings itself: logged, stopped, resumed, refused."""

import pytest
import torch

from posekit.errors import InvalidSnapshot
from posekit.training import TrainingError, take_steps


class Walk:
    """A number that goes at random; ``stop_at`` presses Ctrl-C's stand-in."""

    terms = ("half", "total")
    steps_per_epoch = 10
    frames_per_step = 3

    def __init__(self, steps=25, stop_at=None, seed=0, nan_at=None):
        self.steps, self.stop_at, self.nan_at = steps, stop_at, nan_at
        self.identity = {"seed": seed}
        self.place = torch.zeros(())
        torch.manual_seed(seed)

    def take(self, step):
        if step == self.stop_at:
            raise RuntimeError("stopped")
        self.place = self.place + torch.randn(())
        value = torch.tensor(float("nan")) if step == self.nan_at else self.place
        return torch.stack([value / 2, value])

    def rate(self, step):
        return 1.0 / (step + 1)

    def state(self):
        return {"place": self.place}

    def restore(self, state, step):
        self.place = state["place"]


def take(steps, folder):
    return take_steps(
        steps, device=torch.device("cpu"), folder=folder, label="walk", snapshot_seconds=0.0
    )


def curve(log):
    return [(row["step"], row["epoch"], row["total"], row["learning_rate"]) for row in log.rows]


def test_rows_hold_what_steps_gave():
    walk = Walk(steps=25)
    log = take(walk, None)
    assert (log.steps, log.steps_per_epoch, len(log.rows)) == (25, 10, 25)
    assert log.rows[-1]["total"] == float(walk.place)
    assert log.rows[-1]["half"] == float(walk.place) / 2
    assert (log.rows[-1]["epoch"], log.rows[-1]["learning_rate"]) == (3, 1 / 25)


@pytest.mark.parametrize("stop_at", [1, 9, 24])
def test_steps_go_on_where_they_stopped(tmp_path, stop_at):
    whole = take(Walk(), None)
    with pytest.raises(RuntimeError, match="stopped"):
        take(Walk(stop_at=stop_at), tmp_path)
    resumed = Walk()
    torch.manual_seed(99)  # the snapshot brings the generator's state
    assert curve(take(resumed, tmp_path)) == curve(whole)


def test_a_changed_bit_of_a_snapshot_is_noticed(tmp_path):
    take(Walk(), tmp_path)
    path = tmp_path / "snapshot.pt"
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        changed = bytearray(content)
        changed[at] ^= 16
        path.write_bytes(changed)
        with pytest.raises(InvalidSnapshot, match="is no readable training snapshot"):
            take(Walk(), tmp_path)
    path.write_bytes(content)
    with pytest.raises(InvalidSnapshot, match="different seed"):
        take(Walk(seed=1), tmp_path)


def test_a_loss_that_is_not_finite_names_its_step():
    with pytest.raises(TrainingError, match="not finite at step 8 of 25"):
        take(Walk(nan_at=7), None)
