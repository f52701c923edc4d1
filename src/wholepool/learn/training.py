"""One cycle's training: SUP on the labeled set, then SEMI on the whole pool (Algorithm 1)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wholepool.data.indexsets import unlabeled
from wholepool.job.checkpoints import Checkpoints
from wholepool.job.log import logger
from wholepool.learn.embedding import embed
from wholepool.learn.loop import Busy, Phase, Report, cut, fit
from wholepool.learn.networks import TorchNetwork
from wholepool.learn.optimizer import Sgd, annealed
from wholepool.learn.semi import Context, PseudoLabels, State
from wholepool.learn.views import Views, moved
from wholepool.learn.work import Work, epochs_of


def train(
    network: TorchNetwork,
    views: Views,
    labeled: np.ndarray,
    labels: np.ndarray,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    semi: ModuleType | None = None,
    pseudo_labeled: tuple[np.ndarray, np.ndarray] | None = None,
    report: Report | None = None,
    keep: Checkpoints | None = None,
) -> list[dict[str, Any]]:
    """Train `network` in place; returns its history, a row per epoch.

    `labeled` int64 and `labels` int (|L|,) are the oracle's. `settings` holds the config's
    sections sup, semi, optimizer and those that the module `semi` declares. `pseudo_labeled`,
    CEAL's (indices, labels), joins the labeled set in SUP by (7). `report`, `keep` and the errors
    are those of `fit`.
    """
    here = Context(network, views, labeled, labels, views.classes, settings, rng, views.device)
    optimizer = Sgd(network, **settings["optimizer"])
    indices, targets = labeled, labels
    if pseudo_labeled is not None:
        indices = np.concatenate([labeled, pseudo_labeled[0]])
        targets = np.concatenate([labels, pseudo_labeled[1]])
    phases: list[Phase] = [Supervised(here, optimizer, indices, targets)]
    if semi is not None and hasattr(semi, "phase"):
        phases.append(semi.phase(here))
    elif semi is not None:
        phases.append(PseudoLabeled(here, optimizer, semi.pseudo_label))
    return fit(network, phases, rng, views.device, report, keep)


def work(n: int, labels: int, settings: Mapping[str, Any], semi: ModuleType | None = None) -> Work:
    """What `train` does with `labels` = |L| of n rows, but for pseudo-labels that join them.

    `settings` are the sections that it is given, no others.
    """
    sup = settings["sup"]
    steps = epochs_of(labels, sup["batch_size"], sup["drop_last"], sup["epochs"])
    if semi is None:
        return Work(steps)
    name = semi.__name__.rpartition(".")[-1]
    if hasattr(semi, "phase"):
        if not hasattr(semi, "work"):
            return Work(steps, unknown=f"SEMI {name}, which does not say how much it does")
        more: Work = semi.work(n, labels, settings)
        return replace(more, steps=steps + more.steps)
    own = settings["semi"]
    drawn, size = round(own["epoch_share"] * (n - labels)), own["labeled_size"]
    chunks = epochs_of(drawn, own["batch_size"] - size, own["drop_last"], own["epochs"])
    for chunk, count in chunks.items():
        steps[chunk + size] += count
    passes = sum(epoch == 0 or epoch >= own["first_epochs"] for epoch in range(own["epochs"]))
    if "propagation" in settings:
        return Work(steps, passes * n, passes)
    return Work(steps, passes * n, unknown=f"how SEMI {name} makes its pseudo-labels")


class Supervised(Phase):
    """SUP: the given images, each once per epoch, in batches."""

    name, key, keeps = "sup", "sup.lr", ("optimizer",)

    def __init__(
        self, here: Context, optimizer: Sgd, indices: np.ndarray, targets: np.ndarray
    ) -> None:
        self.here, self.optimizer, self.settings = here, optimizer, here.settings["sup"]
        self.indices, self.targets = indices, targets
        self.epochs = self.settings["epochs"]
        self.work = float(len(indices))  # in images trained on

    def begin(self, epoch: int, busy: Busy) -> list[np.ndarray]:
        order = self.here.rng.permutation(len(self.indices))
        return cut(order, self.settings["batch_size"], self.settings["drop_last"])

    def rate(self, epoch: float) -> float:
        return annealed(self.settings, epoch)

    def step(self, batch: np.ndarray, rate: float) -> Tensor:
        indices, targets = self.indices[batch], self.targets[batch]
        return descend(self.here, self.optimizer, indices, targets, None, rate)

    def end(self, batches: list[np.ndarray]) -> dict[str, Any]:
        return {"images": sum(map(len, batches))}


class PseudoLabeled(Phase):
    """SEMI as in the paper: labels and pseudo-labels, which are made before every epoch.

    An epoch draws a share of the unlabeled images by their weights. The first `first_epochs` have
    the same draw (the public code spares the second propagation).
    """

    name, key = "semi", "semi.lr"
    keeps = ("optimizer", "labels", "weights", "report", "drawn", "waiting")

    def __init__(
        self, here: Context, optimizer: Sgd, pseudo_label: Callable[[State], PseudoLabels]
    ) -> None:
        self.here, self.optimizer, self.settings = here, optimizer, here.settings["semi"]
        self.pseudo_label = pseudo_label
        self.epochs, size = self.settings["epochs"], self.settings["batch_size"]
        self.pseudo_size = size - self.settings["labeled_size"]
        self.rest = unlabeled(len(here.views), here.labeled)
        self.count = round(self.settings["epoch_share"] * len(self.rest))
        # in images trained on: embedding one is a forward pass, a third of training on it
        self.work = self.count * size / self.pseudo_size + len(here.views) / 3
        # in force: the pseudo-labels, the images drawn, and the rest of a permutation of L
        self.labels, self.weights = np.empty(0, np.int32), np.empty(0, np.float32)
        self.drawn, self.waiting = np.empty(0, np.int64), np.empty(0, np.int64)
        self.report: dict[str, float] = {}

    def begin(self, epoch: int, busy: Busy) -> list[np.ndarray]:
        here, settings, views = self.here, self.settings, self.here.views
        if epoch == 0 or epoch >= settings["first_epochs"]:
            with busy():
                found = embed(here.network, views, views.embedding_rng(here.rng))
                labels = (here.labeled, here.labels)
                pseudo = self.pseudo_label(State(*found, *labels, here.settings, here.device.type))
            self.labels, self.weights, self.report = pseudo.labels, pseudo.weights, pseudo.report
            shares = self.weights[self.rest]
            self.drawn = self.rest[draw(shares, self.count, settings["draw"], here.rng)]
            if len(self.drawn) == 0 < self.count:
                logger.warning(
                    "no label reaches any unlabeled image, so SEMI epoch %d trains on nothing: "
                    "more neighbors (propagation.k), or propagation.graph: union, may help",
                    epoch,
                )
        else:
            self.drawn = here.rng.permutation(self.drawn)
        return cut(self.drawn, self.pseudo_size, settings["drop_last"])

    def rate(self, epoch: float) -> float:
        return annealed(self.settings, epoch)

    def step(self, batch: np.ndarray, rate: float) -> Tensor:
        here, size, how = self.here, self.settings["labeled_size"], self.settings["labeled_draw"]
        chosen, self.waiting = take(self.waiting, len(here.labeled), size, how, here.rng)
        weights = None
        if self.settings["weighted_loss"]:
            weights = np.concatenate([np.ones(len(chosen)), self.weights[batch]])
        indices = np.concatenate([here.labeled[chosen], batch])
        targets = np.concatenate([here.labels[chosen], self.labels[batch]])
        return descend(here, self.optimizer, indices, targets, weights, rate)

    def end(self, batches: list[np.ndarray]) -> dict[str, Any]:
        labeled = len(batches) * self.settings["labeled_size"]
        return {"images": sum(map(len, batches)) + labeled, **self.report}


def descend(
    here: Context,
    optimizer: Sgd,
    indices: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray | None,
    rate: float,
) -> Tensor:
    """One step on augmented views of the images `indices`; its loss stays on the device.

    The loss is the mean cross-entropy to `targets`, of each image times its weight.
    """
    logits = here.network(here.views.augmented(indices, here.rng))
    classes = moved(targets, here.device, torch.long)
    each = functional.cross_entropy(logits, classes, reduction="none")
    if weights is not None:
        each = each * moved(weights, here.device, torch.float32)
    loss = each.mean()
    optimizer.step(loss, rate)
    return loss.detach()


def take(
    waiting: np.ndarray, size: int, batch_size: int, how: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The labeled part of a SEMI batch: positions in [0, size), int64 (batch_size,).

    `how` "permutations" chains permutations of L, so that all labels are used equally often:
    `waiting` is what is left of them, and what will be is returned second. "replacement" draws
    independently. Both are uniform over L (Section IV).
    """
    if how == "replacement":
        return rng.integers(size, size=batch_size), waiting
    while len(waiting) < batch_size:
        waiting = np.concatenate([waiting, rng.permutation(size)])
    return waiting[:batch_size], waiting[batch_size:]


def draw(weights: np.ndarray, count: int, how: str, rng: np.random.Generator) -> np.ndarray:
    """`count` positions in [0, len(weights)), int64, from the distribution eta[w] (Section IV).

    `how` is "replacement" (the paper) or "distinct" (the public code: no position twice). A
    position of weight 0 is never drawn, for there is no evidence of its class: so there are fewer
    than `count` where too few weights are positive for distinct draws, and none where no weight is.
    """
    weights = np.asarray(weights, dtype=np.float64)
    positive = np.flatnonzero(weights > 0)
    if len(positive) == 0:
        return positive
    share = weights[positive] / weights[positive].sum()
    if how == "replacement":
        return rng.choice(positive, size=count, replace=True, p=share)
    chosen = rng.choice(positive, size=min(count, len(positive)), replace=False, p=share)
    return rng.permutation(chosen)
