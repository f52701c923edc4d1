"""Embeddings -> k nearest neighbors -> affinity matrix W -> normalized adjacency.

Sections III and VI-A: a reciprocal k-nearest-neighbor graph with the similarity
s(u, v) = [u.v]_+^3 of l2-normalized u and v, and D^-1/2 W D^-1/2.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from wholepool.errors import UserError
from wholepool.files import atomic

BLOCK_BYTES = 2**26  # of one tile of similarities


def unit_rows(embeddings: np.ndarray) -> np.ndarray:
    """The rows, float32, divided by their l2 norm.

    Raises UserError for rows that are not finite or zero: such an embedding has no direction,
    and the similarities made of it would be NaN.
    """
    embeddings = np.asarray(embeddings, dtype=np.float32)
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    bad = ~np.isfinite(norms[:, 0]) | (norms[:, 0] == 0)
    if bad.any():
        raise UserError(
            f"the embedding of image {np.flatnonzero(bad)[0]} (and {bad.sum() - 1} more) is zero "
            "or not finite: training has diverged; try a smaller learning rate"
        )
    return embeddings / norms


def nearest_neighbors(
    embeddings: np.ndarray, k: int, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """The k most similar other rows of each row, by exact search.

    `embeddings` is (n, d). Returns indices int64 (n, k) and cosine similarities float32 (n, k),
    most similar first. A row is never its own neighbor: self is dropped by index, not by
    position, since a duplicate may be as near. Equal similarities go to the lower index.

    `device` "cuda" searches on the GPU. Raises ValueError unless 1 <= k < n.
    """
    n = len(embeddings)
    if not 1 <= k < n:
        raise ValueError(f"k = {k} neighbors of {n} images: k must be at least 1 and below n")
    rows = unit_rows(embeddings)
    if device != "cpu":
        return _nearest_neighbors_torch(rows, k, device)
    indices = np.empty((n, k), dtype=np.int64)
    similarities = np.empty((n, k), dtype=np.float32)
    block = max(1, BLOCK_BYTES // (4 * n))
    for start in range(0, n, block):
        stop = min(start + block, n)
        tile = rows[start:stop] @ rows.T
        tile[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        top = np.argpartition(tile, n - k, axis=1)[:, n - k :]
        values = np.take_along_axis(tile, top, axis=1)
        # argpartition cuts a group of equal similarities anywhere: redo the rows it has cut
        worst = values.min(axis=1, keepdims=True)
        for row in np.flatnonzero((tile >= worst).sum(axis=1) > k):
            top[row] = np.argsort(-tile[row], kind="stable")[:k]
            values[row] = tile[row, top[row]]
        order = np.lexsort((top, -values), axis=1)
        indices[start:stop] = np.take_along_axis(top, order, axis=1)
        similarities[start:stop] = np.take_along_axis(values, order, axis=1)
    return indices, similarities


def _nearest_neighbors_torch(
    rows: np.ndarray, k: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """The same search by torch, tile by tile; ties at the k-th place go as torch.topk cuts them."""
    import torch

    table = torch.as_tensor(rows, device=device)
    n = len(table)
    block = max(1, 8 * BLOCK_BYTES // (4 * n))
    indices, similarities = [], []
    for start in range(0, n, block):
        tile = table[start : start + block] @ table.T
        here = torch.arange(len(tile), device=device)
        tile[here, here + start] = -torch.inf
        values, top = tile.topk(k, dim=1)
        indices.append(top.cpu().numpy())
        similarities.append(values.cpu().numpy())
    return np.concatenate(indices), np.concatenate(similarities)


def affinity(
    indices: np.ndarray,
    similarities: np.ndarray,
    gamma: float = 3,
    reciprocal: bool = True,
    clip: bool = True,
) -> sparse.csr_array:
    """W: symmetric, zero diagonal, float64 (n, n), from each row's k neighbors.

    A similarity s becomes [s]_+^gamma with `clip` (Section VI-A), sign(s) |s|^gamma without.
    `reciprocal` keeps an edge where each end is among the other's k nearest, with the similarity
    that both share (the paper); otherwise W = A + A' (the public code): an edge where either end
    has the other, twice the weight where both have.
    """
    n, k = indices.shape
    # each row sorted by column is canonical CSR: no detour over coordinates, no duplicates
    order = np.argsort(indices, axis=1)
    columns = np.take_along_axis(indices, order, axis=1).ravel()
    weights = np.take_along_axis(similarities, order, axis=1).ravel().astype(np.float64)
    weights = np.maximum(weights, 0) ** gamma if clip else np.sign(weights) * abs(weights) ** gamma
    starts = np.arange(0, n * k + 1, k)
    directed = sparse.csr_array((weights, columns, starts), shape=(n, n))
    if reciprocal:
        pattern = sparse.csr_array((np.ones(n * k), columns, starts), shape=(n, n))
        mutual = directed.multiply(pattern.T.tocsr()).tocsr()
        # both ends computed the same dot product, perhaps to another last bit: take the mean
        result = (mutual + mutual.T.tocsr()) * 0.5
    else:
        result = directed + directed.T.tocsr()
    return sparse.csr_array(result)


def normalize(weights: sparse.csr_array) -> sparse.csr_array:
    """D^-1/2 W D^-1/2, float64 (n, n), with D the diagonal of W's row sums (Section III).

    A node without edges keeps its zero row. Negative degrees (possible only when similarities
    are not clipped) count as none.
    """
    degree = np.asarray(weights.sum(axis=1)).ravel()
    scale = np.zeros_like(degree)
    np.power(degree, -0.5, out=scale, where=degree > 0)
    scaling = sparse.dia_array((scale[None, :], [0]), shape=weights.shape)
    return sparse.csr_array(scaling @ weights @ scaling)


def normalized_graph(
    embeddings: np.ndarray, settings: dict[str, Any], device: str = "cpu"
) -> sparse.csr_array:
    """The normalized adjacency of embeddings (n, d) under the config's section `propagation`."""
    indices, similarities = nearest_neighbors(embeddings, settings["k"], device)
    reciprocal = settings["graph"] == "reciprocal"
    weights = affinity(indices, similarities, settings["gamma"], reciprocal, settings["clip"])
    return normalize(weights)


def write_graph(path: str | Path, graph: sparse.csr_array) -> None:
    """Write a graph in SciPy's .npz format."""
    with atomic(path) as temporary, open(temporary, "wb") as file:
        sparse.save_npz(file, graph, compressed=False)


def read_graph(path: str | Path) -> sparse.csr_array:
    """Read a graph that `write_graph` wrote."""
    return sparse.csr_array(sparse.load_npz(path))
