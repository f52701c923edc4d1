"""From one row per run to the accuracy of every cell: mean and sample deviation over seeds.

Accuracy is in percent of the test set at the last epoch, and empty where there is no test set.

`grid` is the plan, as plain JSON:
    {"experiments": {name: {"dataset", "budget", "initial", "cycles", "seeds", "batch_size",
                            "semi_batch_size", "published_accuracy",
                            "pre_drawn": {method that starts from a drawn PRE: once or per_seed},
                            "methods": {method: {"labels", "pre", "semi", "strategies"}}}},
     "ablation_strategies": [strategy, ...], "drop_seeds": [seed, ...]}
"cycles" counts trainings, the first on the initial labels alone: cycles 0 ... cycles - 1.
A method whose "labels" is "all" (full supervision) is one run per seed: cycle 0, strategy "all".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import ALL, INITIAL, is_full
from wholepool.job.errors import AGAIN, UserError
from wholepool.statistics import effects as statistics

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("experiment", "dataset", "budget", "cycle", "n_labels", "method", "strategy"),
    *("mean", "std", "n_seeds", "pre_drawn", "zero_score_share"),
)
RUN_COLUMNS = (
    *("experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"),
    "accuracy",
)
_TEXT = ("experiment", "dataset", "method", "strategy", "settings_digest", "pre_drawn")
_MAY_BE_EMPTY = ("mean", "std", "accuracy", "zero_score_share")
_WHOLE = ("budget", "cycle", "n_labels", "n_seeds")
# Rounded once: the tables and figures are made of the very numbers in accuracy.csv.
_DECIMALS = 6

# (experiment, method, strategy, cycle) -> {seed: accuracy in percent}
_Cells = dict[tuple[str, str, str, int], dict[int, float]]


def accuracy_table(runs: pd.DataFrame, grid: Mapping[str, Any]) -> pd.DataFrame:
    """Mean and sample standard deviation over seeds of every cell that was run.

    `runs` has RUN_COLUMNS, accuracy in percent, and one row per experiment, method, strategy, seed
    and cycle. Cycle 0 stands there once per method and seed, with strategy "initial"; here it is
    repeated for every strategy of the method. Full supervision has one row, with strategy "all".

    Returns COLUMNS: names as str; budget, cycle, n_labels, n_seeds int64; mean and std float64 in
    percent, to six decimals, std NaN where there is one seed, both where no seed has an accuracy;
    pre_drawn is that of the method, empty where it starts from no drawn PRE: where it is "once",
    std has nothing of PRE's own variance. zero_score_share is the mean share of queries with the
    score 0 among those that led to the cell, NaN where none did or nothing was scored.
    Rows stand in the order of the grid (experiment, method, strategy), then by cycle.

    Raises UserError for a missing column, an accuracy outside 0 ... 100, a cell of which only some
    seeds have an accuracy, a cell that stands twice or that the grid does not know, and different
    numbers of labels within one cycle of an experiment.
    """
    import pandas as pd

    cells, n_labels = _collect(runs, grid)
    shares = _zero_scores(runs)
    rows = []
    for experiment, method, strategy, cycle in _planned(grid):
        full = strategy == ALL
        filed = INITIAL if cycle == 0 and not full else strategy
        by_seed = cells.get((experiment, method, filed, cycle))
        if by_seed is None:
            continue
        plan, values = grid["experiments"][experiment], list(by_seed.values())
        spread = (math.nan, math.nan)
        if not math.isnan(values[0]):  # then none is
            spread = (statistics.mean(values), statistics.sample_std(values))
        where = (experiment, plan["dataset"], plan["budget"], cycle)
        labels = n_labels[experiment, cycle, full]
        pre = plan.get("pre_drawn", {}).get(method, "")
        share = shares.get((experiment, method, filed, cycle), math.nan)
        rows.append((*where, labels, method, strategy, *spread, len(values), pre, share))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    # Types are stated, so that a table without rows has them too.
    numbers = ("mean", "std", "zero_score_share")
    types = dict.fromkeys(_WHOLE, "int64") | dict.fromkeys(numbers, "float64")
    return table.astype(types).round(dict.fromkeys(numbers, _DECIMALS))


def _zero_scores(runs: pd.DataFrame) -> dict[tuple[str, str, str, int], float]:
    """Mean over seeds of a cell's `zero_score_share`, where runs tell it."""
    if "zero_score_share" not in runs.columns:
        return {}
    keys = ["experiment", "method", "strategy", "cycle"]
    return runs.groupby(keys)["zero_score_share"].mean().to_dict()


