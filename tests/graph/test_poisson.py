"""Poisson learning against dense pseudo-inverses, component by component, and what must hold."""

import math

import numpy as np
import pytest
import twins
from graphs import csr, random_graph
from toys import PROPAGATION

from wholepool.graph import poisson as module
from wholepool.graph.affinity import normalized_graph
from wholepool.graph.poisson import poisson
from wholepool.graph.propagation import propagate_images
from wholepool.job.errors import UserError
from wholepool.learn.semi import State, label_propagation
from wholepool.learn.semi import poisson as semi

pytestmark = pytest.mark.usefixtures("solver", "tight")
SETTINGS = {"labels": "onehot", "max_iterations": 2000, "normalize_weights": False}


@pytest.fixture
def tight(monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", 1e-11)


def weighted(seed, **how):
    """A symmetric W: random components and isolated nodes, their degrees far from equal."""
    w = random_graph(seed, **how)
    factors = np.random.default_rng(seed).uniform(0.3, 3, len(w))
    return w * factors * factors[:, None]


def learn(w, labeled, labels, classes, settings=SETTINGS):
    known = np.array(labeled), np.array(labels)
    degree = w.sum(axis=1)
    return poisson(csr(twins.normalize(w)), *known, classes, settings, "cpu", degree)


def solved(w, labeled, labels, classes, class_mean=False):
    """(u, the classes that each node's component has labels of), by pseudo-inverses."""
    n = len(w)
    y = twins.one_hot(n, classes, labeled, labels)
    u, seen = np.zeros((n, classes)), [set() for _ in range(n)]
    for start in range(n):
        part = sorted(twins.reachable(w, [start]))
        if part[0] != start:
            continue
        own = sorted(set(labeled) & set(part))
        b = np.zeros((n, classes))
        for j in own:
            b[j] = y[j] - sum(y[i] for i in own) / len(own)
        block = w[np.ix_(part, part)]
        found = np.linalg.pinv(np.diag(block.sum(axis=1)) - block) @ b[part]
        degree = block.sum(axis=1)
        if degree.sum() > 0:
            found -= degree @ found / degree.sum()
        u[part] = found
        for i in part:
            seen[i] = {c for c in range(classes) if any(y[j, c] for j in own)}
    if class_mean:
        u /= np.maximum(y.sum(axis=0), 1)
    return u, seen


def twin(w, labeled, labels, classes, class_mean=False):
    u, seen = solved(w, labeled, labels, classes, class_mean)
    margins = []
    for row, known in zip(u, seen, strict=True):
        if len(known) > 1:
            first, second = sorted((row[c] for c in known), reverse=True)[:2]
            margins.append(first - second)
    scale = sum(margins) / len(margins) if margins else 1
    p = np.full(u.shape, 1 / classes)
    for i, known in enumerate(seen):
        if known:
            masses = {c: math.exp(u[i, c] / scale) for c in known}
            p[i] = [masses.get(c, 0) / sum(masses.values()) for c in range(classes)]
    weights = [twins.beta(row) if known else 0 for row, known in zip(p, seen, strict=True)]
    return p, weights, [bool(known) for known in seen]


def close_to_twin(found, *asked):
    p, weights, reached = twin(*asked)
    np.testing.assert_allclose(found.probabilities, p, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.weights, weights, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.reached, reached)
    np.testing.assert_array_equal(found.labels, found.probabilities.argmax(axis=1))
    assert found.residual <= 1e-11


@pytest.mark.parametrize("class_mean", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_against_the_pseudo_inverse(seed, class_mean):
    """Components without labels, with labels of one class, and isolated nodes are among them."""
    w = weighted(seed)
    rng = np.random.default_rng(seed)
    labeled, labels = rng.choice(len(w), 7, replace=False), rng.integers(0, 3, 7)
    settings = SETTINGS | {"labels": "class_mean" if class_mean else "onehot"}
    found = learn(w, labeled, labels, 3, settings)
    close_to_twin(found, w, labeled, labels, 3, class_mean)
    assert found.labels.dtype == np.int32
    assert found.weights.dtype == np.float32
    assert found.probabilities.dtype == np.float64


def test_the_solution_solves_the_equation():
    """The twin too: L u = sum_j (y_j - mean y) delta_j where the graph is connected."""
    w = weighted(3, sizes=(20,), isolated=0)
    labeled, labels = [2, 5, 11, 17], [0, 1, 2, 1]
    u, _ = solved(w, labeled, labels, 3)
    y = twins.one_hot(20, 3, labeled, labels)
    b = np.zeros((20, 3))
    b[labeled] = y[labeled] - y[labeled].mean(axis=0)
    np.testing.assert_allclose((np.diag(w.sum(axis=1)) - w) @ u, b, atol=1e-10)
    np.testing.assert_allclose(w.sum(axis=1) @ u, 0, atol=1e-10)
    np.testing.assert_array_equal(learn(w, labeled, labels, 3).labels, u.argmax(axis=1))


def test_a_component_without_a_label_stays_unassigned():
    w = weighted(1, sizes=(10, 8), isolated=2, shuffle=False)
    found = learn(w, [0, 3], [2, 1], 3)
    np.testing.assert_array_equal(found.reached, np.arange(20) < 10)
    np.testing.assert_array_equal(found.probabilities[10:], 1 / 3)
    np.testing.assert_array_equal(found.weights[10:], 0)
    np.testing.assert_array_equal(found.labels[10:], 0)


def test_edges_of_weight_zero_join_nothing():
    w = weighted(1, sizes=(6, 5), isolated=0, shuffle=False)
    graph = csr(twins.normalize(w))
    joined = csr(twins.normalize(w) + np.eye(11, k=5) + np.eye(11, k=-5))
    joined.data[(joined.data == 1).nonzero()] = 0
    assert joined.nnz > graph.nnz
    asked = np.array([0, 3]), np.array([1, 0]), 2, SETTINGS, "cpu", w.sum(axis=1)
    found = poisson(joined, *asked)
    np.testing.assert_array_equal(found.reached, np.arange(11) < 6)
    assert joined.nnz > graph.nnz  # it is left as it was
    np.testing.assert_allclose(found.probabilities, poisson(graph, *asked).probabilities, atol=1e-9)


@pytest.mark.parametrize("kind", ["onehot", "class_mean"])
def test_labels_of_one_class_alone_give_it_to_all_that_they_reach(kind):
    w = weighted(2)
    labeled = [0, 5, 7]
    found = learn(w, labeled, [1, 1, 1], 3, SETTINGS | {"labels": kind})
    assert set(np.flatnonzero(found.reached)) == twins.reachable(w, labeled)
    np.testing.assert_array_equal(
        found.probabilities[found.reached], [[0, 1, 0]] * found.reached.sum()
    )
    np.testing.assert_array_equal(found.weights, found.reached)
    assert found.iterations == 0


def test_a_pool_of_one_class():
    w = weighted(2)
    found = learn(w, [0, 5], [0, 0], 1)
    np.testing.assert_array_equal(found.probabilities, 1)
    np.testing.assert_array_equal(found.weights, found.reached)


def test_a_class_without_labels_is_never_predicted():
    w = weighted(2, sizes=(25,), isolated=0)
    labeled, labels = [0, 5, 9], [1, 3, 1]
    found = learn(w, labeled, labels, 4)
    close_to_twin(found, w, labeled, labels, 4)
    np.testing.assert_array_equal(found.probabilities[:, [0, 2]], 0)


def test_duplicates_get_equal_answers():
    base = weighted(7, sizes=(15,), isolated=0, shuffle=False)
    order = [*range(15), 4, 4]
    w = base[np.ix_(order, order)]  # 15 and 16 have the edges of 4; the three are not joined
    found = learn(w, [0, 8, 12], [0, 1, 2], 3)
    close_to_twin(found, w, [0, 8, 12], [0, 1, 2], 3)
    np.testing.assert_allclose(found.probabilities[[15, 16]], found.probabilities[[4, 4]], 1e-8)


def test_a_node_of_several_labels_is_one_source():
    w = weighted(4, sizes=(12,), isolated=1, shuffle=False)
    once = learn(w, [0, 5, 12], [0, 1, 2], 3)
    twice = learn(w, [0, 5, 5, 12], [0, 1, 1, 2], 3)
    np.testing.assert_array_equal(twice.probabilities, once.probabilities)
    torn = learn(w, [0, 12, 12], [0, 1, 2], 3)
    np.testing.assert_array_equal(torn.probabilities[12], [0, 0.5, 0.5])
    assert torn.labels[12] == 1


def test_a_tie_between_classes_goes_to_the_lower_class(solver):
    w = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=float)  # a path, its ends labeled 2 and 1
    found = learn(w, [0, 2], [2, 1], 3)
    assert found.probabilities[1, 1] == pytest.approx(found.probabilities[1, 2], abs=1e-12)
    if solver == "small":  # in large graphs, rounding may decide
        assert found.labels.tolist() == [2, 1, 1]


def test_permutation_equivariance_of_nodes_and_classes():
    w = weighted(9)
    order = np.random.default_rng(0).permutation(len(w))
    place, renamed = np.argsort(order), np.array([2, 0, 1])
    labeled, labels = np.array([1, 4, 7, 20]), np.array([0, 2, 1, 1])
    first = learn(w, labeled, labels, 3)
    second = learn(w[np.ix_(order, order)], place[labeled], renamed[labels], 3)
    moved = second.probabilities[:, renamed]
    np.testing.assert_allclose(moved, first.probabilities[order], atol=1e-8)
    np.testing.assert_allclose(second.weights, first.weights[order], atol=1e-6)
    np.testing.assert_array_equal(second.reached, first.reached[order])


@pytest.mark.parametrize("factor", [1e-6, 7, 1e8])
def test_the_scale_of_the_weights_is_of_no_account(factor):
    w = weighted(6)
    asked = [0, 3, 9, 14, 20, 22], [0, 1, 2, 1, 0, 2], 3
    first, second = learn(w, *asked), learn(factor * w, *asked)
    np.testing.assert_allclose(second.probabilities, first.probabilities, atol=1e-8)
    np.testing.assert_allclose(second.weights, first.weights, atol=1e-6)


def test_at_the_mean_margin_the_odds_are_e_to_one():
    w = weighted(6, sizes=(30,), isolated=1)
    found = learn(w, [0, 3], [0, 1], 2)
    odds = np.log(np.sort(found.probabilities[found.reached], axis=1))
    assert np.mean(odds[:, 1] - odds[:, 0]) == pytest.approx(1)


@pytest.mark.parametrize("balance", ["uniform", "labels", "auto"])
def test_balance_gives_the_classes_their_shares(balance):
    w = weighted(6, sizes=(60,), isolated=2)
    asked = [0, 3, 9, 14], [0, 0, 0, 1], 2
    plain = learn(w, *asked)
    found = learn(w, *asked, SETTINGS | {"balance": balance})
    shares = [0.75, 0.25] if balance == "labels" else [0.5, 0.5]
    reached = found.reached
    np.testing.assert_allclose(found.probabilities[reached].mean(axis=0), shares, atol=2e-6)
    assert np.abs(plain.probabilities[reached].mean(axis=0) - shares).max() > 0.01
    np.testing.assert_array_equal(reached, plain.reached)
    none = learn(w, *asked, SETTINGS | {"balance": "none"})
    np.testing.assert_array_equal(none.probabilities, plain.probabilities)


def test_normalize_weights_divides_by_the_largest():
    w = weighted(6)
    asked = [0, 3, 6, 9], [0, 1, 2, 1], 3
    plain, divided = learn(w, *asked), learn(w, *asked, SETTINGS | {"normalize_weights": True})
    np.testing.assert_allclose(divided.weights, plain.weights / plain.weights.max(), rtol=3e-7)


@pytest.mark.parametrize("cap", [0, 1, 4])
def test_the_cap_is_respected_with_finite_answers(cap):
    w = weighted(5, sizes=(60,), isolated=3)
    found = learn(w, [0, 1, 2], [0, 1, 2], 3, SETTINGS | {"max_iterations": cap})
    assert found.iterations == cap
    assert np.isfinite(found.probabilities).all()
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-12)
    assert ((found.weights >= 0) & (found.weights <= 1)).all()


