"""Balance against scaling done row by row, column by column, and what must hold of it."""

import numpy as np
import pytest
from graphs import csr, random_graph
from scipy.stats import chisquare

from wholepool.graph import propagation
from wholepool.graph.balance import LEVEL, SHARPNESS, balanced, prior, reachable, uniformity
from wholepool.graph.certainty import certainty
from wholepool.grid import slices

SETTINGS = {
    **{"alpha": 0.99, "tolerance": 1e-12, "max_iterations": 2000, "labels": "onehot"},
    "normalize_weights": False,
}


def twin(p, shares, rounds=3000):
    """Sharpen, then scale columns and rows in turn, a number at a time."""
    n, c = p.shape
    q = [[p[i][j] ** SHARPNESS if shares[j] > 0 else 0.0 for j in range(c)] for i in range(n)]
    for _ in range(rounds):
        for i in range(n):
            mass = sum(q[i])
            q[i] = [value / mass for value in q[i]]
        for j in range(c):
            mass = sum(q[i][j] for i in range(n))
            if mass > 0:
                for i in range(n):
                    q[i][j] *= shares[j] * n / mass
    return np.array([[value / sum(row) for value in row] for row in q])


def rows_of(seed, n=30, c=4):
    return np.random.default_rng(seed).dirichlet(np.full(c, 0.7), n)


@pytest.mark.parametrize("seed", range(6))
def test_balanced_against_the_twin(seed):
    p = rows_of(seed)
    shares = np.random.default_rng(seed + 100).dirichlet(np.full(4, 3.0))
    if seed % 2:
        shares[1] = 0
        shares /= shares.sum()
    found = balanced(p, shares)
    # both stop within TOLERANCE of the shares, the twin far below it
    np.testing.assert_allclose(found, twin(p, shares), rtol=0, atol=1e-4)
    np.testing.assert_allclose(found.mean(axis=0), shares, rtol=0, atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
    assert (found >= 0).all()
    assert (found[:, shares == 0] == 0).all()


@pytest.mark.parametrize("alone", [1, 2, 3])
def test_classes_that_no_other_image_reaches_leave_the_others_balanced(alone):
    """Labels in parts of their own: more than one such class once drove all other scales to 0."""
    main = rows_of(7, 400, 4) * [0.7, 0.1, 0.1, 0.1]
    p = np.zeros((400 + alone, 4 + alone))
    p[:400, :4] = main / main.sum(axis=1, keepdims=True)
    p[np.arange(400, 400 + alone), np.arange(4, 4 + alone)] = 1
    shares = np.full(4 + alone, 1 / (4 + alone))
    found = balanced(p, shares)
    wanted = twin(p[:400, :4], np.full(4, 0.25), rounds=300)
    np.testing.assert_allclose(found[:400, :4], wanted, atol=1e-4)
    np.testing.assert_array_equal(found[400:], p[400:])
    target = reachable(shares, p > 0)
    np.testing.assert_allclose(target, [100 / len(p)] * 4 + [1 / len(p)] * alone)


def test_where_all_hangs_together_the_shares_are_those_asked_for():
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(reachable(shares, rows_of(0) > 0), shares)


def test_what_has_the_shares_already_is_only_sharpened():
    p = np.concatenate([np.roll(rows_of(0), shift, axis=1) for shift in range(4)])
    sharp = p**SHARPNESS / (p**SHARPNESS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(balanced(p, np.full(4, 0.25)), sharp, atol=1e-12)


def test_the_classes_and_the_rows_have_no_order():
    p, shares = rows_of(1), np.array([0.1, 0.2, 0.3, 0.4])
    found, columns, rows = (
        balanced(p, shares),
        [2, 0, 3, 1],
        np.random.default_rng(0).permutation(30),
    )
    np.testing.assert_allclose(
        balanced(p[:, columns], shares[columns]), found[:, columns], atol=1e-12
    )
    np.testing.assert_allclose(balanced(p[rows], shares), found[rows], atol=1e-12)


def test_shares_that_no_scaling_reaches_leave_finite_rows():
    """Nine nodes that only class 0 reaches, one that only class 1 does; half is asked of each."""
    p = np.array([[1.0, 0.0]] * 9 + [[0.0, 1.0]])
    np.testing.assert_array_equal(balanced(p, np.array([0.5, 0.5])), p)
    mixed = np.array([[1.0, 0.0]] * 9 + [[1e-12, 1.0]])
    found = balanced(mixed, np.array([0.1, 0.9]))
    np.testing.assert_array_equal(found[:9], mixed[:9])
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("counts", [[1, 1, 1], [5, 9, 1], [30, 2, 3], [4, 7], [8], [3, 3, 3, 12]])
def test_uniformity_is_the_chi_squared_test(counts):
    expected = chisquare(counts).pvalue if len(counts) > 1 else 1
    assert uniformity(np.array(counts)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("counts", "balance", "expected"),
    [
        ([3, 1, 0], "uniform", [0.5, 0.5, 0]),
        ([3, 1, 0], "labels", [0.75, 0.25, 0]),
        ([3, 1, 0], "auto", [0.5, 0.5, 0]),  # p = .32
        ([30, 10, 0], "auto", [0.75, 0.25, 0]),  # p = .0016
        ([0, 0, 7], "auto", [0, 0, 1]),
    ],
)
def test_prior(counts, balance, expected):
    np.testing.assert_allclose(prior(np.array(counts), balance), expected)


def test_auto_rejects_uniform_labels_at_its_level():
    """A hundred labels of ten classes that are equal; the test is approximate at counts of ten."""
    rng, repeats = np.random.default_rng(0), 4000
    draws = rng.multinomial(100, np.full(10, 0.1), repeats)
    rejected = np.mean([not np.allclose(prior(counts, "auto"), 0.1) for counts in draws])
    assert abs(rejected - LEVEL) < 4 * np.sqrt(LEVEL * (1 - LEVEL) / repeats)


@pytest.mark.parametrize("balance", ["uniform", "labels", "auto"])
def test_propagation_balances_what_a_label_reaches(balance):
    graph = random_graph(3)
    labeled, labels = np.array([0, 1, 2, 3, 4]), np.array([0, 0, 0, 1, 2])
    plain = propagation.propagate(csr(graph), labeled, labels, 4, SETTINGS)
    found = propagation.propagate(csr(graph), labeled, labels, 4, {**SETTINGS, "balance": balance})
    np.testing.assert_array_equal(found.reached, plain.reached)
    reached, shares = plain.reached, prior(np.array([3, 1, 1, 0]), balance)
    expected = balanced(plain.probabilities[reached], shares)
    np.testing.assert_array_equal(found.probabilities[reached], expected)
    np.testing.assert_array_equal(found.labels[reached], expected.argmax(axis=1))
    np.testing.assert_array_equal(found.weights[reached], certainty(expected).astype(np.float32))
    np.testing.assert_array_equal(found.weights[~reached], 0)
    np.testing.assert_array_equal(found.probabilities[~reached], 0.25)
    none = propagation.propagate(csr(graph), labeled, labels, 4, {**SETTINGS, "balance": "none"})
    np.testing.assert_array_equal(none.probabilities, plain.probabilities)


def test_a_balance_of_none_is_in_no_slice():
    experiment = {"propagation": {"k": 10, "balance": "none"}}
    assert slices.propagate(experiment) == {"propagation": {"k": 10}}
    assert experiment["propagation"]["balance"] == "none"
    experiment["propagation"]["balance"] = "auto"
    assert slices.propagate(experiment) == experiment
