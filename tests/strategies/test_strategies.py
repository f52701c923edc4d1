import copy
from itertools import pairwise

import numpy as np
import pytest
import twins
from asking import ALL, ARRAYS, FIXED, OPTIONS, STRATEGIES, acquire, make_pool, outside, same
from scipy import sparse, stats

from wholepool.job.errors import UserError
from wholepool.strategies import Acquisition, Query, checked, jlp


def random_graph(rng, n, parts):
    """A normalized adjacency, dense, of random components; the last node is isolated.

    A component is held together by a path.
    """
    w = np.zeros((n, n))
    for block in np.array_split(np.arange(n - 1), parts):
        for i, j in pairwise(block):
            w[i, j] = w[j, i] = rng.uniform(0.1, 1)
        for _ in range(3 * len(block)):
            i, j = rng.choice(block, 2, replace=False)
            w[i, j] = w[j, i] = rng.uniform(0.1, 1)
    return twins.normalize(w)


# the contract of every strategy


def test_the_papers_strategies_are_registered():
    assert {"random", "uncertainty", "ceal", "coreset", "jlp"} <= set(STRATEGIES)
    for name, plugin in STRATEGIES.items():
        assert plugin.name == name
        assert set(plugin["NEEDS"]) <= set(ARRAYS)
    gives = "GIVES_PSEUDO_LABELS"
    assert STRATEGIES["ceal"][gives] and not STRATEGIES["random"][gives]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("budget", [1, 7, 25])
@pytest.mark.parametrize("seed", range(3))
def test_exactly_b_unique_unlabeled_images(name, budget, seed):
    pool = make_pool(seed)
    found = acquire(name, pool, budget, seed)
    assert len(found.indices) == len(found.scores) == budget
    assert np.issubdtype(found.indices.dtype, np.integer)
    assert np.issubdtype(found.scores.dtype, np.floating)
    assert len(set(found.indices.tolist())) == budget
    assert set(found.indices.tolist()) <= set(outside(pool))
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("name", ALL)
def test_a_budget_of_all_of_u_takes_all_of_u(name):
    for labeled in (1, 5, 29):
        pool = make_pool(3, labeled=labeled)
        found = acquire(name, pool, 30 - labeled)
        assert sorted(found.indices.tolist()) == outside(pool)


@pytest.mark.parametrize("name", ALL)
def test_deterministic_under_a_seed(name):
    pool = make_pool(4)
    same(acquire(name, pool, 8, seed=5), acquire(name, copy.deepcopy(pool), 8, seed=5))


@pytest.mark.parametrize("name", FIXED)
def test_the_random_seed_is_of_no_account(name):
    pool = make_pool(4)
    same(acquire(name, pool, 8, seed=5), acquire(name, pool, 8, seed=6))


