"""Comparisons seed by seed: which there are, against SciPy's tests, and their error rates."""

import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import accuracy_of, plan, runs_of, small_grid, with_full
from scipy import stats

from wholepool.job.errors import UserError
from wholepool.statistics import comparisons, effects, sign_flip
from wholepool.statistics.paired import COLUMNS, SAME, paired
from wholepool.statistics.trajectories import trajectories

FIVE = [0, 1, 2, 3, 4]


def grid_of_five():
    grid = small_grid()
    for own in grid["experiments"].values():
        own["seeds"] = FIVE
    return grid


def noisy_runs(grid):
    """Runs with a spread over seeds, and their accuracies by cell."""
    runs = runs_of(grid)
    runs["accuracy"] = np.random.default_rng(0).normal(60, 4, len(runs))
    keys = ["experiment", "method", "strategy", "seed", "cycle"]
    return runs, runs.set_index(keys)["accuracy"].to_dict()


def differences_of(grid, runs=None, partial=False):
    runs = runs_of(grid) if runs is None else runs
    return comparisons.differences(trajectories(runs, grid), grid, partial)


def test_everything_is_compared_once():
    found = [tuple(one[:5]) for one in comparisons.comparisons(small_grid())]
    others = ["uncertainty", "ceal", "coreset", "jlp"]
    assert found == [
        *(("strategy", "digits", "baseline", name, "random") for name in others),
        ("strategy", "digits", "pre+semi", "jlp", "random"),
        ("strategy", "mnist", "baseline", "jlp", "random"),
        *(("method", "digits", "pre+semi", s, "baseline") for s in ("initial", "random", "jlp")),
        *(("method", "mnist", "semi", s, "baseline") for s in ("initial", "jlp")),
    ]


def test_the_first_stands_for_random_and_for_the_baseline_that_are_not_there():
    grid = {"experiments": {"e": plan("digits", {"semi": ["jlp", "ceal"], "pre": ["ceal"]})}}
    words = {"labels": "all", "pre": "none", "semi": "none", "strategies": []}
    grid["experiments"]["e"]["methods"] = {"full": words, **grid["experiments"]["e"]["methods"]}
    found = [tuple(one[:5]) for one in comparisons.comparisons(grid)]
    assert found == [
        ("strategy", "e", "semi", "ceal", "jlp"),
        ("method", "e", "pre", "initial", "semi"),
        ("method", "e", "pre", "ceal", "semi"),
    ]


def test_differences_are_those_of_the_runs():
    grid = grid_of_five()
    table = differences_of(grid)
    assert tuple(table) == comparisons.COLUMNS
    cycles = table[table["measure"] == "cycle"]
    for row in cycles.itertuples():
        filed = "initial" if row.cycle == 0 else row.strategy
        other = (row.method, row.against) if row.kind == "strategy" else (row.against, filed)
        expected = accuracy_of(row.experiment, row.method, filed, row.seed, row.cycle)
        expected -= accuracy_of(row.experiment, *other, row.seed, row.cycle)
        assert row.difference == pytest.approx(expected, abs=1e-8)
        assert row.n_labels == 20 + 10 * row.cycle
    at_0 = cycles[cycles["cycle"] == 0]
    assert set(at_0["kind"]) == {"method"} and set(at_0["strategy"]) == {"initial"}
    # equal budgets: the area of three cycles is (first / 2 + second + third / 2) / 2
    key = {"kind": "method", "experiment": "digits", "strategy": "jlp"}
    own = table[(table[list(key)] == pd.Series(key)).all(axis=1)]
    by_seed = own[own["measure"] == "cycle"].pivot(
        index="seed", columns="cycle", values="difference"
    )
    start = at_0[at_0["experiment"] == "digits"].set_index("seed")["difference"]
    areas = own[own["measure"] == "aubc"].set_index("seed")["difference"]
    assert areas.index.tolist() == FIVE
    np.testing.assert_allclose(areas, start / 4 + by_seed[1] / 2 + by_seed[2] / 4, atol=1e-8)
    assert (table[table["measure"] == "aubc"]["strategy"] != "initial").all()


def test_each_row_is_scipy_s_paired_test_corrected_over_its_family():
    grid = grid_of_five()
    runs, accuracy = noisy_runs(grid)
    table = paired(differences_of(grid, runs))
    assert tuple(table) == COLUMNS and len(table) == 9 + 11 + 7
    for row in table[table["measure"] == "cycle"].itertuples():
        filed = "initial" if row.cycle == 0 else row.strategy
        other = (row.method, row.against) if row.kind == "strategy" else (row.against, filed)
        sides = [
            [accuracy[row.experiment, *pair, seed, row.cycle] for seed in FIVE]
            for pair in ((row.method, filed), other)
        ]
        expected = stats.ttest_rel(*sides)
        assert row.p == pytest.approx(expected.pvalue, rel=1e-5)
        interval = expected.confidence_interval(0.95)
        assert (row.low, row.high) == pytest.approx(tuple(interval), abs=1e-6)
        std = np.std(np.subtract(*sides), ddof=1)
        assert row.detectable == pytest.approx(effects.detectable(std, 5), rel=1e-6)
        assert effects.power(1 / std, int(row.seeds_for_one_point)) >= 0.8
    for _, family in table.groupby(["kind", "measure"]):
        assert set(family["tests"]) == {len(family)}
        assert family["p_holm"].tolist() == effects.holm(family["p"].tolist())
        assert family["p_sign_flip_holm"].tolist() == effects.holm(family["p_sign_flip"].tolist())
    assert set(table["p_sign_flip_least"]) == {0.0625} and (table["p_sign_flip"] >= 0.0625).all()


