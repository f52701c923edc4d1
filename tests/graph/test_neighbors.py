import numpy as np
import pytest
import twins

from wholepool.graph import approximate, exact, neighbors


@pytest.fixture(autouse=True, params=["numpy", "torch"])
def library(request, monkeypatch):
    """Exact search of small pools, and that of large ones, on pools that are small."""
    monkeypatch.setattr(neighbors, "SMALL", 0 if request.param == "torch" else 5000)


def random_rows(seed, n=40, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def sign_rows(seed, n=60, d=4):
    """Rows of +-1: unit rows +-1/2 and similarities in {0, +-1/2, +-1} are exact; ties abound."""
    return np.random.default_rng(seed).choice([-1.0, 1.0], size=(n, d)).astype(np.float32)


def clustered_rows(seed, n=3000, d=16, clusters=30):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(clusters, d))
    return (centers[rng.integers(clusters, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def share_found(found, expected):
    return np.mean(
        [len(np.intersect1d(a, b)) for a, b in zip(found.indices, expected.indices, strict=True)]
    ) / len(expected.indices[0])


def check_against_loops(rows, k):
    found = neighbors.nearest_neighbors(rows, k)
    indices, similarities = found.indices, found.similarities
    assert found.recall == 1
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
    indices = neighbors.nearest_neighbors(rows, 3).indices
    assert indices[0].tolist() == [6, 1, 2]
    assert indices[6].tolist() == [0, 1, 2]


def test_self_is_dropped_by_index_even_when_a_duplicate_comes_first():
    rows = np.array([[1, 1], [1, 1], [1, 1], [-1, 1]], dtype=np.float32)
    found = neighbors.nearest_neighbors(rows, 2)
    indices, similarities = found.indices, found.similarities
    assert indices[:3].tolist() == [[1, 2], [0, 2], [0, 1]]
    # 1/sqrt(2) squared twice, in float32
    np.testing.assert_allclose(similarities[:3], 1, atol=1e-6)


@pytest.mark.parametrize("bytes_", [1, 4 * 60 * 7, 4 * 60 * 59, 4 * 60 * 60])
def test_neighbors_do_not_depend_on_block_boundaries(monkeypatch, bytes_):
    rows = sign_rows(5)
    monkeypatch.setattr(exact, "BLOCK_BYTES", bytes_)
    check_against_loops(rows, 9)


def test_scale_of_a_row_does_not_matter():
    rows = random_rows(3)
    # powers of two scale without rounding
    scales = 2.0 ** np.random.default_rng(0).integers(-8, 9, size=(len(rows), 1))
    np.testing.assert_array_equal(
        neighbors.nearest_neighbors(rows, 5).indices,
        neighbors.nearest_neighbors((rows * scales).astype(np.float32), 5).indices,
    )


@pytest.mark.parametrize("k", [-1, 0, 40, 41])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match="k must be at least 1"):
        neighbors.nearest_neighbors(random_rows(0), k)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 1e-22, 1e20])
def test_rows_without_direction_are_refused_by_index(value):
    rows = random_rows(0)
    rows[7] = value
    rows[9] = value
    with pytest.raises(ValueError, match=r"image 7 \(and 1 more\)"):
        neighbors.nearest_neighbors(rows, 3)


def test_one_nan_in_a_row_is_enough_to_refuse_it():
    rows = random_rows(0)
    rows[3, 2] = np.nan
    with pytest.raises(ValueError, match="image 3"):
        neighbors.unit_rows(rows)


@pytest.mark.parametrize("width", [32, 64, 32 * 9, 32 * 40, 32 * 200])
@pytest.mark.parametrize("k", [1, 3, 31])
def test_the_largest_of_a_row_are_those_of_a_sort(width, k):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(width + k)
    distinct = torch.as_tensor(rng.permuted(np.tile(np.arange(width), (7, 1)), axis=1)).float()
    values, columns = exact.best(distinct, k)
    np.testing.assert_array_equal(values, np.sort(distinct.numpy(), axis=1)[:, ::-1][:, :k])
    np.testing.assert_array_equal(distinct.gather(1, columns), values)
    tied = torch.as_tensor(rng.integers(0, 3, size=(7, width))).float()
    values, columns = exact.best(tied, k)
    np.testing.assert_array_equal(columns, np.argsort(-tied.numpy(), axis=1, kind="stable")[:, :k])