@pytest.mark.parametrize("name", FIXED)
def test_greedy_picks_are_a_prefix_of_a_larger_budget(name):
    """(3) takes one example at a time: the first of b picks do not depend on b."""
    pool = make_pool(4)
    few, many = acquire(name, pool, 4), acquire(name, pool, 11)
    np.testing.assert_array_equal(few.indices, many.indices[:4])
    # jlp solves in blocks: the same numbers but for the order of sums
    np.testing.assert_allclose(few.scores, many.scores[:4], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("seed", range(4))
def test_equivariant_to_a_permutation_of_the_pool(name, seed):
    pool = make_pool(seed)
    order = np.random.default_rng(seed + 100).permutation(pool["n"])
    place = np.argsort(order)  # the old image i is the new image place[i]
    moved = {
        "n": pool["n"],
        "labeled": place[pool["labeled"]],
        "embeddings": pool["embeddings"][order],
        "probabilities": pool["probabilities"][order],
    }
    first, second = acquire(name, pool, 9, cycle=1), acquire(name, moved, 9, cycle=1)
    np.testing.assert_array_equal(order[second.indices], first.indices)
    # the same sums in another order, and for jlp a solve to 1e-13
    np.testing.assert_allclose(second.scores, first.scores, rtol=0, atol=1e-9)
    if first.pseudo_labels:
        ours, theirs = first.pseudo_labels, second.pseudo_labels
        assert len(ours["index"]) > 0
        assert dict(zip(order[theirs["index"]], theirs["label"], strict=True)) == dict(
            zip(ours["index"], ours["label"], strict=True)
        )


@pytest.mark.parametrize("name", FIXED)
def test_the_order_of_the_labeled_set_is_of_no_account(name):
    pool = make_pool(6)
    first = acquire(name, pool, 9)
    turned = {key: pool[key][::-1].copy() for key in ("labeled", "answers")}
    second = acquire(name, {**pool, **turned}, 9)
    np.testing.assert_array_equal(first.indices, second.indices)


@pytest.mark.parametrize("name", ALL)
def test_undeclared_arrays_and_options_are_not_read(name):
    # `acquire` gives only what is declared: that it answers at all says it reads no more
    pool = make_pool(7)
    same(acquire(name, pool, 6), acquire(name, pool, 6, everything=True))


@pytest.mark.parametrize("name", ALL)
def test_declared_arrays_are_read(name):
    for array in STRATEGIES[name]["NEEDS"]:
        with pytest.raises((AssertionError, TypeError, AttributeError)):
            acquire(name, {**make_pool(7), array: None}, 6)


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_not_mutated(name):
    pool = make_pool(8)
    options = copy.deepcopy(OPTIONS)
    kept = copy.deepcopy(pool)
    for array in ("labeled", *ARRAYS):
        pool[array].setflags(write=False)  # as memory-mapped files are
    acquire(name, pool, 9, cycle=2)
    for array in ("labeled", *ARRAYS):
        np.testing.assert_array_equal(pool[array], kept[array])
    assert options == OPTIONS


@pytest.mark.parametrize("name", ALL)
def test_a_query_has_no_place_for_labels(name):
    assert not [field for field in Query.__dataclass_fields__ if field in ("labels", "y", "label")]
    found = acquire(name, make_pool(1), 3)
    if not STRATEGIES[name]["GIVES_PSEUDO_LABELS"]:
        assert found.pseudo_labels == {}


class Odd:
    """Something that is no array."""


def good(*indices, scores=None, pseudo_labels=None):
    scores = np.zeros(len(indices)) if scores is None else scores
    return Acquisition(np.array(indices), scores, pseudo_labels or {})


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "returned a NoneType, no Acquisition"),
        ([1, 2], "returned a list, no Acquisition"),
        ((np.array([1, 2]), np.zeros(2)), "returned a tuple, no Acquisition"),
        (np.array([1, 2]), "returned a ndarray, no Acquisition"),
        (good(1), "returned an array"),
        (good(1.0, 2.0), "returned an array .* of float64"),
        (good(True, False), "returned an array .* of bool"),
        (good("1", "2"), "returned an array .* of <U1"),
        (Acquisition([[1], [2, 3]], [0, 0]), "returned an array .* of object"),
        (Acquisition(np.array([[1], [2]]), np.zeros(2)), r"returned an array \(2, 1\)"),
        (Acquisition(Odd(), np.zeros(2)), r"returned an array \(\) of object"),
        (Acquisition({1, 2}, np.zeros(2)), r"returned an array \(\) of object"),
        (good(1, 2, scores=np.zeros(3)), r"gave \(3,\) scores of float64 for 2 images"),
        (good(1, 2, scores=0.0), r"gave \(\) scores"),
        (good(1, 2, scores=np.zeros((2, 1))), r"gave \(2, 1\) scores"),
        (good(1, 2, scores=["a", "b"]), "gave .* scores of <U1"),
        (good(1, 2, scores=[None, 1]), "gave .* scores of object"),
        (good(1, 2, scores=[[1], [1, 2]]), "gave .* scores of object"),
        (good(1, 2, scores=np.zeros(2, complex)), "gave .* scores of complex128"),
        (good(1, 2, scores=[0, np.nan]), "gave 1 scores that are NaN"),
        (good(1, 1), "asks for an image twice"),
        (good(0, 2), "not unlabeled, such as 0"),
        (good(1, 5), "not unlabeled, such as 5"),
        (good(-1, 1), "not unlabeled, such as -1"),
        (good(1, 2, pseudo_labels={"index": []}), "does not declare GIVES_PSEUDO_LABELS = True"),
    ],
)
def test_a_broken_contract_is_told_with_the_strategy_s_file(returned, words):
    query = Query(n=5, labeled=np.array([0]), budget=2, cycle=0, rng=np.random.default_rng(0))
    with pytest.raises(UserError, match=f"^margin.py: strategy margin broke its .*{words}"):
        checked(returned, query, "margin", "margin.py")


