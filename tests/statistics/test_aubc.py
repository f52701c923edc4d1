"""The area under the budget curve, against closed forms and scikit-learn's area."""

import math

import numpy as np
import pandas as pd
import pytest
from grids_of_results import runs_of, small_grid
from sklearn.metrics import auc

from wholepool.job.errors import UserError
from wholepool.statistics import aubc
from wholepool.statistics.trajectories import trajectories


def test_it_is_scikit_learn_s_area_over_the_range():
    rng = np.random.default_rng(0)
    for cycles in (2, 3, 10):
        labels = np.cumsum(rng.integers(1, 500, cycles))
        values = rng.uniform(0, 100, (4, cycles))
        for positions in (labels, np.log(labels)):
            found = aubc.area(values, positions)
            width = positions[-1] - positions[0]
            expected = [auc(positions, row) / width for row in values]
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_closed_forms():
    labels = np.array([10, 20, 100])
    assert aubc.area(np.full(3, 71.5), labels) == pytest.approx(71.5, abs=1e-12)
    # a straight line has the mean of its ends, wherever its points lie
    assert aubc.area(0.5 * labels, labels) == pytest.approx(27.5, abs=1e-12)
    assert aubc.area(3 * np.log(labels), np.log(labels)) == pytest.approx(1.5 * math.log(1000))
    # 0, 80, 80 at 10, 20, 100: (400 + 6400) / 90, not the 60 of budgets taken as equally far apart
    assert aubc.area(np.array([0, 80, 80]), labels) == pytest.approx(6800 / 90)


def test_what_changes_nothing():
    rng = np.random.default_rng(1)
    labels, values = np.array([10.0, 40, 50, 200]), rng.uniform(0, 100, 4)
    plain = aubc.area(values, labels)
    assert aubc.area(values, 7 * labels) == pytest.approx(plain)
    assert aubc.area(values, np.log(7 * labels)) == pytest.approx(aubc.area(values, np.log(labels)))
    assert aubc.area(values + 5, labels) == pytest.approx(plain + 5)
    # a point more on the line between two
    between = np.insert(values, 3, (values[2] + values[3]) / 2)
    assert aubc.area(between, np.insert(labels, 3, 125)) == pytest.approx(plain)


def test_one_number_of_labels_has_no_area_and_falling_ones_are_refused():
    assert np.isnan(aubc.area(np.array([[50.0], [60.0]]), np.array([10]))).tolist() == [True] * 2
    assert np.isnan(aubc.area(np.array([50.0, 60.0]), np.array([10, 10])))
    with pytest.raises(ValueError, match="fall"):
        aubc.area(np.array([50.0, 60.0]), np.array([20, 10]))


def literal(runs, experiment, method, strategy, seed):
    """By a loop over trapezoids, from the runs as they are filed."""
    own = runs[(runs.experiment == experiment) & (runs.method == method) & (runs.seed == seed)]
    own = own[own.strategy.isin(["initial", strategy])].sort_values("cycle")
    y, x = own.accuracy.tolist(), own.n_labels.tolist()
    total = sum((x[k + 1] - x[k]) * (y[k] + y[k + 1]) / 2 for k in range(len(x) - 1))
    return total / (x[-1] - x[0])


def test_tables_are_of_every_curve_in_the_order_of_the_plan():
    grid = small_grid()
    runs = runs_of(grid)
    runs["n_labels"] = 20 + 5 * runs["cycle"] * (runs["cycle"] + 1)  # 20, 30, 50
    table = trajectories(runs, grid)
    seeds, curves = aubc.seed_table(table, grid), aubc.curve_table(table, grid)
    assert tuple(seeds) == aubc.SEEDS and tuple(curves) == aubc.CURVES
    expected = [literal(runs, *row[:4]) for row in seeds.itertuples(index=False)]
    np.testing.assert_allclose(seeds["aubc"], expected, rtol=1e-12)
    assert len(seeds) == 2 * len(curves) == 2 * 10
    assert curves["strategy"].tolist()[:7] == [
        *("random", "uncertainty", "ceal", "coreset", "jlp", "random", "jlp")
    ]
    means = seeds.groupby(["experiment", "method", "strategy"], sort=False)["aubc"]
    np.testing.assert_allclose(curves["aubc"], means.mean(), rtol=1e-12)
    np.testing.assert_allclose(curves["aubc_std"], means.std(ddof=1), rtol=1e-9)
    first = curves.iloc[0]
    assert (first.first_cycle, first.last_cycle, first.first_labels, first.last_labels) == (
        *(0, 2, 20, 50),
    )
    assert curves["last_cycle"].tolist()[-1] == 1 and set(curves["n_seeds"]) == {2}


def test_a_gap_is_named_and_left_out_of_a_grid_half_finished():
    grid = small_grid()
    runs = runs_of(grid, lambda **c: (c["strategy"], c["seed"], c["cycle"]) != ("jlp", 1, 2))
    table = trajectories(runs, grid)
    with pytest.raises(UserError, match="digits/baseline/jlp has no accuracy at seed 1, cycle 2"):
        aubc.curve_table(table, grid)
    curves = aubc.curve_table(table, grid, partial=True)
    # of jlp, cycles 0 and 1 of both seeds are more cells than three of one: see `together`
    assert set(curves["n_seeds"]) == {2} and curves["aubc"].notna().all()
    short = (curves["experiment"] == "digits") & (curves["strategy"] == "jlp")
    assert short.any() and set(curves["last_cycle"][short]) == {1}


def test_cycle_0_alone_is_empty_and_no_run_has_no_row():
    grid = small_grid()
    start = trajectories(runs_of(grid, lambda **c: c["cycle"] == 0), grid)
    curves = aubc.curve_table(start, grid)
    assert len(curves) == 10 and curves["aubc"].isna().all() and set(curves["n_seeds"]) == {2}
    nothing = trajectories(runs_of(grid).iloc[:0], grid)
    assert aubc.curve_table(nothing, grid).empty and aubc.seed_table(nothing, grid).empty
    assert isinstance(aubc.seed_table(nothing, grid), pd.DataFrame)
