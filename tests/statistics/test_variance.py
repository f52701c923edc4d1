"""The variance split: against statsmodels, by what must not change, and of planted effects."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import small_grid
from scipy.stats import beta, kstest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from wholepool.job.errors import UserError
from wholepool.statistics.variance import COLUMNS, FACTORS, REST, factorial, split, variance


def values_of(seed=0, shape=(2, 3, 4, 5)):
    return np.random.default_rng(seed).normal(60, 3, shape)


def shares(values):
    return {row[0]: row[4] for row in split(values)}


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (4, 2, 1, 3), (1, 3, 2, 2)])
def test_it_is_statsmodels_anova_of_type_two(shape):
    values = values_of(1, shape)
    places = list(itertools.product(*map(range, shape)))
    frame = pd.DataFrame(places, columns=list(FACTORS)).assign(accuracy=values.ravel())
    varied = [name for name, levels in zip(FACTORS, shape, strict=True) if levels > 1]
    model = ols("accuracy ~ " + " + ".join(f"C({name})" for name in varied), frame).fit()
    wanted = anova_lm(model, typ=2)
    for name, levels, degrees, squares, share, _, cells in split(values):
        if name in FACTORS and name not in varied:
            assert (levels, degrees, squares, share) == (1, 0, 0, 0)
            continue
        row = wanted.loc["Residual" if name == REST else f"C({name})"]
        assert degrees == row["df"] and cells == values.size
        assert squares == pytest.approx(row["sum_sq"], rel=1e-9)
        assert share == pytest.approx(row["sum_sq"] / wanted["sum_sq"].sum(), rel=1e-9)


def test_shares_sum_to_one_and_do_not_know_scale_or_order():
    values = values_of()
    found = shares(values)
    assert sum(found.values()) == pytest.approx(1)
    assert shares(7 * values - 3) == pytest.approx(found)
    assert shares(values[:, [2, 0, 1]][..., ::-1]) == pytest.approx(found)


def test_other_seeds_in_each_cell_leave_the_others_alone():
    values = values_of()
    values += 4 * np.arange(5)  # a strong effect of the seed
    mixed = np.random.default_rng(1).permuted(values, axis=3)
    before, after = shares(values), shares(mixed)
    for name in ("method", "strategy", "cycle"):
        assert after[name] == pytest.approx(before[name])
    assert before["seed"] > 0.7 and after["seed"] < 0.1


def test_what_is_planted_is_found():
    methods = np.array([0.0, 6.0])[:, None, None, None]
    strategies = np.array([-1.0, 0.0, 1.0])[None, :, None, None]
    values = 50 + methods + strategies + np.zeros((2, 3, 4, 5))
    found = shares(values)  # variances 9 and 2/3
    assert found["method"] == pytest.approx(9 / (9 + 2 / 3))
    assert found["strategy"] == pytest.approx(2 / 3 / (9 + 2 / 3))
    assert found["cycle"] == found["seed"] == 0 and found[REST] == pytest.approx(0, abs=1e-12)
    both = methods * strategies + np.zeros((2, 3, 4, 5))
    assert shares(both - both.mean(axis=(0,), keepdims=True))[REST] == pytest.approx(1)


def test_without_effects_a_share_has_the_distribution_it_must_have():
    # of noise it is Beta(d / 2, (n - 1 - d) / 2), so on average what by_chance says
    shape, times = (2, 3, 2, 4), 600
    rows = [split(values_of(seed, shape)) for seed in range(times)]
    for place, name in enumerate((*FACTORS, REST)):
        found = [row[place][4] for row in rows]
        degrees, by_chance = rows[0][place][2], rows[0][place][5]
        law = beta(degrees / 2, (47 - degrees) / 2)
        assert by_chance == pytest.approx(law.mean()), name
        assert kstest(found, law.cdf).pvalue > 0.001, name
        assert np.mean(found) == pytest.approx(by_chance, abs=4 * law.std() / math.sqrt(times))


def test_equal_accuracies_have_no_shares():
    rows = split(np.full((2, 2, 2, 2), 70.1))
    assert all(math.isnan(row[4]) and row[3] == 0 for row in rows)
    assert [row[2] for row in rows] == [1, 1, 1, 1, 11]


def table_of(grid, keep=lambda **cell: True):
    rows = []
    for name, plan in grid["experiments"].items():
        for method, words in plan["methods"].items():
            cells = itertools.product(words["strategies"], plan["seeds"], range(plan["cycles"]))
            for strategy, seed, cycle in cells:
                own = {"experiment": name, "method": method, "strategy": strategy}
                own |= {"seed": seed, "cycle": cycle}
                text = f"{'' if cycle == 0 else strategy}{method}{name}{seed}{cycle}"
                if keep(**own):
                    rows.append(own | {"accuracy": float(sum(map(ord, text)) % 37)})
    return pd.DataFrame(rows, columns=["experiment", "method", "strategy", "seed", "cycle",
                                       "accuracy"])  # fmt: skip


def test_the_factorial_has_the_strategies_of_all_methods_and_the_cycles_from_one_on():
    grid = small_grid()
    table = table_of(grid)
    values = factorial(table, grid, "digits")
    assert values.shape == (2, 2, 2, 2)  # random and jlp alone are of both methods
    for place in itertools.product(*map(range, values.shape)):
        method, strategy, cycle, seed = place
        own = table[table["experiment"] == "digits"].set_index(
            ["method", "strategy", "cycle", "seed"]
        )
        named = ("baseline", "pre+semi")[method], ("random", "jlp")[strategy], cycle + 1, seed
        assert values[place] == own.loc[named, "accuracy"]
    found = variance(table, grid)
    assert list(found.columns) == list(COLUMNS)
    assert list(found["source"]) == [*FACTORS, REST] * 2
    mnist = found[found["experiment"] == "mnist"].set_index("source")
    assert mnist.loc["strategy", "levels"] == mnist.loc["cycle", "levels"] == 1
    assert mnist.loc["method", "levels"] == 2 and set(mnist["cells"]) == {4}


def test_a_missing_seed_is_an_error_and_is_left_out_of_a_grid_half_finished():
    grid = small_grid()

    def keep(method, strategy, seed, cycle, **_):
        return (method, strategy, seed, cycle) != ("pre+semi", "jlp", 1, 2)

    table = table_of(grid, keep)
    with pytest.raises(UserError, match=r"digits/pre\+semi/jlp has no accuracy at seed 1, cycle 2"):
        variance(table, grid)
    # cycles 0 and 1 of both seeds are more cells than three cycles of one: see `together`
    assert factorial(table, grid, "digits", partial=True).shape == (2, 2, 1, 2)
    begun = table_of(grid, lambda method, **_: method == "baseline")
    assert factorial(begun, grid, "digits", partial=True).shape == (1, 5, 2, 2)


@pytest.mark.parametrize("keep", [lambda **_: False, lambda cycle, **_: cycle == 0])
def test_without_a_factorial_there_are_no_rows(keep):
    found = variance(table_of(small_grid(), keep), small_grid())
    assert list(found.columns) == list(COLUMNS) and len(found) == 0
