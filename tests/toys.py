"""Small pools and settings that several test files train and propagate on."""

from pathlib import Path

import numpy as np

from wholepool.data.pool import Pool, channel_statistics

PROPAGATION = {
    **{"k": 5, "search": "exact", "recall": 0.99, "gamma": 3, "clip": True, "alpha": 0.99},
    **{"graph": "reciprocal", "labels": "onehot", "tolerance": 1e-6, "max_iterations": 100},
    "normalize_weights": False,
}


def toy_pool(n, size, classes=4, seed=0):
    """n gray images of size² pixels, and labels: class j has its own bright rows, i % classes."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, size=(n, size, size, 1), dtype=np.uint8)
    labels, step = np.arange(n) % classes, size // classes
    for image, label in zip(images, labels, strict=True):
        image[step * label : step * (label + 1) - 1] += 180
    mean, std = channel_statistics(images)
    return Pool(images, "toy", tuple(map(str, range(classes))), tuple(mean), tuple(std), ""), labels


class Payload:
    """A pickle that makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
