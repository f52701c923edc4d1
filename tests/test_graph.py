import numpy as np
import pytest
import twins
from scipy import sparse

from wholepool import graph


def random_rows(seed, n=40, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def sign_rows(seed, n=60, d=4):
    """Rows of +-1: unit rows +-1/2 and similarities in {0, +-1/2, +-1} are exact; ties abound."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, d)).astype(np.float32)


def check_against_loops(rows, k):
    indices, similarities = graph.nearest_neighbors(rows, k)
    expected = twins.neighbors(rows, k)
    np.testing.assert_array_equal(indices, [[j for _, j in row] for row in expected])
    # float32 unit rows: each similarity is good to a few 1e-7
    np.testing.assert_allclose(
        similarities, [[s for s, _ in row] for row in expected], rtol=0, atol=2e-6
    )
    assert indices.dtype == np.int64
    assert similarities.dtype == np.float32


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 5, 39])
def test_neighbors_against_loops(seed, k):
    check_against_loops(random_rows(seed), k)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 4, 17, 59])
def test_exact_ties_go_to_the_lower_index(seed, k):
    check_against_loops(sign_rows(seed), k)


def test_the_kth_place_is_cut_at_the_lower_index():
    # from image 0, images 1..5 all have similarity 1/2; the last, 1
    rows = np.array([[1, 1, 1, 1]] + [[1, 1, 1, -1]] * 5 + [[1, 1, 1, 1]], dtype=np.float32)
    indices, _ = graph.nearest_neighbors(rows, 3)
    assert indices[0].tolist() == [6, 1, 2]
    assert indices[6].tolist() == [0, 1, 2]


def test_self_is_dropped_by_index_even_when_a_duplicate_comes_first():
    rows = np.array([[1, 1], [1, 1], [1, 1], [-1, 1]], dtype=np.float32)
    indices, similarities = graph.nearest_neighbors(rows, 2)
    assert indices[:3].tolist() == [[1, 2], [0, 2], [0, 1]]
    # 1/sqrt(2) squared twice, in float32
    np.testing.assert_allclose(similarities[:3], 1, atol=1e-6)


@pytest.mark.parametrize("bytes_", [1, 4 * 60 * 7, 4 * 60 * 59, 4 * 60 * 60])
def test_neighbors_do_not_depend_on_block_boundaries(monkeypatch, bytes_):
    rows = sign_rows(5)
    monkeypatch.setattr(graph, "BLOCK_BYTES", bytes_)
    check_against_loops(rows, 9)


@pytest.mark.parametrize("bytes_", [1, 30 * 4 * 7 // 8, 2**26])
def test_torch_search_equals_numpy_search_without_ties(monkeypatch, bytes_):
    pytest.importorskip("torch")
    rows = graph.unit_rows(random_rows(7, n=30))
    expected = graph.nearest_neighbors(rows, 6)
    monkeypatch.setattr(graph, "BLOCK_BYTES", bytes_)
    indices, similarities = graph._nearest_neighbors_torch(rows, 6, "cpu")
    np.testing.assert_array_equal(indices, expected[0])
    np.testing.assert_allclose(similarities, expected[1], rtol=0, atol=1e-6)
    assert indices.dtype == np.int64
    assert similarities.dtype == np.float32


def test_another_device_takes_the_torch_search(monkeypatch):
    seen = []

    def search(rows, k, device):
        seen.append((len(rows), k, device))
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
        return "indices", "similarities"

    monkeypatch.setattr(graph, "_nearest_neighbors_torch", search)
    assert graph.nearest_neighbors(random_rows(0), 3, "cuda") == ("indices", "similarities")
    assert seen == [(40, 3, "cuda")]


def test_scale_of_a_row_does_not_matter():
    rows = random_rows(3)
    # powers of two scale without rounding
    scales = 2.0 ** np.random.default_rng(0).integers(-8, 9, size=(len(rows), 1))
    np.testing.assert_array_equal(
        graph.nearest_neighbors(rows, 5)[0],
        graph.nearest_neighbors((rows * scales).astype(np.float32), 5)[0],
    )


@pytest.mark.parametrize("k", [-1, 0, 40, 41])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match="k must be at least 1"):
        graph.nearest_neighbors(random_rows(0), k)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
def test_rows_without_direction_are_refused_by_index(value):
    rows = random_rows(0)
    rows[7] = value
    rows[9] = value
    with pytest.raises(ValueError, match=r"image 7 \(and 1 more\)"):
        graph.nearest_neighbors(rows, 3)


def test_one_nan_in_a_row_is_enough_to_refuse_it():
    rows = random_rows(0)
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="image 3"):
        graph.unit_rows(rows)


@pytest.mark.parametrize("reciprocal", [True, False])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("gamma", [1, 3])
@pytest.mark.parametrize("make", [random_rows, sign_rows])
def test_affinity_against_loops(make, reciprocal, clip, gamma):
    rows = make(11, n=30)
    indices, similarities = graph.nearest_neighbors(rows, 20)  # beyond half: negative ones too
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
    indices, similarities = graph.nearest_neighbors(rows, 5)
    expected = twins.affinity(twins.neighbors(rows, 5), 3, True, True)
    np.testing.assert_allclose(
        graph.affinity(indices, similarities).toarray(), expected, rtol=0, atol=5e-6
    )


@pytest.mark.parametrize("reciprocal", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_normalized_adjacency_is_what_the_solver_relies_on(seed, reciprocal):
    rows = random_rows(seed, n=50, d=4)
    rows[10:14] = rows[10]
    indices, similarities = graph.nearest_neighbors(rows, 7)
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
    settings = {"k": 6, "graph": kind, "gamma": 2, "clip": clip}
    found = graph.normalized_graph(rows, settings)
    near = twins.neighbors(rows, 6)
    expected = twins.normalize(twins.affinity(near, 2, kind == "reciprocal", clip))
    np.testing.assert_allclose(found.toarray(), expected, rtol=0, atol=5e-6)


def test_graph_is_equivariant_to_a_permutation_of_the_pool():
    rows = random_rows(8)
    settings = {"k": 6, "graph": "reciprocal", "gamma": 3, "clip": True}
    order = np.random.default_rng(1).permutation(len(rows))
    first = graph.normalized_graph(rows, settings).toarray()
    second = graph.normalized_graph(rows[order], settings).toarray()
    # the same sums in another order, from float32 similarities
    np.testing.assert_allclose(second, first[np.ix_(order, order)], rtol=0, atol=1e-6)
