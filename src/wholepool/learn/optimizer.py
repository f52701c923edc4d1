"""Stochastic gradient descent with Nesterov momentum, and the cosine schedule (Section VI-A)."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

# The functional form: torch.optim.SGD imports the compiler at its first step, which costs
# 2 CPU-seconds per job.
from torch.optim.sgd import sgd

from wholepool.learn.networks import TorchNetwork


def cosine(rate: float, epoch: float, period: float) -> float:
    """rate * (1 + cos(pi * epoch / period)) / 2, with fractional epochs, so updated every step.

    The paper anneals to zero at epoch 210 of 200: training ends shortly before.
    """
    return rate * 0.5 * (1 + math.cos(math.pi * min(epoch / period, 1)))


def annealed(settings: Mapping[str, Any], epoch: float) -> float:
    """The rate of a section with lr, epochs and cosine_period, their multiple that reaches zero."""
    period = round(settings["cosine_period"] * settings["epochs"], 9)
    return cosine(settings["lr"], epoch, period)


class Sgd:
    """SGD over all parameters of a network that require gradients; weight decay on all of them."""

    def __init__(
        self,
        network: nn.Module | TorchNetwork,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> None:
        self.parameters: list[torch.Tensor] = [p for p in network.parameters() if p.requires_grad]
        self.buffers: list[torch.Tensor | None] = [None] * len(self.parameters)
        self.momentum, self.nesterov, self.weight_decay = momentum, nesterov, weight_decay

    def state_dict(self) -> dict[str, Any]:
        """The momenta, in the order of `parameters`."""
        return {"buffers": self.buffers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the momenta of an earlier moment; they keep their strides."""
        self.buffers = [
            None if buffer is None else buffer.to(parameter.device)
            for buffer, parameter in zip(state["buffers"], self.parameters, strict=True)
        ]

    def step(self, loss: torch.Tensor, rate: float) -> None:
        """One step down the gradient of `loss` at learning rate `rate`."""
        self.apply(torch.autograd.grad(loss, self.parameters), rate)

    @torch.no_grad()
    def apply(self, gradients: tuple[torch.Tensor, ...], rate: float) -> None:
        """One step along given gradients, in the order of `parameters`."""
        sgd(
            self.parameters,
            list(gradients),
            self.buffers,
            foreach=True,
            lr=rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            dampening=0,
            maximize=False,
        )