def test_the_authors_tolerance_is_near_the_exact_solution(monkeypatch):
    w = weighted(8, sizes=(150,), isolated=3, density=0.05)
    labeled, labels = [0, 9, 40, 77], [0, 1, 2, 1]
    monkeypatch.setattr(module, "TOLERANCE", 1e-3)
    found = learn(w, labeled, labels, 3)
    assert found.residual <= 1e-3
    np.testing.assert_allclose(found.probabilities, twin(w, labeled, labels, 3)[0], atol=0.02)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_laplacian_that_is_not_definite_is_refused():
    """Similarities that are not clipped may be negative: here the first curvature is exactly 0."""
    graph = csr(np.array([[0.0, -1.0], [-1.0, 0.0]]))
    known = np.array([0, 1]), np.array([0, 1])
    with pytest.raises(UserError, match=r"the Laplacian .* propagation.clip: true$"):
        poisson(graph, *known, 2, SETTINGS, "cpu", np.ones(2))


def test_images_are_answered_by_their_nodes_and_a_graph_is_not_searched_for(monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[10:14] = rows[3]
    settings = PROPAGATION | SETTINGS
    known = np.array([0, 10, 25, 40]), np.array([0, 1, 2, 1])
    found = semi.propagated(rows, *known, 3, settings)
    np.testing.assert_array_equal(found.probabilities[10:14], found.probabilities[[3] * 4])
    graph = normalized_graph(rows, settings)
    alone = poisson(
        graph.adjacency, graph.node[known[0]], known[1], 3, settings, "cpu", graph.degree
    )
    np.testing.assert_array_equal(found.probabilities, alone.probabilities[graph.node])

    monkeypatch.setattr("wholepool.graph.propagation.normalized_graph", None)
    state = State(rows, np.empty((60, 3)), *known, {"propagation": settings}, "cpu", graph)
    for method in (semi, label_propagation):
        again = method.propagated(None, *known, 3, settings, graph=graph)
        pseudo = method.pseudo_label(state)
        np.testing.assert_array_equal(pseudo.labels, again.labels)
        np.testing.assert_array_equal(pseudo.weights, again.weights)
        assert set(pseudo.report) == {"neighbor_recall", "mean_weight", "reached", "residual"}
    np.testing.assert_array_equal(
        pseudo.labels, propagate_images(None, *known, 3, settings, graph=graph).labels
    )
    poissons = semi.pseudo_label(state)
    np.testing.assert_array_equal(poissons.labels, found.labels)
