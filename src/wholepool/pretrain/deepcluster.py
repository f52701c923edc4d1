"""DeepCluster: cluster the embeddings, learn the clusters, alternate (Caron et al. 2018, [5])."""

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wholepool.augment import Views, moved
from wholepool.embedding import BATCH, embed
from wholepool.errors import UserError
from wholepool.hardware import available_memory
from wholepool.kmeans import kmeans
from wholepool.network import Network
from wholepool.optimizer import Sgd, cosine
from wholepool.pretrain import Pretrained, pretraining
from wholepool.training import Report, require_finite


@pretraining("deepcluster")
def deepcluster(
    network: Network,
    views: Views,
    classes: int,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    report: Report | None = None,
) -> Pretrained:
    """Train the trunk on cluster assignments.

    `settings` is the config's section `pretrain`. Clusters are made anew at the first epoch that
    begins at least `reassign_steps` steps after the last time (0: every epoch, as [5]). During
    the first `pixel_epochs` they come from the images' pixels, once, instead of the embeddings of
    a random network.
    """
    n = len(views)
    k = min(settings["clusters_per_class"] * classes, n)
    trunk_optimizer = optimizer_of(network.trunk, settings)
    head, head_optimizer = new_head(network, k, settings)
    assignment = torch.empty(0, dtype=torch.long)
    history: list[dict[str, Any]] = []
    clusters: list[np.ndarray] = []
    cluster_epochs: list[int] = []
    steps_since, from_pixels = math.inf, False
    start_seed = int(rng.integers(2**63)) if settings["kmeans_start"] == "same" else None
    for epoch in range(settings["epochs"]):
        began, losses, rate = time.perf_counter(), [], 0.0
        use_pixels = epoch < settings["pixel_epochs"]
        due = not use_pixels if from_pixels else steps_since >= settings["reassign_steps"]
        if due:
            points = pixels(views) if use_pixels else embeddings_of(network, views, rng)
            points = prepare(points, settings["pca"], settings["whiten"])
            start = rng if start_seed is None else np.random.default_rng(start_seed)
            assignment = kmeans(
                points, k, settings["kmeans_iterations"], start, settings["empty_clusters"]
            ).assignment.to(views.device)
            if clusters and settings["head"] == "reset":
                head, head_optimizer = new_head(network, k, settings)
            clusters.append(assignment.cpu().numpy().astype(np.int32))
            cluster_epochs.append(epoch)
            steps_since, from_pixels = 0, use_pixels
        order = epoch_order(clusters[-1], settings["sampling"], rng)
        size = settings["batch_size"]
        batches = [order[at : at + size] for at in range(0, len(order), size)]
        if settings["drop_last"] and len(batches) > 1 and len(batches[-1]) < size:
            batches.pop()
        for number, batch in enumerate(batches):
            rate = settings["lr"]
            if settings["lr_decay"] == "cosine":
                rate = cosine(rate, epoch + number / len(batches), settings["epochs"])
            embeddings = network.embed(views.augmented(batch, rng))
            targets = assignment[moved(batch, views.device)]
            loss = functional.cross_entropy(head(network.logit_scale * embeddings), targets)
            losses.append(loss.detach())
            gradients = torch.autograd.grad(
                loss, trunk_optimizer.parameters + head_optimizer.parameters
            )
            split = len(trunk_optimizer.parameters)
            trunk_optimizer.apply(gradients[:split], rate)
            head_optimizer.apply(gradients[split:], rate)
            steps_since += 1
        mean_loss = float(torch.stack(losses).mean())
        if not math.isfinite(mean_loss):
            raise UserError(
                f"pre-training diverged in epoch {epoch}: the loss is {mean_loss} at learning rate "
                f"{rate:.4g}. Try a smaller pretrain.lr, or network.logit_scale: 1"
            )
        images = sum(map(len, batches))
        row = {
            "phase": "pretrain",
            "epoch": epoch,
            "lr": rate,
            "loss": mean_loss,
            "images": images,
            "clusters": len(np.unique(clusters[-1])),
        }
        history.append(row)
        if report is not None:
            speed = images / max(time.perf_counter() - began, 1e-9)
            report(row, (epoch + 1) / settings["epochs"], speed)
    require_finite(network, "pretrain.lr")
    return Pretrained(history, np.stack(clusters), cluster_epochs)


