"""Which rows are copies of an earlier one."""

import numpy as np
import pytest

from wholepool.graph import copies


def by_loops(rows):
    """The first row of the same bytes, by comparing all pairs."""
    return [next(j for j in range(i + 1) if rows[j].tobytes() == rows[i].tobytes())
            for i in range(len(rows))]  # fmt: skip


@pytest.mark.parametrize("chunk", [1, 2**26])
@pytest.mark.parametrize("shape", [(3, 5, 1), (4, 4, 2), (16,), (7,), ()])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_firsts_against_loops(monkeypatch, chunk, shape, dtype):
    monkeypatch.setattr(copies, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    rows = rng.integers(256, size=(12, *shape)).astype(dtype)[rng.integers(12, size=60)]
    found = copies.firsts(rows)
    assert found.dtype == np.int64
    assert found.tolist() == by_loops(rows)


def test_rows_that_share_a_hash_are_compared(monkeypatch):
    monkeypatch.setattr(copies, "row_hashes", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    rows = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [3, 4]])
    assert copies.firsts(rows).tolist() == [0, 1, 0, 3, 1]


def test_no_rows():
    assert copies.firsts(np.empty((0, 3), dtype=np.float32)).tolist() == []


def test_different_rows_have_different_hashes():
    rows = np.random.default_rng(0).integers(256, size=(20000, 8, 8, 1), dtype=np.uint8)
    assert len(np.unique(copies.row_hashes(rows))) == len(
        np.unique(rows.reshape(20000, -1), axis=0)
    )
