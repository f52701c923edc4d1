"""A folder of images, a pool of it, and the model folder of a head that was fitted to it."""

import numpy as np
from PIL import Image

from wholepool.data.pool import write_pool
from wholepool.labeling.ingest import ingest
from wholepool.learn.model_folder import Measured, write_model
from wholepool.learn.networks import head
from wholepool.learn.pretrain import pretrained

NAMES = ("dark", "light", 'müßig, "green"')
SIZE = 40  # pixels of the pool; the backbone scales them to its own
OWN = {
    **{"model": "tf_efficientnet_lite0", "weights": "installed", "size": 32},
    **{"layer": "last", "center": True},
}
NETWORK = {"name": "head", "scale": 10.0, "penalty": 0.001}


def photograph(folder, name, kind, rng, shape=(60, 44)):
    """One of the three classes, by its number, as a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = rng.integers(0, 150, (6, 6, 3))
    coarse = coarse + [[0, 0, 0], [100, 100, 100], [0, 100, 0]][kind]
    image = Image.fromarray(coarse.astype(np.uint8)).resize(shape, Image.Resampling.BICUBIC)
    image.save(path)


def photographs(folder, n, seed=0):
    """n images, of the classes 0, 1, 2, 0, ...; every third is a JPEG, some are large."""
    rng = np.random.default_rng(seed)
    for at in range(n):
        suffix, shape = ("png", (60, 44)) if at % 3 else ("jpg", (150 + 30 * at, 200))
        photograph(folder, f"{at:03d}.{suffix}", at % 3, rng, shape)
    return folder


def pool_of(folder, below, n=15, seed=0):
    """The pool of n images, and their labels."""
    pixels = ingest(photographs(folder, n, seed), SIZE).pixels
    pool = write_pool(below / "pool.npy", below / "pool.json", pixels, "mine", list(NAMES), 0)
    return pool, np.arange(n) % 3


def fitted(pool, labels, **changes):
    """The head of a pool's features, and the settings."""
    settings = {"network": NETWORK, "pretrained": OWN | changes}
    features = pretrained.features(pool.images, pool.images[:0], settings, "cpu")[0]
    rows = head.embed(features, NETWORK)
    return head.fit(rows, labels, np.ones(len(labels)), len(NAMES), NETWORK), settings


def written(below, measured=None, **changes):
    """A model folder, with its pool, head and settings."""
    pool, labels = pool_of(below / "photos", below)
    matrix, settings = fitted(pool, labels, **changes)
    write_model(below / "model", pool, matrix, settings, "cpu", measured or Measured())
    return below / "model", pool, matrix, settings
