"""Cluster-Margin against its twin."""

import numpy as np
import pytest
import twins_cluster_margin
from asking import OPTIONS, acquire, make_pool
from test_clusters import blobs

from wholepool.strategies import Query, cluster_margin


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("ratio", "size"), [(1, 3), (3, 3), (10, 6), (2, 30)])
def test_cluster_margin_is_the_twin(monkeypatch, seed, ratio, size):
    monkeypatch.setitem(OPTIONS, "cluster_margin", {"ratio": ratio, "size": size})
    pool = make_pool(seed)
    for budget in (3, 8, 25):
        given = pool["embeddings"], pool["probabilities"], pool["labeled"], budget
        rng = np.random.default_rng(seed)
        picks, scores = twins_cluster_margin.cluster_margin(*given, rng, ratio, size)
        found = acquire("cluster_margin", pool, budget, seed)
        assert found.indices.tolist() == picks
        np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-12)


def clusters_of(rows, size, seed=0):
    query = Query(len(rows), np.arange(1), 1, 0, np.random.default_rng(seed), {}, rows)
    return cluster_margin.clusters(query, size)


def test_a_large_pool_is_parted_and_its_clusters_are_kept_apart(monkeypatch):
    """k-means parts the pool, so that clusters far from each other stay whole."""
    monkeypatch.setattr(cluster_margin, "LARGEST", 50)
    rows, of = blobs(2, [30, 30, 30, 30, 30, 30], spread=0.01)
    found = clusters_of(rows, 30)
    assert 6 <= len(set(found)) <= 12
    for one in np.unique(found):
        assert len(set(of[found == one])) == 1


def test_a_large_pool_of_copies_is_parted_by_its_order(monkeypatch):
    monkeypatch.setattr(cluster_margin, "LARGEST", 20)
    rows = np.tile(blobs(0, [1])[0], (90, 1))
    found = clusters_of(rows, 10)
    assert len(found) == 90 and found.min() == 0
    assert max(np.bincount(found)) <= 20
