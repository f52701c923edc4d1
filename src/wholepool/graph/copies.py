"""Which rows of an array are copies of an earlier one, byte by byte."""

import numpy as np

CHUNK = 2**26  # bytes that are hashed at a time


def firsts(rows: np.ndarray) -> np.ndarray:
    """For each of `rows`, (n, ...), the lowest index of a row of the same bytes: int64 (n,).

    A row without an earlier copy has its own index. Rows are hashed first, and only those whose
    hash another one shares are compared, so that it takes one pass where there are no copies.
    """
    first = np.arange(len(rows))
    hashes = row_hashes(rows)
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    shared = np.zeros(len(rows), dtype=bool)
    shared[order[1:][same]] = shared[order[:-1][same]] = True
    seen: dict[bytes, int] = {}
    for index in np.flatnonzero(shared).tolist():
        first[index] = seen.setdefault(rows[index].tobytes(), index)
    return first


def row_hashes(rows: np.ndarray) -> np.ndarray:
    """A number of each row's bytes, uint64 (n,): their sum, each word times a number of its own."""
    hashes = np.empty(len(rows), dtype=np.uint64)
    size = rows[:1].nbytes
    kind = next(kind for kind in (np.uint64, np.uint32, np.uint8) if size % kind().itemsize == 0)
    width = size // kind().itemsize
    factors = np.random.default_rng(0).integers(2**64, size=width, dtype=np.uint64) | np.uint64(1)
    step = max(1, CHUNK // max(size, 1))
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step])
        words = block.reshape(len(block), -1).view(kind)
        hashes[start : start + step] = words.astype(np.uint64, copy=False) @ factors
    return hashes
