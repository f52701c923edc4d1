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

    A page writes its FILES below `folder`. `grid` is the plan (see `wholepool.report.accuracy`),
    `pools` {data set: content of its pool.json}: n, n_test, height, width, channels, classes and
    more. The two tables are read when a page asks for them, and raise UserError as their readers
    in `wholepool.report.accuracy` do.
    """

    folder: Path
    grid: Grid
    pools: Pools
    runs_csv: Path
    accuracy_csv: Path

    @cached_property
    def runs(self) -> pd.DataFrame:
        """runs.csv: one row per run, every metric that was measured; empty where there is none."""
        return read_runs(self.runs_csv)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """accuracy.csv, as `accuracy_table` returns it."""
        return read_accuracy(self.accuracy_csv)
