"""The paper's Table I: the data sets and budgets of the grid."""

import pandas as pd

from wholepool.job.errors import UserError
from wholepool.report.accuracy import planned_labels
from wholepool.report.names import NOT_RUN, dataset_name
from wholepool.report.render import write_table
from wholepool.report.results import Grid, Pools, Results

FILES = ("tables/table1.csv", "tables/table1.md", "tables/table1.tex")

_BATCHES = "Mini-batch size w/o SEMI / SEMI"
_CAPTION = (
    "Data sets, mini-batch sizes without and with SEMI, label budget per cycle, and number of "
    "labels at the last cycle."
)


def make(results: Results) -> None:
    """Write Table I."""
    table = table1(results.grid, results.pools, results.partial)
    write_table(table, results.folder / "tables/table1", "Table I", _CAPTION, "tab:datasets")


def table1(grid: Grid, pools: Pools, partial: bool = False) -> pd.DataFrame:
    """One row per experiment: a frame of str, indexed by the data set's title.

    Image sizes are height × width in pixels; "Total labels" is the size of the last labeled set;
    "–" is no test set, and with `partial` what is not known yet. Else raises UserError for a data
    set that `pools` does not describe.
    """
    names, rows = [], []
    for experiment, plan in grid["experiments"].items():
        if plan["dataset"] not in pools and not partial:
            raise UserError(
                f"Experiment {experiment} uses the data set {plan['dataset']}, which the "
                f"description of the pools does not have; it has {', '.join(pools) or 'none'}."
            )
        pool = pools.get(plan["dataset"], {})
        n, height, width = (pool.get(key, NOT_RUN) for key in ("n", "height", "width"))
        names.append(dataset_name(plan["dataset"]))
        rows.append(
            {
                "Data size train / test": f"{n} / {pool.get('n_test') or NOT_RUN}",
                "Image size": f"{height} × {width}",
                _BATCHES: f"{plan['batch_size']} / {plan['semi_batch_size']}",
                "Budget": str(plan["budget"]),
                "Total labels": str(planned_labels(plan, plan["cycles"] - 1)),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(names, name="Dataset"), dtype=str)
