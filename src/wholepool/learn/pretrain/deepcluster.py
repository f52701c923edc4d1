"""DeepCluster: cluster the embeddings, learn the clusters, alternate (Caron et al. 2018, [5])."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wholepool.graph.kmeans import kmeans
from wholepool.job.checkpoints import Checkpoints
from wholepool.job.errors import UserError
from wholepool.job.hardware import available_memory
from wholepool.job.log import logger
from wholepool.learn.embedding import BATCH, embed
from wholepool.learn.loop import Busy, Phase, Report, cut, fit
from wholepool.learn.networks import TorchNetwork
from wholepool.learn.optimizer import Sgd, cosine
from wholepool.learn.pretrain import Pretrained
from wholepool.learn.views import Views, moved
from wholepool.learn.work import Clustering, Work, epochs_of

SOURCE = "the paper; Caron et al. 2018, ECCV"
COST = (
    "each epoch n images forward and backward; each reassignment n forward, and O(K n d) an "
    "iteration of k-means, K = `clusters_per_class` c; memory O(n d), O(n pixels) with "
    "`pixel_epochs`"
)


def pretrain(
    network: TorchNetwork,
    views: Views,
    classes: int,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
    report: Report | None = None,
    keep: Checkpoints | None = None,
) -> Pretrained:
    """Train the trunk on cluster assignments, as the config's section `deepcluster` says.

    `report`, `keep` and the errors are those of `fit`.
    """
    phase = DeepCluster(network, views, classes, settings["deepcluster"], rng)
    history = fit(network, [phase], rng, views.device, report, keep)
    return Pretrained(history, np.stack(phase.clusters), phase.cluster_epochs)


def work(n: int, classes: int, settings: Mapping[str, Any]) -> Work:
    """What `pretrain` does to a pool of n: every epoch draws n images, however it samples."""
    own = settings["deepcluster"]
    steps = epochs_of(n, own["batch_size"], own["drop_last"], own["epochs"])
    since, from_pixels = float("inf"), False
    runs: Counter[str] = Counter()
    for epoch in range(own["epochs"]):
        use_pixels = epoch < own["pixel_epochs"]
        if not use_pixels if from_pixels else since >= own["reassign_steps"]:
            runs["pixels" if use_pixels else "embeddings"] += 1
            since, from_pixels = 0, use_pixels
        since += steps.total() // own["epochs"]
    how = min(own["clusters_per_class"] * classes, n), own["kmeans_iterations"] + 1
    clusterings = tuple(Clustering(points, count, *how) for points, count in runs.items())
    return Work(steps, embedded=runs["embeddings"] * n, clusterings=clusterings)


class DeepCluster(Phase):
    """PRE: learn to tell the clusters apart that the images lie in.

    Clusters are made again at the first epoch that begins at least `reassign_steps` steps after the
    last time (0: every epoch, as [5]). During the first `pixel_epochs` they come from the images'
    pixels, once, instead of the embeddings of a random network.
    """

    name, key, work = "pretrain", "deepcluster.lr", 1.0
    keeps = (
        *("optimizer", "head", "head_optimizer", "start_seed"),
        *("clusters", "cluster_epochs", "steps_since", "from_pixels"),
    )

    def __init__(
        self,
        network: TorchNetwork,
        views: Views,
        classes: int,
        settings: Mapping[str, Any],
        rng: np.random.Generator,
    ) -> None:
        self.network, self.views, self.settings, self.rng = network, views, settings, rng
        self.epochs = settings["epochs"]
        wanted = settings["clusters_per_class"] * classes
        self.k = min(wanted, len(views))
        if self.k < wanted:
            logger.warning(
                "%d clusters of %d images are %d: make deepcluster.clusters_per_class (%d, of %d "
                "classes) smaller, or the pool larger",
                *(wanted, len(views), self.k, settings["clusters_per_class"], classes),
            )
        self.optimizer = optimizer_of(network.trunk, settings)
        self.head, self.head_optimizer = new_head(network, self.k, settings)
        self.start_seed = int(rng.integers(2**63)) if settings["kmeans_start"] == "same" else None
        self.clusters: list[np.ndarray] = []
        self.cluster_epochs: list[int] = []
        self.steps_since, self.from_pixels = 0, False

    def begin(self, epoch: int, busy: Busy) -> list[np.ndarray]:
        settings, rng = self.settings, self.rng
        use_pixels = epoch < settings["pixel_epochs"]
        due = self.steps_since >= settings["reassign_steps"]
        if not self.clusters or (not use_pixels if self.from_pixels else due):
            with busy():
                points = pixels(self.views) if use_pixels else self.embeddings()
                points = prepare(points, settings["pca"], settings["whiten"])
                start = rng if self.start_seed is None else np.random.default_rng(self.start_seed)
                how = (settings["kmeans_iterations"], start, settings["empty_clusters"])
                assigned = kmeans(points, self.k, *how).assignment
            if self.clusters and settings["head"] == "reset":
                self.head, self.head_optimizer = new_head(self.network, self.k, settings)
            self.clusters.append(assigned.cpu().numpy().astype(np.int32))
            self.cluster_epochs.append(epoch)
            self.steps_since, self.from_pixels = 0, use_pixels
        order = epoch_order(self.clusters[-1], settings["sampling"], rng)
        return cut(order, settings["batch_size"], settings["drop_last"])

    def embeddings(self) -> Tensor:
        """Embeddings float32 (n, d) of the pool, on its device."""
        embeddings, _ = embed(self.network, self.views, self.views.embedding_rng(self.rng))
        return torch.as_tensor(embeddings, device=self.views.device)

    def rate(self, epoch: float) -> float:
        rate = self.settings["lr"]
        return cosine(rate, epoch, self.epochs) if self.settings["lr_decay"] == "cosine" else rate

    def step(self, batch: np.ndarray, rate: float) -> Tensor:
        embeddings = self.network.embed(self.views.augmented(batch, self.rng))
        targets = moved(self.clusters[-1][batch], self.views.device, torch.long)
        logits = self.head(self.network.logit_scale * embeddings)
        loss = functional.cross_entropy(logits, targets)
        trunk, head = self.optimizer, self.head_optimizer
        gradients = torch.autograd.grad(loss, trunk.parameters + head.parameters)
        trunk.apply(gradients[: len(trunk.parameters)], rate)
        head.apply(gradients[len(trunk.parameters) :], rate)
        self.steps_since += 1
        return loss.detach()

    def end(self, batches: list[np.ndarray]) -> dict[str, Any]:
        images = sum(map(len, batches))
        return {"images": images, "clusters": len(np.unique(self.clusters[-1]))}


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
    if views.rows is not None:
        flat = views.rows.reshape(len(views), -1).float()
        return flat - flat.mean(dim=0)
    # the points, and the copy that `prepare` makes of them
    needed, free = 2 * 4 * views.stored.nbytes, available_memory()
    if needed > free:
        raise UserError(
            f"deepcluster.pixel_epochs is above 0, but clustering the pool's pixels takes "
            f"{needed / 1e9:.1f} GB, of which {free / 1e9:.1f} GB are free: set it to 0, or take a "
            "smaller pool"
        )
    flat = torch.empty(len(views), views.stored[0].size)
    for start in range(0, len(views), BATCH):
        rows = np.array(views.stored[start : start + BATCH])
        flat[start : start + BATCH] = torch.from_numpy(rows).flatten(1)
    return flat.sub_(flat.mean(dim=0))


def new_head(network: TorchNetwork, k: int, settings: Mapping[str, Any]) -> tuple[nn.Linear, Sgd]:
    """A linear classifier over clusters, N(0, 0.01) as in [5], and its own fresh optimizer."""
    head = nn.Linear(network.embedding_dim, k).to(next(network.parameters()).device)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return head, optimizer_of(head, settings)


def optimizer_of(module: nn.Module, settings: Mapping[str, Any]) -> Sgd:
    """SGD over one part of the network, as the config's section says."""
    return Sgd(module, settings["momentum"], settings["nesterov"], settings["weight_decay"])
