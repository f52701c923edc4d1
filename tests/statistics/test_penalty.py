"""The penalty matrix, against SciPy's test pair by pair, and under the null."""

import math
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from grids_of_results import plan, runs_of, small_grid
from scipy.stats import binomtest, ttest_rel

from wholepool.job.errors import UserError
from wholepool.statistics.effects import holm, p_value
from wholepool.statistics.penalty import CHECKPOINTS, COLUMNS, checkpoints, paired_p, penalty
from wholepool.statistics.trajectories import trajectories


def grid_of(strategies, seeds=5, methods=("baseline",), cycles=4):
    own = plan("digits", dict.fromkeys(methods, strategies), cycles=cycles, seeds=[*range(seeds)])
    return {"experiments": {"digits": own}}


def literal(runs, methods):
    """(method, row, column) → checkpoints, better, better_holm; written out."""
    runs = runs[runs["cycle"] > 0]
    found = {}
    for name, members in methods.items():
        own = runs[runs["method"].isin(members)]
        tests = {}
        for key, part in own.groupby(["experiment", "method", "cycle"]):
            by = {s: rows.sort_values("seed")["accuracy"] for s, rows in part.groupby("strategy")}
            for first, second in permutations(by, 2):
                one, other = by[first].to_numpy(), by[second].to_numpy()
                tests[first, second, key] = ttest_rel(one, other).pvalue, (one - other).mean()
        once = [names for names in tests if names[0] < names[1]]
        adjusted = dict(zip(once, holm([tests[names][0] for names in once]), strict=True))
        for (first, second, key), (p, difference) in tests.items():
            corrected = adjusted[min(first, second), max(first, second), key]
            row = found.setdefault((name, first, second), [0, 0, 0])
            row[0] += 1
            row[1] += p < 0.05 and difference > 0
            row[2] += corrected < 0.05 and difference > 0
    return found


def test_it_is_scipy_s_test_pair_by_pair():
    grid = small_grid()
    for own in grid["experiments"].values():
        own["seeds"] = [0, 1, 2, 3]
    # the same pair in another order elsewhere: it is one pair of the matrix over all
    grid["experiments"]["mnist"]["methods"]["baseline"]["strategies"] = ["jlp", "random"]
    runs = runs_of(grid)
    rng = np.random.default_rng(0)
    shift = {"random": 0.0, "jlp": 6.0, "ceal": 3.0}
    runs["accuracy"] = [50 + shift.get(s, 1.0) for s in runs["strategy"]]
    runs["accuracy"] += rng.normal(size=len(runs))
    found = penalty(checkpoints(trajectories(runs, grid), grid))
    every = ["baseline", "pre+semi", "semi"]
    wanted = literal(runs, {"baseline": ["baseline"], "pre+semi": ["pre+semi"], "all": every})
    got = {
        (row.method, row.row, row.column): [row.checkpoints, row.better, row.better_holm]
        for row in found.itertuples()
    }
    assert got == wanted
    assert sum(row[1] for row in got.values()) > sum(row[2] for row in got.values()) > 0
    assert got["all", "jlp", "random"][0] == 5  # 2 cycles of 2 methods, and 1 of the other order
    assert (found["share"] == found["better"] / found["checkpoints"]).all()
    assert (found["least_seeds"] == 4).all()


def test_p_is_that_of_the_effects_but_seeds_that_are_alike_are_no_test():
    rng = np.random.default_rng(0)
    rounding = np.tile([0.3, 0.1 + 0.2], 3)  # which are not equal to the last digit
    columns = np.column_stack([rng.normal(size=(6, 3)), np.zeros(6), np.full(6, 2.0), rounding])
    assert rounding[0] != rounding[1]
    found = paired_p(columns)
    assert found[:3] == pytest.approx([p_value(column.tolist()) for column in columns.T[:3]])
    assert np.isnan(found[3:]).all()


