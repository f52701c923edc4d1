"""How much of a grid's plan has been run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.grid.cells import Cell, cells
from wholepool.report.results import Grid

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("experiment", "method", "done", "planned")


def progress(runs: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Trainings done and planned of each experiment and method: a frame of COLUMNS.

    Rows in the order of the grid; `done` counts the cells of the plan that `runs` has, so that a
    row of another grid counts as none.
    """
    import pandas as pd

    places = runs.reindex(columns=list(Cell._fields)).dropna()
    there = {Cell(*row) for row in places.itertuples(index=False, name=None)}
    planned = pd.DataFrame(
        [(*cell[:2], cell in there) for cell in cells(dict(grid["experiments"]))],
        columns=["experiment", "method", "done"],
    )
    table = planned.groupby(["experiment", "method"], sort=False)["done"].agg(["sum", "size"])
    return table.reset_index().set_axis(list(COLUMNS), axis=1).astype({"done": int, "planned": int})