def test_lists_and_small_integers_are_taken_as_they_are_meant():
    query = Query(n=5, labeled=np.array([0]), budget=2, cycle=0, rng=np.random.default_rng(0))
    small = np.array([4, 2], np.uint8), np.array([1, 0], np.float32)
    for indices, scores in (([4, 2], [1, 0]), ((4, 2), (1.0, 0.0)), small):
        found = checked(Acquisition(indices, scores), query, "margin", "margin.py")
        assert found.indices.tolist() == [4, 2] and found.indices.dtype == np.int64
        assert found.scores.tolist() == [1.0, 0.0] and found.scores.dtype == np.float64


# random


def test_random_draws_every_unlabeled_image_equally_often_and_in_any_place():
    pool = make_pool(0, n=15, labeled=5)
    draws, budget = 4000, 3
    rng = np.random.default_rng(2024)
    counts = np.zeros((budget, 15))
    for _ in range(draws):
        query = Query(n=15, labeled=pool["labeled"], budget=budget, cycle=0, rng=rng)
        found = STRATEGIES["random"].load().acquire(query)
        counts[np.arange(budget), found.indices] += 1
    np.testing.assert_array_equal(counts[:, pool["labeled"]], 0)
    open_ = counts[:, outside(pool)]
    # each place is uniform over the 10 images: chi-square with 9 degrees, at the 99.9 % point
    for place in open_:
        assert ((place - draws / 10) ** 2 / (draws / 10)).sum() < stats.chi2.ppf(0.999, 9)
    # without replacement the counts vary less than chi-square would have it: a bound as well
    total = open_.sum(axis=0)
    expected = draws * budget / 10
    assert ((total - expected) ** 2 / expected).sum() < stats.chi2.ppf(0.999, 9)


def test_random_depends_on_the_seed_and_on_nothing_else():
    pool = make_pool(0)
    assert len({tuple(acquire("random", pool, 5, seed=s).indices) for s in range(20)}) > 10
    np.testing.assert_array_equal(acquire("random", pool, 5).scores, 0)


# uncertainty and CEAL


@pytest.mark.parametrize("seed", range(4))
def test_uncertainty_against_entropy_by_hand(seed):
    pool = make_pool(seed)
    found = acquire("uncertainty", pool, 10)
    expected = twins.most_uncertain(pool["probabilities"], pool["labeled"], 10)
    assert found.indices.tolist() == expected
    by_hand = [twins.entropy(pool["probabilities"][i]) for i in expected]
    np.testing.assert_allclose(found.scores, by_hand, rtol=0, atol=1e-12)
    assert (np.diff(found.scores) <= 0).all()


def test_equal_entropies_go_to_the_lower_index():
    # permuted rows of exact halves and quarters: their entropies are the same number
    rows = [[0.25, 0.25, 0.5], [1, 0, 0], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.5, 0]]
    pool = make_pool(0, n=10)
    pool["labeled"] = np.array([2])
    pool["probabilities"] = np.array(rows * 2, dtype=np.float32)
    for name in ("uncertainty", "ceal"):
        assert acquire(name, pool, 9).indices.tolist() == [0, 3, 5, 7, 8, 4, 9, 1, 6]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cycle", [0, 1, 4])
