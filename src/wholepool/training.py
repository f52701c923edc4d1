"""One cycle's training: SUP on the labeled set, then SEMI on the whole pool (Algorithm 1)."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wholepool.augment import Views, moved
from wholepool.embedding import embed
from wholepool.errors import UserError
from wholepool.indexsets import unlabeled
from wholepool.network import Network
from wholepool.optimizer import Sgd, cosine
from wholepool.semi import Semi, State

Report = Callable[[dict[str, Any], float, float], None]


def train(
    network: Network,
    views: Views,
    labeled: np.ndarray,
    labels: np.ndarray,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    semi: Semi | None = None,
    pseudo_labeled: tuple[np.ndarray, np.ndarray] | None = None,
    report: Report | None = None,
) -> list[dict[str, Any]]:
    """Train `network` in place; returns its history, a row an epoch.

    `labeled` int64 and `labels` int (|L|,) are the oracle's. `settings` holds the config's
    sections sup, semi, optimizer and those that `semi` declares. `pseudo_labeled`, CEAL's
    (indices, labels), joins the labeled set in SUP by (7). `report(row, share_done, images/s)`
    is called after each epoch. Raises UserError when the loss is not finite.
    """
    device = views.device
    optimizer = Sgd(network, **settings["optimizer"])
    history: list[dict[str, Any]] = []
    sup, sup_epochs, semi_epochs = settings["sup"], settings["sup"]["epochs"], 0
    indices, targets = labeled, labels
    if pseudo_labeled is not None:
        indices = np.concatenate([labeled, pseudo_labeled[0]])
        targets = np.concatenate([labels, pseudo_labeled[1]])
    pool_rest = unlabeled(len(views), labeled)
    if semi is not None:
        after = settings["semi"]
        semi_epochs = after["epochs"]
        if after["sup_epochs"] is not None:
            sup_epochs = after["sup_epochs"]
        pseudo_size = after["batch_size"] - after["labeled_size"]
        count = round(after["epoch_share"] * len(pool_rest))
    # Work in images trained on, so that the time left can be told: a SEMI epoch is many SUP epochs.
    # Embedding an image is a forward pass, a third of training on it.
    work = {"sup": float(len(indices)), "semi": 0.0}
    if semi is not None:
        work["semi"] = count * after["batch_size"] / pseudo_size + len(views) / 3
    all_work = sup_epochs * work["sup"] + semi_epochs * work["semi"]

    def step(
        indices: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, rate: float
    ) -> Tensor:
        """One SGD step on augmented views; returns the loss, still on the device."""
        logits = network(views.augmented(indices, rng))
        losses = functional.cross_entropy(
            logits, moved(targets, device, torch.long), reduction="none"
        )
        if weights is not None:
            losses = losses * moved(weights, device, torch.float32)
        loss = losses.mean()
        optimizer.step(loss, rate)
        return loss.detach()

    def close(
        phase: str,
        epoch: int,
        rate: float,
        losses: list[Tensor],
        images: int,
        began: float,
        **more: float,
    ) -> None:
        """End an epoch: check the loss, keep the history, report."""
        loss = float(torch.stack(losses).mean()) if losses else 0.0
        if not math.isfinite(loss):
            raise UserError(
                f"training diverged in {phase} epoch {epoch}: the loss is {loss} at learning rate "
                f"{rate:.4g}. Try a smaller {phase}.lr, or network.logit_scale: 1"
            )
        row = {"phase": phase, "epoch": epoch, "lr": rate, "loss": loss, "images": images, **more}
        history.append(row)
        if report is not None:
            speed = images / max(time.perf_counter() - began, 1e-9)
            done = sum(work[earlier["phase"]] for earlier in history)
            report(row, done / all_work, speed)

    network.train()

    # SUP: the labeled set alone, and CEAL's pseudo-labels where there are any
    for epoch in range(sup_epochs):
        began, losses, rate = time.perf_counter(), [], 0.0
        batches = sup_batches(len(indices), sup["batch_size"], sup["drop_last"], rng)
        for number, batch in enumerate(batches):
            rate = cosine(sup["lr"], epoch + number / len(batches), sup["cosine_epochs"])
            losses.append(step(indices[batch], targets[batch], None, rate))
        images = sum(map(len, batches))
        close("sup", epoch, rate, losses, images, began)
    if semi is None:
        require_finite(network, "sup.lr")
        return history

    # SEMI: label propagation before every epoch (the public code spares the second one), then
    # labels and weighted pseudo-labels
    labeled_batches = endless(len(labeled), after["labeled_size"], after["labeled_draw"], rng)
    for epoch in range(after["epochs"]):
        began, losses, rate = time.perf_counter(), [], 0.0
        if epoch == 0 or epoch >= after["first_epochs"]:
            embeddings, probabilities = embed(network, views, views.embedding_rng(rng))
            state = State(embeddings, probabilities, labeled, labels, settings, str(device.type))
            pseudo = semi.pseudo_label(state)
            draws = pool_rest[draw(pseudo.weights[pool_rest], count, after["draw"], rng)]
        else:
            draws = rng.permutation(draws)
        chunks = [draws[at : at + pseudo_size] for at in range(0, count, pseudo_size)]
        if after["drop_last"] and len(chunks) > 1 and len(chunks[-1]) < pseudo_size:
            chunks.pop()
        for number, chunk in enumerate(chunks):
            rate = cosine(after["lr"], epoch + number / len(chunks), after["cosine_epochs"])
            batch = next(labeled_batches)
            weights = None
            if after["weighted_loss"]:
                weights = np.concatenate([np.ones(len(batch)), pseudo.weights[chunk]])
            losses.append(
                step(
                    np.concatenate([labeled[batch], chunk]),
                    np.concatenate([labels[batch], pseudo.labels[chunk]]),
                    weights,
                    rate,
                )
            )
        images = sum(map(len, chunks)) + len(chunks) * after["labeled_size"]
        close("semi", epoch, rate, losses, images, began, **pseudo.report)
    require_finite(network, "semi.lr")
    return history


def require_finite(network: Network, key: str) -> None:
    """Raise UserError if the last step, after the last loss, has made a weight not finite."""
    for name, value in network.state_dict().items():
        if not torch.isfinite(value).all():
            raise UserError(
                f"training diverged: {name} is not finite after the last step. Try a smaller "
                f"{key}, or network.logit_scale: 1"
            )


def sup_batches(
    size: int, batch_size: int, drop_last: bool, rng: np.random.Generator
) -> list[np.ndarray]:
    """A new permutation of [0, size) cut into batches; the last may be smaller, or is dropped.

    The only batch is never dropped: with fewer labels than a batch holds, there would be none.
    """
    order = rng.permutation(size)
    batches = [order[at : at + batch_size] for at in range(0, size, batch_size)]
    if drop_last and len(batches) > 1 and len(batches[-1]) < batch_size:
        batches.pop()
    return batches


def endless(size: int, batch_size: int, how: str, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """The labeled parts of SEMI's batches: positions in [0, size), int64 (batch_size,).

    `how` "permutations" chains permutations of L, so that all labels are used equally often;
    "replacement" draws independently. Both are uniform over L (Section IV).
    """
    waiting = np.empty(0, dtype=np.int64)
    while True:
        if how == "replacement":
            yield rng.integers(size, size=batch_size)
            continue
        while len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(size)])
        yield waiting[:batch_size]
        waiting = waiting[batch_size:]


def draw(weights: np.ndarray, count: int, how: str, rng: np.random.Generator) -> np.ndarray:
    """`count` positions in [0, len(weights)), int64, from the distribution eta[w] (Section IV).

    `how` is "replacement" (the paper) or "distinct" (the public code: no position twice). Where
    no weight is positive, or too few for distinct draws, the rest is drawn uniformly from the
    positions of weight zero.
    """
    weights = np.asarray(weights, dtype=np.float64)
    positive = np.flatnonzero(weights > 0)
    share = weights[positive] / weights[positive].sum() if len(positive) else None
    if how == "replacement":
        if share is None:
            return rng.integers(len(weights), size=count)
        return rng.choice(positive, size=count, replace=True, p=share)
    first = min(count, len(positive))
    chosen = rng.choice(positive, size=first, replace=False, p=share) if first else positive[:0]
    if first < count:
        zero = np.flatnonzero(~(weights > 0))
        chosen = np.concatenate([chosen, rng.choice(zero, size=count - first, replace=False)])
    return rng.permutation(chosen)
