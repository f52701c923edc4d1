"""The paper's Figure 3: baseline, PRE and PRE + SEMI together, with lines of full supervision.

A measured line is the mean of a method that trains on all labels; a published one is the config's
`published_accuracy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.report.curves import curves, methods_of, references
from wholepool.report.results import Grid, Results
from wholepool.report.style import save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FILES = ("figures/figure3.png", "figures/figure3.svg", "figures/figure3.pdf")
#: of its methods, whether they have PRE and SEMI
KINDS = ((False, False), (True, False), (True, True))


def make(results: Results) -> None:
    """One panel per experiment."""
    save(figure3(results.accuracy, results.grid), results.folder / "figures/figure3")


def figure3(accuracy: pd.DataFrame, grid: Grid) -> Figure:
    """The figure. `accuracy` has `accuracy.COLUMNS`.

    An experiment with runs of SEMI but none of PRE + SEMI shows SEMI, as the paper does for
    CIFAR-10 with 1000 labels per cycle.
    """
    methods = methods_of(grid, *KINDS)
    both, semi = methods_of(grid, (True, True)), methods_of(grid, (False, True))
    for experiment in methods:
        run = set(accuracy.loc[accuracy["experiment"] == experiment, "method"])
        if not run.intersection(both[experiment]) and run.intersection(semi[experiment]):
            methods[experiment] += semi[experiment]
    return curves(accuracy, grid, methods, references(accuracy, grid))
