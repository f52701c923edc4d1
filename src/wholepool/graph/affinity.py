"""Embeddings -> k nearest neighbors -> affinity matrix W -> normalized adjacency.

Sections III and VI-A: a reciprocal k-nearest-neighbor graph with the similarity
s(u, v) = [u.v]_+^3 of l2-normalized u and v, and D^-1/2 W D^-1/2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from wholepool.graph.copies import firsts
from wholepool.graph.neighbors import nearest_neighbors


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


def degrees(weights: sparse.csr_array) -> np.ndarray:
    """The diagonal of D: W's row sums, float64 (n,)."""
    return np.asarray(weights.sum(axis=1)).ravel()


def normalize(weights: sparse.csr_array) -> sparse.csr_array:
    """D^-1/2 W D^-1/2, float64 (n, n), with D the diagonal of W's row sums (Section III).

    A node without edges keeps its zero row. Negative degrees, which only similarities that are not
    clipped can give, count as none.
    """
    degree = degrees(weights)
    scale = np.zeros_like(degree)
    np.power(degree, -0.5, out=scale, where=degree > 0)
    rows = np.repeat(scale, np.diff(weights.indptr))
    data = rows * weights.data * scale[weights.indices]
    return sparse.csr_array((data, weights.indices, weights.indptr), shape=weights.shape)


@dataclass(frozen=True)
class Graph:
    """The nearest-neighbor graph of n images: a node for each distinct embedding, m <= n.

    `adjacency` is normalized, float64 (m, m); `node` int64 (n,) is each image's; `recall` is that
    of the search for neighbors, 1 if it was exact; `degree` float64 (m,) is each node's before the
    adjacency was normalized.
    """

    adjacency: sparse.csr_array
    node: np.ndarray
    recall: float
    degree: np.ndarray


def normalized_graph(
    embeddings: np.ndarray, settings: Mapping[str, Any], device: str = "cpu"
) -> Graph:
    """The graph of embeddings (n, d). `settings` is the config's section `propagation`.

    Images of equal embeddings are one node. As nodes of their own, more than k of them would all
    choose the same k neighbors, those of the lowest indices: the others would have no mutual
    neighbor, and no label would reach them.
    """
    embeddings = np.asarray(embeddings, dtype=np.float32)
    distinct, node = np.unique(firsts(embeddings), return_inverse=True)
    if len(distinct) < len(embeddings):
        embeddings = embeddings[distinct]
    how = settings["k"], device, settings["search"], settings["recall"]
    found = nearest_neighbors(embeddings, *how)
    shape = settings["gamma"], settings["graph"] == "reciprocal", settings["clip"]
    weights = affinity(found.indices, found.similarities, *shape)
    return Graph(normalize(weights), node, found.recall, degrees(weights))
