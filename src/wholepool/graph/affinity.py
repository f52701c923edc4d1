"""Embeddings -> k nearest neighbors -> affinity matrix W -> normalized adjacency.

Sections III and VI-A: a reciprocal k-nearest-neighbor graph with the similarity
s(u, v) = [u.v]_+^3 of l2-normalized u and v, and D^-1/2 W D^-1/2.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from wholepool.graph.neighbors import nearest_neighbors
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import atomic


def affinity(
    indices: np.ndarray,
    similarities: np.ndarray,
    gamma: float = 3,
    reciprocal: bool = True,
    clip: bool = True,
) -> sparse.csr_array:
    """W: symmetric, zero diagonal, float64 (n, n), from each row's k neighbors.

    A similarity s becomes [s]_+^gamma with `clip` (Section VI-A), sign(s) |s|^gamma without.
    `reciprocal` (the paper) keeps an edge where each end is among the other's k nearest, with the
    similarity that both share; otherwise W = A + A' (the public code).
    """
    n, k = indices.shape
    weights = similarities.ravel().astype(np.float64)
    weights = np.maximum(weights, 0) ** gamma if clip else np.sign(weights) * abs(weights) ** gamma
    kind = np.int32 if n * k < 2**31 else np.int64
    starts = np.arange(0, n * k + 1, k, dtype=kind)
    chosen = sparse.csr_array((weights, indices.ravel().astype(kind), starts), shape=(n, n))
    # a transposition sorts each row by column, faster than sorting does
    backward = chosen.T.tocsr()
    forward = backward.T.tocsr()
    if reciprocal:
        pattern = np.ones(n * k), backward.indices, backward.indptr
        mutual = forward.multiply(sparse.csr_array(pattern, shape=(n, n))).tocsr()
        # both ends computed the same dot product, perhaps to another last bit: take the mean
        result = (mutual + mutual.T.tocsr()) * 0.5
    else:
        result = forward + backward
    return sparse.csr_array(result)


def normalize(weights: sparse.csr_array) -> sparse.csr_array:
    """D^-1/2 W D^-1/2, float64 (n, n), with D the diagonal of W's row sums (Section III).

    A node without edges keeps its zero row. Negative degrees, which only similarities that are not
    clipped can give, count as none.
    """
    degree = np.asarray(weights.sum(axis=1)).ravel()
    scale = np.zeros_like(degree)
    np.power(degree, -0.5, out=scale, where=degree > 0)
    rows = np.repeat(scale, np.diff(weights.indptr))
    data = rows * weights.data * scale[weights.indices]
    return sparse.csr_array((data, weights.indices, weights.indptr), shape=weights.shape)


def normalized_graph(
    embeddings: np.ndarray, settings: Mapping[str, Any], device: str = "cpu"
) -> tuple[sparse.csr_array, float]:
    """The normalized adjacency of embeddings (n, d), and the recall of its neighbors (1 if exact).

    `settings` is the config's section `propagation`.
    """
    how = settings["k"], device, settings["search"], settings["recall"]
    found = nearest_neighbors(embeddings, *how)
    shape = settings["gamma"], settings["graph"] == "reciprocal", settings["clip"]
    return normalize(affinity(found.indices, found.similarities, *shape)), found.recall


def write_graph(path: str | Path, graph: sparse.csr_array) -> None:
    """Write a graph in SciPy's .npz format."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        sparse.save_npz(file, graph, compressed=False)


def read_graph(path: str | Path, n: int) -> sparse.csr_array:
    """Read a graph of `n` nodes. Raises UserError if it is missing or torn, or is another one."""
    try:
        graph = sparse.csr_array(sparse.load_npz(path))
        graph.check_format()  # every neighbor is a node
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the stage that makes it") from None
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UserError(f"{path} is not a complete graph ({error}): {AGAIN}") from error
    if graph.shape != (n, n):
        raise UserError(
            f"{path} is a graph of {graph.shape[0]} nodes, not of the pool's {n}: {AGAIN}"
        )
    if not np.isfinite(graph.data).all():
        raise UserError(f"{path} has an edge whose weight is not finite: {AGAIN}")
    return graph