def frame(rows):
    """A family of comparisons by the area, from differences a row each."""
    return pd.DataFrame(
        [
            ("strategy", f"e{k}", "semi", "jlp", "random", "aubc", pd.NA, pd.NA, seed, value)
            for k, values in enumerate(rows)
            for seed, value in enumerate(values)
        ],
        columns=list(comparisons.COLUMNS),
    )


def test_what_is_no_test_is_not_counted():
    table = paired(frame([[1.0, 1.2, 0.9, 1.1], [0.0] * 4, [0.3] * 10, [2.0], [1.0, -1.1, 0.5]]))
    assert table["says"].tolist() == [
        *("above 0", "exactly 0", SAME, "one seed tells nothing", "not told from 0"),
    ]
    assert set(table["tests"]) == {2} and table["n_seeds"].tolist() == [4, 4, 10, 1, 3]
    for name in ("p", "p_holm", "p_sign_flip", "p_sign_flip_holm", "detectable"):
        assert table[name].isna().tolist() == [False, True, True, True, False]
    assert table["low"].isna().tolist() == [False, False, True, True, False]
    assert table["difference"].tolist() == pytest.approx([1.05, 0, 0.3, 2, 0.4 / 3])
    assert (table["low"][1], table["high"][1]) == (0, 0)
    assert table["p_holm"][0] == pytest.approx(2 * table["p"][0])


def test_seeds_of_one_difference_are_one_observation_whatever_the_rounding():
    grid = {"experiments": {"e": plan("digits", {"baseline": ["random", "jlp"]}, seeds=FIVE)}}
    runs = runs_of(grid)
    drawn = runs["seed"] / 7  # both sides move together, and the differences by a rounding
    runs["accuracy"] = 50.1 + drawn + 0.3 * (runs["strategy"] == "jlp")
    table = paired(differences_of(grid, runs))
    assert set(table["says"]) == {SAME} and table["difference"].max() == 0.3


def test_a_missing_seed_is_named_and_of_a_half_finished_grid_left_out_of_its_pairs():
    grid = grid_of_five()
    runs = runs_of(grid, lambda **c: (c["strategy"], c["seed"], c["cycle"]) != ("jlp", 3, 2))
    with pytest.raises(UserError, match="digits/baseline/jlp has no accuracy at seed 3, cycle 2"):
        differences_of(grid, runs)
    table = paired(differences_of(grid, runs, partial=True))
    jlp = table[(table["strategy"] == "jlp") & (table["experiment"] == "digits")]
    at = [4 if cycle == 2 else 5 for cycle in jlp[jlp["measure"] == "cycle"]["cycle"]]
    assert jlp[jlp["measure"] == "cycle"]["n_seeds"].tolist() == at
    assert set(jlp[jlp["measure"] == "aubc"]["n_seeds"]) == {4}
    rest = table[table["strategy"] != "jlp"]
    assert set(rest["n_seeds"]) == {5}


def test_dropped_seeds_full_supervision_and_what_was_not_run_are_in_no_pair():
    grid = grid_of_five()
    runs = with_full(grid, [90.0, 91.0])
    runs = runs[runs["method"] != "semi"]
    table = differences_of(grid | {"drop_seeds": [3]}, runs)
    assert sorted(set(table["seed"])) == [0, 1, 2, 4] and "full" not in set(table["method"])
    assert "mnist" not in set(table[table["kind"] == "method"]["experiment"])
    nothing = differences_of(grid, runs.iloc[:0])
    assert nothing.empty and paired(nothing).empty and tuple(paired(nothing)) == COLUMNS


def test_holm_over_sign_flips_bounds_the_errors_of_a_table_and_finds_what_is_planted():
    rng, tables, tests = np.random.default_rng(0), 800, 6
    values = rng.normal(0, 3, (tables, tests, 9))
    values[:, -1] += 12
    ps = np.reshape(sign_flip.p_values(values.reshape(-1, 9).tolist()), (tables, tests))
    adjusted = np.array([effects.holm(own) for own in ps.tolist()])
    wrong = (adjusted[:, :-1] <= 0.05).any(axis=1).mean()
    assert 0 < wrong < 0.05 + 4 * math.sqrt(0.05 * 0.95 / tables)
    # 2 / 2^9 over 6 tests is .023: found where all nine are of one sign
    assert sign_flip.least_seeds(tests) <= 9 and (adjusted[:, -1] <= 0.05).mean() > 0.99
