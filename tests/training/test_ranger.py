"""Ranger against a plain computation in float64, and its state on disk."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posekit.errors import InvalidParameter
from posekit.training.ranger import Ranger


def plain_ranger(start, gradients, *, lr, betas, eps, alpha, k, weight_decay=0.0):
    """Weights after every step, by the equations, for a gradient per step."""
    weights, slow = start.copy(), start.copy()
    mean, square = np.zeros_like(start), np.zeros_like(start)
    first, second = betas
    longest = 2 / (1 - second) - 1
    history = []
    for step, gradient in enumerate(gradients, start=1):
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        length = longest - 2 * step * second**step / (1 - second**step)
        weights = weights * (1 - lr * weight_decay)
        momentum = mean / (1 - first**step)
        if length > 5:
            rectification = math.sqrt(
                ((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length)
            )
            scale = math.sqrt(1 - second**step) / (np.sqrt(square) + eps)
            weights = weights - lr * rectification * momentum * scale
        else:
            weights = weights - lr * momentum
        if step % k == 0:
            slow = slow + alpha * (weights - slow)
            weights = slow.copy()
        history.append(weights.copy())
    return history


def run(parameter, optimizer, gradients):
    history = []
    for gradient in gradients:
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        history.append(parameter.detach().numpy().copy())
    return history


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    alpha=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    k=st.integers(1, 7),
    second=st.sampled_from([0.999, 0.9, 0.6]),
    weight_decay=st.sampled_from([0.0, 0.1]),
)
def test_steps_follow_the_equations(seed, alpha, k, second, weight_decay):
    draw = np.random.default_rng(seed)
    start, gradients = draw.normal(size=(4, 3)), draw.normal(size=(20, 4, 3))
    settings = {"lr": 0.01, "betas": (0.95, second), "eps": 1e-5, "weight_decay": weight_decay}
    settings |= {"alpha": alpha, "k": k}
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    measured = run(parameter, Ranger([parameter], **settings), gradients)
    np.testing.assert_allclose(measured, plain_ranger(start, gradients, **settings), rtol=1e-10)


def test_defaults_are_those_of_the_release():
    optimizer = Ranger([torch.nn.Parameter(torch.ones(1))])
    group = optimizer.param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (0.01, (0.95, 0.999), 1e-5)
    assert (group["weight_decay"], optimizer.alpha, optimizer.k) == (0.0, 0.5, 6)


def test_first_steps_are_momentum_and_later_ones_are_rectified():
    parameter = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = Ranger([parameter], lr=1.0, k=100)
    constant = np.array([1e-3])
    moved = np.diff(run(parameter, optimizer, [constant] * 6), axis=0).ravel()
    np.testing.assert_allclose(moved[:4], -1e-3)  # up to step 5 the length is below 5
    assert moved[4] < -5e-3  # step 6 divides by the size of the gradient


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(
            torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)
        )
        self.rest = torch.nn.Parameter(torch.ones(2))  # gets gradients only later

    def forward(self, points):
        return self.body(points)


def train(net, optimizer, first, last):
    for step in range(first, last):
        points = torch.randn(5, 3, generator=torch.Generator().manual_seed(step))
        out = net(points) * (net.rest if step >= 4 else 1.0)
        optimizer.zero_grad()
        out.square().mean().backward()
        optimizer.param_groups[0]["lr"] = 0.02 / (step + 1)
        optimizer.step()


@pytest.mark.parametrize("stop", [1, 3, 6, 9])
def test_a_resumed_run_gives_the_same_weights_bit_for_bit(tmp_path, stop):
    whole = Net()
    train(whole, Ranger(whole.parameters()), 0, 20)
    half = Net()
    optimizer = Ranger(half.parameters())
    train(half, optimizer, 0, stop)
    torch.save({"net": half.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.pt")
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    resumed = Net()
    resumed.load_state_dict(state["net"])
    optimizer = Ranger(resumed.parameters())
    optimizer.load_state_dict(state["optimizer"])
    train(resumed, optimizer, stop, 20)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_parameter_counts_its_own_steps():
    """One that starts to move late looks back to where it started, at its own sixth step."""
    late, other = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    optimizer = Ranger([late, other], lr=1.0)
    for step in range(10):
        other.grad = torch.ones_like(other)
        late.grad = torch.full_like(late, 1e-3) if step >= 4 else None
        optimizer.step()
    assert int(optimizer.state[late]["step"]) == 6
    torch.testing.assert_close(late.detach(), optimizer.state[late]["slow"])
    assert not torch.equal(other.detach(), optimizer.state[other]["slow"])


def test_closure_is_called_once_and_its_loss_is_returned():
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = Ranger([parameter], lr=0.1, k=1, alpha=0.5)
    calls = []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = parameter.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 1.0
    assert len(calls) == 1
    assert parameter.item() == pytest.approx(0.9)  # half of the way back from 0.8


@pytest.mark.parametrize(
    ("settings", "message"), [({"alpha": 1.5}, "alpha is 1.5"), ({"k": 0}, "k is 0")]
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(InvalidParameter, match=message):
        Ranger([torch.nn.Parameter(torch.ones(1))], **settings)
