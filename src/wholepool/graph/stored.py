"""A graph as a file: where the embeddings never change, it is made once for all that read it."""

import zipfile
from pathlib import Path

import numpy as np
from scipy import sparse

from wholepool.graph.affinity import Graph
from wholepool.job.errors import AGAIN, UserError
from wholepool.job.files import atomic


def write_graph(path: str | Path, graph: Graph) -> None:
    """Write a graph, in NumPy's .npz format."""
    matrix = graph.adjacency
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, node=graph.node, recall=graph.recall, degree=graph.degree, **parts)


def read_graph(path: str | Path, images: int) -> Graph:
    """The graph of so many images. Raises UserError if the file does not hold it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            node, recall, degree = file["node"], float(file["recall"]), file["degree"]
            parts = file["data"], file["indices"], file["indptr"]
        size = len(parts[2]) - 1
        adjacency = sparse.csr_array(parts, shape=(size, size))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} holds no graph ({error}): {AGAIN}") from None
    if node.shape != (images,) or node.max(initial=-1) >= size:
        raise UserError(f"{path} holds a graph of {len(node)} images, not of {images}: {AGAIN}")
    return Graph(adjacency, node, recall, degree)
