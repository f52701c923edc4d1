"""Neighbors, graph and propagation on pools of any shape, against brute force and the twins."""

import numpy as np
import pytest
import torch
import twins
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from wholepool.graph import affinity as graph
from wholepool.graph import conjugate_gradients, kmeans, neighbors, propagation
from wholepool.job.errors import UserError

TIGHT = {"tolerance": 1e-12, "max_iterations": 5000}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Pools this small are only slowed down by threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# what is drawn


@st.composite
def dyadic_rows(draw, largest=200):
    """Rows of +-1 in 1, 4 or 16 dimensions: their cosines are exact in float32, and ties abound."""
    n = draw(st.integers(2, largest))
    d = draw(st.sampled_from([1, 4, 16]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = rng.choice([-1.0, 1.0], size=(n, d), p=[(p := draw(st.floats(0, 1))), 1 - p])
    return rows.astype(np.float32)


@st.composite
def embeddings(draw, largest=60, least=2):
    """Rows float32 (n, d): clouds, with duplicates, opposites, orthogonal parts and any scale."""
    n, d = draw(st.integers(least, largest)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    clouds = draw(st.integers(1, 4))
    centers = rng.normal(size=(clouds, d)) * draw(st.sampled_from([0, 1, 10]))
    which = rng.integers(clouds, size=n)
    rows = centers[which] + rng.normal(size=(n, d)) * draw(st.sampled_from([1e-3, 1, 1]))
    if draw(st.booleans()):  # parts without a common direction are not joined by clipped edges
        wide = np.zeros((n, clouds, d))
        wide[np.arange(n), which] = rows
        rows = wide.reshape(n, -1)
    if draw(st.booleans()):
        copies = rng.integers(n, size=(2, draw(st.integers(1, n))))
        rows[copies[0]] = rows[copies[1]] * rng.choice([-1, 1, 1, 1], size=(copies.shape[1], 1))
    scale = draw(st.sampled_from([1, 1, 2.0**-20, 2.0**30]))
    rows = (rows * scale).astype(np.float32)
    assume((np.linalg.norm(rows.astype(np.float64), axis=1) > 1e-12 * scale).all())
    return rows


@st.composite
def ks(draw, n):
    """Numbers of neighbors from 1 to n - 1, often near either end."""
    return draw(st.one_of(st.integers(1, n - 1), st.just(n - 1), st.just(max(1, n - 2))))


@st.composite
def settings_of(draw, n):
    """The section `propagation` of a config, with a solve to the last digit."""
    return TIGHT | {
        "k": draw(ks(n)),
        "search": "exact",
        "recall": 1,
        "gamma": draw(st.sampled_from([1, 2, 3, 0.5, 3.7, 20])),
        "clip": draw(st.booleans()),
        "graph": draw(st.sampled_from(["reciprocal", "union"])),
        "alpha": draw(st.sampled_from([0, 0.1, 0.5, 0.9, 0.99])),
        "labels": draw(st.sampled_from(["onehot", "class_mean"])),
        "normalize_weights": draw(st.booleans()),
    }


@st.composite
def labels_of(draw, n):
    """(number of classes, labeled images, their labels); none may be labeled, or all."""
    classes = draw(st.integers(1, 6))
    labeled = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=min(n, 12)))
    labels = draw(
        st.lists(st.integers(0, classes - 1), min_size=len(labeled), max_size=len(labeled))
    )
    return classes, np.array(labeled, dtype=np.int64), np.array(labels, dtype=np.int64)


# neighbors


def cosines(rows):
    rows = rows.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def searches(rows, k):
    """Every exact search: NumPy's, torch's, and the approximate one that may miss nothing."""
    unit = neighbors.unit_rows(rows)
    return [
        neighbors.Neighbors(*neighbors.exact_small(unit, k)),
        neighbors.Neighbors(*neighbors.exact(unit, k)),
        neighbors.Neighbors(*neighbors.approximate(unit, k, recall=1.0)),
    ]


@given(dyadic_rows(), st.data())
def test_equal_similarities_go_to_the_lower_index(rows, data):
    n = len(rows)
    k = data.draw(ks(n))
    expected = cosines(rows)
    np.fill_diagonal(expected, -np.inf)
    order = np.argsort(-np.round(expected, 6), axis=1, kind="stable")[:, :k]
    small, torchs, approximate = searches(rows, k)
    np.testing.assert_array_equal(small.indices, order)
    np.testing.assert_array_equal(torchs.indices, order)
    sorted_cosines = np.take_along_axis(expected, order, axis=1)
    for found in (small, torchs, approximate):  # the last cuts ties anywhere
        np.testing.assert_allclose(found.similarities, sorted_cosines, rtol=0, atol=1e-6)


@given(embeddings(largest=300), st.data())
def test_neighbors_are_the_most_similar(rows, data):
    n = len(rows)
    k = data.draw(ks(n))
    expected = cosines(rows)
    np.fill_diagonal(expected, -np.inf)
    best = -np.sort(-expected, axis=1)[:, :k]
    for found in searches(rows, k):
        assert found.indices.dtype == np.int64 and found.similarities.dtype == np.float32
        assert found.recall == 1
        assert not (found.indices == np.arange(n)[:, None]).any()
        assert (np.diff(np.sort(found.indices, axis=1), axis=1) > 0).all()
        assert (np.diff(found.similarities, axis=1) <= 0).all()
        # unit rows of float32, of at most 32 dimensions: each product is good to some 1e-7
        np.testing.assert_allclose(found.similarities, best, rtol=0, atol=2e-6)
        picked = np.take_along_axis(expected, found.indices, axis=1)
        np.testing.assert_allclose(picked, best, rtol=0, atol=2e-6)


@given(
    st.integers(1, 30),
    st.integers(1, 5),
    st.sampled_from([0.0, 1e-30, 1e-22, 1e18, 1e19, 1e30, np.inf, -np.inf, np.nan]),
    st.data(),
)
def test_a_row_has_length_one_or_is_refused(n, d, value, data):
    rows = np.ones((n, d), dtype=np.float32)
    row = data.draw(st.integers(0, n - 1))
    rows[row] = value
    try:
        unit = neighbors.unit_rows(rows)
    except UserError as error:
        assert not 1e-15 < value < 1e15
        assert f"image {row} " in str(error)
    else:
        np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=0, atol=1e-6)


