"""The k nearest neighbors of every embedding, by cosine similarity: exact, approximate or faiss's.

Which search it is, the config says; each is a file of its own. All compare rows of length one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wholepool.graph.approximate import approximate
from wholepool.graph.exact import exact, exact_small
from wholepool.job.errors import UserError

EXACT_UP_TO = 100_000  # by default, pools up to this size, as the paper's, are searched exactly
SMALL = 5_000  # smaller pools are searched with NumPy: importing torch would take longer
SHORTEST = 1e-18  # of a row: float32 holds the squares of longer ones to all its digits


@dataclass(frozen=True)
class Neighbors:
    """The k most similar other rows of each row, most similar first.

    `indices` int64 (n, k), `similarities` float32 (n, k), cosines. `recall` is the share of the
    true neighbors of a sample that an approximate search finds.
    """

    indices: np.ndarray
    similarities: np.ndarray
    recall: float = 1.0


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """The rows, float32, divided by their l2 norm.

    Raises UserError for rows whose norm float32 does not hold: those that are not finite or zero,
    or whose squares are.
    """
    embeddings = np.asarray(embeddings, dtype=np.float32)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    bad = ~np.isfinite(norms[:, 0]) | (norms[:, 0] < SHORTEST)
    if bad.any():
        raise UserError(
            f"the embedding of image {np.flatnonzero(bad)[0]} (and {bad.sum() - 1} more) is zero "
            "or not finite, or all but that, so it has no direction: training has diverged; try a "
            "smaller learning rate"
        )
    return embeddings / norms


def nearest_neighbors(
    embeddings: np.ndarray,
    k: int,
    device: str = "cpu",
    search: str | Mapping[str, str] = "exact",
    recall: float = 0.99,
) -> Neighbors:
    """The k most similar other rows of each row of `embeddings`, (n, d).

    A row is never its own neighbor, though its duplicates may be. In an exact search equal
    similarities go to the lower index. `search` is "exact", "approximate" (at least `recall` of the
    true neighbors, by a sample), or "auto": approximate where the pool has more than EXACT_UP_TO
    rows; or {"faiss": FACTORY}, an index of faiss, on the CPU. `device` "cuda" searches on the GPU.
    Raises UserError unless 1 <= k < n.
    """
    n = len(embeddings)
    if not 1 <= k < n:
        raise UserError(
            f"propagation.k is {k}: k must be at least 1 and below the {n} different images of "
            "the pool"
        )
    rows = unit_rows(embeddings)
    if isinstance(search, Mapping):
        from wholepool.graph.faiss_search import by_faiss

        return Neighbors(*by_faiss(rows, k, search["faiss"], recall))
    if search == "approximate" or (search == "auto" and n > EXACT_UP_TO):
        return Neighbors(*approximate(rows, k, device, recall))
    if n < SMALL and device == "cpu":
        return Neighbors(*exact_small(rows, k))
    return Neighbors(*exact(rows, k, device))