def test_ceal_against_its_definition(seed, cycle):
    pool = make_pool(seed)
    found = acquire("ceal", pool, 6, cycle=cycle)
    plain = acquire("uncertainty", pool, 6)
    np.testing.assert_array_equal(found.indices, plain.indices)
    np.testing.assert_array_equal(found.scores, plain.scores)
    taken = set(pool["labeled"].tolist()) | set(found.indices.tolist())
    expected = twins.certain(pool["probabilities"], taken, 0.6 - 0.05 * cycle)
    pseudo = found.pseudo_labels
    assert expected
    assert dict(zip(pseudo["index"].tolist(), pseudo["label"].tolist(), strict=True)) == expected
    np.testing.assert_array_equal(pseudo["weight"], 1)
    dtypes = {name: column.dtype for name, column in pseudo.items()}
    assert dtypes == {"index": np.int64, "label": np.int32, "weight": np.float32}
    assert all(len(column) == len(expected) for column in pseudo.values())


def test_ceal_threshold_falls_by_decay_a_cycle():
    # entropies 0, 1/2 and 1 of log 4; threshold 0.6, 0.55, 0.5, which is not below 1/2, and 0.45
    pool = make_pool(0, n=4, labeled=1)
    pool["labeled"] = np.array([0])
    pool["probabilities"] = np.array(
        [[0.25] * 4, [1, 0, 0, 0], [0, 0, 0.5, 0.5], [0.25] * 4], dtype=np.float32
    )
    found = [acquire("ceal", pool, 1, cycle=cycle).pseudo_labels for cycle in range(4)]
    assert [f["index"].tolist() for f in found] == [[1, 2], [1, 2], [1], [1]]
    # a tie goes to the lower class
    assert [f["label"].tolist() for f in found] == [[0, 2], [0, 2], [0], [0]]


def test_ceal_gives_no_pseudo_label_to_what_it_queries():
    pool = make_pool(2)
    found = acquire("ceal", pool, 25)
    assert {name: len(column) for name, column in found.pseudo_labels.items()} == {
        "index": 0,
        "label": 0,
        "weight": 0,
    }


# CoreSet


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("labeled", [1, 5, 20])
def test_coreset_against_brute_force(seed, labeled):
    pool = make_pool(seed, labeled=labeled)
    found = acquire("coreset", pool, 10)
    picks, distances = twins.k_center(pool["embeddings"].astype(float), pool["labeled"], 10)
    assert found.indices.tolist() == picks
    # u.u + v.v - 2 u.v in float64
    np.testing.assert_allclose(found.scores, distances, rtol=0, atol=1e-7)
    assert (np.diff(found.scores) <= 0).all()


def test_coreset_with_more_labels_than_one_block():
    pool = make_pool(9, n=600, labeled=560)
    found = acquire("coreset", pool, 5)
    picks, distances = twins.k_center(pool["embeddings"].astype(float), pool["labeled"], 5)
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, distances, rtol=0, atol=1e-7)


