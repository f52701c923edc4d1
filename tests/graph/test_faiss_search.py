"""Search by an index of faiss: beside our own exact search, and beside the truth."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch

from wholepool.graph import faiss_search
from wholepool.graph.neighbors import nearest_neighbors, unit_rows
from wholepool.graph.propagation import propagate_images
from wholepool.job.errors import UserError


@pytest.fixture(autouse=True)
def one_thread():
    """With one thread faiss repeats itself."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def said(monkeypatch):
    """What the log says: (level, text)."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append((record.levelname, record.getMessage()))
    monkeypatch.setattr(faiss_search.logger, "handlers", [handler])
    before = faiss_search.logger.level
    faiss_search.logger.setLevel(logging.DEBUG)
    yield lines
    faiss_search.logger.setLevel(before)


def random_rows(seed, n=40, d=6):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def clustered_rows(seed, n=3000, d=16, clusters=30):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(clusters, d))
    return (centers[rng.integers(clusters, size=n)] + rng.normal(size=(n, d))).astype(np.float32)


def by_faiss(rows, k, factory, recall=0.99):
    return nearest_neighbors(rows, k, search={"faiss": factory}, recall=recall)


def check_shape(found, n, k):
    assert found.indices.shape == found.similarities.shape == (n, k)
    assert found.indices.dtype == np.int64 and found.similarities.dtype == np.float32
    assert found.indices.min() >= 0 and found.indices.max() < n
    assert not (found.indices == np.arange(n)[:, None]).any()
    assert (np.diff(np.sort(found.indices, axis=1), axis=1) > 0).all()
    assert (np.diff(found.similarities, axis=1) <= 0).all()


def true_share(rows, found, k):
    """The share of the k most similar others that was found, by float64 and a sort."""
    rows = rows.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :k]
    pairs = zip(found.indices, nearest, strict=True)
    return np.mean([len(np.intersect1d(ours, theirs)) / k for ours, theirs in pairs])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "k"), [(2, 1), (3, 2), (40, 1), (40, 7), (40, 39), (3000, 20)])
def test_a_flat_index_finds_what_our_exact_search_finds(seed, n, k):
    rows = random_rows(seed, n)
    found, expected = by_faiss(rows, k, "Flat", recall=1), nearest_neighbors(rows, k)
    check_shape(found, n, k)
    assert found.recall == 1
    # float32 unit rows: each similarity is good to a few 1e-7
    np.testing.assert_allclose(found.similarities, expected.similarities, rtol=0, atol=2e-6)
    differ = found.indices != expected.indices
    unit = unit_rows(rows).astype(np.float64)
    ours, theirs = (
        np.einsum("nd,nkd->nk", unit, unit[one.indices])[differ] for one in (found, expected)
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    assert differ.mean() < 0.001


@pytest.mark.parametrize(
    ("factory", "recall"),
    [
        ("IVF32,Flat", 0.9),
        ("IVF32,Flat", 0.99),
        ("IVF32,PQ8x4", 0.9),
        ("IVF32,PQ8x4,RFlat", 0.95),
        ("PQ4x4", 0.5),
        ("PCA8,IVF16,SQ8", 0.8),
        ("OPQ8,IVF16,PQ8x4fs", 0.9),
        ("HNSW16", 0.95),
    ],
)
def test_the_recall_is_what_it_says(factory, recall, said):
    rows = clustered_rows(0)
    found = by_faiss(rows, 20, factory, recall)
    check_shape(found, len(rows), 20)
    # of 1,024 sampled rows; a row's recall varies by less than 0.25
    assert abs(found.recall - true_share(rows, found, 20)) < 4 * 0.25 / 32
    assert found.recall >= recall
    assert [level for level, _ in said] == ["INFO"]
    unit = unit_rows(rows)
    cosines = np.einsum("nd,nkd->nk", unit, unit[found.indices])
    np.testing.assert_allclose(found.similarities, cosines, rtol=0, atol=1e-6)


def test_a_goal_out_of_reach_is_a_warning_with_the_recall_that_is_reached(said):
    rows = clustered_rows(1)
    found = by_faiss(rows, 20, "IVF32,PQ2x2")
    assert abs(found.recall - true_share(rows, found, 20)) < 4 * 0.25 / 32
    assert found.recall < 0.9
    (level, text), *rest = [line for line in said if line[0] != "INFO"]
    assert (level, rest) == ("WARNING", [])
    for part in ("{faiss: IVF32,PQ2x2}", f"{found.recall:.4f}", "0.99 of propagation.recall"):
        assert part in text
    assert "take longer codes" in text


def test_probing_stops_where_more_lists_find_no_more():
    """A goal out of reach must not read every list of the pool for nothing."""
    rows = clustered_rows(2)
    unit = unit_rows(rows)
    index = faiss_search.build(unit, "IVF64,PQ4x2")
    sample = np.arange(0, 3000, 3)
    true = nearest_neighbors(rows, 20).similarities[sample][:, -1:]
    place, count = faiss_search.settle(index, unit, sample, true - faiss_search.TIE, 20, 1.0)
    name, values = faiss_search.ladder(index)
    assert (name, values) == ("nprobe", [1, 2, 4, 8, 16, 32, 64])
    assert values[place] < 64
    assert count == 160


@pytest.mark.parametrize("factory", ["Flat", "IVF8,Flat", "IVF8,PQ3x4,RFlat", "HNSW8"])
def test_copies_of_a_row_are_neighbors_and_never_the_row_itself(factory):
    rows = random_rows(3, 400)
    rows[100:200] = rows[100]
    found = by_faiss(rows, 50, factory, recall=0.9)
    check_shape(found, 400, 50)
    np.testing.assert_allclose(found.similarities[100:200], 1, rtol=0, atol=1e-6)
    assert ((found.indices[100:200] >= 100) & (found.indices[100:200] < 200)).all()
    if factory == "Flat":
        assert found.recall == 1  # whichever of the copies are found


@pytest.mark.parametrize("factory", ["Flat", "IVF8,Flat", "IVF8,PQ2x4", "HNSW8"])
@pytest.mark.parametrize("k", [1, 60, 199])
def test_k_neighbors_come_back_whatever_the_lists_hold(factory, k):
    """A low goal is reached with few lists, of 25 rows on average."""
    found = by_faiss(random_rows(4, 200), k, factory, recall=0.01)
    check_shape(found, 200, k)
    if k == 199:
        assert found.recall == 1


def test_rows_that_an_index_leaves_short_are_searched_wider_and_at_last_exactly():
    rows = unit_rows(random_rows(5, 60))

    class Short:
        """An index that never finds more than two, the row itself among them."""

        def search(self, queries, count):
            found = np.full((len(queries), count), -1, dtype=np.int64)
            found[:, :2] = [0, 1]
            return None, found

    which = np.arange(60)
    indices, similarities = faiss_search.found_by(Short(), rows, which, 5, 5, "", 0)
    assert (indices[:, -1] == -1).all() and (similarities[:, -1] == -np.inf).all()
    assert indices[0].tolist() == [1, -1, -1, -1, -1]
    faiss_search.widen(Short(), rows, (indices, similarities), 5, "", [0])
    expected = nearest_neighbors(rows, 5)
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_allclose(similarities, expected.similarities, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("Nonsense", "could not parse"),
        ("IVF4096,Flat", "Number of training points"),
        ("IVF99999999999999999999,Flat", "stoi"),
        ("PQ5x8", "multiple of the number"),
        ("PCA64,Flat", "PCA matrix"),
        ("IDMap,Flat", "add does not make sense"),
        ("HNSW0", "a size of 0"),
        ("IVF0,Flat", "a size of 0"),
    ],
)
def test_an_index_that_cannot_be_made_is_one_error(factory, reason):
    with pytest.raises(UserError) as caught:
        by_faiss(clustered_rows(6, n=1000), 5, factory)
    text = str(caught.value)
    assert f"propagation.search is {{faiss: {factory}}}" in text
    assert reason in text and "search: approximate" in text
    assert "\n" not in text and ".cpp" not in text


@pytest.mark.parametrize("factory", ["IVF32,PQ8x4", "HNSW16", "OPQ8,IVF16,PQ8x4fs"])
def test_it_repeats_itself(factory):
    rows = clustered_rows(7, n=1500)
    first, second = (by_faiss(rows, 10, factory, 0.9) for _ in range(2))
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_array_equal(first.similarities, second.similarities)
    assert first.recall == second.recall


def test_faiss_has_the_threads_of_the_job():
    import faiss

    for threads in (2, 1):
        torch.set_num_threads(threads)
        by_faiss(random_rows(8), 3, "Flat")
        assert faiss.omp_get_max_threads() == threads


def test_faiss_is_imported_where_it_is_used_only():
    code = (
        "import sys, numpy as np; from wholepool.graph.neighbors import nearest_neighbors; "
        "rows = np.eye(9, dtype=np.float32); nearest_neighbors(rows, 3, search={search!r}); "
        "print('faiss' in sys.modules)"
    )
    for search, expected in (("exact", "False"), ({"faiss": "Flat"}, "True")):
        command = [sys.executable, "-c", code.format(search=search)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout.split() == [expected]


def test_a_propagation_has_the_same_labels_as_after_an_exact_search():
    rng = np.random.default_rng(9)
    truth = rng.integers(5, size=600)
    rows = (3 * np.eye(5, 12)[truth] + rng.normal(size=(600, 12))).astype(np.float32)
    labeled = np.array([int(np.flatnonzero(truth == name)[0]) for name in range(5)])
    settings = {
        **{"k": 10, "recall": 0.99, "gamma": 3, "clip": True, "graph": "reciprocal"},
        **{"alpha": 0.99, "labels": "onehot", "tolerance": 1e-6, "max_iterations": 100},
        "normalize_weights": False,
    }
    results = []
    for search in ("exact", {"faiss": "Flat"}):
        how = settings | {"search": search}
        results.append(propagate_images(rows, labeled, truth[labeled], 5, how))
        assert results[-1].recall == 1
    np.testing.assert_array_equal(results[0].labels, results[1].labels)
    np.testing.assert_allclose(results[0].weights, results[1].weights, rtol=0, atol=1e-5)
