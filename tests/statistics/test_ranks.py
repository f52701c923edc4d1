"""Ranks over blocks, against autorank, SciPy and all sign flips written out."""

import math
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from grids_of_results import plan, runs_of, small_grid
from scipy.stats import binomtest, rankdata, wilcoxon

from wholepool.job.errors import UserError
from wholepool.statistics import ranks as statistics
from wholepool.statistics.trajectories import trajectories


def values_of(seed, n_blocks=8, n_strategies=4, shift=0.0):
    rng = np.random.default_rng(seed)
    numbers = 60 + rng.normal(size=(n_blocks, n_strategies)) + shift * np.arange(n_strategies)
    return pd.DataFrame(numbers, columns=[f"s{k}" for k in range(n_strategies)])


def flips(differences):
    """Two-sided p of the signed ranks' sum, over all signs; zeros left out."""
    known = differences[differences != 0]
    ranks = rankdata(abs(known))
    seen = abs((ranks * np.sign(known)).sum())
    sums = [abs(np.dot(signs, ranks)) for signs in product((-1, 1), repeat=len(known))]
    return np.mean([value >= seen - 1e-9 for value in sums])


def test_they_are_autorank_s_ranks_and_distance_and_friedman_s_p():
    from autorank import autorank

    values = values_of(0, n_blocks=10, n_strategies=5, shift=0.4)
    theirs = autorank(values, order="descending", force_mode="nonparametric")
    ours = statistics.ranks(values, statistics.pair_tests(values)).set_index("strategy")
    wanted = theirs.rankdf["meanrank"]
    assert ours["mean_rank"].to_dict() == pytest.approx(wanted.to_dict(), abs=1e-12)
    # its studentized range is statsmodels' qsturng, an approximation to five digits
    assert ours["critical_distance"].iloc[0] == pytest.approx(theirs.cd, rel=2e-5)
    assert ours["friedman_p"].iloc[0] == pytest.approx(theirs.pvalue, abs=1e-12)
    assert ours["mean_rank"].is_monotonic_increasing


def test_critical_distances_of_12_strategies():
    found = [round(statistics.critical_distance(12, n), 1) for n in (5, 10, 20)]
    # Demsar 2006, table 5: q of 2 and 10 classifiers at .05
    assert found == [7.5, 5.3, 3.7]
    assert statistics.critical_distance(2, 1) == pytest.approx(1.960, abs=5e-4)
    q = statistics.critical_distance(10, 1) / math.sqrt(10 * 11 / 6)
    assert q == pytest.approx(3.164, abs=5e-4)


@pytest.mark.parametrize("ties", [False, True])
def test_p_is_that_of_all_sign_flips_and_holm_s_by_hand(ties):
    values = values_of(1, n_blocks=7, shift=0.5)
    if ties:  # equal in a block, and differences of the same size
        values = values.round(0)
        assert any((values[a] == values[b]).any() for a, b in combinations(values, 2))
    tests = statistics.pair_tests(values)
    for row in tests.itertuples():
        differences = (values[row.first] - values[row.second]).to_numpy()
        assert row.p == pytest.approx(flips(differences), abs=1e-12)
    highest = 0.0
    for place, index in enumerate(tests["p"].sort_values(kind="stable").index):
        highest = max(highest, min(1.0, tests.loc[index, "p"] * (len(tests) - place)))
        assert tests.loc[index, "p_holm"] == pytest.approx(highest, abs=1e-12)


def test_strategies_share_a_letter_where_they_are_not_told_apart():
    told = 0
    for seed in range(6):
        values = values_of(seed, n_blocks=12, n_strategies=6, shift=0.7)
        tests = statistics.pair_tests(values)
        letters = statistics.ranks(values, tests).set_index("strategy")["cliques"]
        p = statistics.square(tests, values.columns)
        for first, second in combinations(values, 2):
            shared = bool(set(letters[first]) & set(letters[second]))
            assert shared == (p.loc[first, second] >= 0.05)
            told += not shared
        # each letter is a largest set of strategies that are all not told apart
        sets = [
            {s for s in letters.index if letter in letters[s]} for letter in set("".join(letters))
        ]
        alike = [
            set(own)
            for size in range(1, 7)
            for own in combinations(values, size)
            if all(p.loc[pair] >= 0.05 for pair in combinations(own, 2))
        ]
        largest = [own for own in alike if not any(own < other for other in alike)]
        assert sorted(map(sorted, sets)) == sorted(map(sorted, largest))
    assert told > 10