@given(st.integers(0, 5), st.integers(-2, 9))
def test_k_is_from_one_to_below_n(n, k):
    rows = np.ones((n, 2), dtype=np.float32)
    if 1 <= k < n:
        neighbors.nearest_neighbors(rows, k)
    else:
        with pytest.raises(ValueError, match="k must be at least 1 and below"):
            neighbors.nearest_neighbors(rows, k)


# the graph


@given(embeddings(largest=40), st.data())
def test_the_graph_is_the_twins(rows, data):
    settings = data.draw(settings_of(len(rows)))
    near = twins.neighbors(rows, settings["k"])
    # where a cosine decides by less than float32 can tell, another edge is as right
    kth = [row[-1][0] for row in near]
    following = [row[-1][0] for row in twins.neighbors(rows, min(settings["k"] + 1, len(rows) - 1))]
    assume(
        settings["k"] == len(rows) - 1
        or all(a - b > 1e-5 for a, b in zip(kth, following, strict=True))
    )
    gamma, reciprocal = settings["gamma"], settings["graph"] == "reciprocal"
    assume(settings["clip"] or gamma in (1, 3))  # the twin has no sign of its own
    found = neighbors.nearest_neighbors(rows, settings["k"])
    weights = graph.affinity(
        found.indices, found.similarities, gamma, reciprocal, settings["clip"]
    ).toarray()
    expected = twins.affinity(near, gamma, reciprocal, settings["clip"])
    # the slope of s^gamma is at most gamma, but for a root near 0
    allowed = 2e-3 if gamma < 1 else 4e-6 * gamma
    np.testing.assert_allclose(weights, expected, rtol=0, atol=allowed)


