"""MaxHerding, uncertainty herding and ProbCover against their twins."""

import numpy as np
import pytest
import twins_coverage
from asking import OPTIONS, acquire, make_pool
from test_clusters import blobs

from wholepool.strategies import Query, _coverage, probcover

HERDING = {"width": 1, "sample": 10_000}


def check(found, twin):
    picks, scores = twin
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-6)  # float32 similarities


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labeled", [0, 1, 5])
@pytest.mark.parametrize("width", [0.4, 1])
def test_maxherding_is_the_twin(monkeypatch, seed, labeled, width):
    monkeypatch.setitem(OPTIONS, "maxherding", {**HERDING, "width": width})
    monkeypatch.setattr(_coverage, "AGAIN", 3)
    monkeypatch.setattr(_coverage, "TILE", 100)
    pool = make_pool(seed, n=20, labeled=labeled)
    twin = twins_coverage.maxherding(pool["embeddings"], pool["labeled"], 12, width)
    check(acquire("maxherding", pool, 12), twin)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labeled", [1, 5])
def test_uherding_is_the_twin(monkeypatch, seed, labeled):
    monkeypatch.setattr(_coverage, "AGAIN", 3)
    pool = make_pool(seed, n=20, labeled=labeled)
    given = pool["embeddings"], pool["probabilities"], pool["labeled"]
    check(acquire("uherding", pool, 12), twins_coverage.uherding(*given, 12))


def test_uherding_looks_away_from_what_is_certain():
    rows, of = blobs(0, [30, 10, 10])
    pool = {**make_pool(0, n=50), "embeddings": rows, "labeled": np.array([30])}
    pool["probabilities"] = np.where(of[:, None] == 2, [0.5, 0.5], [1, 0]).astype(np.float32)
    assert of[acquire("maxherding", pool, 1).indices].tolist() == [0]
    assert of[acquire("uherding", pool, 1).indices].tolist() == [2]


@pytest.mark.parametrize("name", ["maxherding", "uherding", "probcover"])
def test_once_all_is_covered_the_lowest_indices_come_next(name):
    few = make_pool(0, n=3, labeled=1)["embeddings"]
    pool = make_pool(1)
    pool["embeddings"] = few[np.arange(30) % 3]
    pool["labeled"] = np.array([0])
    found = acquire(name, pool, 8)
    assert sorted(found.indices[:2]) == [1, 2]
    assert found.indices[2:].tolist() == [3, 4, 5, 6, 7, 8]
    np.testing.assert_allclose(found.scores[2:], 0, atol=1e-6)


def test_a_sample_stands_for_a_larger_pool(monkeypatch):
    """Of 400 images 200 are looked at: the largest cluster still comes first; not all are seen."""
    monkeypatch.setitem(OPTIONS, "maxherding", {**HERDING, "sample": 200})
    rows, of = blobs(0, [250, 100, 50])
    pool = {**make_pool(0, n=400), "embeddings": rows, "labeled": np.array([], dtype=np.int64)}
    picks = [acquire("maxherding", pool, 3, seed).indices for seed in range(4)]
    assert all(of[found].tolist() == [0, 1, 2] for found in picks)
    assert len({tuple(found) for found in picks}) > 1


# ProbCover


def radius_of(pool, seed, share):
    """The radius that is found, and the twin's."""
    options = {"probcover": {**OPTIONS["probcover"], "purity": share}}
    rows, n = pool["embeddings"], pool["n"]
    given = n, pool["labeled"], 1, 0, np.random.default_rng(seed), options, rows
    found = np.sqrt(probcover.pure_radius(Query(*given, classes=4)))
    return found, twins_coverage.pure_radius(rows, 4, np.random.default_rng(seed), share)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.3, 0.8, 0.95, 1])
def test_the_radius_is_the_largest_of_which_enough_balls_are_pure(monkeypatch, seed, share):
    monkeypatch.setattr(probcover, "TILE", 50)
    found, twin = radius_of(make_pool(seed, n=16), seed, share)
    assert found == pytest.approx(twin, rel=1e-5) and found < twin


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labeled", [0, 1, 5])
def test_probcover_is_the_twin(seed, labeled):
    pool = make_pool(seed, n=20, labeled=labeled)
    radius = radius_of(pool, seed, 0.95)[1]
    twin = twins_coverage.probcover(pool["embeddings"], pool["labeled"], 12, radius)
    check(acquire("probcover", pool, 12, seed), twin)


def test_probcover_with_a_radius_of_its_own(monkeypatch):
    monkeypatch.setitem(OPTIONS, "probcover", {**OPTIONS["probcover"], "radius": 0.9})
    pool = make_pool(4, n=20)
    twin = twins_coverage.probcover(pool["embeddings"], pool["labeled"], 12, 0.9)
    check(acquire("probcover", pool, 12), twin)


def test_one_cluster_alone_is_one_ball():
    """No image of another cluster: all is within the radius."""
    pool = make_pool(0)
    pool["embeddings"][:] = pool["embeddings"][0]
    found = acquire("probcover", pool, 3)
    assert np.isfinite(found.scores).all() and len(set(found.indices.tolist())) == 3


def test_of_a_large_pool_some_balls_give_the_radius(monkeypatch):
    rows, _ = blobs(0, [100, 100, 100, 100])
    pool = {**make_pool(0, n=400), "embeddings": rows}
    monkeypatch.setattr(probcover, "SAMPLE", 399)
    options = {"probcover": OPTIONS["probcover"]}

    def radius():
        given = 400, np.arange(1), 1, 0, np.random.default_rng(0), options, rows
        return probcover.pure_radius(Query(*given, classes=4))

    some = radius()
    monkeypatch.setattr(probcover, "SAMPLE", 400)
    assert some == pytest.approx(radius(), rel=0.1)
    assert pool["n"] == 400
