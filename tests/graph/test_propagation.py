import math

import numpy as np
import pytest
import twins
from graphs import csr, random_graph

from wholepool.graph import propagation
from wholepool.graph.certainty import certainty, entropy

pytestmark = pytest.mark.usefixtures("solver")

TIGHT = {
    "alpha": 0.99,
    "tolerance": 1e-12,
    "max_iterations": 2000,
    "labels": "one_hot",
    "normalize_weights": False,
}


def close_to_twin(found, graph, labeled, labels, classes, alpha=0.99):
    p, best, weights = twins.propagate(graph, labeled, labels, classes, alpha)
    # residual 1e-12, amplified by at most 1 / (1 - alpha) and by the division by the row's mass
    np.testing.assert_allclose(found.probabilities, p, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.weights, weights, rtol=0, atol=1e-6)  # float32
    ranked = np.sort(p, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-7 if classes > 1 else np.ones(len(p), dtype=bool)
    np.testing.assert_array_equal(found.labels[clear], np.array(best)[clear])
    expected = np.isin(np.arange(len(graph)), list(twins.reachable(graph, labeled)))
    np.testing.assert_array_equal(found.reached, expected)


@pytest.mark.parametrize("cap", [0, 1, 2, 7])
def test_the_cap_is_respected_with_finite_answers(cap):
    graph = random_graph(5, sizes=(60,), isolated=3)
    settings = {**TIGHT, "max_iterations": cap}
    found = propagation.propagate(csr(graph), np.array([0, 1, 2]), np.array([0, 1, 2]), 3, settings)
    assert found.iterations == cap
    assert found.residual > TIGHT["tolerance"]
    for array in (found.probabilities, found.weights):
        assert np.isfinite(array).all()
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    assert (found.probabilities >= 0).all()
    assert ((found.weights >= 0) & (found.weights <= 1)).all()


def test_no_iterations_reach_nobody():
    graph = random_graph(5)
    settings = {**TIGHT, "max_iterations": 0}
    found = propagation.propagate(csr(graph), np.array([0]), np.array([1]), 3, settings)
    assert not found.reached.any()
    np.testing.assert_array_equal(found.weights, 0)


@pytest.mark.parametrize("seed", range(5))
def test_propagate_against_the_dense_inverse(seed):
    """Isolated nodes and components without labels are among the nodes."""
    graph = random_graph(seed)
    rng = np.random.default_rng(seed)
    labeled = rng.choice(len(graph), 6, replace=False)
    labels = rng.integers(0, 3, 6)
    found = propagation.propagate(csr(graph), labeled, labels, 3, TIGHT)
    close_to_twin(found, graph, labeled, labels, 3)
    assert found.residual <= 1e-12
    assert found.labels.dtype == np.int32
    assert found.weights.dtype == np.float32
    assert found.probabilities.dtype == np.float64


def test_a_class_without_labels_is_never_predicted():
    graph = random_graph(2, sizes=(25,), isolated=0)
    labeled, labels = np.array([0, 5, 9]), np.array([1, 3, 1])
    found = propagation.propagate(csr(graph), labeled, labels, 4, TIGHT)
    close_to_twin(found, graph, labeled, labels, 4)
    np.testing.assert_array_equal(found.probabilities[:, [0, 2]], 0)
    assert set(found.labels) <= {1, 3}


def test_one_class():
    graph = random_graph(2)
    labeled = np.array([0, 5])
    found = propagation.propagate(csr(graph), labeled, np.array([0, 0]), 1, TIGHT)
    np.testing.assert_array_equal(found.labels, 0)
    np.testing.assert_array_equal(found.probabilities, 1)
    np.testing.assert_array_equal(found.weights, found.reached)
    assert set(np.flatnonzero(found.reached)) == twins.reachable(graph, labeled)


def test_duplicates_get_equal_answers():
    base = random_graph(7, sizes=(15,), isolated=0, shuffle=False)
    order = [*range(15), 4, 4]
    w = base[np.ix_(order, order)]  # 15 and 16 have the edges of 4; the three are not joined
    graph = twins.normalize(w)
    labeled, labels = np.array([0, 8, 12]), np.array([0, 1, 2])
    found = propagation.propagate(csr(graph), labeled, labels, 3, TIGHT)
    close_to_twin(found, graph, labeled, labels, 3)
    # equal rows of the matrix: equal but for rounding
    np.testing.assert_allclose(found.probabilities[[15, 16]], found.probabilities[[4, 4]], 1e-9)


def test_unreached_nodes_are_exactly_uniform_with_weight_zero():
    graph = random_graph(1, sizes=(10, 8), isolated=2, shuffle=False)
    found = propagation.propagate(csr(graph), np.array([0, 3]), np.array([2, 1]), 3, TIGHT)
    np.testing.assert_array_equal(found.reached, np.arange(20) < 10)
    np.testing.assert_array_equal(found.probabilities[10:], 1 / 3)
    np.testing.assert_array_equal(found.weights[10:], 0)
    np.testing.assert_array_equal(found.labels[10:], 0)


def test_an_isolated_labeled_node_is_sure_of_its_own_label():
    graph = random_graph(1, sizes=(10,), isolated=2, shuffle=False)
    found = propagation.propagate(csr(graph), np.array([0, 11]), np.array([0, 2]), 3, TIGHT)
    np.testing.assert_array_equal(found.probabilities[11], [0, 0, 1])
    assert found.weights[11] == 1
    assert not found.reached[10]


def test_a_tie_between_classes_goes_to_the_lower_class(solver):
    # the middle of a path, its ends labeled 2 and 1
    graph = twins.normalize(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=float))
    found = propagation.propagate(csr(graph), np.array([0, 2]), np.array([2, 1]), 3, TIGHT)
    assert found.probabilities[1, 1] == pytest.approx(found.probabilities[1, 2], abs=1e-12)
    if solver == "small":  # in large graphs, rounding may decide
        assert found.labels.tolist() == [2, 1, 1]


