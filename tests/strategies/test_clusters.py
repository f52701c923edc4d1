"""k-means, TypiClust and k-medoids against their twins."""

import numpy as np
import pytest
import twins_kmeans
from asking import OPTIONS, acquire, make_pool

from wholepool.strategies import _kmeans


def blobs(seed, sizes, spread=0.05, d=6):
    """Unit rows around as many directions as there are sizes, far from each other."""
    rng = np.random.default_rng(seed)
    centers = np.concatenate([np.eye(d), -np.eye(d)])[: len(sizes)]
    rows = np.repeat(centers, sizes, axis=0) + spread * rng.normal(size=(sum(sizes), d))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.repeat(np.arange(len(sizes)), sizes)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 4, 12])
@pytest.mark.parametrize("fixed", [0, 3])
def test_kmeans_is_the_twin(monkeypatch, seed, k, fixed):
    monkeypatch.setattr(_kmeans, "TILE", 40)  # several blocks
    points = make_pool(seed)["embeddings"]
    beside = _kmeans.to_nearest(points, points[:fixed]) if fixed else None
    assignment, centers = _kmeans.kmeans(points, k, np.random.default_rng(seed), beside)
    twin = twins_kmeans.kmeans(points, k, np.random.default_rng(seed), points[:fixed])
    assert assignment.tolist() == twin[0]
    np.testing.assert_allclose(centers, twin[1], rtol=0, atol=1e-6)
    assert (assignment[:fixed] == -1).all()


def test_kmeans_has_no_more_clusters_than_different_points():
    few = make_pool(0, n=4, labeled=1)["embeddings"][np.arange(40) % 4]
    assignment, centers = _kmeans.kmeans(few, 9, np.random.default_rng(0))
    assert len(centers) == 4
    assert all(len(set(assignment[i::4].tolist())) == 1 for i in range(4))
    beside = _kmeans.to_nearest(few, few[:1])
    assignment, centers = _kmeans.kmeans(few, 9, np.random.default_rng(0), beside)
    assert len(centers) == 3 and (assignment[::4] == -1).all()
    assert len(_kmeans.kmeans(few[::4], 2, np.random.default_rng(0), beside[::4])[1]) == 0


def test_a_cluster_that_loses_its_points_stays_empty():
    """Four points in a line, three centers: the middle one's neighbors are taken from it."""
    points = make_pool(1, n=12)["embeddings"]
    total, sizes = _kmeans.sums(points, np.array([0] * 6 + [2] * 5 + [-1]), 3)
    assert sizes.tolist() == [6, 0, 5]
    np.testing.assert_allclose(total[0], points[:6].sum(axis=0), rtol=0, atol=1e-6)
    np.testing.assert_allclose(total[2], points[6:11].sum(axis=0), rtol=0, atol=1e-6)
    assert (total[1] == 0).all()


def test_draw_never_gives_an_index_of_weight_0():
    class Last:
        def random(self):
            return np.nextafter(1, 0)

    weights = np.array([0, 0.1, 0.7, 0, 0.2, 0, 0])
    assert _kmeans.draw(weights, Last()) == 4
    found = [_kmeans.draw(weights, np.random.default_rng(seed)) for seed in range(3000)]
    np.testing.assert_allclose(np.bincount(found, minlength=7) / 3000, weights, atol=0.035)


# TypiClust


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("labeled", "budget"), [(1, 1), (3, 2), (5, 7), (5, 25)])
def test_typiclust_is_the_twin(monkeypatch, seed, labeled, budget):
    monkeypatch.setitem(OPTIONS, "typiclust", {"max_clusters": 4, "neighbors": 3})
    pool = make_pool(seed, labeled=labeled)
    given = pool["embeddings"], pool["labeled"], budget, np.random.default_rng(seed)
    picks, scores = twins_kmeans.typiclust(*given, most=4, neighbors=3)
    found = acquire("typiclust", pool, budget, seed)
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, scores, rtol=1e-5)


def test_typiclust_takes_the_middle_of_each_cluster_without_a_label_largest_first():
    rows, of = blobs(0, [12, 30, 20, 8])
    pool = {**make_pool(0, n=70), "embeddings": rows, "labeled": np.array([12])}
    for seed in range(5):
        found = acquire("typiclust", pool, 3, seed).indices
        assert of[found].tolist() == [2, 0, 3]
        for pick in found:
            mine = rows[of == of[pick]]
            apart = np.sort(np.linalg.norm(mine[:, None] - mine, axis=2), axis=1)
            near = min(20, len(mine) // 2)
            middle = apart[:, 1 : near + 1].mean(axis=1).argmin()
            assert pick == np.flatnonzero(of == of[pick])[middle]


def test_typiclust_uses_small_clusters_last():
    """Five clusters for five queries, but two are too small: the others are asked twice."""
    rows, of = blobs(1, [20, 5, 12, 3, 9])
    pool = {**make_pool(0, n=49), "embeddings": rows, "labeled": np.array([], dtype=np.int64)}
    found = acquire("typiclust", pool, 5).indices
    assert of[found].tolist() == [0, 2, 4, 0, 2]
    every = acquire("typiclust", {**pool, "labeled": np.arange(0)}, 49).indices
    assert sorted(every.tolist()) == list(range(49))


def test_typiclust_goes_around_until_a_cluster_is_used_up(monkeypatch):
    monkeypatch.setitem(OPTIONS, "typiclust", {"max_clusters": 2, "neighbors": 20})
    rows, of = blobs(1, [6, 12])
    pool = {**make_pool(0, n=18), "embeddings": rows, "labeled": np.array([0, 17])}
    found = acquire("typiclust", pool, 14).indices
    assert of[found].tolist() == [1, 0] * 5 + [1] * 4


# k-medoids


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("labeled", "budget"), [(1, 1), (5, 7), (0, 4), (5, 25)])
def test_kmedoids_is_the_twin(seed, labeled, budget):
    pool = make_pool(seed, labeled=labeled)
    given = pool["embeddings"], pool["labeled"], budget, np.random.default_rng(seed)
    picks, scores = twins_kmeans.kmedoids(*given)
    found = acquire("kmedoids", pool, budget, seed)
    assert found.indices.tolist() == picks
    assert found.scores.tolist() == scores


def test_kmedoids_stands_for_what_no_label_stands_for():
    rows, of = blobs(0, [12, 30, 20, 8])
    pool = {**make_pool(0, n=70), "embeddings": rows, "labeled": np.array([12])}
    for seed in range(5):
        found = acquire("kmedoids", pool, 3, seed)
        if set(of[found.indices]) == {0, 2, 3}:  # k-means may split one
            assert of[found.indices].tolist() == [2, 0, 3]
            assert found.scores.tolist() == [20, 12, 8]
            for pick in found.indices:
                mine = np.flatnonzero(of == of[pick])
                middle = np.linalg.norm(rows[mine] - rows[mine].mean(axis=0), axis=1).argmin()
                assert pick == mine[middle]
            return
    raise AssertionError("no seed found the clusters")


def test_kmedoids_of_fewer_different_images_than_queries_takes_each_once():
    rows = blobs(0, [1, 1, 1, 1])[0][np.arange(40) % 4]
    pool = {**make_pool(0, n=40), "embeddings": rows, "labeled": np.array([4])}
    found = acquire("kmedoids", pool, 6)
    assert sorted(found.indices[:3] % 4) == [1, 2, 3]
    assert found.scores.tolist() == [10, 10, 10, 0, 0, 0]