def test_equal_distances_go_to_the_lower_index():
    # unit vectors of exact halves: distances are exact roots of 0, 1, 2, 3, 4
    corners = np.random.default_rng(3).choice([-0.5, 0.5], size=(40, 4))
    pool = {**make_pool(0, n=40), "embeddings": corners.astype(np.float32)}
    pool["labeled"] = np.array([17])
    found = acquire("coreset", pool, 39)
    picks, distances = twins.k_center(corners, [17], 39)
    assert found.indices.tolist() == picks
    np.testing.assert_allclose(found.scores, distances, rtol=0, atol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_centers_are_all_at_distance_0_and_go_by_index(seed):
    """Rounding in |u|^2 + |v|^2 - 2 u.v must not rank images that are all the same."""
    rng = np.random.default_rng(seed)
    few = rng.normal(size=(5, 128))
    few /= np.linalg.norm(few, axis=1, keepdims=True)
    rows = np.concatenate([np.tile(np.arange(5), 4), rng.integers(0, 5, 280)])
    pool = {**make_pool(0, n=300), "embeddings": few.astype(np.float32)[rows]}
    pool["labeled"] = np.arange(20)
    found = acquire("coreset", pool, 6)
    assert found.indices.tolist() == [20, 21, 22, 23, 24, 25]
    # float32 embeddings: distances below their resolution of 6e-8 are none
    np.testing.assert_allclose(found.scores, 0, atol=6e-8)


def test_coreset_with_nothing_labeled_starts_at_the_lowest_index():
    pool = {**make_pool(1), "labeled": np.array([], dtype=np.int64)}
    found = acquire("coreset", pool, 5)
    assert found.indices.tolist() == twins.k_center(pool["embeddings"].astype(float), [], 5)[0]
    assert found.indices[0] == 0


# jLP


def least_similar(graph, labeled, budget):
    return jlp.least_similar(
        sparse.csr_array(graph), np.array(labeled), budget, OPTIONS["propagation"]
    )


def check_jlp(graph, labeled, budget):
    found, similarities = least_similar(graph, labeled, budget)
    picks, scores = twins.joint_label_propagation(graph, labeled, budget, 0.99)
    assert found.tolist() == picks
    # residual 1e-13 of each solve, times (1 - alpha) / (1 - alpha), summed over the picks
    np.testing.assert_allclose(similarities, scores, rtol=0, atol=1e-10)


def graph_and_labels(seed, n=30, labeled=5, parts=1):
    rng = np.random.default_rng(seed)
    return random_graph(rng, n, parts), rng.choice(n, labeled, replace=False)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["union", "reciprocal"])
def test_jlp_makes_its_own_graph_of_the_embeddings(monkeypatch, seed, kind):
    monkeypatch.setitem(OPTIONS, "jlp", {"graph": kind})
    pool = make_pool(seed)
    near = twins.neighbors(pool["embeddings"], 4)
    graph = twins.normalize(twins.affinity(near, 3, kind == "reciprocal"))
    picks, scores = twins.joint_label_propagation(graph, pool["labeled"], 9, 0.99)
    found = acquire("jlp", pool, 9)
    assert found.indices.tolist() == picks
    # similarities are float32 products, to the power of 3
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-4)