def test_node_permutation_equivariance():
    graph = random_graph(9)
    n = len(graph)
    order = np.random.default_rng(0).permutation(n)
    place = np.argsort(order)  # old node i stands at place[i]
    labeled, labels = np.array([1, 4, 7, 20]), np.array([0, 2, 1, 1])
    first = propagation.propagate(csr(graph), labeled, labels, 3, TIGHT)
    second = propagation.propagate(
        csr(graph[np.ix_(order, order)]), place[labeled], labels, 3, TIGHT
    )
    np.testing.assert_allclose(second.probabilities, first.probabilities[order], atol=1e-8)
    np.testing.assert_allclose(second.weights, first.weights[order], atol=1e-6)
    np.testing.assert_array_equal(second.reached, first.reached[order])


def test_class_permutation_equivariance():
    graph = random_graph(9)
    labeled, labels = np.array([1, 4, 7, 20]), np.array([0, 2, 1, 1])
    renamed = np.array([2, 0, 1])
    first = propagation.propagate(csr(graph), labeled, labels, 3, TIGHT)
    second = propagation.propagate(csr(graph), labeled, renamed[labels], 3, TIGHT)
    np.testing.assert_allclose(second.probabilities[:, renamed], first.probabilities, atol=1e-12)
    np.testing.assert_allclose(second.weights, first.weights, atol=1e-6)
    reached = first.reached
    np.testing.assert_array_equal(second.labels[reached], renamed[first.labels[reached]])


def test_the_order_of_the_labels_is_of_no_account():
    graph = csr(random_graph(9))
    labeled, labels = np.array([1, 4, 7, 20]), np.array([0, 2, 1, 1])
    first = propagation.propagate(graph, labeled, labels, 3, TIGHT)
    second = propagation.propagate(graph, labeled[::-1], labels[::-1], 3, TIGHT)
    np.testing.assert_array_equal(first.probabilities, second.probabilities)


