"""The network `head`: logistic regression, fitted at once."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from wholepool.learn.head import softmax
from wholepool.learn.networks import head

OWN = {"scale": 10.0, "penalty": 0.01}
#: how far from the minimum the weights may be where the slope is at most SLOPE: the loss curves at
#: least with the penalty
NEAR = OWN["scale"] * head.SLOPE / OWN["penalty"]


def points(n=60, d=5, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    rows = rng.normal(size=(n, d)) + 2 * np.eye(d)[labels]
    return head.embed(rows.astype(np.float32), OWN), labels, rng.uniform(0.1, 1, n)


def loss(matrix, rows, labels, weights, own=OWN):
    """What is minimized, word for word; `matrix` (c, d + 1) is of the embeddings."""
    total = 0.0
    for row, label, weight in zip(rows.astype(float), labels, weights, strict=True):
        logits = matrix[:, :-1] @ row + matrix[:, -1]
        total += weight * (logsumexp(logits) - logits[label])
    squares = ((matrix[:, :-1] / own["scale"]) ** 2).sum()
    return total / weights.sum() + own["penalty"] / 2 * squares


def twin_of(rows, labels, weights, own=OWN):
    twin = LogisticRegression(C=1 / (own["penalty"] * weights.sum()), tol=1e-10, max_iter=5000)
    twin.fit(own["scale"] * rows.astype(float), labels, sample_weight=weights)
    matrix = np.column_stack([own["scale"] * twin.coef_, twin.intercept_])
    return matrix


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", [0.1, 0.01, 0.001])
def test_it_is_scikit_learn_s_logistic_regression(weighted, penalty):
    rows, labels, weights = points()
    weights = weights if weighted else np.ones(len(rows))
    own = OWN | {"penalty": penalty}
    found, twin = (fit(rows, labels, weights, own) for fit in (fitted, twin_of))
    np.testing.assert_allclose(found, twin, rtol=2e-3, atol=2e-2)
    least = loss(twin, rows, labels, weights, own)
    assert abs(loss(found.astype(float), rows, labels, weights, own) - least) < 1e-6


def fitted(rows, labels, weights, own):
    return head.fit(rows, labels, weights, labels.max() + 1, own)


def test_a_weight_is_worth_as_many_copies():
    rows, labels, _ = points(30)
    weights = 1.0 + np.arange(30) % 3
    copies = np.repeat(np.arange(30), weights.astype(int))
    once = head.fit(rows, labels, weights, 3, OWN)
    twice = head.fit(rows[copies], labels[copies], np.ones(len(copies)), 3, OWN)
    np.testing.assert_allclose(once, twice, atol=NEAR)
    np.testing.assert_allclose(head.fit(rows, labels, 7 * weights, 3, OWN), once, atol=NEAR)


def test_a_class_without_a_label_is_never_predicted():
    rows, labels, weights = points()
    seen = labels != 1
    matrix = head.fit(rows[seen], labels[seen], weights[seen], 4, OWN)
    assert matrix.shape == (4, 6) and np.isfinite(matrix).all()
    assert set(softmax(rows, matrix).argmax(axis=1)) == {0, 2}
    np.testing.assert_allclose(matrix[1], matrix[3], atol=1e-4)  # nothing tells the two apart


def test_of_one_class_it_predicts_that():
    rows, labels, weights = points()
    one = labels == 2
    matrix = head.fit(rows[one], labels[one], weights[one], 3, OWN)
    assert (softmax(rows[one], matrix).argmax(axis=1) == 2).all()


def test_the_order_of_the_labels_changes_nothing():
    rows, labels, weights = points()
    order = np.random.default_rng(1).permutation(len(rows))
    one = head.fit(rows, labels, weights, 3, OWN)
    np.testing.assert_allclose(
        head.fit(rows[order], labels[order], weights[order], 3, OWN), one, atol=2e-3
    )


def test_embeddings_are_of_length_one_and_zeros_stay():
    rows = np.array([[3, 4], [0, 0], [1e-30, 0]], np.float32)
    found = head.embed(rows, OWN)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [1, 0]], atol=1e-6)


def test_what_is_told_of_it_is_so():
    rows, labels, weights = points()
    matrix = head.fit(rows, labels, weights, 3, OWN)
    told = head.describe((5,), 3, OWN)
    assert told["bytes"] == matrix.nbytes and told["dimensions"] == matrix.shape[1] - 1


def test_probabilities_are_the_softmax_of_the_logits():
    rows, labels, weights = points()
    matrix = 1e3 * head.fit(rows, labels, weights, 3, OWN)  # no overflow
    logits = rows.astype(float) @ matrix[:, :-1].T.astype(float) + matrix[:, -1]
    wanted = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    np.testing.assert_allclose(softmax(rows, matrix), wanted, atol=1e-3)