def test_at_most_5_percent_of_null_tables_tell_any_pair_apart():
    """9 blocks of 3: there the least p after Holm is 3 / 256, so that some are told apart."""
    n = 2000
    numbers = np.random.default_rng(3).normal(size=(9, n, 3))
    pairs = np.stack([numbers[..., a] - numbers[..., b] for a, b in combinations(range(3), 2)])
    p = wilcoxon(pairs, axis=1).pvalue
    apart = p.min(axis=0) * 3 < 0.05  # Holm's first step
    assert binomtest(int(apart.sum()), n, 0.05, alternative="greater").pvalue > 0.01
    for table in [*np.flatnonzero(apart)[:10], *np.flatnonzero(~apart)[:10]]:
        values = pd.DataFrame(numbers[:, table], columns=list("abc"))
        tests = statistics.pair_tests(values)
        assert (tests["p_holm"] < 0.05).any() == apart[table]
        assert tests["p"].tolist() == pytest.approx(p[:, table].tolist(), abs=1e-12)


def test_a_planted_order_is_found():
    values = values_of(0, n_blocks=10, shift=4.0)
    table = statistics.ranks(values, statistics.pair_tests(values))
    assert list(table["strategy"]) == ["s3", "s2", "s1", "s0"]
    assert list(table["cliques"]) == ["a", "b", "c", "d"]
    assert list(table["mean_rank"]) == pytest.approx([1, 2, 3, 4], abs=0.2)


def test_the_least_p_and_the_blocks_it_needs():
    values = values_of(0, n_blocks=6, shift=50.0)
    tests = statistics.pair_tests(values)
    assert (tests["p"] == tests["p_least"]).all() and tests["p_least"].iloc[0] == 2 / 2**6
    assert (tests["p_holm"] >= 0.05).all() and statistics.blocks_needed(4) == 8
    # 12 strategies are 66 pairs: 66 * 2 / 2^11 is above .05, 66 * 2 / 2^12 is below
    assert statistics.blocks_needed(12) == 12
    tests = statistics.pair_tests(values_of(0, n_blocks=8, shift=50.0))
    assert (tests["p_holm"] < 0.05).all()


@pytest.mark.parametrize(("n_blocks", "n_strategies"), [(4, 4), (8, 2), (0, 0), (0, 4)])
def test_too_few_are_ranked_and_not_tested(n_blocks, n_strategies):
    values = values_of(0, n_blocks, n_strategies)
    tests = statistics.pair_tests(values)
    table = statistics.ranks(values, tests)
    assert tuple(tests.columns) == statistics.TESTS and tests.empty
    assert tuple(table.columns) == statistics.COLUMNS and len(table) == n_strategies
    assert table["friedman_p"].isna().all() and (table["cliques"] == "").all()


def test_equal_strategies_share_their_rank_and_are_not_told_apart():
    values = pd.DataFrame(np.full((6, 3), 70.0), columns=list("abc"))
    table = statistics.ranks(values, statistics.pair_tests(values))
    assert list(table["mean_rank"]) == [2, 2, 2] and list(table["cliques"]) == ["a"] * 3
    assert (table["friedman_p"] == 1).all()


def test_the_area_is_the_trapezoid_over_the_range_of_the_labels():
    accuracies = pd.DataFrame([[40.0, 60.0, 70.0], [50.0, 60.0, 80.0]])
    # (50 x 10 + 65 x 30) / 40 and (55 x 10 + 70 x 30) / 40
    assert statistics.mean_aubc(accuracies, [10, 20, 50]) == pytest.approx((61.25 + 66.25) / 2)
    assert statistics.mean_aubc(accuracies + 7, [10, 20, 50]) == pytest.approx(70.75)
    assert math.isnan(statistics.mean_aubc(accuracies.iloc[:, :1], [10]))
    assert math.isnan(statistics.mean_aubc(accuracies.iloc[:0], [10, 20, 50]))


def test_blocks_are_experiments_and_methods_with_the_strategies_all_have():
    grid = small_grid()
    grid["experiments"]["more"] = plan(
        "digits", {"semi": ["jlp", "ceal", "random"], "pre": ["jlp"]}
    )
    found = statistics.blocks(trajectories(runs_of(grid), grid), grid)
    # those of one or two strategies are left out
    assert list(found.index) == [("digits", "baseline"), ("more", "semi")]
    assert list(found.columns) == ["random", "ceal", "jlp"]
    rows = runs_of(grid)
    rows = rows[(rows["experiment"] == "more") & rows["strategy"].isin(["initial", "ceal"])]
    own = rows[rows["method"] == "semi"].groupby("cycle")["accuracy"].mean()
    assert found.loc[("more", "semi"), "ceal"] == pytest.approx(
        (own[0] / 2 + own[1] + own[2] / 2) / 2
    )


def test_a_missing_seed_is_named_or_left_out_of_its_whole_block():
    grid = {"experiments": {"digits": plan("digits", {"baseline": ["random", "jlp", "ceal"]})}}
    rows = runs_of(grid, keep=lambda **c: (c["strategy"], c["seed"]) != ("ceal", 0))
    table = trajectories(rows, grid)
    with pytest.raises(UserError, match="seed 0"):
        statistics.blocks(table, grid)
    found = statistics.blocks(table, grid, partial=True)
    alone = rows[rows["seed"] == 1]
    whole = statistics.blocks(trajectories(alone, grid), grid)
    pd.testing.assert_frame_equal(found, whole)
