"""Whatever part of a grid was run, every statistic can be made of it."""

import gc
from functools import partial

import numpy as np
import pytest
from grids_of_results import runs_of, small_grid

from wholepool.statistics import (
    aubc,
    comparisons,
    efficiency,
    paired,
    penalty,
    pooled,
    ranks,
    variance,
)
from wholepool.statistics.trajectories import trajectories


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8])
def test_any_part_of_a_grid_can_be_told(share, monkeypatch):
    """Also parts that no workflow leaves: a later cycle whose first training was deleted."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # statsmodels calls it: 70 ms each
    monkeypatch.setattr(efficiency, "draws", partial(efficiency.draws, resamples=20))
    monkeypatch.setattr(pooled, "RESAMPLES", 20)
    grid, rng = small_grid(), np.random.default_rng(0)
    runs = runs_of(grid)
    told = 0
    for _ in range(4):
        given = trajectories(runs[rng.random(len(runs)) < share], grid), grid, True
        differences = comparisons.differences(*given)
        table = paired.paired(differences)
        assert pooled.pooled(differences)["experiments"].sum() == (table["measure"] == "aubc").sum()
        areas, seeds = aubc.curve_table(*given), aubc.seed_table(*given)
        assert areas["n_seeds"].sum() == len(seeds)
        penalty.penalty(penalty.checkpoints(*given))
        efficiency.efficiency(*given)
        values = ranks.blocks(*given)
        assert not values.isna().any(axis=None)
        ranks.ranks(values, ranks.pair_tests(values))
        variance.variance(*given)
        told += len(table)
    assert told


def test_the_first_trainings_may_be_missing():
    grid = small_grid()
    runs = runs_of(grid, keep=lambda **cell: cell["cycle"] > 0 or cell["method"] == "baseline")
    found = comparisons.differences(trajectories(runs, grid), grid, partial=True)
    assert "initial" not in set(found["strategy"])
    assert {"jlp", "random"} <= set(found["strategy"])