@given(st.integers(2, 40), st.data(), st.booleans(), st.booleans(), st.integers(0, 2**32))
def test_affinity_of_any_neighbors(n, data, reciprocal, clip, seed):
    """Both ends may see another similarity; quarters make powers and sums exact."""
    k, rng = data.draw(ks(n)), np.random.default_rng(seed)
    others = [rng.permutation(np.delete(np.arange(n), i))[:k] for i in range(n)]
    near = [[(rng.integers(-4, 5) / 4, j) for j in row] for row in others]
    similarities = np.array([[s for s, _ in row] for row in near], dtype=np.float32)
    found = graph.affinity(np.array(others), similarities, 3, reciprocal, clip).toarray()
    np.testing.assert_array_equal(found, twins.affinity(near, 3, reciprocal, clip))
    np.testing.assert_array_equal(found, found.T)


@given(embeddings(largest=200), st.data())
def test_what_the_solver_relies_on(rows, data):
    n = len(rows)
    settings = data.draw(settings_of(n))
    found = neighbors.nearest_neighbors(rows, settings["k"])
    reciprocal = settings["graph"] == "reciprocal"
    weights = graph.affinity(
        found.indices, found.similarities, settings["gamma"], reciprocal, settings["clip"]
    )
    dense, w = graph.normalize(weights).toarray(), weights.toarray()
    assert dense.shape == (n, n) and dense.dtype == w.dtype == np.float64
    assert np.isfinite(dense).all()
    np.testing.assert_array_equal(w, w.T)
    np.testing.assert_array_equal(np.diag(dense), 0)
    largest = max(1, abs(dense).max())
    np.testing.assert_allclose(dense, dense.T, rtol=0, atol=1e-14 * largest)
    degree = w.sum(axis=1)
    if not settings["clip"]:
        return
    assert (dense >= 0).all()
    np.testing.assert_array_equal(dense[degree == 0], 0)
    values = np.linalg.eigvalsh((dense + dense.T) / 2)
    assert values.min() >= -1 - 1e-10 and values.max() <= 1 + 1e-10
    if (degree > 0).any():  # D^1/2 1 is its eigenvector
        assert values.max() == pytest.approx(1, abs=1e-10)
    chosen = np.zeros((n, n), dtype=bool)
    np.put_along_axis(chosen, found.indices, True, axis=1)
    allowed = chosen & chosen.T if reciprocal else chosen | chosen.T
    assert not w[~allowed].any()


@given(embeddings(largest=60), st.data())
def test_equal_embeddings_are_one_node(rows, data):
    """The graph is that of the distinct rows, whatever copies stand between them."""
    distinct = rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    assume(len(distinct) > 1)
    settings = data.draw(settings_of(len(distinct)))
    places = data.draw(st.lists(st.integers(0, len(distinct) - 1), max_size=30))
    order = np.concatenate([np.arange(len(distinct)), np.array(places, dtype=np.int64)])
    found = graph.normalized_graph(distinct[order], settings)
    np.testing.assert_array_equal(found.node, order)
    expected = adjacency(distinct, settings).toarray()
    np.testing.assert_array_equal(found.adjacency.toarray(), expected)


# propagation


def adjacency(rows, settings):
    """The graph in which every row is a node, whether it has copies or not."""
    found = neighbors.nearest_neighbors(rows, settings["k"])
    shape = settings["gamma"], settings["graph"] == "reciprocal", settings["clip"]
    return graph.normalize(graph.affinity(found.indices, found.similarities, *shape))


def solutions(matrix, alpha, b):
    """Every solver's answer: SciPy's in float64, and the large ones', in one block and in many."""
    csr = sparse.csr_array(matrix)
    yield conjugate_gradients.solve_small(csr, alpha, b, 1e-12, 5000)
    for cached, block in ((2**20, 2**19), (0, 16 * 7)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conjugate_gradients, "CACHED", cached)
            patch.setattr(conjugate_gradients, "BLOCK", block)
            large = conjugate_gradients.Large(csr, alpha, b.shape[1], "cpu")
            yield large.solve(b, 1e-12, 5000)


