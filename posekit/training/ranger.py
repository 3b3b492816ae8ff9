"""Ranger: rectified Adam with a slow copy of the weights that looks ahead.

Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020 (RAdam); Zhang et
al., "Lookahead optimizer: k steps forward, 1 step back", NeurIPS 2019. Defaults are those of
GLA-GCN's release (https://github.com/bruceyo/GLA-GCN at fd72990, ``common/ranger.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from posekit.errors import InvalidParameter


class Ranger(torch.optim.RAdam):
    """RAdam; every k-th step of a parameter its weights fall back towards a slow copy.

    ``slow += alpha (fast - slow); fast = slow``. The slow copy starts at the weights before a
    parameter's first step. It is part of ``state_dict``, so that a resumed run goes on unchanged.

    Args:
        params: parameters or groups of them.
        lr: learning rate.
        betas, eps: of RAdam; an update is rectified once the length of the approximated moving
            average is above 5, before that it is plain momentum.
        weight_decay: decoupled from the gradient.
        alpha: how far the slow weights follow the fast ones, in [0, 1].
        k: steps between two such moments.

    Raises:
        InvalidParameter: alpha or k out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        betas: tuple[float, float] = (0.95, 0.999),
        eps: float = 1e-5,
        weight_decay: float = 0.0,
        *,
        alpha: float = 0.5,
        k: int = 6,
    ) -> None:
        if not 0.0 <= alpha <= 1.0:
            raise InvalidParameter(f"Ranger: alpha is {alpha}; choose a number from 0 to 1.")
        if k < 1:
            raise InvalidParameter(f"Ranger: k is {k}; choose 1 or more.")
        super().__init__(params, lr, betas, eps, weight_decay, decoupled_weight_decay=True)
        self.alpha = alpha
        self.k = k

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every parameter that has a gradient; ``closure`` as in torch."""
        result = None
        if closure is not None:  # here and not in RAdam, so that the gradients are known
            with torch.enable_grad():
                result = closure()
        moving = [
            parameter
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        # Set only after RAdam's step, which takes a parameter with any state for an old one.
        starts = {one: one.clone() for one in moving if "slow" not in self.state[one]}
        super().step()
        for parameter in moving:
            state = self.state[parameter]
            if parameter in starts:
                state["slow"] = starts[parameter]
            if int(state["step"]) % self.k == 0:
                _look_ahead(parameter, state["slow"], self.alpha)
        return result


def _look_ahead(fast: Tensor, slow: Tensor, alpha: float) -> None:
    slow.add_(fast - slow, alpha=alpha)
    fast.copy_(slow)
