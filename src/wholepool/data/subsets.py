"""Which of a source's images make up the pool."""

import numpy as np

from wholepool.graph.copies import firsts
from wholepool.job.errors import UserError
from wholepool.job.log import logger


def stratified_subset(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` ascending indices, int64, with the class shares of `labels` by largest remainder."""
    classes, counts = np.unique(labels, return_counts=True)
    quota = counts * size / counts.sum()
    take = np.floor(quota).astype(int)
    remainder = np.argsort(take - quota, kind="stable")
    take[remainder[: size - take.sum()]] += 1
    chosen = [
        rng.choice(np.flatnonzero(labels == label), count, replace=False)
        for label, count in zip(classes, take, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def without_copies(images: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """The images (n, H, W, C) that equal no earlier one: ascending indices, int64.

    It is logged how many do, and how many of these have another label than the first.
    """
    first = firsts(images)
    copies = np.flatnonzero(first != np.arange(len(images)))
    if len(copies):
        logger.info("%d of %d images are exact copies: one of each stays", len(copies), len(images))
    if labels is not None and (labels[copies] != labels[first[copies]]).any():
        other = copies[labels[copies] != labels[first[copies]]]
        pair = first[other[0]], other[0]
        logger.warning(
            "%d exact copies have another label than the image that stays, such as images %d and "
            "%d, of classes %d and %d: pool.copies: keep has all of them in the pool",
            *(len(other), *pair, *labels[list(pair)]),
        )
    return np.setdiff1d(np.arange(len(images)), copies)


def subset(
    n: int, labels: np.ndarray | None, size: int | None, sampling: str, rng: np.random.Generator
) -> np.ndarray:
    """The training images, of n, that make up the pool: ascending indices, int64.

    `size` None keeps all; `sampling` is "stratified" (by `labels`, (n,)) or "uniform". Raises
    UserError if `size` exceeds what there is, or "stratified" has no labels.
    """
    if size is None or size == n:
        return np.arange(n)
    if size > n:
        raise UserError(
            f"pool.size is {size}, but there are only {n} training images: make it smaller, or "
            "null for all of them"
        )
    if sampling == "uniform":
        return np.sort(rng.choice(n, size, replace=False))
    if labels is None:
        raise UserError(
            "pool.sampling is stratified, but the source has no labels: set it to uniform, or "
            "pool.size to null"
        )
    return stratified_subset(labels, size, rng)
