"""The arrays that pass between stages, read and checked: what they hold, of how many images.

A reader raises UserError, naming the file and the fault, before anything is computed of it.
"""

from pathlib import Path

import numpy as np

from wholepool.data.pool import Pool
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import load_array

#: how far from 1 an embedding's length, and a sum of probabilities, may be by rounding
TOLERANCE = 1e-3


def read_array(
    path: str | Path, shape: tuple[int | None, ...], dtype: type[np.generic], mapped: bool = False
) -> np.ndarray:
    """A .npy file's array of a shape (None: any length) and type; UserError if it is another."""
    array = load_array(path, mapped)
    sizes = zip(shape, array.shape, strict=True)
    if array.ndim != len(shape) or any(size not in (None, there) for size, there in sizes):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise UserError(f"{path} holds an array {array.shape}, not ({wanted}): {AGAIN}")
    if array.dtype != dtype:
        raise UserError(f"{path} holds {array.dtype}, not {np.dtype(dtype)}: {AGAIN}")
    return array


def read_embeddings(path: str | Path, pool: Pool) -> np.ndarray:
    """The pool's embeddings, float32 (n, d), each of length 1."""
    embeddings = read_array(path, (pool.n, None), np.float32)
    length = np.linalg.norm(embeddings, axis=1)
    bad = np.flatnonzero(~(abs(length - 1) <= TOLERANCE))  # NaN too
    if len(bad):
        raise UserError(
            f"{path}: the embedding of image {bad[0]} (and {len(bad) - 1} more) has length "
            f"{length[bad[0]]:g}, not 1: training has diverged, or the file is damaged. Make "
            f"sup.lr or semi.lr smaller; or {AGAIN}"
        )
    return embeddings


def read_probabilities(path: str | Path, images: int | None, classes: int) -> np.ndarray:
    """Class probabilities, float32 (images, classes), each row a distribution; None: any number."""
    probabilities = read_array(path, (images, classes), np.float32)
    sums = probabilities.sum(axis=1)
    good = (abs(sums - 1) <= TOLERANCE) & (probabilities.min(axis=1, initial=0) >= 0)
    bad = np.flatnonzero(~good)  # NaN too
    if len(bad):
        raise UserError(
            f"{path}: row {bad[0]} (and {len(bad) - 1} more) is no distribution over the classes, "
            f"its sum is {sums[bad[0]]:g}: {AGAIN}"
        )
    return probabilities


def read_head_of(path: str | Path, pool: Pool, embeddings: np.ndarray | None) -> np.ndarray:
    """A classifier of embeddings, float32 (c, d + 1): its weights and, last, its bias."""
    columns = None if embeddings is None else embeddings.shape[1] + 1
    head = read_array(path, (pool.classes, columns), np.float32)
    if not np.isfinite(head).all():
        raise UserError(
            f"{path} holds values that are not finite: training has diverged, or the file is "
            f"damaged. Make sup.lr or semi.lr smaller; or {AGAIN}"
        )
    return head


def read_test_labels(path: str | Path, classes: int) -> np.ndarray:
    """The test images' labels, int32 (n_test,)."""
    labels = read_array(path, (None,), np.int32)
    bad = labels[(labels < 0) | (labels >= classes)]
    if len(bad):
        raise UserError(f"{path}: label {bad[0]} is not one of {classes} classes: {AGAIN}")
    return labels


def read_test_images(path: str | Path, pool: Pool) -> np.ndarray:
    """The test images, uint8 (n_test, H, W, C) as the pool's, memory-mapped."""
    return read_array(path, (None, *pool.images.shape[1:]), np.uint8, mapped=True)


def read_features(path: str | Path, images: int | None = None) -> np.ndarray:
    """Features that stand for images, float32 (images, d), memory-mapped; None: any number."""
    return read_array(path, (images, None), np.float32, mapped=True)
