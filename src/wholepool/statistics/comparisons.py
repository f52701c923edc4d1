"""What is compared with what in a grid, seed by seed: one long table that the tests start from.

Kinds: "strategy" is a strategy against random within a method; "method" a method against the
baseline within a strategy. Where there is no random, or no baseline, the first of the plan stands
for it. The first trainings, which a method's strategies share, are compared once, as "initial".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wholepool.grid.cells import INITIAL, is_full
from wholepool.statistics.aubc import area
from wholepool.statistics.trajectories import Curve, curves, labels, matrix, together

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("strategy", "method")
#: what names a comparison; with the measure and the cycle it names a test
KEYS = ("kind", "experiment", "method", "strategy", "against")
TEST = (*KEYS, "measure", "cycle", "n_labels")
COLUMNS = (*TEST, "seed", "difference")


class Comparison(NamedTuple):
    """KEYS, and the two curves: their difference is first minus second."""

    kind: str
    experiment: str
    method: str
    strategy: str
    against: str
    first: Curve
    second: Curve


def comparisons(grid: Mapping[str, Any]) -> Iterator[Comparison]:
    """All comparisons of a plan, in its order: first the strategies', then the methods'."""
    known = {
        experiment: {m: w["strategies"] for m, w in plan["methods"].items() if not is_full(w)}
        for experiment, plan in grid["experiments"].items()
    }
    for experiment, methods in known.items():
        for method, strategies in methods.items():
            against = reference(strategies, "random")
            second = Curve(experiment, method, against)
            for strategy in strategies:
                if strategy != against:
                    first = Curve(experiment, method, strategy)
                    yield Comparison("strategy", *first, against, first, second)
    for experiment, methods in known.items():
        against = reference(list(methods), "baseline")
        for method, strategies in methods.items():
            if method == against:
                continue
            # any curve of a method has its first trainings
            start = (Curve(experiment, m, known[experiment][m][0]) for m in (method, against))
            yield Comparison("method", experiment, method, INITIAL, against, *start)
            for strategy in strategies:
                if strategy in methods[against]:
                    pair = (Curve(experiment, m, strategy) for m in (method, against))
                    yield Comparison("method", experiment, method, strategy, against, *pair)


def reference(names: list[str], wanted: str) -> str:
    """What the others are compared with: `wanted`, or the first where it is not there."""
    return wanted if wanted in names or not names else names[0]


def differences(
    table: pd.DataFrame, grid: Mapping[str, Any], partial: bool = False
) -> pd.DataFrame:
    """COLUMNS: a row for each test and seed, in points; tests in the order of the plan.

    `table` is of `trajectories`. The measure is "aubc" (see `wholepool.statistics.aubc`; cycle and
    n_labels are missing) or "cycle". Cycle 0 is only compared between methods. A curve that was not
    run is in no comparison. Raises UserError as `together` does.
    """
    import pandas as pd

    at = {experiment: labels(table, experiment) for experiment in grid["experiments"]}
    run = {curve: matrix(table, curve) for curve in curves(grid)}
    rows: list[tuple[Any, ...]] = []
    for one in comparisons(grid):
        first, second = run[one.first], run[one.second]
        if first.empty or second.empty:
            continue
        start = one.strategy == INITIAL
        if start:
            # of a grid half finished it may be missing, and the cycles after it there
            first, second = (one.reindex(columns=[0]) for one in (first, second))
        names, keys = (one.first, one.second), one[: len(KEYS)]
        one_side, other = together(first, second, names, partial)
        apart = one_side - other
        areas = area(apart.to_numpy(), at[one.experiment].loc[apart.columns].to_numpy())
        if not np.isnan(areas).any():
            rows += [
                (*keys, "aubc", None, None, seed, value)
                for seed, value in zip(apart.index, areas.tolist(), strict=True)
            ]
        for cycle in first.columns.intersection(second.columns):
            if cycle == 0 and not start:
                continue
            if partial:  # each cycle has all seeds that reached it
                one_side, other = together(first[[cycle]], second[[cycle]], names, partial)
                apart = one_side - other
            if cycle in apart:
                where = (*keys, "cycle", cycle, at[one.experiment][cycle])
                rows += [(*where, *cell) for cell in apart[cycle].items()]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    types = {"cycle": "Int64", "n_labels": "Int64", "seed": "int64", "difference": "float64"}
    # seeds of equal differences would differ by a rounding, which a t test takes for their spread
    return found.astype(types).round({"difference": 9})


def same(differences: Sequence[float]) -> bool:
    """Whether several seeds have one and the same difference, which is not 0.

    As where a strategy that draws nothing starts from no label: the seeds are one observation, and
    a test over them would find anything.
    """
    return len(differences) > 1 and len(set(differences)) == 1 and differences[0] != 0
