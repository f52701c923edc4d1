"""What a page of the report is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.job.errors import UserError
from wholepool.report.accuracy import read_accuracy, read_runs
from wholepool.statistics.trajectories import trajectories

if TYPE_CHECKING:
    import pandas as pd

Grid = Mapping[str, Any]
Pools = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Results:
    """The results of a grid.

    A page writes its FILES below `folder`. `grid` is the plan (see `wholepool.report.accuracy`),
    `pools` {data set: content of its pool.json}: n, n_test, height, width, channels, classes and
    more. The tables are read when a page asks for them, and raise UserError as their readers
    in `wholepool.report.accuracy` do.

    Pages of the stages statistics and report are also given `settings`, the resolved config, and
    `source`, the results folder in which datasets/ and runs/ stand: the same as `folder`, unless
    the grid is half finished (`partial`), whose tables stand in a folder of their own.
    """

    folder: Path
    grid: Grid
    pools: Pools
    runs_csv: Path
    accuracy_csv: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: Path | None = None
    partial: bool = False

    @cached_property
    def runs(self) -> pd.DataFrame:
        """runs.csv: one row per run, every metric that was measured; empty where there is none."""
        return read_runs(self.runs_csv)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """accuracy.csv, as `accuracy_table` returns it."""
        return read_accuracy(self.accuracy_csv)

    @cached_property
    def trajectories(self) -> pd.DataFrame:
        """A row per seed and cycle of every curve: see `wholepool.statistics.trajectories`."""
        return trajectories(self.runs, self.grid)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """What is compared with what, seed by seed: see `wholepool.statistics.comparisons`."""
        from wholepool.statistics.comparisons import differences  # planning has no NumPy

        return differences(self.trajectories, self.grid, self.partial)

    def table(self, name: str) -> pd.DataFrame:
        """tables/NAME.csv, which another page has made. UserError where it is missing."""
        import pandas as pd

        path = self.folder / "tables" / f"{name}.csv"
        if not path.exists():
            raise UserError(f"{path} is missing: run snakemake all_statistics, which makes it")
        # only an empty cell is missing: a method may be called "None" or "NA"
        return pd.read_csv(path, keep_default_na=False, na_values=[""])


def of_folder(folder: Path, grid: Grid, pools: Pools, settings: Mapping[str, Any]) -> Results:
    """What the pages of a finished grid are given, which stands in a results folder."""
    tables = folder / "tables"
    given = grid, pools, tables / "runs.csv", tables / "accuracy.csv"
    return Results(folder, *given, settings=settings, source=folder)
