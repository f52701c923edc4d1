"""What a page of the report is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.job.errors import UserError
from wholepool.report.accuracy import accuracy_table, read_accuracy, read_runs

if TYPE_CHECKING:
    import pandas as pd

Grid = Mapping[str, Any]
Pools = Mapping[str, Mapping[str, Any]]

RUNS, ACCURACY = "tables/runs.csv", "tables/accuracy.csv"


@dataclass(frozen=True)
class Results:
    """The results of a grid.

    `folder` is the results folder, `grid` the plan (see `wholepool.report.accuracy`), and `pools`
    {data set: content of its pool.json}: n, n_test, height, width, channels, classes and more.
    """

    folder: Path
    grid: Grid
    pools: Pools

    @cached_property
    def runs(self) -> pd.DataFrame:
        """runs.csv: one row per run, every metric that was measured; empty where there is none.

        Raises UserError where a column is missing or two settings stand under one name.
        """
        return read_runs(self.folder / RUNS)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """accuracy.csv: one row per cell, mean and std over seeds in percent; see `made`."""
        return read_accuracy(self.folder / ACCURACY)

    def made(self) -> pd.DataFrame:
        """The accuracy of all cells, made of `runs`. Raises UserError as `accuracy_table` does."""
        try:
            return accuracy_table(self.runs, self.grid)
        except UserError as error:
            raise UserError(f"{self.folder / RUNS}: {error}") from error