def test_equal_strategies_count_as_checkpoints_and_not_in_the_correction():
    rows = [("e", "m", "a", "b", cycle, 5, 1.0, 0.02) for cycle in (1, 2)]
    rows += [("e", "m", "a", "c", cycle, 5, 0.0, math.nan) for cycle in range(1, 50)]
    found = penalty(pd.DataFrame(rows, columns=list(CHECKPOINTS)))
    found = found.set_index(["method", "row", "column"])
    assert found.loc[("m", "a", "b"), "better_holm"] == 2  # 2 x 0.02, not 51 x
    assert found.loc[("m", "a", "c"), ["checkpoints", "better"]].tolist() == [49, 0]
    assert found.loc[("m", "b", "a"), "better"] == 0


def test_without_a_true_difference_each_direction_wins_2_5_percent():
    """Raw by direction; after Holm at most 5 % of the matrices have any win."""
    rng = np.random.default_rng(1)
    p = paired_p(rng.normal(size=(5, 40_000)))
    above = rng.normal(size=40_000) > 0  # the sign is independent of p
    wins = int((above & (p < 0.05)).sum())
    assert binomtest(wins, len(p), 0.025).pvalue > 0.01
    # matrices of 6 pairs x 4 checkpoints of 5 seeds, which share the strategies' runs
    n = 3000
    runs = np.random.default_rng(2).normal(size=(5, n, 4, 4))
    pairs = list(combinations(range(4), 2))
    differences = np.stack([runs[:, :, one] - runs[:, :, other] for one, other in pairs], axis=2)
    p = paired_p(differences.reshape(5, -1)).reshape(n, 6, 4)
    any_win = p.min(axis=(1, 2)) * 24 < 0.05  # Holm's first step
    assert binomtest(int(any_win.sum()), n, 0.05, alternative="greater").pvalue > 0.01
    # the first 15 with a win and the first 15 without, by the function itself
    for matrix in [*np.flatnonzero(any_win)[:15], *np.flatnonzero(~any_win)[:15]]:
        means = differences[:, matrix].mean(axis=0)
        rows = [
            ("e", "m", *pairs[k], cycle, 5, means[k, cycle], p[matrix, k, cycle])
            for k in range(6)
            for cycle in range(4)
        ]
        found = penalty(pd.DataFrame(rows, columns=list(CHECKPOINTS)))
        own = found[found["method"] == "m"]
        assert (own["better_holm"].sum() > 0) == any_win[matrix]
        assert own["better"].sum() == (p[matrix] < 0.05).sum()


def test_a_planted_effect_is_found_in_its_direction_only():
    grid = grid_of(["random", "jlp"])
    runs = runs_of(grid)
    noise = np.random.default_rng(0).normal(size=len(runs)) / 10
    runs["accuracy"] = 50 + 5 * (runs["strategy"] == "jlp") + noise
    found = penalty(checkpoints(trajectories(runs, grid), grid)).set_index(["row", "column"])
    assert set(found.loc[("jlp", "random"), "share_holm"]) == {1.0}
    assert set(found.loc[("random", "jlp"), "share"]) == {0.0}


def test_a_missing_seed_is_named_or_left_out_of_a_half_finished_grid():
    grid = grid_of(["random", "jlp"])
    runs = runs_of(grid, keep=lambda **c: (c["strategy"], c["seed"]) != ("jlp", 2))
    table = trajectories(runs, grid)
    with pytest.raises(UserError, match="seed 2"):
        checkpoints(table, grid)
    assert set(checkpoints(table, grid, partial=True)["n_seeds"]) == {4}


@pytest.mark.parametrize("grid", [grid_of(["random"]), grid_of(["random", "jlp"], seeds=1)])
def test_without_pairs_the_table_is_empty(grid):
    found = penalty(checkpoints(trajectories(runs_of(grid), grid), grid))
    assert tuple(found.columns) == COLUMNS and found.empty
