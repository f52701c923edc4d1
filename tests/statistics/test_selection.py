"""What was acquired: overlaps, balance and closeness, by enumeration and by brute force."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import small_grid
from sklearn.metrics import jaccard_score
from sklearn.neighbors import NearestNeighbors

from wholepool.statistics import closeness
from wholepool.statistics.selection import (
    OVERLAP_COLUMNS,
    Acquired,
    balance,
    balances,
    between_seeds,
    chance,
    jaccard,
    overlaps,
    pair,
    with_others,
)
from wholepool.statistics.trajectories import Curve


def acquired(initial, *batches, pool=50):
    parts = [np.array(part, dtype=np.int64) for part in (initial, *batches)]
    cycle = np.concatenate([np.full(len(part), c) for c, part in enumerate(parts)])
    return Acquired(np.concatenate(parts), cycle, pool)


def drawn(rng, pool, initial, size, count):
    """`count` random choices of so many images outside an initial set, (count, size)."""
    others = np.setdiff1d(np.arange(pool), initial)
    return others[rng.random((count, len(others))).argsort(axis=1)[:, :size]]


def test_jaccard_is_scikit_learn_s():
    rng = np.random.default_rng(0)
    for _ in range(20):
        masks = rng.random((2, 30)) < rng.random()
        masks[:, 0] = True
        sets = [np.flatnonzero(mask) for mask in masks]
        assert jaccard(*sets) == pytest.approx(jaccard_score(*masks), abs=1e-12)
    nothing = np.empty(0, dtype=np.int64)
    assert math.isnan(jaccard(nothing, nothing))


@pytest.mark.parametrize(
    ("first", "second", "sizes"),
    [([0], [0], (2, 3)), ([0, 1], [2, 3], (2, 2)), ([0, 1], [1, 2], (3, 1)), ([0], [1], (6, 6))],
)
def test_chance_is_the_mean_over_all_choices(first, second, sizes):
    pool = 7
    ways = [
        list(itertools.combinations(sorted(set(range(pool)) - set(initial)), size))
        for initial, size in zip((first, second), sizes, strict=True)
    ]
    every = [len({*a} & {*b}) / len({*a} | {*b}) for a, b in itertools.product(*ways)]
    known = len(first), len(second), len({*first} & {*second})
    assert chance(pool, known, sizes) == pytest.approx(np.mean(every), abs=1e-12)


def test_random_choices_overlap_as_chance_says_and_equal_ones_more():
    rng = np.random.default_rng(3)
    pool, count = 200, 1500
    first, second = np.arange(10), np.arange(5, 15)
    one, other = (drawn(rng, pool, initial, 40, count) for initial in (first, second))
    found = [
        pair(acquired(first, a, pool=pool), acquired(second, b, pool=pool))
        for a, b in zip(one, other, strict=True)
    ]
    measured, expected = np.array(found).T
    error = measured.std() / math.sqrt(count)
    assert measured.mean() == pytest.approx(expected[0], abs=3 * error)
    same = pair(acquired(first, one[0], pool=pool), acquired(first, one[0], pool=pool))
    assert same[0] == 1 > 5 * same[1]


def test_two_choices_are_compared_up_to_the_last_cycle_of_both():
    longer, shorter = acquired([0], [1, 2], [3, 4]), acquired([0], [1, 3])
    assert pair(longer, shorter)[0] == pair(shorter, longer)[0] == 1 / 3
    assert pair(longer, shorter)[1] == chance(50, (1, 1, 1), (2, 2))


def test_between_seeds_is_the_mean_over_pairs():
    seeds = {0: acquired([0], [1, 2]), 1: acquired([5], [1, 3]), 2: acquired([0], [6, 7])}
    assert between_seeds(seeds)[0] == pytest.approx((1 / 3 + 0 + 0) / 3)
    turned = dict(reversed(seeds.items()))
    assert between_seeds(turned) == pytest.approx(between_seeds(seeds))
    assert all(map(math.isnan, between_seeds({0: seeds[0]})))


def test_overlaps_pair_the_strategies_of_a_method_seed_by_seed():
    grid = small_grid()
    sets = {
        Curve("digits", "baseline", "random"): {0: acquired([0], [1, 2]), 1: acquired([3], [4, 5])},
        Curve("digits", "baseline", "jlp"): {1: acquired([3], [4, 6]), 0: acquired([0], [1, 2])},
        Curve("digits", "baseline", "ceal"): {1: acquired([3], [8, 9])},
        Curve("mnist", "semi", "jlp"): {0: acquired([0], [1, 2])},
    }
    table = overlaps(sets, grid)
    assert tuple(table.columns) == OVERLAP_COLUMNS
    found = {tuple(row)[:4]: tuple(row)[4:] for row in table.itertuples(index=False)}
    assert list(found) == [
        ("digits", "baseline", *two) for two in (("random", "ceal"), ("random", "jlp"),
                                                 ("ceal", "jlp"))
    ]  # fmt: skip
    expected = chance(50, (1, 1, 1), (2, 2))
    assert found["digits", "baseline", "random", "jlp"] == pytest.approx((2 / 3, expected, 2))
    assert found["digits", "baseline", "random", "ceal"] == pytest.approx((0, expected, 1))
    assert with_others(table, Curve("digits", "baseline", "random")) == pytest.approx(1 / 3)
    assert math.isnan(with_others(table, Curve("mnist", "semi", "jlp")))


def test_balance_is_entropy_by_hand():
    assert balance(np.array([5, 5, 5])) == pytest.approx(1)
    assert balance(np.array([9, 0])) == 0
    by_hand = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    assert balance(np.array([3, 9])) == pytest.approx(by_hand)
    assert math.isnan(balance(np.zeros(3, dtype=int))) and balance(np.array([4])) == 1


def test_balances_are_of_the_last_cycle_less_the_initial_labels():
    def run(strategy, seed, cycle, counts, method="baseline"):
        return {"experiment": "digits", "method": method, "strategy": strategy, "seed": seed,
                "cycle": cycle, "labels_per_class": counts}  # fmt: skip

    runs = [run("initial", 0, 0, "2 0 1"), run("random", 0, 2, "3 1 2"), run("jlp", 0, 1, "9 9 9")]
    runs += [run("initial", 1, 0, "1 1 1"), run("random", 1, 1, "4 1 1"), run("jlp", 1, 1, None)]
    runs += [run("random", 0, 1, "2 9 1"), run("jlp", 0, 1, "9 9 9", "pre+semi")]
    found = balances(pd.DataFrame(runs), small_grid())
    assert found == {
        Curve("digits", "baseline", "random"): pytest.approx([1, 0]),
        Curve("digits", "baseline", "jlp"): [balance(np.array([7, 9, 8]))],
    }
    dropped = small_grid() | {"drop_seeds": [0]}
    assert balances(pd.DataFrame(runs), dropped) == {Curve("digits", "baseline", "random"): [0]}
    assert balances(pd.DataFrame(runs).drop(columns="labels_per_class"), small_grid()) == {}


def rows_of(n=60, d=5, seed=0):
    return closeness.unit(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def test_neighbors_and_typical_distance_are_scikit_learn_s():
    rows = rows_of()
    which = np.array([3, 17, 40])
    search = NearestNeighbors(n_neighbors=6).fit(rows)
    distances, indices = search.kneighbors(rows)
    np.testing.assert_array_equal(closeness.nearest(rows, which, 5), indices[which, 1:])
    assert closeness.typical(rows) == pytest.approx(distances[:, 1].mean(), rel=1e-5)
    assert math.isnan(closeness.typical(rows[:1]))
    zeros = closeness.unit(np.zeros((2, 3), dtype=np.float32))
    assert (zeros == 0).all()


def by_brute_force(rows, index, cycle, k):
    """Near duplicates and distance, image by image in float64."""
    rows = rows.astype(np.float64)
    near, far = [], []
    for batch in sorted({c for c in cycle.tolist() if c > 0}):
        known = {i for i, c in zip(index.tolist(), cycle.tolist(), strict=True) if c <= batch}
        before = [i for i, c in zip(index.tolist(), cycle.tolist(), strict=True) if c < batch]
        hits, ways = [], []
        for image in index[cycle == batch]:
            away = {j: math.dist(rows[image], rows[j]) for j in range(len(rows)) if j != image}
            closest = sorted(away, key=away.get)[:k]
            hits.append(bool(known.intersection(closest)))
            ways.append(min(away[j] for j in before))
        near.append(np.mean(hits))
        far.append(np.mean(ways))
    return np.mean(near), np.mean(far)


@pytest.mark.parametrize("seed", range(4))
def test_closeness_is_that_of_each_image_by_itself(seed):
    rng = np.random.default_rng(seed)
    rows, index = rows_of(seed=seed), rng.permutation(60)[:16]
    cycle = np.repeat([0, 1, 2, 3], 4)
    near, far = by_brute_force(rows, index, cycle, 4)
    neighbors = closeness.nearest(rows, index, 4)
    assert closeness.near_duplicates(neighbors, index, cycle, 60) == pytest.approx(near)
    assert closeness.distance(rows, index, cycle) == pytest.approx(far, rel=1e-5)
    assert 0 < near < 1


def test_a_planted_copy_is_found_and_what_is_labeled_later_is_not_counted():
    rows = rows_of(100, 30)
    rows[51], rows[53] = rows[50], rows[52]  # two copies
    index, k = np.array([0, 50, 51, 52, 70, 53]), 1
    cycle = np.array([0, 1, 1, 1, 2, 2])
    neighbors = closeness.nearest(rows, index, k)
    assert neighbors[1:3, 0].tolist() == [51, 50]
    # of batch 1: 50 and 51, not 52, whose copy comes later; of batch 2: 53, maybe 70
    lone = bool({int(neighbors[4, 0])} & set(index.tolist()))
    wanted = (2 / 3 + (1 + lone) / 2) / 2
    assert closeness.near_duplicates(neighbors, index, cycle, 100) == pytest.approx(wanted)
    alone = closeness.distance(rows, np.array([50, 51]), np.array([0, 1]))
    assert alone == pytest.approx(0, abs=1e-6)
    assert math.isnan(closeness.distance(rows, np.array([50]), np.array([0])))
    assert math.isnan(closeness.near_duplicates(neighbors[:1], index[:1], cycle[:1], 100))
