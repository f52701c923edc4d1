"""A pool of which 30 % are exact copies is no worse than the pool without them."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_digits

from wholepool.graph.propagation import propagate_images
from wholepool.grid import config, sections
from wholepool.strategies import Query, coreset, jlp

PROPAGATION = config.fill({"k": 10}, sections.core()["$defs"]["propagation"])
N, COPIES = 700, 300


def draw(seed):
    """Pixels as unit rows, their classes, ten labels, and where 300 copies of 8 images stand."""
    rng = np.random.default_rng(seed)
    data = load_digits()
    chosen = rng.choice(len(data.target), N, replace=False)
    rows, truth = data.data[chosen], data.target[chosen]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    labeled = np.array([rng.choice(np.flatnonzero(truth == digit)) for digit in range(10)])
    # some are copies of labeled images; far more of each than it has neighbors
    copied = rng.choice(np.r_[labeled[:4], rng.choice(N, 4)], COPIES)
    order = np.r_[np.arange(N), copied][rng.permutation(N + COPIES)]
    return rows, truth, labeled, order


def accuracy(rows, truth, labeled):
    """Of the pseudo-labels of a pool."""
    found = propagate_images(rows, labeled, truth[labeled], 10, PROPAGATION)
    return 100 * np.mean(found.labels[found.weights > 0] == truth[found.weights > 0]), found


def interval(differences):
    """95 % interval of the mean, by Student's t."""
    half = stats.t.ppf(0.975, len(differences) - 1) * stats.sem(differences)
    return np.mean(differences) - half, np.mean(differences) + half


@pytest.mark.parametrize("kind", ["reciprocal", "union"])
def test_labels_reach_all_copies_and_no_fewer_are_right(monkeypatch, kind):
    monkeypatch.setitem(PROPAGATION, "graph", kind)
    differences = []
    for seed in range(10):
        rows, truth, labeled, order = draw(seed)
        without, alone = accuracy(rows, truth, labeled)
        place = np.array([np.flatnonzero(order == image)[0] for image in labeled])
        _, found = accuracy(rows[order], truth[order], place)
        of_copies = alone.labels[order], alone.weights[order]
        np.testing.assert_array_equal(found.labels, of_copies[0])
        # the order of the nodes differs, and with it the last bits of the sums
        np.testing.assert_allclose(found.weights, of_copies[1], rtol=0, atol=1e-4)
        first = np.array([np.flatnonzero(order == image)[0] for image in range(N)])
        right = found.labels[first][alone.weights > 0] == truth[alone.weights > 0]
        differences.append(100 * right.mean() - without)
    low, high = interval(differences)
    assert low == high == 0  # the same images have the same labels, in each of the 10 seeds


@pytest.mark.parametrize("strategy", [jlp, coreset])
def test_no_copy_is_asked_for_before_all_others(strategy):
    """As many distinct digits, and as many classes, as in the pool without copies."""
    differences = []
    for seed in range(10):
        rows, truth, labeled, order = draw(seed)
        place = np.array([np.flatnonzero(order == image)[0] for image in labeled])
        options = {"propagation": PROPAGATION, "jlp": {"graph": "union"}}
        rng = np.random.default_rng(0)
        alone = strategy.acquire(Query(N, labeled, 20, 0, rng, options, rows))
        found = strategy.acquire(Query(N + COPIES, place, 20, 0, rng, options, rows[order]))
        assert len(set(order[found.indices])) == 20
        assert not set(order[found.indices]) & set(labeled)
        classes = [len(set(truth[picks])) for picks in (order[found.indices], alone.indices)]
        differences.append(classes[0] - classes[1])
    low, high = interval(differences) if np.ptp(differences) else (differences[0],) * 2
    assert low <= 0 <= high or low > 0
