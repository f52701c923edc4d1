"""DeepCluster: cluster the embeddings, learn the clusters, alternate (Caron et al. 2018, [5])."""

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wholepool.graph.kmeans import kmeans
from wholepool.job.checkpoints import Checkpoints, random_state, set_random_state
from wholepool.job.errors import UserError
from wholepool.job.hardware import available_memory
from wholepool.learn.embedding import BATCH, embed
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.optimizer import Sgd, cosine
from wholepool.learn.pretrain import Pretrained, pretraining
from wholepool.learn.training import Report, check_loss, cut, require_finite, told_where
from wholepool.learn.views import Views, moved


@pretraining("deepcluster")
def deepcluster(
    network: Network,
    views: Views,
    classes: int,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    report: Report | None = None,
    keep: Checkpoints | None = None,
) -> Pretrained:
    """Train the trunk on cluster assignments; go on from the newest checkpoint in `keep`.

    `settings` is the config's section `pretrain`. Clusters are made anew at the first epoch that
    begins at least `reassign_steps` steps after the last time (0: every epoch, as [5]). During
    the first `pixel_epochs` they come from the images' pixels, once, instead of the embeddings of
    a random network.
    """
    n, device = len(views), views.device
    keep = keep or Checkpoints(None, {})
    k = min(settings["clusters_per_class"] * classes, n)
    trunk_optimizer = optimizer_of(network.trunk, settings)
    head, head_optimizer = new_head(network, k, settings)
    history: list[dict[str, Any]] = []
    clusters: list[np.ndarray] = []
    cluster_epochs: list[int] = []
    steps_since, from_pixels = math.inf, False
    start_seed = int(rng.integers(2**63)) if settings["kmeans_start"] == "same" else None
    # where it is: `number` steps of epoch `epoch` are done, with these losses; if the epoch has
    # `drawn`, it takes its images in this `order`
    epoch, number = 0, 0
    losses: list[Tensor] = []
    order, drawn = np.empty(0, dtype=np.int64), False

    def state() -> dict[str, Any]:
        """All that is needed to go on from here, for a checkpoint."""
        return {
            "network": network.state_dict(),
            "trunk_optimizer": trunk_optimizer.buffers,
            "head": head.state_dict(),
            "head_optimizer": head_optimizer.buffers,
            "random": random_state(rng, device),
            "start_seed": start_seed,
            "history": history,
            "clusters": clusters,
            "cluster_epochs": cluster_epochs,
            "since": [None if math.isinf(steps_since) else steps_since, from_pixels],
            "position": [epoch, number],
            "losses": torch.stack(losses) if losses else torch.empty(0),
            "order": order,
            "drawn": drawn,
        }

    if (at := keep.load()) is not None:
        network.load_state_dict(at["network"])
        head.load_state_dict(at["head"])
        trunk_optimizer.load(at["trunk_optimizer"])
        head_optimizer.load(at["head_optimizer"])
        history, losses = at["history"], list(at["losses"].to(device))
        clusters, cluster_epochs = at["clusters"], at["cluster_epochs"]
        steps_since, from_pixels = at["since"]
        steps_since = math.inf if steps_since is None else steps_since
        start_seed, (epoch, number) = at["start_seed"], at["position"]
        order, drawn = at["order"], at["drawn"]
        set_random_state(at["random"], rng, device)

    while epoch < settings["epochs"]:
        began, rate = time.perf_counter(), 0.0
        use_pixels = epoch < settings["pixel_epochs"]
        due = not use_pixels if from_pixels else steps_since >= settings["reassign_steps"]
        if not drawn and due:
            with keep.busy(state):
                with told_where(history):
                    points = pixels(views) if use_pixels else embeddings_of(network, views, rng)
                points = prepare(points, settings["pca"], settings["whiten"])
                start = rng if start_seed is None else np.random.default_rng(start_seed)
                how = (settings["kmeans_iterations"], start, settings["empty_clusters"])
                assigned = kmeans(points, k, *how).assignment
            if clusters and settings["head"] == "reset":
                head, head_optimizer = new_head(network, k, settings)
            clusters.append(assigned.cpu().numpy().astype(np.int32))
            cluster_epochs.append(epoch)
            steps_since, from_pixels = 0, use_pixels
        if not drawn:
            order, drawn = epoch_order(clusters[-1], settings["sampling"], rng), True
        assignment = moved(clusters[-1], device, torch.long)
        batches = cut(order, settings["batch_size"], settings["drop_last"])
        while number < len(batches):
            keep.reached(state)
            batch, rate = batches[number], settings["lr"]
            if settings["lr_decay"] == "cosine":
                rate = cosine(rate, epoch + number / len(batches), settings["epochs"])
            embeddings = network.embed(views.augmented(batch, rng))
            targets = assignment[moved(batch, device)]
            loss = functional.cross_entropy(head(network.logit_scale * embeddings), targets)
            losses.append(loss.detach())
            gradients = torch.autograd.grad(
                loss, trunk_optimizer.parameters + head_optimizer.parameters
            )
            split = len(trunk_optimizer.parameters)
            trunk_optimizer.apply(gradients[:split], rate)
            head_optimizer.apply(gradients[split:], rate)
            steps_since += 1
            number += 1
            if device.type == "cpu":  # the host would wait for a GPU: there once an epoch must do
                check_loss(float(losses[-1]), "pretrain", epoch, rate)
        mean_loss = float(torch.stack(losses).mean())
        check_loss(mean_loss, "pretrain", epoch, rate)
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
            epochs = settings["epochs"]
            report(row | {"epochs": epochs}, (epoch + 1) / epochs, speed)
        epoch, number, losses, drawn = epoch + 1, 0, [], False
    with told_where(history):
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
