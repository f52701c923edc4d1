"""Who answers: the initial set, the hidden labels, and oracles that do not know everything."""

import numpy as np
import pytest

from wholepool.data.indexsets import write_index_set
from wholepool.data.oracles import initial_set, oracle, read_hidden, require_answers
from wholepool.data.pool import Pool
from wholepool.job.errors import UserError


def hidden(seed=0, n=200, classes=10):
    return np.random.default_rng(seed).integers(0, classes, n)


def draw(labels, classes, size, seed=0):
    return initial_set(labels, classes, size, np.random.default_rng(seed))


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
        counts[initial_set(labels, 2, 4, rng)] += 1
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
    with pytest.raises(UserError, match="need 3 images of class 0, but the oracle knows 2"):
        draw(labels, 3, 9)


def test_a_class_without_images_is_refused_by_name():
    with pytest.raises(UserError, match="the oracle knows none of class 1, but"):
        draw(np.array([0, 0, 2, 2]), 3, 3)


def test_answers_are_the_hidden_labels_in_the_order_of_the_queries():
    labels = hidden().astype(np.int64)
    queries = np.array([7, 3, 199, 0])
    ask = oracle("hidden", labels, {}, 10)
    found = ask(queries)
    assert found.tolist() == [labels[7], labels[3], labels[199], labels[0]]
    assert found.dtype == np.int32
    assert len(ask(np.array([], dtype=np.int64))) == 0


def test_hidden_labels_must_cover_the_pool_in_order(tmp_path):
    images = np.zeros((4, 1, 1, 1), dtype=np.uint8)
    pool = Pool(images, "toy", ("a", "b"), (0.0,), (1.0,), "f")
    path = tmp_path / "oracle.parquet"
    write_index_set(path, "oracle", {"index": np.arange(4), "label": np.array([1, 0, 0, 1])}, pool)
    assert read_hidden(path, pool).tolist() == [1, 0, 0, 1]
    for index in ([0, 1, 2], [1, 0, 2, 3]):
        columns = {"index": np.array(index), "label": np.zeros(len(index), dtype=int)}
        write_index_set(path, "oracle", columns, pool)
        with pytest.raises(UserError, match="all 4 images of the pool, in order"):
            read_hidden(path, pool)


def test_hidden_labels_that_nobody_has_are_unknown(tmp_path):
    pool = Pool(np.zeros((4, 1, 1, 1), dtype=np.uint8), "toy", ("a", "b"), (0.0,), (1.0,), "f")
    path = tmp_path / "oracle.parquet"
    nobody = np.array([], dtype=int)
    write_index_set(path, "oracle", {"index": nobody, "label": nobody}, pool)
    found = read_hidden(path, pool)
    assert found.tolist() == [-1] * 4
    assert found.dtype == np.int32
    assert oracle("hidden", found, {}, 2)(np.array([2, 0])).tolist() == [-1, -1]


# an oracle of a lab's own

HALF = """
import numpy as np

KNOWS = "some"


def answer(queries, hidden, settings):
    return np.where(queries % settings["of"] == 0, hidden[queries], -1)
"""


def test_an_oracle_that_knows_half_answers_half(plugin):
    plugin("oracle", "half", HALF)
    labels = hidden(n=20)
    ask = oracle("half", labels, {"of": 2}, 10)
    assert ask(np.array([3, 4, 7, 0])).tolist() == [-1, labels[4], -1, labels[0]]
    assert ask(np.array([3])).dtype == np.int32


def test_the_initial_set_holds_only_what_the_oracle_knows(plugin):
    plugin("oracle", "half", HALF)
    labels = np.repeat([0, 1], 10)
    known = oracle("half", labels, {"of": 2}, 2)(np.arange(20))
    assert set(draw(known, 2, 10).tolist()) == set(range(0, 20, 2))
    with pytest.raises(UserError, match="need 6 images of class 0, but the oracle knows 5"):
        draw(known, 2, 12)


@pytest.mark.parametrize(
    "answers",
    [
        "np.full(len(queries), 3)",  # no class
        "np.full(len(queries), -2)",
        "np.zeros(len(queries))",  # no whole numbers
        "np.zeros(len(queries) - 1, int)",  # one too few
        "np.zeros((len(queries), 1), int)",
        "None",
    ],
)
def test_answers_that_are_no_classes_are_refused_with_the_file(plugin, answers):
    code = f"import numpy as np\n\n\ndef answer(queries, hidden, settings):\n    return {answers}\n"
    found = plugin("oracle", "odd", code)
    ask = oracle("odd", np.zeros(5, int), {}, 3)
    with pytest.raises(UserError) as caught:
        ask(np.array([0, 2, 4]))
    assert str(caught.value) == (
        f"{found.path}: oracle odd must answer 3 queries by as many whole numbers from -1 (not "
        "known yet) to 2, which it did not: mend it"
    )


def test_the_largest_class_and_not_known_are_answers(plugin):
    code = 'KNOWS = "some"\n\n\ndef answer(queries, hidden, settings):\n    return [-1, 2]\n'
    plugin("oracle", "edges", code)
    assert oracle("edges", np.zeros(5, int), {}, 3)(np.array([0, 1])).tolist() == [-1, 2]


def test_labels_that_the_oracle_does_not_know_are_nobodys_fault_but_others_are():
    labeled = {"index": np.array([4, 7, 9]), "label": np.array([1, 0, 2])}
    require_answers("set", labeled, np.array([1, -1, 2]))
    require_answers("set", labeled, np.array([-1, -1, -1]))
    with pytest.raises(UserError, match="set: image 7 has label 0, but the oracle's answer is 1"):
        require_answers("set", labeled, np.array([1, 1, 2]))


def test_a_class_that_the_pool_has_not_is_answered_with_what_helps():
    with pytest.raises(UserError, match=r"none of class 2, .* make pool\.size larger, give pool"):
        draw(np.array([0, 1, 0, 1, 1]), 3, 3)