@given(embeddings(largest=80), st.data())
def test_solves_are_the_dense_inverses(rows, data):
    settings = data.draw(settings_of(len(rows))) | {"clip": True}
    matrix = adjacency(rows, settings)
    columns = data.draw(st.integers(1, 20))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    b = rng.normal(size=(len(rows), columns)) * rng.choice([0, 1], size=(len(rows), columns))
    b *= data.draw(st.sampled_from([1, 1, 1e-9, 1e9]))
    alpha = settings["alpha"]
    system = np.eye(len(rows)) - alpha * matrix.toarray()
    expected = np.linalg.solve(system, b)
    norms = np.linalg.norm(b, axis=0)
    for found in solutions(matrix, alpha, b):
        assert found.x.shape == b.shape and found.x.dtype == np.float64
        residual = np.linalg.norm(b - system @ found.x, axis=0)
        # float64 leaves some 1e-14 of |A| |x|, which is 1 / (1 - alpha) times |b| at most
        assert (residual <= 2e-12 * norms).all()
        error = np.linalg.norm(found.x - expected, axis=0)
        assert (error <= 4e-12 / (1 - alpha) * norms).all()
        _, part = connected_components(matrix, directed=False)
        for column in range(columns):
            without = ~np.isin(part, part[b[:, column] != 0])
            np.testing.assert_array_equal(found.x[without, column], 0)


def check_ranges(found, n, classes):
    assert found.labels.dtype == np.int32 and found.labels.shape == (n,)
    assert ((found.labels >= 0) & (found.labels < classes)).all()
    assert found.weights.dtype == np.float32
    assert ((found.weights >= 0) & (found.weights <= 1)).all()
    assert (found.probabilities >= 0).all()
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found.weights[~found.reached], 0)
    np.testing.assert_array_equal(found.probabilities[~found.reached], 1 / classes)


@given(embeddings(largest=40), st.data())
def test_propagation_is_the_twins(rows, data):
    n = len(rows)
    settings = data.draw(settings_of(n)) | {"clip": True}
    matrix = adjacency(rows, settings)
    dense = matrix.toarray()
    classes, labeled, labels = data.draw(labels_of(n))
    # weights of far below 1e-12 of others are beyond what a solve to 1e-12 can tell
    assume(not ((dense > 0) & (dense < 1e-3)).any())
    found = propagation.propagate(matrix, labeled, labels, classes, settings)
    check_ranges(found, n, classes)
    y = twins.one_hot(n, classes, labeled, labels)
    if settings["labels"] == "class_mean":
        y /= np.maximum(y.sum(axis=0), 1)
    scores = twins.h(dense, y, settings["alpha"])
    reached = np.zeros(n, dtype=bool)
    if settings["alpha"] == 0:
        reached[labeled] = True
    else:
        reached[list(twins.reachable(dense, labeled))] = True
    mass = scores.sum(axis=1)
    assume((mass[reached] > 1e-7).all())
    np.testing.assert_array_equal(found.reached, reached)
    p = np.full((n, classes), 1 / classes)
    p[reached] = np.maximum(scores[reached], 0) / mass[reached, None]
    np.testing.assert_allclose(found.probabilities, p, rtol=0, atol=1e-3)
    sure = mass > 1e-3
    np.testing.assert_allclose(found.probabilities[sure], p[sure], rtol=0, atol=1e-7)
    if classes > 1:
        ranked = np.sort(p, axis=1)
        clear = sure & (ranked[:, -1] - ranked[:, -2] > 1e-6)
        np.testing.assert_array_equal(found.labels[clear], p.argmax(axis=1)[clear])
        weights = np.array(
            [twins.beta(row) if here else 0 for row, here in zip(p, reached, strict=True)]
        )
        if settings["normalize_weights"] and weights.max() > 1e-3:
            weights /= weights.max()
        if not settings["normalize_weights"] or weights.max() > 1e-3:
            np.testing.assert_allclose(found.weights[sure], weights[sure], rtol=0, atol=1e-4)