def epoch_order(assignment: np.ndarray, sampling: str, rng: np.random.Generator) -> np.ndarray:
    """The images of one epoch, in random order, int64.

    "clusters" draws uniformly over clusters, as [5]: int(n / non-empty) + 1 images of each, with
    replacement only where the cluster holds no more. "images" takes each image once.
    """
    n = len(assignment)
    if sampling == "images":
        return rng.permutation(n)
    names = np.unique(assignment)
    each = n // len(names) + 1
    chosen = []
    for name in names:
        members = np.flatnonzero(assignment == name)
        chosen.append(rng.choice(members, each, replace=len(members) <= each))
    return rng.permutation(np.concatenate(chosen))[:n]


def prepare(points: Tensor, pca: int | None, whiten: bool) -> Tensor:
    """Points (n, d) to be clustered: optional PCA to `pca` dimensions, whitening, unit length.

    `pca` None keeps all dimensions; whitening without PCA is in the full eigenbasis. PCA takes at
    most min(n, d) dimensions. Directions without variance are dropped, not blown up.
    """
    if pca is not None or whiten:
        centered = points.double() - points.double().mean(dim=0)
        values, vectors = torch.linalg.eigh(centered.T @ centered / len(points))
        keep = min(pca or points.shape[1], len(points), points.shape[1])
        values, vectors = values[-keep:], vectors[:, -keep:]
        if whiten:
            floor = values[-1] * 1e-6  # null directions have eigenvalues of rounding's size
            vectors = vectors * torch.where(values > floor, values.clamp(min=floor).rsqrt(), 0.0)
        points = (centered @ vectors).to(points.dtype)
    return functional.normalize(points, dim=1)


def pixels(views: Views) -> Tensor:
    """The images themselves as points, float32 (n, H*W*C): centered, to be made unit length.

    They are on the device if the pool is. Else they are clustered on the host: as float32 they take
    four times its bytes. Raises UserError if the host has no memory for that.
    """
    if views.images is not None:
        flat = views.images.reshape(len(views), -1).float()
        return flat - flat.mean(dim=0)
    # the points, and the copy that `prepare` makes of them
    needed, free = 2 * 4 * views.stored.nbytes, available_memory()
    if needed > free:
        raise UserError(
            f"pretrain.pixel_epochs is above 0, but clustering the pool's pixels takes "
            f"{needed / 1e9:.1f} GB, of which {free / 1e9:.1f} GB are free: set it to 0, or take a "
            "smaller pool"
        )
    flat = torch.empty(len(views), views.stored[0].size)
    for start in range(0, len(views), BATCH):
        rows = np.array(views.stored[start : start + BATCH])
        flat[start : start + BATCH] = torch.from_numpy(rows).flatten(1)
    return flat.sub_(flat.mean(dim=0))


def embeddings_of(network: Network, views: Views, rng: np.random.Generator) -> Tensor:
    """Embeddings float32 (n, d) of the pool, on its device."""
    embeddings, _ = embed(network, views, views.embedding_rng(rng))
    return torch.as_tensor(embeddings, device=views.device)


def new_head(network: Network, k: int, settings: Mapping[str, Any]) -> tuple[nn.Linear, Sgd]:
    """A linear classifier over clusters, N(0, 0.01) as in [5], and its own fresh optimizer."""
    head = nn.Linear(network.embedding_dim, k).to(next(network.parameters()).device)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return head, optimizer_of(head, settings)


def optimizer_of(module: nn.Module, settings: Mapping[str, Any]) -> Sgd:
    """SGD over one part of the network, as the config's section `pretrain` says."""
    return Sgd(module, settings["momentum"], settings["nesterov"], settings["weight_decay"])
