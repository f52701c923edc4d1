"""Generalized coverage (Bae et al. 2024): how similar images are to the nearest labeled one.

The coverage of a set is the mean, over the pool, of an image's weight times its largest similarity
to the set. It is submodular: what an image would add can only shrink as others are acquired. So
after one pass over all candidates only those are looked at again that may still be the best (lazy
greedy, Minoux 1978). This is exact.
"""

from collections.abc import Callable

import numpy as np

from wholepool.strategies import Acquisition, Query

TILE = 2**22  # similarities held at once
#: of a gain, in images: what float32 similarities give away. Equal gains are no rare case: of two
#: images that are similar to nothing but each other, both add the same
DIGITS = 5
AGAIN = 32  # likeliest next picks that are looked at again at once

#: squared distances, float32 (m, n), to similarities in [0, 1], in place
Similarity = Callable[[np.ndarray], None]


def greedy(
    query: Query, similarity: Similarity, sample: int, weights: np.ndarray | None = None
) -> Acquisition:
    """b times the unlabeled image that adds most to the coverage; the score is what it adds.

    Equal gains go to the lower index, so copies of what is covered come last, by index. In a pool
    of more than `sample` images the mean is taken over so many, drawn at random; all unlabeled
    images stay candidates. `weights`, (n,) in [0, 1], are all 1 where none are given.
    """
    points, candidates = query.embeddings, query.unlabeled
    seen = np.arange(query.n)
    if query.n > sample:
        seen = np.sort(query.rng.choice(query.n, sample, replace=False))
    targets = np.ascontiguousarray(points[seen].T)
    norms = (points**2).sum(axis=1)
    shares = None if weights is None else weights[seen].astype(np.float32)

    def similar(images: np.ndarray) -> np.ndarray:
        """Similarities of some images to all that are seen, float32 (len(images), len(seen))."""
        found = points[images] @ targets
        found *= -2
        found += norms[seen]
        found += norms[images, None]
        np.maximum(found, 0, out=found)
        similarity(found)
        return found

    covered = np.zeros(len(seen), dtype=np.float32)
    step = max(1, TILE // len(seen))
    for start in range(0, len(query.labeled), step):
        block = similar(query.labeled[start : start + step])
        np.maximum(covered, block.max(axis=0), out=covered)

    def gains(images: np.ndarray) -> np.ndarray:
        """What each of some images would add, float64, in images."""
        found = similar(images)
        found -= covered
        np.maximum(found, 0, out=found)
        if shares is not None:
            found *= shares
        return np.round(found.sum(axis=1, dtype=np.float64), DIGITS)

    blocks = range(0, len(candidates), step)
    bound = np.concatenate([gains(candidates[start : start + step]) for start in blocks])
    exact = np.ones(len(candidates), dtype=bool)
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < query.budget:
        best = int(bound.argmax())
        if not exact[best]:
            stale = np.flatnonzero(~exact & (bound > -np.inf))
            if len(stale) > AGAIN:
                stale = stale[np.argpartition(-bound[stale], AGAIN)[:AGAIN]]
            stale = np.union1d(stale, best)
            bound[stale], exact[stale] = gains(candidates[stale]), True
            continue
        picks.append(int(candidates[best]))
        scores.append(float(bound[best]) / len(seen))
        np.maximum(covered, similar(candidates[[best]])[0], out=covered)
        bound[best] = -np.inf
        exact[:] = False
    return Acquisition(np.array(picks), np.array(scores))


def gaussian(width: float) -> Similarity:
    """exp(-d^2 / width^2)."""

    def similarity(squares: np.ndarray) -> None:
        squares *= -1 / width**2
        np.exp(squares, out=squares)

    return similarity