@given(embeddings(largest=200), st.data())
def test_any_graph_gives_pseudo_labels_or_says_why_not(rows, data):
    """Signs kept, few iterations, a coarse tolerance: in range, or refused by the key."""
    n = len(rows)
    settings = data.draw(settings_of(n)) | {
        "alpha": data.draw(st.sampled_from([0, 0.5, 0.99, 0.999999])),
        "tolerance": data.draw(st.sampled_from([1e-12, 1e-6, 0.1])),
        "max_iterations": data.draw(st.sampled_from([1, 2, 20, 100])),
    }
    matrix = adjacency(rows, settings)
    classes, labeled, labels = data.draw(labels_of(n))
    try:
        found = propagation.propagate(matrix, labeled, labels, classes, settings)
    except UserError as error:
        assert not settings["clip"]
        assert "propagation.clip" in str(error)
    else:
        check_ranges(found, n, classes)
        assert found.iterations <= settings["max_iterations"]
        if len(labeled) == 0:
            assert not found.reached.any()


@given(embeddings(largest=60), st.data())
def test_the_order_of_the_pool_is_of_no_account(rows, data):
    n = len(rows)
    settings = data.draw(settings_of(n)) | {"clip": True, "normalize_weights": False}
    settings["k"] = n - 1  # with fewer, order decides between ties
    order = np.random.default_rng(data.draw(st.integers(0, 2**32))).permutation(n)
    place = np.argsort(order)
    classes, labeled, labels = data.draw(labels_of(n))
    first_graph = adjacency(rows, settings)
    second_graph = adjacency(rows[order], settings)
    first, second = first_graph.toarray(), second_graph.toarray()
    # similarities of float32, whose last bit depends on where a row stands
    edges = (first > 1e-3)[np.ix_(order, order)]
    np.testing.assert_allclose(second[edges], first[np.ix_(order, order)][edges], 5e-3)
    permuted = sparse.csr_array(first[np.ix_(order, order)])
    one = propagation.propagate(first_graph, labeled, labels, classes, settings)
    two = propagation.propagate(permuted, place[labeled], labels, classes, settings)
    mass = twins.h(first, twins.one_hot(n, classes, labeled, labels), settings["alpha"]).sum(axis=1)
    sure = (mass > 1e-3)[order]
    np.testing.assert_allclose(
        two.probabilities[sure], one.probabilities[order][sure], rtol=0, atol=1e-7
    )


# k-means


@given(
    embeddings(largest=120, least=1),
    st.integers(1, 140),
    st.sampled_from(["split", "keep"]),
    st.integers(0, 2**32),
)
@example(np.ones((5, 2), dtype=np.float32), 5, "split", 0)
def test_kmeans_never_gets_worse(rows, k, empty, seed):
    points = torch.nn.functional.normalize(torch.as_tensor(rows), dim=1)
    rng = np.random.default_rng(seed)
    if k > len(points):
        with pytest.raises(ValueError, match=f"k = {k}"):
            kmeans.kmeans(points, k, 8, rng, empty)
        return
    found = kmeans.kmeans(points, k, 8, rng, empty)
    assert found.centroids.shape == (k, points.shape[1])
    assert torch.isfinite(found.centroids).all()
    assert len(found.objective) == 9
    # float32 distances between points of length 1
    assert (np.diff(found.objective) <= 2e-6).all()
    differences = points.double()[:, None] - found.centroids.double()[None]
    squares = differences.square().sum(dim=2).numpy()
    own = squares[np.arange(len(points)), found.assignment.numpy()]
    np.testing.assert_allclose(own, squares.min(axis=1), rtol=0, atol=2e-6)
    assert found.objective[-1] == pytest.approx(own.mean(), abs=2e-6)
