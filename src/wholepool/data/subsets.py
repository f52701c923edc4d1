"""Which of a source's images make up the pool."""

import numpy as np

from wholepool.job.errors import UserError


def stratified_subset(labels: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """`size` indices, ascending, int64 (size,), whose class shares follow those of `labels`.

    Shares are rounded by largest remainder, so their sum is exact.
    """
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


def subset(
    labels: np.ndarray, size: int | None, sampling: str, rng: np.random.Generator
) -> np.ndarray:
    """The training images that make up the pool: ascending indices, int64.

    `size` None keeps all; `sampling` is "stratified" or "uniform". Raises UserError if `size`
    exceeds what there is.
    """
    n = len(labels)
    if size is None or size == n:
        return np.arange(n)
    if size > n:
        raise UserError(f"pool.size is {size}, but there are only {n} training images")
    if sampling == "stratified":
        return stratified_subset(labels, size, rng)
    return np.sort(rng.choice(n, size, replace=False))
