"""Embeddings to benchmark on, from a really trained network: early, middle and late in training.

Self-ties, duplicates, clusters and disconnected parts do not show in noise. The network is the
paper's with an eighth of its channels but all 128 dimensions of its embedding, trained on the
labels of 10,000 images of the pool; the whole pool is embedded after 20 steps ("early": batch-norm
has seen data), after an epoch ("middle") and after eight ("late"). Some minutes on two cores, once:
the result is kept in `folder`.
"""

from pathlib import Path

import numpy as np
import torch

from wholepool.data import sources
from wholepool.data.pool import Pool, channel_statistics
from wholepool.learn.embedding import embed
from wholepool.learn.networks import conv13 as architecture
from wholepool.learn.networks.conv13 import Network
from wholepool.learn.training import train
from wholepool.learn.views import Views

STAGES = ("early", "middle", "late")
WIDTH = 1 / 8
TRAINED_ON = 10_000
#: labels and epochs that lead to each stage
PLAN = ((2560, 1), (TRAINED_ON, 1), (TRAINED_ON, 7))


def load(folder: Path, data: Path, source: str, stage: str) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings float32 (n, 128), l2-normalized, and the labels int (n,), of a stage."""
    path = folder / f"{source}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(path, data, source)
    with np.load(path) as arrays:
        return arrays[stage], arrays["labels"]


def make(path: Path, data: Path, source: str) -> None:
    """Train the network and write its embeddings of the whole pool at each stage."""
    print(f"embedding {source} at three stages of training (once)", flush=True)
    images = sources.load(source, {}, data)
    mean, std = channel_statistics(images.train)
    names = tuple(images.class_names)
    pool = Pool(images.train, source, names, tuple(mean), tuple(std), "")
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    # the last convolution is left as wide as the paper's
    whole = architecture.STAGES
    *stages, (first, second, (last, kernel, padding)) = whole
    architecture.STAGES = (*stages, (first, second, (round(last / WIDTH), kernel, padding)))
    net = Network(pool.channels, pool.classes, width=WIDTH)
    architecture.STAGES = whole
    views = Views(pool, translate=4, flip=True)
    labeled = rng.choice(pool.n, min(pool.n, TRAINED_ON), replace=False)
    arrays = {"labels": images.train_labels}
    for stage, (count, epochs) in zip(STAGES, PLAN, strict=True):
        chosen = labeled[:count]
        sup = {"epochs": epochs, "batch_size": 128, "lr": 0.2, "cosine_period": 2}
        settings = {
            "sup": sup | {"drop_last": True},
            "optimizer": {"momentum": 0.9, "nesterov": True, "weight_decay": 2e-4},
        }
        train(net, views, chosen, images.train_labels[chosen], settings, rng)
        arrays[stage], probabilities = embed(net, views)
        right = float((probabilities.argmax(1) == images.train_labels).mean())
        print(f"  {stage}: training accuracy on the pool {100 * right:.1f} %", flush=True)
    with open(path, "wb") as file:
        np.savez(file, **arrays)
