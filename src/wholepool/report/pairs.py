"""What the pages of paired comparisons have in common: labels, and why there is nothing to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import INITIAL
from wholepool.report.effects import signed
from wholepool.report.names import experiment_labels, method_name, strategy_name
from wholepool.report.results import Grid, Results
from wholepool.statistics.comparisons import comparisons

if TYPE_CHECKING:
    import pandas as pd


def nothing(results: Results, pairs: bool = True) -> str:
    """Why there is no area under the budget curve; of `pairs`, why there is none to compare."""
    table = results.trajectories
    if table.empty:
        return "No run has an accuracy: nothing was run, or there is no test set."
    if table.groupby("experiment")["n_labels"].nunique().max() < 2:
        return "Only one number of labels was run, so that no curve has an area."
    if pairs and not list(comparisons(results.grid)):
        return "There is one strategy and one method: nothing to compare."
    if pairs:
        return "No two curves were run on the same seeds over several numbers of labels."
    return ""


def side(name: str) -> str:
    """A strategy as labels have it."""
    return "Initial labels" if name == INITIAL else strategy_name(name)


def against(row: Any) -> str:
    """What a row of paired.csv is compared with."""
    return side(row.against) if row.kind == "strategy" else method_name(row.against)


def versus(row: Any) -> str:
    """ "Margin − Random" or "+ SEMI − Baseline": what is compared in a row of paired.csv."""
    if row.kind == "strategy":
        return f"{side(row.strategy)} − {against(row)}"
    return f"{method_name(row.method)} − {against(row)}"


def within(row: Any) -> str:
    """What both sides of a row have: a method, or a strategy."""
    return method_name(row.method) if row.kind == "strategy" else side(row.strategy)


def named(row: Any, grid: Grid) -> str:
    """ "Margin − Random (+ SEMI, CIFAR-10, b = 10)"."""
    return f"{versus(row)} ({within(row)}, {experiment_labels(grid)[row.experiment]})"


def reach(low: float, high: float) -> str:
    """ "−1.2 to +3.4", or that there is no interval."""
    return "no interval" if low != low else f"{signed(low)} to {signed(high)}"


def largest(table: pd.DataFrame) -> Any:
    """The row of the largest difference, to either side."""
    return next(table.loc[[table["difference"].abs().idxmax()]].itertuples())
