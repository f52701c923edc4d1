"""The one loop over epochs and steps: SUP, every SEMI and every PRE is a phase of it.

A phase says what the batches of an epoch are and what a step does with one. All else stands here
once: checkpoints, the history, the time left, and what is said of a training that diverges.
"""

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from wholepool.job.checkpoints import Checkpoints, random_state, set_random_state
from wholepool.job.errors import UserError
from wholepool.learn.networks import TorchNetwork

Report = Callable[[dict[str, Any], float, float], None]
Busy = Callable[[], AbstractContextManager[None]]


class Phase(Protocol):
    """What the loop asks of a phase.

    `name` stands in the history; `key` is the config's key of the learning rate, to be lowered if
    the phase diverges; `work` is that of one epoch, in any unit that is the same for all phases of
    a training, so that the time left can be told. `keeps` names the attributes that a checkpoint
    must hold, besides the network: modules and optimizers, by their state_dict, and tensors,
    arrays and what JSON can hold, nested. They are there, with some value, from the start. What
    depends on the phases before, as a teacher's first weights, is set in `begin(0)`. A phase draws
    at random from the loop's `rng` and from torch alone.
    """

    name: str
    key: str
    epochs: int
    work: float
    keeps: tuple[str, ...]

    def begin(self, epoch: int, busy: Busy) -> list[Any]:
        """The batches of an epoch: each is what `step` takes and a checkpoint can hold.

        What takes long stands in `with busy():`. A signal ends it there, and after the restart
        `begin` is called again: so before it nothing is drawn, and nothing that is kept changes.
        """

    def rate(self, epoch: float) -> float:
        """The learning rate at a fractional epoch."""

    def step(self, batch: Any, rate: float) -> Tensor:
        """Train on a batch; its loss, a detached scalar that stays on the device."""

    def end(self, batches: list[Any]) -> dict[str, Any]:
        """What the history says of the epoch: how many `images` it trained on, and more."""

    def result(self) -> Mapping[str, Tensor] | None:
        """The state that the network is to hold after the phase, as a teacher's; None: its own."""
        return None

    def state(self) -> dict[str, Any]:
        """What is kept."""
        values = {name: getattr(self, name) for name in self.keeps}
        return {
            name: value.state_dict() if hasattr(value, "state_dict") else value
            for name, value in values.items()
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what was kept."""
        for name in self.keeps:
            old, new = getattr(self, name), state[name]
            if hasattr(old, "load_state_dict"):
                old.load_state_dict(new)
            else:
                setattr(self, name, new)


class DivergenceError(UserError):
    """A training has diverged, as this `sign` of it shows. `fit` adds where, and which key."""

    def __init__(self, sign: str, where: str = "", key: str = "") -> None:
        key = key or "its learning rate (sup.lr, semi.lr or that of its PRE)"
        super().__init__(
            f"training diverged{where}: {sign}. Make {key} smaller, or set network.logit_scale: 1"
        )
        self.sign = sign


def fit(
    network: TorchNetwork,
    phases: Sequence[Phase],
    rng: np.random.Generator,
    device: torch.device,
    report: Report | None = None,
    keep: Checkpoints | None = None,
) -> list[dict[str, Any]]:
    """Train `network` in place, one phase after the other; returns its history, a row per epoch.

    `report(row, share_done, images/s)` is called after each epoch, with the number of the phase's
    `epochs` in the row. `keep` holds the job's checkpoints: training goes on from the newest, and
    ends in the same bits as if it had never stopped. Raises UserError when training diverges, and
    Interrupted after a signal.
    """
    keep = keep or Checkpoints(None, {})
    named = {phase.name: phase for phase in phases}
    all_work = sum(phase.epochs * phase.work for phase in phases)
    history: list[dict[str, Any]] = []
    # Where training is: `number` of the epoch's `batches` are done, at these losses. Without
    # batches the epoch has yet to begin.
    phase, epoch, number, rate, first = phases[0], 0, 0, 0.0, 0
    batches: list[Any] | None = None
    losses: list[Tensor] = []

    def state() -> dict[str, Any]:
        """All that is needed to go on from here, for a checkpoint."""
        return {
            "network": network.state_dict(),
            "phase": phase.state(),
            "random": random_state(rng, device),
            "history": history,
            "position": [phase.name, epoch, number],
            "batches": batches,
            "losses": torch.stack(losses) if losses else torch.empty(0),
        }

    network.train()
    if (at := keep.load()) is not None:
        name, epoch, number = at["position"]
        first = list(named).index(name)
        network.load_state_dict(at["network"])
        phases[first].load(on_device(at["phase"], device))
        history, losses = at["history"], list(at["losses"].to(device))
        batches = on_device(at["batches"], device)
        set_random_state(at["random"], rng, device)
    try:
        for phase in phases[first:]:
            while epoch < phase.epochs:
                began, rate = time.perf_counter(), 0.0
                if batches is None:
                    batches = phase.begin(epoch, functools.partial(keep.busy, state))
                while number < len(batches):
                    keep.reached(state)
                    rate = phase.rate(epoch + number / len(batches))
                    losses.append(phase.step(batches[number], rate))
                    number += 1
                    if device.type == "cpu":  # a GPU would be waited for: once per epoch must do
                        check_loss(float(losses[-1]))
                loss = float(torch.stack(losses).mean()) if losses else None
                if loss is not None:
                    check_loss(loss)
                row: dict[str, Any] = {
                    "phase": phase.name,
                    "epoch": epoch,
                    "lr": rate,
                    "loss": loss,
                }
                row |= phase.end(batches)
                history.append(row)
                if report is not None:
                    speed = row["images"] / max(time.perf_counter() - began, 1e-9)
                    done = sum(named[earlier["phase"]].work for earlier in history)
                    report(row | {"epochs": phase.epochs}, done / all_work, speed)
                epoch, number, batches, losses = epoch + 1, 0, None, []
            epoch = 0
            if (weights := phase.result()) is not None:
                network.load_state_dict(weights)
        check_weights(network)
    except DivergenceError as error:
        if number == 0 and not history:  # the network was given so
            raise
        if number == 0:
            name, epoch, rate = (history[-1][what] for what in ("phase", "epoch", "lr"))
            phase = named[name]
        where = f" in {phase.name} epoch {epoch}, at learning rate {rate:.4g}"
        raise DivergenceError(error.sign, where, phase.key) from error
    return history


def on_device(value: Any, device: torch.device) -> Any:
    """What a checkpoint kept, its tensors on the device."""
    if isinstance(value, dict):
        return {key: on_device(inner, device) for key, inner in value.items()}
    if isinstance(value, list):
        return [on_device(inner, device) for inner in value]
    return value.to(device) if isinstance(value, Tensor) else value


def check_loss(loss: float) -> None:
    """Raise DivergenceError if the loss is not finite: nothing that follows would be of use."""
    if not math.isfinite(loss):
        raise DivergenceError(f"the loss is {loss}")


def check_weights(network: TorchNetwork) -> None:
    """Raise DivergenceError if the last step, after the last loss, has made a weight not finite."""
    for name, value in network.state_dict().items():
        if not torch.isfinite(value).all():
            raise DivergenceError(f"{name} is not finite")


def cut(order: np.ndarray, size: int, drop_last: bool) -> list[np.ndarray]:
    """An epoch's images cut into batches of `size`; the last may be smaller, or is dropped.

    The only batch is never dropped: with fewer labels than a batch holds, there would be none.
    """
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    if drop_last and len(batches) > 1 and len(batches[-1]) < size:
        batches.pop()
    return batches
