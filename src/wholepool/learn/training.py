"""One cycle's training: SUP on the labeled set, then SEMI on the whole pool (Algorithm 1)."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wholepool.data.indexsets import unlabeled
from wholepool.job.checkpoints import Checkpoints, random_state, set_random_state
from wholepool.job.errors import UserError
from wholepool.learn.embedding import embed
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.optimizer import Sgd, cosine
from wholepool.learn.semi import PseudoLabels, Semi, State
from wholepool.learn.views import Views, moved

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
    keep: Checkpoints | None = None,
) -> list[dict[str, Any]]:
    """Train `network` in place; returns its history, a row an epoch.

    `labeled` int64 and `labels` int (|L|,) are the oracle's. `settings` holds the config's
    sections sup, semi, optimizer and those that `semi` declares. `pseudo_labeled`, CEAL's
    (indices, labels), joins the labeled set in SUP by (7). `report(row, share_done, images/s)`
    is called after each epoch, with the number of the phase's `epochs` in the row. `keep` holds the
    job's checkpoints: training goes on from the newest, and ends in the same bits as if it had
    never stopped. Raises UserError when the loss is not finite, and Interrupted after a signal.
    """
    device = views.device
    keep = keep or Checkpoints(None, {})
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

    # Where training is: `number` steps of epoch `epoch` are done, with these losses. If the epoch
    # has `drawn`, it takes its images in this `order`. SEMI has these pseudo-labels in force, and
    # this rest of a permutation of the labeled set is `waiting`.
    phase, epoch, number = "sup", 0, 0
    losses: list[Tensor] = []
    order, drawn = np.empty(0, dtype=np.int64), False
    pseudo = PseudoLabels(np.empty(0, np.int32), np.empty(0, np.float32), {})
    waiting = np.empty(0, dtype=np.int64)

    def state() -> dict[str, Any]:
        """All that is needed to go on from here, for a checkpoint."""
        return {
            "network": network.state_dict(),
            "optimizer": optimizer.buffers,
            "random": random_state(rng, device),
            "history": history,
            "position": [phase, epoch, number],
            "losses": torch.stack(losses) if losses else torch.empty(0),
            "order": order,
            "drawn": drawn,
            "pseudo": [pseudo.labels, pseudo.weights, pseudo.report],
            "waiting": waiting,
        }

    def step(
        indices: np.ndarray, targets: np.ndarray, weights: np.ndarray | None, rate: float
    ) -> None:
        """One SGD step on augmented views; its loss stays on the device."""
        logits = network(views.augmented(indices, rng))
        each = functional.cross_entropy(
            logits, moved(targets, device, torch.long), reduction="none"
        )
        if weights is not None:
            each = each * moved(weights, device, torch.float32)
        loss = each.mean()
        optimizer.step(loss, rate)
        losses.append(loss.detach())
        if device.type == "cpu":  # the host would wait for a GPU: there once an epoch must do
            check_loss(float(losses[-1]), phase, epoch, rate)

    def close(rate: float, images: int, began: float, **more: float) -> None:
        """End an epoch: check the loss, keep the history, report."""
        loss = float(torch.stack(losses).mean()) if losses else 0.0
        check_loss(loss, phase, epoch, rate)
        row = {"phase": phase, "epoch": epoch, "lr": rate, "loss": loss, "images": images, **more}
        history.append(row)
        if report is not None:
            speed = images / max(time.perf_counter() - began, 1e-9)
            done = sum(work[earlier["phase"]] for earlier in history)
            epochs = sup_epochs if phase == "sup" else semi_epochs
            report(row | {"epochs": epochs}, done / all_work, speed)

    network.train()
    if (at := keep.load()) is not None:
        network.load_state_dict(at["network"])
        optimizer.load(at["optimizer"])
        history, losses = at["history"], list(at["losses"].to(device))
        phase, epoch, number = at["position"]
        order, drawn, waiting = at["order"], at["drawn"], at["waiting"]
        pseudo = PseudoLabels(*at["pseudo"])
        set_random_state(at["random"], rng, device)

    # SUP: the labeled set alone, and CEAL's pseudo-labels where there are any
    while phase == "sup" and epoch < sup_epochs:
        began, rate = time.perf_counter(), 0.0
        if not drawn:
            order, drawn = rng.permutation(len(indices)), True
        batches = cut(order, sup["batch_size"], sup["drop_last"])
        while number < len(batches):
            keep.reached(state)
            batch = batches[number]
            rate = cosine(sup["lr"], epoch + number / len(batches), sup["cosine_epochs"])
            step(indices[batch], targets[batch], None, rate)
            number += 1
        close(rate, sum(map(len, batches)), began)
        epoch, number, losses, drawn = epoch + 1, 0, [], False
    if semi is None:
        with told_where(history):
            require_finite(network, "sup.lr")
        return history

    # SEMI: label propagation before every epoch (the public code spares the second one), then
    # labels and weighted pseudo-labels
    if phase == "sup":
        phase, epoch = "semi", 0
    while epoch < semi_epochs:
        began, rate = time.perf_counter(), 0.0
        if not drawn and (epoch == 0 or epoch >= after["first_epochs"]):
            with keep.busy(state):
                with told_where(history):
                    embeddings, probabilities = embed(network, views, views.embedding_rng(rng))
                here = State(embeddings, probabilities, labeled, labels, settings, device.type)
                pseudo = semi.pseudo_label(here)
            order = pool_rest[draw(pseudo.weights[pool_rest], count, after["draw"], rng)]
        elif not drawn:
            order = rng.permutation(order)
        drawn = True
        chunks = cut(order, pseudo_size, after["drop_last"])
        while number < len(chunks):
            keep.reached(state)
            chunk = chunks[number]
            rate = cosine(after["lr"], epoch + number / len(chunks), after["cosine_epochs"])
            batch, waiting = take(
                waiting, len(labeled), after["labeled_size"], after["labeled_draw"], rng
            )
            weights = None
            if after["weighted_loss"]:
                weights = np.concatenate([np.ones(len(batch)), pseudo.weights[chunk]])
            step(
                np.concatenate([labeled[batch], chunk]),
                np.concatenate([labels[batch], pseudo.labels[chunk]]),
                weights,
                rate,
            )
            number += 1
        images = sum(map(len, chunks)) + len(chunks) * after["labeled_size"]
        close(rate, images, began, **pseudo.report)
        epoch, number, losses, drawn = epoch + 1, 0, [], False
    with told_where(history):
        require_finite(network, "semi.lr")
    return history


def check_loss(loss: float, phase: str, epoch: int, rate: float) -> None:
    """Raise UserError if the loss is not finite: nothing that follows would be of use."""
    if not math.isfinite(loss):
        raise UserError(
            f"training diverged in {phase} epoch {epoch}: the loss is {loss} at learning rate "
            f"{rate:.4g}. Try a smaller {phase}.lr, or network.logit_scale: 1"
        )


@contextlib.contextmanager
def told_where(history: list[dict[str, Any]]) -> Iterator[None]:
    """Around what finds a divergence only after the epoch: its error says which epoch that was."""
    try:
        yield
    except UserError as error:
        if not history:
            raise
        last = history[-1]
        raise UserError(
            f"{error}. It was trained last in {last['phase']} epoch {last['epoch']}, at learning "
            f"rate {last['lr']:.4g}: make {last['phase']}.lr smaller"
        ) from error


def require_finite(network: Network, key: str) -> None:
    """Raise UserError if the last step, after the last loss, has made a weight not finite."""
    for name, value in network.state_dict().items():
        if not torch.isfinite(value).all():
            raise UserError(
                f"training diverged: {name} is not finite after the last step. Try a smaller "
                f"{key}, or network.logit_scale: 1"
            )


def cut(order: np.ndarray, size: int, drop_last: bool) -> list[np.ndarray]:
    """An epoch's images cut into batches of `size`; the last may be smaller, or is dropped.

    The only batch is never dropped: with fewer labels than a batch holds, there would be none.
    """
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    if drop_last and len(batches) > 1 and len(batches[-1]) < size:
        batches.pop()
    return batches


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
