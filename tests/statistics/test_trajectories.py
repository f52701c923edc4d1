"""Runs as trajectories, and pairs of them: what is kept, and what is an error."""

import numpy as np
import pandas as pd
import pytest
from grids_of_results import runs_of, small_grid

from wholepool.grid.cells import ALL, INITIAL
from wholepool.job.errors import UserError
from wholepool.statistics.trajectories import Curve, curves, labels, matrix, together, trajectories

NAMES = (Curve("e", "semi", "jlp"), Curve("e", "semi", "random"))


def block(values, seeds=None, cycles=None):
    values = np.array(values, float)
    return pd.DataFrame(
        values,
        index=range(len(values)) if seeds is None else seeds,
        columns=range(values.shape[1]) if cycles is None else cycles,
    )


def test_every_curve_has_its_cycles_and_the_first_is_shared():
    grid = small_grid()
    runs = runs_of(grid)
    table = trajectories(runs.sample(frac=1, random_state=0), grid)
    assert not set(table["strategy"]) & {ALL, INITIAL}
    found = table.groupby(["experiment", "method", "strategy"], sort=False)
    assert [Curve(*key) for key, _ in found] == list(curves(grid))
    for curve, rows in found:
        plan = grid["experiments"][curve[0]]
        own = matrix(table, Curve(*curve))
        assert own.shape == (len(plan["seeds"]), plan["cycles"])
        for row in rows.itertuples():
            filed = INITIAL if row.cycle == 0 else curve[2]
            same = runs[(runs["experiment"] == curve[0]) & (runs["method"] == curve[1])]
            same = same[(same["strategy"] == filed) & (same["seed"] == row.seed)]
            same = same[same["cycle"] == row.cycle]
            assert same["accuracy"].item() == row.accuracy == own.loc[row.seed, row.cycle]
    experiment = next(iter(grid["experiments"]))
    assert labels(table, experiment).is_monotonic_increasing


def test_seeds_can_be_dropped_and_nothing_is_no_rows():
    grid = small_grid()
    runs = runs_of(grid)
    seed = int(runs["seed"].max())
    assert seed not in set(trajectories(runs, {**grid, "drop_seeds": [seed]})["seed"])
    assert trajectories(runs.iloc[:0], grid).empty
    assert trajectories(runs.assign(accuracy=np.nan), grid).empty


def test_a_missing_seed_or_cycle_is_named():
    whole = block([[1, 2], [3, 4]])
    with pytest.raises(UserError, match=r"e/semi/random has no accuracy at seed 1, cycle 0.*\[1\]"):
        together(whole, whole.iloc[:1], NAMES)
    with pytest.raises(UserError, match="e/semi/jlp has no accuracy at seed 0, cycle 1"):
        together(block([[1, np.nan], [3, 4]]), whole, NAMES)
    for one, other in ((whole, whole), (whole.iloc[::-1], whole)):
        first, second = together(one, other, NAMES)
        assert first.equals(whole) and second.equals(whole)


@pytest.mark.parametrize("draw", range(20))
def test_half_finished_the_most_pairs_of_cells_are_kept(draw):
    rng = np.random.default_rng(draw)
    pair = []
    for _ in range(2):  # a run ends somewhere; some were never begun
        values = rng.uniform(0, 100, (5, 4))
        for row in values:
            row[rng.integers(0, 5) :] = np.nan
        pair.append(block(values).dropna(how="all"))
    first, second = together(*pair, NAMES, partial=True)
    assert first.index.equals(second.index) and first.columns.equals(second.columns)
    assert first.notna().all(axis=None) and second.notna().all(axis=None)

    def cells(depth):
        both = [set(one.index[one.iloc[:, :depth].notna().all(axis=1)]) for one in pair]
        return depth * len(both[0] & both[1])

    assert first.size == max(map(cells, range(1, 5)), default=0)
