import numpy as np
import pytest

from wholepool.data.indexsets import write_index_set
from wholepool.data.oracles import hidden as oracle
from wholepool.data.pool import Pool
from wholepool.job.errors import UserError


def hidden(seed=0, n=200, classes=10):
    return np.random.default_rng(seed).integers(0, classes, n)


def draw(labels, classes, size, seed=0):
    return oracle.initial_set(labels, classes, size, np.random.default_rng(seed))


@pytest.mark.parametrize("each", [1, 3, 7])
def test_the_initial_set_is_balanced_unique_and_ascending(each):
    labels = hidden()
    found = draw(labels, 10, 10 * each)
    assert found.dtype == np.int64
    assert (np.diff(found) > 0).all()
    np.testing.assert_array_equal(np.bincount(labels[found], minlength=10), each)


@pytest.mark.parametrize("size", [1, 4, 13, 28])
def test_a_remainder_gives_some_classes_one_more(size):
    labels = hidden()
    more = set()
    for seed in range(60):
        found = draw(labels, 10, size, seed)
        counts = np.bincount(labels[found], minlength=10)
        assert len(found) == len(set(found.tolist())) == size
        assert counts.max() - counts.min() == 1
        more |= set(np.flatnonzero(counts > size // 10))
    assert more == set(range(10))  # not always the first classes


def test_every_image_of_a_class_is_as_likely():
    labels = np.repeat([0, 1], [10, 30])
    rng = np.random.default_rng(7)
    draws = 3000
    counts = np.zeros(40)
    for _ in range(draws):
        counts[oracle.initial_set(labels, 2, 4, rng)] += 1
    # binomial: 2 of 10 and 2 of 30; 5 standard deviations
    for members, share in ((counts[:10], 2 / 10), (counts[10:], 2 / 30)):
        spread = np.sqrt(draws * share * (1 - share))
        assert (abs(members - draws * share) < 5 * spread).all()


def test_the_seed_decides():
    labels = hidden()
    np.testing.assert_array_equal(draw(labels, 10, 20, 3), draw(labels, 10, 20, 3))
    assert draw(labels, 10, 20, 3).tolist() != draw(labels, 10, 20, 4).tolist()


def test_a_whole_class_may_be_taken_but_no_more():
    labels = np.repeat([0, 1, 2], [2, 5, 5])
    assert {0, 1} <= set(draw(labels, 3, 6).tolist())
    with pytest.raises(UserError, match="need 3 images of class 0, but the pool has 2"):
        draw(labels, 3, 9)


def test_a_class_without_images_is_refused_by_name():
    with pytest.raises(UserError, match="class 1, but the pool has 0"):
        draw(np.array([0, 0, 2, 2]), 3, 3)


def test_answers_are_the_hidden_labels_in_the_order_of_the_queries():
    labels = hidden().astype(np.int64)
    queries = np.array([7, 3, 199, 0])
    found = oracle.answer(queries, labels)
    assert found.tolist() == [labels[7], labels[3], labels[199], labels[0]]
    assert found.dtype == np.int32
    assert len(oracle.answer(np.array([], dtype=np.int64), labels)) == 0


def test_hidden_labels_must_cover_the_pool_in_order(tmp_path):
    images = np.zeros((4, 1, 1, 1), dtype=np.uint8)
    pool = Pool(images, "toy", ("a", "b"), (0.0,), (1.0,), "f")
    path = tmp_path / "oracle.parquet"
    write_index_set(path, "oracle", {"index": np.arange(4), "label": np.array([1, 0, 0, 1])}, pool)
    assert oracle.read_hidden(path, pool).tolist() == [1, 0, 0, 1]
    for index in ([0, 1, 2], [1, 0, 2, 3]):
        columns = {"index": np.array(index), "label": np.zeros(len(index), dtype=int)}
        write_index_set(path, "oracle", columns, pool)
        with pytest.raises(UserError, match="all 4 images of the pool, in order"):
            oracle.read_hidden(path, pool)
