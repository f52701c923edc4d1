"""The paper's Figure 4: methods with and without SEMI, at one label per class and cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.report.curves import curves, methods_of
from wholepool.report.results import Grid, Pools, Results
from wholepool.report.style import save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FILES = ("figures/figure4.png", "figures/figure4.svg", "figures/figure4.pdf")
#: of its methods, whether they have PRE and SEMI
KINDS = ((False, False), (False, True), (True, True))


def make(results: Results) -> None:
    """One panel per experiment whose budget is its number of classes, or of all if there is none"""
    figure = figure4(results.accuracy, results.grid, results.pools)
    save(figure, results.folder / "figures/figure4")


def figure4(accuracy: pd.DataFrame, grid: Grid, pools: Pools) -> Figure:
    """The figure. `accuracy` has `accuracy.COLUMNS`."""
    methods = methods_of(grid, *KINDS)
    shown = {
        experiment: methods[experiment]
        for experiment, plan in grid["experiments"].items()
        if pools.get(plan["dataset"], {}).get("classes") == plan["budget"]
    }
    return curves(accuracy, grid, shown or methods)