def _planned(grid: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """The cell of every row."""
    for experiment, plan in grid["experiments"].items():
        for method, words in plan["methods"].items():
            for strategy in [ALL] if is_full(words) else words["strategies"]:
                for cycle in range(1 if is_full(words) else plan["cycles"]):
                    yield experiment, method, strategy, cycle


def _collect(
    runs: pd.DataFrame, grid: Mapping[str, Any]
) -> tuple[_Cells, dict[tuple[str, int, bool], int]]:
    """The accuracies per cell and the number of labels per (experiment, cycle, full), checked."""
    missing = [column for column in RUN_COLUMNS if column not in runs.columns]
    if missing:
        raise UserError(
            f"The runs lack the column(s) {', '.join(missing)}; they have "
            f"{', '.join(map(str, runs.columns))}."
        )
    for column in ("budget", "seed", "cycle", "n_labels"):
        if runs[column].isna().any():
            raise UserError(f"The column {column} of the runs has an empty cell; it must be whole.")
    cells: _Cells = {}
    n_labels: dict[tuple[str, int, bool], int] = {}
    labels_from: dict[tuple[str, int, bool], str] = {}
    for row in runs.itertuples():
        cycle, seed, accuracy = int(row.cycle), int(row.seed), float(row.accuracy)
        where = (
            f"experiment {row.experiment}, method {row.method}, strategy {row.strategy}, "
            f"seed {seed}, cycle {cycle}"
        )
        reason = _not_planned(row, seed, cycle, grid)
        if reason:
            raise UserError(
                f"The runs hold a cell that the grid does not know ({where}): {reason}. Remove the "
                "rows of other grids, or give this grid a results folder of its own."
            )
        if not (math.isnan(accuracy) or 0.0 <= accuracy <= 100.0):
            raise UserError(
                f"The accuracy of {where} is {accuracy}; it must be a percentage between 0 and "
                "100. Make this run's metrics again."
            )
        by_seed = cells.setdefault((row.experiment, row.method, row.strategy, cycle), {})
        if seed in by_seed:
            raise UserError(
                f"The runs hold the same cell twice ({where}), which a mean over seeds would count "
                "double: keep one row of it."
            )
        by_seed[seed] = accuracy
        # a data set without a test set has no accuracy at all: a lone empty one is a failed run
        if len({math.isnan(value) for value in by_seed.values()}) > 1:
            raise UserError(
                f"Some seeds have an accuracy between 0 and 100 and others none at {where}: "
                "make the metrics of those without again."
            )
        # Accuracies are comparable only at the same number of labels. But where the oracle knows
        # only some labels, each run has those that were known: tell the most.
        key = (row.experiment, cycle, row.strategy == ALL)
        if grid["experiments"][row.experiment].get("answers") == "some":
            n_labels[key] = max(n_labels.get(key, 0), int(row.n_labels))
        elif n_labels.setdefault(key, int(row.n_labels)) != int(row.n_labels):
            raise UserError(
                f"The number of labels is not the same in one cycle: {int(row.n_labels)} in "
                f"{where}, but {n_labels[key]} in {labels_from[key]}: run one of them again."
            )
        labels_from.setdefault(key, where)
    return cells, n_labels


def _not_planned(row: Any, seed: int, cycle: int, grid: Mapping[str, Any]) -> str:
    """Why the grid does not know the cell of this run; empty where it does."""
    if row.experiment not in grid["experiments"]:
        return f"its experiments are {', '.join(grid['experiments'])}"
    plan = grid["experiments"][row.experiment]
    if row.method not in plan["methods"]:
        return f"the methods of this experiment are {', '.join(plan['methods'])}"
    if (row.strategy == ALL) != is_full(plan["methods"][row.method]):
        return f'full supervision, and nothing else, has the strategy "{ALL}"'
    if row.strategy == ALL:
        return "" if cycle == 0 and seed in plan["seeds"] else "full supervision has cycle 0 only"
    strategies = plan["methods"][row.method]["strategies"]
    if row.strategy != INITIAL and row.strategy not in strategies:
        return f"the strategies of this method are {', '.join(strategies)}"
    if (row.strategy == INITIAL) != (cycle == 0):
        return f'cycle 0, and only cycle 0, has the strategy "{INITIAL}"'
    if not 0 <= cycle < plan["cycles"]:
        return f"the cycles of this experiment are 0 to {plan['cycles'] - 1}"
    if seed not in plan["seeds"]:
        return f"the seeds of this experiment are {', '.join(map(str, plan['seeds']))}"
    if row.dataset != plan["dataset"] or int(row.budget) != plan["budget"]:
        wanted = f"data set {plan['dataset']} and budget {plan['budget']}"
        return f"this experiment has {wanted}, the row has {row.dataset} and {row.budget}"
    return ""


def planned_labels(plan: Mapping[str, Any], cycle: int) -> int:
    """How many labels an experiment has in a cycle."""
    return int(plan["initial"]) + cycle * int(plan["budget"])


def full_supervision(accuracy: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """The rows of an experiment's methods that train on all labels."""
    return accuracy[(accuracy["experiment"] == experiment) & (accuracy["strategy"] == ALL)]


def read_runs(path: Path) -> pd.DataFrame:
    """runs.csv with all its columns.

    Raises UserError where one of RUN_COLUMNS is missing, and if a method of an experiment has runs
    of more than one settings digest. Runs without a digest were made by an earlier version.
    """
    runs = _read(path, RUN_COLUMNS)
    if "settings_digest" not in runs.columns:
        return runs
    names = ["experiment", "method"]
    made = runs[runs["settings_digest"] != ""].drop_duplicates([*names, "settings_digest"])
    for (experiment, method), found in made.groupby(names, sort=False):
        if len(found) > 1:
            one, other = (
                f"{row.settings_digest} (strategy {row.strategy}, seed {row.seed}, "
                f"cycle {row.cycle})"
                for row in found.head(2).itertuples()
            )
            raise UserError(
                f"{path} has runs of {len(found)} different settings for experiment {experiment}, "
                f"method {method}: {one} and {other}. Their history.parquet hold the settings. "
                "Make the runs of one of them again, or give each its own experiment"
            )
    return runs


def read_accuracy(path: Path) -> pd.DataFrame:
    """accuracy.csv as `accuracy_table` returns it. Raises UserError where a column is missing."""
    return _read(path, COLUMNS)[list(COLUMNS)]


def to_csv(accuracy: pd.DataFrame) -> str:
    """The text of accuracy.csv."""
    digits = f"%.{_DECIMALS}f"
    return accuracy.to_csv(index=False, float_format=digits, lineterminator="\n")


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    # Text stays text: by default pandas takes names such as "None" or "NA" for missing values.
    try:
        others = [name for name in pd.read_csv(path, nrows=0).columns if name not in _TEXT]
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXT, str),
            keep_default_na=False,
            na_values={name: ["", "nan", "NaN"] for name in others},
        )
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run snakemake all_tables, which makes it") from None
    except ValueError as error:  # pandas' own and UnicodeDecodeError are ValueErrors
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a CSV file ({reason}): {AGAIN}") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(f"{path} lacks the column(s) {', '.join(missing)}: {AGAIN}")
    for column in columns:
        if column not in _MAY_BE_EMPTY and table[column].isna().any():  # as in a file cut short
            raise UserError(f"{path}: {column} is empty in a row: {AGAIN}")
        numeric = pd.api.types.is_numeric_dtype(table[column]) or table.empty
        if column not in _TEXT and not numeric:
            number = pd.to_numeric(table[column], errors="coerce")
            bad = table[column][number.isna() & table[column].notna()]
            raise UserError(f"{path}: {column} is {bad.iloc[0]!r} in a row, not a number: {AGAIN}")
    return table
