"""Runs as trajectories: a row for each seed and cycle of every method and strategy.

All statistics start here. A curve is an (experiment, method, strategy); seeds give every curve of
an experiment the same initial labels and draws, so two curves are compared seed by seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from wholepool.grid.cells import ALL, INITIAL, is_full
from wholepool.job.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"),
    "accuracy",
)


class Curve(NamedTuple):
    """What one learning curve is of."""

    experiment: str
    method: str
    strategy: str


def curves(grid: Mapping[str, Any]) -> Iterator[Curve]:
    """Every curve of a plan (see `wholepool.report.accuracy`); full supervision has none."""
    for experiment, plan in grid["experiments"].items():
        for method, words in plan["methods"].items():
            if not is_full(words):
                for strategy in words["strategies"]:
                    yield Curve(experiment, method, strategy)


def trajectories(runs: pd.DataFrame, grid: Mapping[str, Any]) -> pd.DataFrame:
    """COLUMNS, in the order of the plan, then by seed and cycle; accuracy in percent.

    `runs` is runs.csv, whole or of a grid half finished. Cycle 0, which all strategies share,
    stands under each of them. Left out are full supervision, cells without an accuracy, and the
    seeds that the plan drops (`drop_seeds`).
    """
    import pandas as pd

    known = runs[runs["accuracy"].notna() & (runs["strategy"] != ALL)]
    known = known[~known["seed"].isin(grid.get("drop_seeds", ()))][list(COLUMNS)]
    by_curve = dict(list(known.groupby(["experiment", "method", "strategy"], sort=False)))
    parts = [known.iloc[:0]]
    for curve in curves(grid):
        shared, own = by_curve.get((*curve[:2], INITIAL)), by_curve.get(tuple(curve))
        both = [part.assign(strategy=curve.strategy) for part in (shared, own) if part is not None]
        if both:
            parts.append(pd.concat(both).sort_values(["seed", "cycle"], kind="stable"))
    return pd.concat(parts, ignore_index=True)


def matrix(table: pd.DataFrame, curve: Curve) -> pd.DataFrame:
    """The accuracies of a curve of `trajectories`: rows seeds, columns cycles, both ascending.

    NaN where a cell was not run; empty where none was.
    """
    rows = table[(table["experiment"] == curve.experiment) & (table["method"] == curve.method)]
    rows = rows[rows["strategy"] == curve.strategy]
    return rows.pivot(index="seed", columns="cycle", values="accuracy")


def labels(table: pd.DataFrame, experiment: str) -> pd.Series:
    """Cycle → number of labels, of an experiment; the most, where the oracle knows only some."""
    rows = table[table["experiment"] == experiment]
    return rows.groupby("cycle")["n_labels"].max()


def together(
    first: pd.DataFrame, second: pd.DataFrame, names: tuple[Curve, Curve], partial: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two matrices at the seeds and cycles that both have whole: pairs, seed by seed.

    Raises UserError, which names it, for a seed that one has and the other has not, or not in
    every cycle. Of a grid half finished (`partial`) what lacks is left out of both: of the first
    cycles, as many as leave the most pairs of cells, and the seeds that have all of these.
    """
    alike = first.index.equals(second.index) and first.columns.equals(second.columns)
    if alike and not first.isna().any(axis=None) and not second.isna().any(axis=None):
        return first, second
    seeds, cycles = first.index.union(second.index), first.columns.union(second.columns)
    first, second = (one.reindex(index=seeds, columns=cycles) for one in (first, second))
    if not partial:
        for one, name in zip((first, second), names, strict=True):
            for seed, cycle in one.isna().stack().loc[lambda lacks: lacks].index:
                raise UserError(
                    f"{'/'.join(name)} has no accuracy at seed {seed}, cycle {cycle}, which "
                    f"{'/'.join(names[names[0] == name])} has, so they are no pair: run it, or "
                    f"leave the seed out of all comparisons (tables: {{ drop_seeds: [{seed}] }})"
                )
    done = (first.notna() & second.notna()).cummin(axis=1)
    cells = done.sum() * [*range(1, len(cycles) + 1)]
    if not cells.any():
        return first.iloc[:0, :0], second.iloc[:0, :0]  # also no cycle, which one may lack
    shared = cycles[: int(cells.to_numpy().argmax()) + 1]
    whole = done[shared[-1]]
    return first.loc[whole, shared], second.loc[whole, shared]
