"""The area under the budget curve: one accuracy for a whole learning curve.

The trapezoid rule over the true numbers of labels, divided by their range, so that it is in percent
and a flat curve has its own level (Zhan et al. 2021, IJCAI, "A comparative survey: benchmarking for
pool-based active learning", bring the area; here budgets need not be equally far apart). A second
one is over the logarithm of the labels, which weighs early cycles as a plot with a log axis does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.job.errors import UserError
from wholepool.statistics.effects import mean, sample_std
from wholepool.statistics.trajectories import Curve, curves, labels, matrix, together

if TYPE_CHECKING:
    import pandas as pd

CURVES = (
    *("experiment", "dataset", "budget", "method", "strategy", "first_cycle", "last_cycle"),
    *("first_labels", "last_labels", "n_seeds", "aubc", "aubc_std", "aubc_log", "aubc_log_std"),
)
SEEDS = ("experiment", "method", "strategy", "seed", "aubc", "aubc_log")


def area(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The mean height of curves: trapezoids over `positions`, divided by their range.

    `values` (..., cycles) float, in any unit, which the result (...) has; `positions` (cycles,) are
    the numbers of labels or their logarithms. NaN where they have no range, as cycle 0 alone.
    Raises ValueError where a position is lower than the one before.
    """
    from scipy.integrate import trapezoid

    values, positions = np.asarray(values, float), np.asarray(positions, float)
    if (np.diff(positions) < 0).any():
        raise ValueError(f"The numbers of labels fall: {positions.tolist()}.")
    if len(positions) < 2 or positions[0] == positions[-1]:
        return np.full(values.shape[:-1], np.nan)
    heights: np.ndarray = trapezoid(values, positions, axis=-1) / (positions[-1] - positions[0])
    return heights


def curve_table(
    table: pd.DataFrame, grid: Mapping[str, Any], partial: bool = False
) -> pd.DataFrame:
    """CURVES, a row for each curve that was run, in the order of the plan.

    `table` is of `trajectories`. Areas are means over seeds in percent, `_std` their sample
    deviations, NaN for one seed; all NaN where only one number of labels was run. Raises as
    `seed_table` does.
    """
    import pandas as pd

    rows = []
    for curve, at, found in _areas(table, grid, partial):
        plan = grid["experiments"][curve.experiment]
        ends = [at.index[0], at.index[-1], at.iloc[0], at.iloc[-1]]
        plain, log = _mean_and_std(found["aubc"]), _mean_and_std(found["aubc_log"])
        where = (curve.experiment, plan["dataset"], plan["budget"], curve.method, curve.strategy)
        rows.append((*where, *ends, len(found), *plain, *log))
    return pd.DataFrame(rows, columns=list(CURVES))


def seed_table(table: pd.DataFrame, grid: Mapping[str, Any], partial: bool = False) -> pd.DataFrame:
    """SEEDS, a row for each curve and seed, in the order of the plan; areas in percent.

    Raises UserError, which names it, for a cycle that a seed lacks and another seed of the curve
    has; of a grid half finished (`partial`) such seeds are left out.
    """
    import pandas as pd

    parts = [found.assign(**curve._asdict()) for curve, _, found in _areas(table, grid, partial)]
    parts = [part.reset_index()[list(SEEDS)] for part in parts]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(SEEDS))


def _areas(
    table: pd.DataFrame, grid: Mapping[str, Any], partial: bool
) -> Iterator[tuple[Curve, pd.Series, pd.DataFrame]]:
    """Of every curve that was run: labels by cycle, and both areas by seed."""
    import pandas as pd

    for curve in curves(grid):
        whole = _whole(matrix(table, curve), curve, partial)
        if not whole.empty:
            at = labels(table, curve.experiment).loc[whole.columns]
            areas = {
                "aubc": area(whole.to_numpy(), at.to_numpy()),
                "aubc_log": area(whole.to_numpy(), np.log(at.to_numpy())),
            }
            yield curve, at, pd.DataFrame(areas, index=whole.index)


def _whole(found: pd.DataFrame, curve: Curve, partial: bool) -> pd.DataFrame:
    """A curve's matrix without a gap."""
    gaps = found.isna().stack()
    if gaps.any() and not partial:
        seed, cycle = gaps.index[gaps.argmax()]
        raise UserError(
            f"{'/'.join(curve)} has no accuracy at seed {seed}, cycle {cycle}, which other seeds "
            f"have: run it, or leave the seed out (tables: {{ drop_seeds: [{seed}] }})"
        )
    return together(found, found, (curve, curve), partial)[0]


def _mean_and_std(values: pd.Series) -> tuple[float, float]:
    known = values.dropna().tolist()
    return (mean(known), sample_std(known)) if known else (np.nan, np.nan)
