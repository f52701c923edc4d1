"""Margin, least confidence and BADGE against their twins."""

import numpy as np
import pytest
import twins_uncertain
from asking import acquire, make_pool


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [2, 5])
def test_margin_and_least_confidence_are_the_twins(seed, classes):
    pool = make_pool(seed, classes=classes)
    margins = [twins_uncertain.margin(p) for p in pool["probabilities"]]
    found = acquire("margin", pool, 9)
    assert found.indices.tolist() == twins_uncertain.lowest(margins, pool["labeled"], 9)
    np.testing.assert_allclose(found.scores, np.array(margins)[found.indices], rtol=0, atol=1e-15)
    largest = [max(map(float, p)) for p in pool["probabilities"]]
    found = acquire("least_confidence", pool, 9)
    assert found.indices.tolist() == twins_uncertain.lowest(largest, pool["labeled"], 9)
    assert found.scores.tolist() == [largest[i] for i in found.indices]


@pytest.mark.parametrize("name", ["margin", "least_confidence"])
def test_equal_scores_go_to_the_lower_index(name):
    pool = make_pool(0)
    pool["labeled"] = np.array([2])
    pool["probabilities"] = np.tile(np.array([[0.5, 0.25, 0.25]], np.float32), (30, 1))
    pool["probabilities"][20] = [0.375, 0.375, 0.25]
    assert acquire(name, pool, 4).indices.tolist() == [20, 0, 1, 3]


def test_two_equal_largest_probabilities_are_a_margin_of_0():
    pool = make_pool(0)
    pool["probabilities"][9] = [0.4, 0.1, 0.4, 0.1]
    pool["labeled"] = np.array([2])
    found = acquire("margin", pool, 1)
    assert (found.indices.tolist(), found.scores.tolist()) == ([9], [0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [1, 8, 25])
def test_badge_is_the_twin_with_whole_gradients(seed, budget):
    pool = make_pool(seed)
    rng = np.random.default_rng(seed)
    given = pool["embeddings"], pool["probabilities"], pool["labeled"]
    picks, scores = twins_uncertain.badge(*given, budget, rng)
    found = acquire("badge", pool, budget, seed)
    assert found.indices.tolist() == picks
    # products of the factors are float32
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-6)


def test_badge_draws_in_proportion_to_squared_distances():
    """The second of two picks, over 4,000 seeds, against the twin's probabilities."""
    pool = make_pool(3, n=8, labeled=2)
    gradients = {
        i: twins_uncertain.gradient(pool["probabilities"][i], pool["embeddings"][i])
        for i in twins_uncertain.rest_of(8, pool["labeled"])
    }
    first = acquire("badge", pool, 1).indices[0]
    squares = {i: twins_uncertain.square(g, gradients[first]) for i, g in gradients.items()}
    second = [acquire("badge", pool, 2, seed).indices[1] for seed in range(4000)]
    for i, squared in squares.items():
        p = squared / sum(squares.values())
        spread = np.sqrt(p * (1 - p) / 4000)
        assert abs(second.count(i) / 4000 - p) <= 4 * spread, i


def test_badge_takes_copies_only_when_nothing_else_is_left():
    pool = make_pool(2, labeled=1)
    pool["labeled"] = np.array([0])
    pool["embeddings"] = np.random.default_rng(2).normal(size=(30, 128)).astype(np.float32)
    for array in ("embeddings", "probabilities"):
        pool[array][10:] = pool[array][np.arange(10, 30) % 3 + 1]  # copies of 1, 2 and 3
    for seed in range(20):
        found = acquire("badge", pool, 29, seed)
        first = found.indices[:9].tolist()
        assert len({i if i < 10 else i % 3 + 1 for i in first}) == 9
        assert (found.scores[9:] == 0).all()


def test_badge_of_predictions_that_are_certain_draws_all_alike():
    """All gradients are 0: after the first, the lowest index, each other image is as likely."""
    pool = make_pool(2, n=6, labeled=1)
    pool["labeled"] = np.array([5])
    pool["probabilities"] = np.eye(4, dtype=np.float32)[np.arange(6) % 4]
    found = [acquire("badge", pool, 2, seed) for seed in range(2000)]
    assert {one.indices[0] for one in found} == {0}
    counts = np.bincount([one.indices[1] for one in found], minlength=6)[1:5]
    assert (abs(counts / 2000 - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2000)).all()
