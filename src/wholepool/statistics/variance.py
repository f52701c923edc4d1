"""How much of the accuracy's variance is the method's, the strategy's, the cycle's, the seed's.

Main effects of a balanced factorial, one accuracy in each cell of method x strategy x cycle x seed.
There the sums of squares are the deviations of the levels' means from the grand mean (Montgomery,
Design and Analysis of Experiments, section 5.4); types I, II and III are the same numbers, and
`statsmodels.stats.anova.anova_lm(typ=2)` is the twin in the tests. The closed form is used as it
needs no design matrix, and is exact where a factor has one level.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.statistics.trajectories import Curve, curves, matrix, together

if TYPE_CHECKING:
    import pandas as pd

FACTORS = ("method", "strategy", "cycle", "seed")
#: what the main effects do not explain
REST = "interactions and rest"
COLUMNS = (
    *("experiment", "source", "levels", "degrees", "sum_of_squares", "share", "by_chance"),
    "cells",
)
Rows = list[tuple[str, int, int, float, float, float, int]]


def split(values: np.ndarray) -> Rows:
    """COLUMNS without the experiment: a row for each of FACTORS, then REST.

    `values` float64 (methods, strategies, cycles, seeds), at least one of each: accuracies in
    percent; sums of squares are in points squared. Of n numbers without any effect a source with d
    degrees has, on average, the share d / (n - 1): `by_chance`. Shares are NaN where all values are
    equal; a factor of one level has the share 0.
    """
    deviations = values - values.mean()
    cells = values.size
    total = float((deviations**2).sum())
    if float(np.ptp(values)) == 0:
        total = 0.0
    rows: Rows = []
    for axis, name in enumerate(FACTORS):
        levels = values.shape[axis]
        others = tuple(other for other in range(values.ndim) if other != axis)
        means = deviations.mean(axis=others)
        squares = float(cells / levels * (means**2).sum()) if levels > 1 and total else 0.0
        rows.append(
            (name, levels, levels - 1, squares, *_shares(squares, levels - 1, total, cells))
        )
    degrees = cells - 1 - sum(row[2] for row in rows)
    squares = max(total - sum(row[3] for row in rows), 0.0)  # below 0 by rounding alone
    return [*rows, (REST, cells, degrees, squares, *_shares(squares, degrees, total, cells))]


def _shares(squares: float, degrees: int, total: float, cells: int) -> tuple[float, float, int]:
    share = squares / total if total else float("nan")
    return share, degrees / (cells - 1) if cells > 1 else float("nan"), cells


def variance(table: pd.DataFrame, grid: Mapping[str, Any], partial: bool = False) -> pd.DataFrame:
    """COLUMNS, five rows for each experiment that has a balanced factorial, in the plan's order.

    `table` is of `trajectories`. The factorial has the cycles from 1 on (cycle 0 is the same for
    all strategies) and the strategies that all methods of the experiment have. Raises UserError for
    a seed that some curves have whole and others have not; of a grid half finished (`partial`) such
    seeds are left out, and methods that have no runs yet.
    """
    import pandas as pd

    rows = []
    for experiment in grid["experiments"]:
        values = factorial(table, grid, experiment, partial)
        if values.size:
            rows += [(experiment, *row) for row in split(values)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def factorial(
    table: pd.DataFrame, grid: Mapping[str, Any], experiment: str, partial: bool = False
) -> np.ndarray:
    """The accuracies of an experiment, (methods, strategies, cycles, seeds); empty if none."""
    trained = table[(table["experiment"] == experiment) & (table["cycle"] > 0)]
    own = [curve for curve in curves(grid) if curve.experiment == experiment]
    if partial:
        known = set(zip(trained["method"], trained["strategy"], strict=True))
        own = [curve for curve in own if curve[1:] in known]
    methods = list(dict.fromkeys(curve.method for curve in own))
    has = {(curve.method, curve.strategy) for curve in own}
    strategies = [
        strategy
        for strategy in dict.fromkeys(curve.strategy for curve in own)
        if all((method, strategy) in has for method in methods)
    ]
    pairs = itertools.product(methods, strategies)
    names = [Curve(experiment, method, strategy) for method, strategy in pairs]
    if not names:
        return np.empty((0, 0, 0, 0))
    matrices = [matrix(trained, name) for name in names]
    whole = matrices[0]
    for name, other in zip(names, matrices, strict=True):  # also the first: its own gaps
        whole, _ = together(whole, other, (names[0], name), partial)
    found = np.array([one.loc[whole.index, whole.columns].to_numpy() for one in matrices])
    return found.reshape(len(methods), len(strategies), *whole.shape).swapaxes(2, 3)
