"""The paper's Table III: the accuracy of every strategy, cycle and method."""

import pandas as pd

from wholepool.grid.cells import ALL, is_full
from wholepool.report.accuracy import full_supervision, planned_labels
from wholepool.report.names import (
    ALL_STRATEGIES,
    NOT_RUN,
    experiment_labels,
    method_name,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.render import (
    LABELS_ROW,
    cell_texts,
    dash_phrase,
    mean_and_std,
    seeds_phrase,
    write_table,
)
from wholepool.report.results import Grid, Results

FILES = ("tables/table3.csv", "tables/table3.md", "tables/table3.tex")


def make(results: Results) -> None:
    """Write Table III."""
    accuracy = results.accuracy
    caption = (
        "Test accuracy in percent by cycle and acquisition strategy, mean ± sample standard "
        f"deviation {seeds_phrase(accuracy)}. Bold: the best strategy per cycle and column; "
        f"{dash_phrase(accuracy)}{full_supervision_phrase(accuracy, results.grid)}"
    )
    table = table3(accuracy, results.grid)
    write_table(table, results.folder / "tables/table3", "Table III", caption, "tab:accuracy")


def table3(accuracy: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Rows cycle × strategy, columns experiment × method: a frame of str, cells as in Table II.

    Each cycle starts with a row "Labels", the size of the labeled set; cycle 0 has one row for all
    strategies.
    """
    texts, labels = cell_texts(accuracy), experiment_labels(grid)
    plans = grid["experiments"]
    columns = [(e, m) for e, p in plans.items() for m, w in p["methods"].items() if not is_full(w)]
    n_labels = {
        (e, cycle): planned_labels(plan, cycle)
        for e, plan in plans.items()
        for cycle in range(plan["cycles"])
    }
    in_cycles = accuracy[accuracy["strategy"] != ALL]
    n_labels |= {(row.experiment, row.cycle): row.n_labels for row in in_cycles.itertuples()}

    def first(experiment: str, method: str) -> str:
        # the same runs stand under every strategy of the method: take the first
        strategies = plans[experiment]["methods"][method]["strategies"]
        found = (texts.get((experiment, method, strategy, 0)) for strategy in strategies)
        return next((text for text in found if text), NOT_RUN)

    index, body = [], []
    for cycle in range(max((plan["cycles"] for plan in plans.values()), default=0)):
        index.append((f"Cycle {cycle}", LABELS_ROW))
        body.append([str(n_labels.get((e, cycle), NOT_RUN)) for e, _ in columns])
        if cycle == 0:
            index.append((f"Cycle {cycle}", ALL_STRATEGIES))
            body.append([first(*column) for column in columns])
            continue
        for strategy in strategies_in_order(grid):
            index.append((f"Cycle {cycle}", strategy_name(strategy)))
            body.append([texts.get((e, m, strategy, cycle), NOT_RUN) for e, m in columns])
    header = [(labels[e], method_name(m)) for e, m in columns]
    return pd.DataFrame(
        body,
        index=pd.MultiIndex.from_tuples(index, names=["Cycle", "Strategy"]),
        columns=pd.MultiIndex.from_tuples(header, names=["Experiment", None]),
        dtype=str,
    )


def full_supervision_phrase(accuracy: pd.DataFrame, grid: Grid) -> str:
    """What training on all labels reached, for captions; empty where it was not run."""
    names = experiment_labels(grid)
    return "".join(
        f" {method_name(row.method)} of {names[e]}: {mean_and_std(row.mean, row.std)}."
        for e in grid["experiments"]
        for row in full_supervision(accuracy, e).itertuples()
    )