def test_label_matrix_one_hot_and_class_mean():
    labeled, labels = np.array([5, 1, 3]), np.array([0, 2, 0])
    one_hot = propagation.label_matrix(6, 3, labeled, labels)
    np.testing.assert_array_equal(one_hot, twins.one_hot(6, 3, labeled, labels))
    mean = propagation.label_matrix(6, 3, labeled, labels, class_mean=True)
    # class 0 has two labels, class 1 none, class 2 one
    np.testing.assert_array_equal(mean, one_hot / [2, 1, 1])
    assert one_hot.dtype == mean.dtype == np.float64


def test_class_mean_is_used_by_propagate():
    graph = random_graph(6, sizes=(20,), isolated=0)
    labeled, labels = np.array([0, 3, 6, 9]), np.array([0, 0, 0, 1])
    found = propagation.propagate(csr(graph), labeled, labels, 2, {**TIGHT, "labels": "class_mean"})
    scores = twins.h(graph, twins.one_hot(20, 2, labeled, labels) / [3, 1], 0.99)
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-8)
    plain = propagation.propagate(csr(graph), labeled, labels, 2, TIGHT)
    assert np.abs(plain.probabilities - expected).max() > 0.1


def test_normalize_weights_divides_by_the_largest():
    graph = random_graph(6, sizes=(20,), isolated=1, shuffle=False)
    labeled, labels = np.array([0, 3, 6, 9]), np.array([0, 1, 2, 1])
    plain = propagation.propagate(csr(graph), labeled, labels, 3, TIGHT)
    divided = propagation.propagate(
        csr(graph), labeled, labels, 3, {**TIGHT, "normalize_weights": True}
    )
    assert 0 < plain.weights.max() < 1
    assert divided.weights.max() == 1
    # two roundings to float32
    np.testing.assert_allclose(divided.weights, plain.weights / plain.weights.max(), rtol=3e-7)


def test_normalize_weights_survives_weights_that_are_all_zero():
    # one edge, its ends labeled 0 and 1, is not enough; two classes tied everywhere are
    graph = twins.normalize(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=float))
    settings = {**TIGHT, "normalize_weights": True, "max_iterations": 0}
    found = propagation.propagate(csr(graph), np.array([0]), np.array([0]), 2, settings)
    np.testing.assert_array_equal(found.weights, 0)


def test_entropy_by_hand():
    rows = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5], [0.7, 0.2, 0.1]])
    by_hand = [
        0,
        math.log(2),
        1.5 * math.log(2),
        -(0.7 * math.log(0.7) + 0.2 * math.log(0.2) + 0.1 * math.log(0.1)),
    ]
    np.testing.assert_allclose(entropy(rows), by_hand, rtol=0, atol=1e-15)
    np.testing.assert_allclose([twins.entropy(row) for row in rows], by_hand, rtol=0, atol=1e-15)
    assert entropy(rows.astype(np.float32)).dtype == np.float64


def test_certainty_by_hand():
    rows = np.array([[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0], [0.5, 0.25, 0.25, 0]])
    # log 4 = 2 log 2: entropies of 0, 1, 1/2 and 3/4 of it
    np.testing.assert_allclose(certainty(rows), [1, 0, 0.5, 0.25], atol=1e-15)
    np.testing.assert_array_equal(certainty(np.ones((3, 1))), 1)


def test_certainty_stays_in_its_range():
    rng = np.random.default_rng(0)
    rows = 1 / 7 + rng.normal(size=(2000, 7)) * 1e-17  # uniform but for rounding
    found = certainty(rows)
    assert (found >= 0).all()
    assert (found < 1e-12).all()


@pytest.mark.parametrize("tolerance", [1e-6, 1e-3])
def test_even_a_loose_solve_gives_probabilities(tolerance):
    graph = random_graph(8, sizes=(150,), isolated=3, density=0.05)
    settings = {**TIGHT, "tolerance": tolerance}
    found = propagation.propagate(csr(graph), np.array([0, 9]), np.array([0, 1]), 2, settings)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    assert (found.probabilities >= 0).all()
    assert found.residual <= tolerance