@pytest.mark.parametrize("recall", [0.9, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_approximate_search_finds_what_it_says(seed, recall):
    rows = clustered_rows(seed)
    true = neighbors.nearest_neighbors(rows, 20)
    found = neighbors.nearest_neighbors(rows, 20, search="approximate", recall=recall)
    truth = share_found(found, true)
    # of 1,024 sampled rows; a row's recall varies by less than 0.1
    assert abs(found.recall - truth) < 4 * 0.1 / 32
    assert recall <= found.recall < 1
    assert not (found.indices == np.arange(len(rows))[:, None]).any()
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    unit = neighbors.unit_rows(rows)
    cosines = np.einsum("nd,nkd->nk", unit, unit[found.indices])
    np.testing.assert_allclose(found.similarities, cosines, rtol=0, atol=1e-6)
    for row in found.indices:
        assert len(set(row)) == 20


def test_approximate_search_with_a_recall_of_one_is_exact():
    rows = clustered_rows(5)
    true = neighbors.nearest_neighbors(rows, 15)
    found = neighbors.nearest_neighbors(rows, 15, search="approximate", recall=1.0)
    assert found.recall == 1
    np.testing.assert_array_equal(found.indices, true.indices)


def test_approximate_search_repeats_itself():
    rows = clustered_rows(6)
    first, second = (
        neighbors.nearest_neighbors(rows, 10, search="approximate", recall=0.95) for _ in range(2)
    )
    np.testing.assert_array_equal(first.indices, second.indices)
    assert first.recall == second.recall


@pytest.mark.parametrize("k", [1, 50, 300, 1199])
def test_approximate_search_of_copies_and_of_many_neighbors(k):
    """More copies of an image than a list may hold; more neighbors than a list has rows."""
    rows = clustered_rows(7, n=1200)
    rows[100:900] = rows[100]
    found = neighbors.nearest_neighbors(rows, k, search="approximate", recall=0.9)
    assert np.isfinite(found.similarities).all()
    assert not (found.indices == np.arange(1200)[:, None]).any()
    for row in found.indices:
        assert len(set(row)) == k
    if k == 50:
        np.testing.assert_allclose(found.similarities[100:900], 1, atol=1e-6)


def test_lists_hold_every_row_once_and_none_is_long():
    torch = pytest.importorskip("torch")
    rows = clustered_rows(8)
    rows[:1500] = rows[0]
    table = torch.as_tensor(neighbors.unit_rows(rows))
    order, starts = approximate.inverted_lists(table, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(order), np.arange(len(rows)))
    sizes = np.diff(starts)
    assert starts[0] == 0 and starts[-1] == len(rows)
    assert sizes.min() > 0
    assert sizes.max() <= 4 * approximate.LIST_SIZE


@pytest.mark.parametrize(
    ("search", "n", "expected"),
    [
        ("auto", 999, "exact"),
        ("auto", 1001, "approximate"),
        ("exact", 1001, "exact"),
        ("approximate", 999, "approximate"),
    ],
)
def test_auto_is_approximate_in_large_pools_only(monkeypatch, search, n, expected):
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 1000)
    seen = []
    for name in ("approximate", "exact", "exact_small"):
        word = name.split("_")[0]
        monkeypatch.setattr(neighbors, name, lambda *_, word=word: seen.append(word) or (0, 0))
    neighbors.nearest_neighbors(random_rows(0, n=n), 3, search=search)
    assert seen == [expected]


def test_a_gpu_takes_the_search_by_torch(monkeypatch):
    seen = []
    monkeypatch.setattr(
        neighbors, "exact", lambda rows, k, device: seen.append((len(rows), device)) or (0, 0)
    )
    neighbors.nearest_neighbors(random_rows(0), 3, "cuda")
    assert seen == [(40, "cuda")]