def test_jlp_asks_for_copies_last():
    """More copies of a labeled image, and of one that is not, than an image has neighbors."""
    pool = make_pool(2, n=60, labeled=1)
    pool["labeled"] = np.array([10])
    pool["embeddings"][11:20] = pool["embeddings"][10]
    pool["embeddings"][21:30] = pool["embeddings"][20]
    found = acquire("jlp", pool, 59)
    first, last = found.indices[:41].tolist(), found.indices[41:].tolist()
    assert last == [*range(11, 20), *range(21, 30)]
    assert 20 in first
    without = np.delete(np.arange(60), last)
    alone = {"n": 42, "labeled": np.array([10]), "embeddings": pool["embeddings"][without]}
    assert without[acquire("jlp", alone, 41).indices].tolist() == first


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 3, 32])
def test_jlp_against_brute_force(monkeypatch, seed, block):
    monkeypatch.setattr(jlp, "BLOCK", block)
    check_jlp(*graph_and_labels(seed), 12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("block", [1, 3])
def test_jlp_with_components_that_no_label_reaches(monkeypatch, seed, block):
    """Similarity 0: first the largest degree in the normalized graph, then the lower index."""
    monkeypatch.setattr(jlp, "BLOCK", block)
    check_jlp(*graph_and_labels(seed, n=40, labeled=2, parts=6), 12)


@pytest.mark.parametrize("seed", range(2))
def test_jlp_takes_more_picks_than_its_block(seed):
    assert jlp.BLOCK < 60
    check_jlp(*graph_and_labels(seed, n=70, labeled=3, parts=4), 60)


def test_jlp_among_isolated_images_takes_the_lower_index():
    picks, scores = least_similar(np.zeros((8, 8)), [3], 7)
    assert picks.tolist() == [0, 1, 2, 4, 5, 6, 7]
    np.testing.assert_array_equal(scores, 0)


def test_jlp_prefers_an_unreached_image_of_larger_degree():
    # 0-1 labeled pair; 2 isolated; star 3-4, 3-5, 3-6: its center's row sums to 3 / sqrt(3)
    w = np.zeros((7, 7))
    for i, j in ((0, 1), (3, 4), (3, 5), (3, 6)):
        w[i, j] = w[j, i] = 1
    # then 2, still at 0; and the star's ends, equal, before the neighbor of a label
    picks, scores = least_similar(twins.normalize(w), [0], 3)
    assert picks[:2].tolist() == [3, 2]
    np.testing.assert_array_equal(scores[:2], 0)
    check_jlp(twins.normalize(w), [0], 3)


def test_jlp_scores_are_joint_not_single():
    """Two unreached twins: once one is picked, the other is no longer at 0."""
    w = np.zeros((6, 6))
    for i, j in ((0, 1), (1, 2), (3, 4)):
        w[i, j] = w[j, i] = 1
    picks, scores = least_similar(twins.normalize(w), [0], 3)
    assert picks.tolist()[:2] == [3, 5]
    assert scores[2] > 0
    check_jlp(twins.normalize(w), [0], 2)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "lack index, label, weight"),
        ([3], "lack index, label, weight"),
        ({"index": [0], "label": [1], "weight": [1]}, "gives image 0, which is labeled or asked"),
        ({"index": [2], "label": [1], "weight": [1]}, "gives image 2, which is labeled or asked"),
        ({"index": [3], "label": [1], "weight": [0.5]}, "weights other than 1"),
        ({"index": [3], "label": [1], "weight": [np.nan]}, "weights other than 1"),
        ({"index": [3], "label": [1], "weight": ["a"]}, "weights other than 1"),
        ({"index": [3], "label": [3], "weight": [1]}, "the pseudo-label 3, which is no class"),
        ({"index": [3], "label": [-1], "weight": [1]}, "the pseudo-label -1, which is no class"),
        ({"index": [3], "label": [0.5], "weight": [1]}, "label of float64, no whole numbers"),
        ({"index": [3.0], "label": [1], "weight": [1]}, "index of float64, no whole numbers"),
        ({"index": [3, 3], "label": [1, 1], "weight": [1, 1]}, "an image two pseudo-labels"),
        ({"index": [3], "label": [1, 1], "weight": [1]}, r"are \(1,\), \(2,\) and \(1,\) long"),
        ({"index": 3, "label": 1, "weight": 1}, r"are \(\), \(\) and \(\) long"),
    ],
)
def test_pseudo_labels_that_training_cannot_take_are_refused(given, words):
    rng, shares = np.random.default_rng(0), np.full((5, 3), 1 / 3, np.float32)
    query = Query(5, np.array([0]), 2, 0, rng, probabilities=shares)
    found = Acquisition(np.array([1, 2]), np.zeros(2), given)
    with pytest.raises(UserError, match=words):
        checked(found, query, "own", "own.py", gives_pseudo_labels=True)


def test_pseudo_labels_may_be_lists_and_none_at_all():
    rng = np.random.default_rng(0)
    query = Query(n=5, labeled=np.array([0]), budget=2, cycle=0, rng=rng)
    for given in ({"index": [3], "label": [1], "weight": [1.0]},
                  {"index": [], "label": [], "weight": []}):  # fmt: skip
        found = checked(Acquisition([1, 2], [0, 0], given), query, "own", "own.py", True)
        assert all(isinstance(column, np.ndarray) for column in found.pseudo_labels.values())
