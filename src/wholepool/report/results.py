"""What a page of the report is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.report.accuracy import read_accuracy, read_runs

if TYPE_CHECKING:
    import pandas as pd

Grid = Mapping[str, Any]
Pools = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Results:
    """The results of a grid.

    `folder` is the results folder, below which a page writes its FILES; `grid` the plan (see
    `wholepool.report.accuracy`), and `pools` {data set: content of its pool.json}: n, n_test,
    height, width, channels, classes and more. The two tables are read when a page asks for them.
    """

    folder: Path
    grid: Grid
    pools: Pools
    runs_csv: Path
    accuracy_csv: Path

    @cached_property
    def runs(self) -> pd.DataFrame:
        """runs.csv: one row per run, every metric that was measured; empty where there is none.

        Raises UserError where a column is missing or two settings stand under one name.
        """
        return read_runs(self.runs_csv)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """accuracy.csv: one row per cell, mean and std over seeds in percent.

        See `accuracy.accuracy_table`. Raises UserError where a column is missing.
        """
        return read_accuracy(self.accuracy_csv)
