"""The paper's Table II: the ablation of PRE and SEMI."""

import pandas as pd

from wholepool.report.names import (
    NOT_RUN,
    experiment_labels,
    method_name,
    methods_in_order,
    strategy_name,
)
from wholepool.report.render import cell_texts, dash_phrase, seeds_phrase, write_table
from wholepool.report.results import Grid, Results

FILES = ("tables/table2.csv", "tables/table2.md", "tables/table2.tex")


def make(results: Results) -> None:
    """Write Table II."""
    accuracy = results.accuracy
    shown = accuracy[accuracy["strategy"].isin(results.grid["ablation_strategies"])]
    caption = (
        "Ablation of PRE and SEMI. Test accuracy in percent, mean ± sample standard deviation "
        f"{seeds_phrase(shown)}. Bold: the best method per cycle and column; {dash_phrase(shown)}"
    )
    if not methods_in_order(results.grid):
        caption = "Ablation of PRE and SEMI. No method of this grid asks for labels."
    table = table2(accuracy, results.grid)
    write_table(table, results.folder / "tables/table2", "Table II", caption, "tab:ablation")


def table2(accuracy: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Rows cycle × method, columns experiment × the grid's "ablation_strategies": a frame of str.

    Cells are "mean±std" in percent, the mean alone for one seed, "–" for a cell without a run.
    """
    texts, labels = cell_texts(accuracy), experiment_labels(grid)
    plans = grid["experiments"]
    columns = [(e, s) for e in plans for s in grid["ablation_strategies"]]
    cycles = range(max((plan["cycles"] for plan in plans.values()), default=0))
    rows = [(cycle, method) for cycle in cycles for method in methods_in_order(grid)]
    index = [(f"Cycle {cycle}", method_name(method)) for cycle, method in rows]
    header = [(labels[e], strategy_name(s)) for e, s in columns]
    return pd.DataFrame(
        [[texts.get((e, m, s, cycle), NOT_RUN) for e, s in columns] for cycle, m in rows],
        index=pd.MultiIndex.from_tuples(index, names=["Cycle", "Method"]),
        columns=pd.MultiIndex.from_tuples(header, names=["Experiment", None]),
        dtype=str,
    )
