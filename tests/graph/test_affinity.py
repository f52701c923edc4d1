import numpy as np
import pytest
import twins
from scipy import sparse

from wholepool.graph import affinity as graph
from wholepool.graph.neighbors import nearest_neighbors

SEARCH = {"search": "exact", "recall": 0.99}


def random_rows(seed, n=40, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def sign_rows(seed, n=60, d=4):
    """Rows of +-1: unit rows +-1/2 and similarities in {0, +-1/2, +-1} are exact; ties abound."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("reciprocal", [True, False])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("gamma", [1, 3])
@pytest.mark.parametrize("make", [random_rows, sign_rows])
def test_affinity_against_loops(make, reciprocal, clip, gamma):
    rows = make(11, n=30)
    found = nearest_neighbors(rows, 20)
    indices, similarities = found.indices, found.similarities  # beyond half: negative ones too
    assert (similarities < 0).any()
    found = graph.affinity(indices, similarities, gamma, reciprocal, clip)
    expected = twins.affinity(twins.neighbors(rows, 20), gamma, reciprocal, clip)
    # float32 similarities, a power of at most 3
    np.testing.assert_allclose(found.toarray(), expected, rtol=0, atol=5e-6)
    assert found.dtype == np.float64
    assert np.count_nonzero(found.data) == found.nnz
    # the same edges, but where a float32 similarity of 0 is only nearly 0
    np.testing.assert_array_equal(found.toarray()[abs(expected) > 1e-5] != 0, True)


def test_reciprocal_drops_one_way_edges_and_union_doubles_mutual_ones():
    indices = np.array([[1], [0], [1]])
    similarities = np.array([[0.5], [0.5], [0.25]], dtype=np.float32)
    w = graph.affinity(indices, similarities, gamma=1, reciprocal=True)
    np.testing.assert_array_equal(w.toarray(), [[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])
    w = graph.affinity(indices, similarities, gamma=1, reciprocal=False)
    np.testing.assert_array_equal(w.toarray(), [[0, 1, 0], [1, 0, 0.25], [0, 0.25, 0]])


def test_defaults_are_the_papers():
    rows = random_rows(2)
    found = nearest_neighbors(rows, 5)
    indices, similarities = found.indices, found.similarities
    expected = twins.affinity(twins.neighbors(rows, 5), 3, True, True)
    np.testing.assert_allclose(
        graph.affinity(indices, similarities).toarray(), expected, rtol=0, atol=5e-6
    )


@pytest.mark.parametrize("reciprocal", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_normalized_adjacency_is_what_the_solver_relies_on(seed, reciprocal):
    rows = random_rows(seed, n=50, d=4)
    rows[10:14] = rows[10]
    found = nearest_neighbors(rows, 7)
    indices, similarities = found.indices, found.similarities
    w = graph.affinity(indices, similarities, 3, reciprocal)
    dense = graph.normalize(w).toarray()
    for matrix in (w.toarray(), dense):
        np.testing.assert_array_equal(np.diag(matrix), 0)
        assert (matrix >= 0).all()
    np.testing.assert_array_equal(w.toarray(), w.toarray().T)
    # entries at most 1, each two roundings of D^-1/2 apart from its mirror
    np.testing.assert_allclose(dense, dense.T, rtol=0, atol=1e-15)
    values = np.linalg.eigvalsh(dense)
    # eigvalsh is backward stable: errors of some 1e-15 for a matrix of norm 1
    assert values.min() >= -1 - 1e-12
    assert values.max() == pytest.approx(1, abs=1e-12)


def test_normalize_against_dense_with_isolated_nodes():
    rng = np.random.default_rng(4)
    w = np.triu(rng.random((20, 20)) * (rng.random((20, 20)) < 0.2), 1)
    w += w.T
    w[[3, 8]] = 0
    w[:, [3, 8]] = 0
    found = graph.normalize(sparse.csr_array(w))
    np.testing.assert_allclose(found.toarray(), twins.normalize(w), rtol=1e-13, atol=0)
    assert np.isfinite(found.data).all()
    np.testing.assert_array_equal(found.toarray()[[3, 8]], 0)


def test_normalize_leaves_its_argument_alone():
    w = sparse.csr_array(np.array([[0, 2.0], [2.0, 0]]))
    graph.normalize(w)
    np.testing.assert_array_equal(w.toarray(), [[0, 2], [2, 0]])


def test_a_graph_without_edges_stays_one():
    found = graph.normalize(sparse.csr_array((5, 5)))
    assert found.shape == (5, 5)
    np.testing.assert_array_equal(found.toarray(), 0)


@pytest.mark.parametrize("kind", ["reciprocal", "union"])
@pytest.mark.parametrize("clip", [True, False])
def test_normalized_graph_reads_its_settings(kind, clip):
    rows = np.abs(random_rows(6))
    settings = SEARCH | {"k": 6, "graph": kind, "gamma": 2, "clip": clip}
    made = graph.normalized_graph(rows, settings)
    assert made.recall == 1
    np.testing.assert_array_equal(made.node, np.arange(len(rows)))
    near = twins.neighbors(rows, 6)
    expected = twins.normalize(twins.affinity(near, 2, kind == "reciprocal", clip))
    np.testing.assert_allclose(made.adjacency.toarray(), expected, rtol=0, atol=5e-6)


def test_graph_is_equivariant_to_a_permutation_of_the_pool():
    rows = random_rows(8)
    settings = SEARCH | {"k": 6, "graph": "reciprocal", "gamma": 3, "clip": True}
    order = np.random.default_rng(1).permutation(len(rows))
    first = graph.normalized_graph(rows, settings).adjacency.toarray()
    second = graph.normalized_graph(rows[order], settings).adjacency.toarray()
    # the same sums in another order, from float32 similarities
    np.testing.assert_allclose(second, first[np.ix_(order, order)], rtol=0, atol=1e-6)


def test_images_of_equal_embeddings_are_one_node():
    rows = random_rows(8)
    settings = SEARCH | {"k": 6, "graph": "reciprocal", "gamma": 3, "clip": True}
    alone = graph.normalized_graph(rows, settings)
    # more copies than an image has neighbors, before and after it
    order = np.concatenate([np.arange(5), np.full(10, 2), np.arange(5, len(rows)), [7, 7]])
    many = graph.normalized_graph(rows[order], settings)
    np.testing.assert_array_equal(many.node, order)
    np.testing.assert_array_equal(many.adjacency.toarray(), alone.adjacency.toarray())
