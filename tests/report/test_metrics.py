import math

import numpy as np
import pytest
import twins
from sklearn.metrics import normalized_mutual_info_score

from wholepool.report import metrics as evaluation


def predictions(seed, n=200, classes=5):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.5), size=n).astype(np.float32)
    # labels drawn from tempered probabilities: over- and underconfident in different bins
    tempered = probabilities.astype(float) ** np.where(rng.random((n, 1)) < 0.5, 0.3, 3)
    tempered /= tempered.sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(classes, p=row) for row in tempered])
    return probabilities, labels


@pytest.mark.parametrize("seed", range(3))
def test_accuracy_against_loops(seed):
    probabilities, labels = predictions(seed)
    assert evaluation.accuracy(probabilities, labels) == pytest.approx(
        twins.accuracy(probabilities, labels), abs=1e-10
    )


def test_accuracy_by_hand():
    probabilities = np.array([[0.5, 0.5], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    # a tie goes to the lower class: predictions 0, 1, 0, 1
    assert evaluation.accuracy(probabilities, np.array([0, 1, 1, 1])) == 75
    assert evaluation.accuracy(probabilities, np.array([1, 0, 1, 0])) == 0


def test_per_class_accuracy_against_loops():
    probabilities, labels = predictions(1)
    labels[labels == 3] = 0
    found = evaluation.per_class_accuracy(probabilities, labels)
    assert found[3] is None
    for label in (0, 1, 2, 4):
        rows = [i for i in range(200) if labels[i] == label]
        expected = twins.accuracy(probabilities[rows], labels[rows])
        assert found[label] == pytest.approx(expected, abs=1e-10)
        assert type(found[label]) is float


def test_negative_log_likelihood_against_loops():
    probabilities, labels = predictions(2)
    assert evaluation.negative_log_likelihood(probabilities, labels) == pytest.approx(
        twins.negative_log_likelihood(probabilities.astype(float), labels), rel=1e-12
    )


def test_negative_log_likelihood_by_hand_and_of_an_impossible_label():
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75]], dtype=np.float32)
    found = evaluation.negative_log_likelihood(probabilities, np.array([0, 0]))
    assert found == pytest.approx(1.5 * math.log(2), rel=1e-12)
    certain = np.array([[1, 0]], dtype=np.float32)
    assert evaluation.negative_log_likelihood(certain, np.array([0])) == 0
    # the smallest normal float32 is 2^-126
    assert evaluation.negative_log_likelihood(certain, np.array([1])) == pytest.approx(
        126 * math.log(2)
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_against_loops(seed, bins):
    probabilities, labels = predictions(seed)
    assert evaluation.expected_calibration_error(probabilities, labels, bins) == pytest.approx(
        twins.calibration_error(probabilities, labels, bins), abs=1e-9
    )


def test_calibration_error_by_hand():
    # confidences 0.75 (right), 0.625 (wrong), 1 (right), 0.5 (right, class 0), in two bins:
    # (0, 0.5]: |1 - 0.5| x 1; (0.5, 1]: |2 / 3 - 2.375 / 3| x 3; over 4
    probabilities = np.array([[0.25, 0.75], [0.625, 0.375], [0, 1], [0.5, 0.5]])
    labels = np.array([1, 1, 1, 0])
    assert evaluation.expected_calibration_error(probabilities, labels, bins=2) == pytest.approx(
        100 * (0.5 + 0.375) / 4, abs=1e-10
    )


def test_calibration_error_defaults_to_15_bins():
    probabilities, labels = predictions(4)
    ten, fifteen = (twins.calibration_error(probabilities, labels, bins) for bins in (10, 15))
    assert abs(ten - fifteen) > 0.1
    assert evaluation.expected_calibration_error(probabilities, labels) == pytest.approx(
        fifteen, abs=1e-9
    )


def test_perfect_and_worst_calibration():
    certain = np.eye(3)[[0, 1, 2, 0]]
    assert evaluation.expected_calibration_error(certain, np.array([0, 1, 2, 0])) == 0
    assert evaluation.expected_calibration_error(certain, np.array([1, 2, 0, 1])) == 100


def test_confidence_a_rounding_above_1_is_in_the_last_bin():
    probabilities = np.array([[1 + 1e-7, 0]], dtype=np.float32)
    assert probabilities[0, 0] > 1
    found = evaluation.expected_calibration_error(probabilities, np.array([0]))
    assert found == pytest.approx(0, abs=1e-4)


def test_pseudo_label_accuracy_by_hand():
    pseudo, truth = np.array([0, 1, 2, 1]), np.array([0, 2, 2, 0])
    weights = np.array([0.5, 0.25, 1, 0.25], dtype=np.float32)
    assert evaluation.pseudo_label_accuracy(pseudo, weights, truth) == (50, 75)
    assert evaluation.pseudo_label_accuracy(pseudo, 0 * weights, truth) == (50, None)
    nothing = np.array([])
    assert evaluation.pseudo_label_accuracy(nothing, nothing, nothing) == (None, None)


def test_class_balance_by_hand():
    assert evaluation.class_balance(np.array([0, 1, 2, 2, 1, 0]), 3)[0] == [2, 2, 2]
    assert evaluation.class_balance(np.array([0, 1, 2, 2, 1, 0]), 3)[1] == pytest.approx(1)
    counts, balance = evaluation.class_balance(np.array([3, 3, 1, 1]), 4)
    assert counts == [0, 2, 0, 2]
    assert balance == pytest.approx(0.5)
    assert evaluation.class_balance(np.array([2, 2]), 3) == ([0, 0, 2], 0)
    assert evaluation.class_balance(np.array([0, 0]), 1) == ([2], 1)


@pytest.mark.parametrize("seed", range(5))
def test_nmi_against_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 6, 300)
    second = np.where(rng.random(300) < 0.5, first * 2, rng.integers(0, 20, 300))
    expected = normalized_mutual_info_score(first, second, average_method="geometric")
    found = evaluation.normalized_mutual_information(first, second)
    assert 0.1 < expected < 0.9
    assert found == pytest.approx(expected, abs=1e-10)
    assert evaluation.normalized_mutual_information(second, first) == pytest.approx(found)


def test_nmi_of_equal_and_of_independent_partitions():
    first = np.repeat(np.arange(4), 25)
    renamed = np.array([7, -3, 40, 0])[first]
    assert evaluation.normalized_mutual_information(first, renamed) == pytest.approx(1)
    crossed = np.tile(np.arange(25), 4)
    assert evaluation.normalized_mutual_information(first, crossed) == pytest.approx(0, abs=1e-12)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", range(1, 60))
def test_nmi_with_single_clusters(n):
    """Whatever n is: shares that sum to 1 but for rounding must not show."""
    single = np.zeros(n, dtype=int)
    assert evaluation.normalized_mutual_information(single, single + 3) == pytest.approx(1)
    for clusters in range(2, min(n, 12) + 1):
        several = np.arange(n) % clusters
        # the root of a rounding error is some 1e-8
        for pair in ((single, several), (several, single)):
            assert evaluation.normalized_mutual_information(*pair) == pytest.approx(0, abs=1e-6)
