"""What the first ten labels are worth, and whether later ones repay asking, as Markdown.

    python studies/frozen_features.py evidence/modern_cpu

Of a grid whose experiments differ in the strategy that asks for the first labels, and one that has
labels of each class to begin with. Differences are paired by seed; Holm's correction is over the
rows of a table.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from wholepool.paper.evidence import read_evidence
from wholepool.report.effects import Row, effects_table, table
from wholepool.report.names import strategy_name
from wholepool.statistics.effects import mean, sample_std

METHODS = {"baseline": "labels alone", "semi": "+ SEMI"}


def text(path: str | Path, *names: str) -> str:
    """The tables of these names, all of them without names."""
    landed = read_evidence(path)
    starts = {name: start_of(own) for name, own in landed.settings["experiments"].items()}
    runs = landed.runs.assign(start=landed.runs["experiment"].map(starts))
    return "\n\n".join(TABLES[name](runs) for name in names or TABLES)


def start_of(experiment: dict[str, Any]) -> str:
    """The strategy that asks for the first labels; "" where they are drawn of each class."""
    initial = experiment["initial"]
    return str(initial["strategy"]) if isinstance(initial, dict) else ""


def accuracies(runs: pd.DataFrame) -> str:
    """A row a start, a strategy and a method; a column a number of labels."""
    runs = runs[runs["start"] != ""]
    labels = sorted(runs["n_labels"].unique())
    lines = [["first labels", "later labels", "trained on", *map(str, labels)]]
    later = runs[runs["cycle"] > 0]
    for (start, strategy), _ in later.groupby(["start", "strategy"], sort=False):
        for method, title in METHODS.items():
            own = trajectory(runs, start, strategy, method)
            cells = []
            for count in labels:
                values = own[own["n_labels"] == count]["accuracy"].tolist()
                cells.append(f"{mean(values):.1f}±{sample_std(values):.1f}")
            lines.append([strategy_name(start), strategy_name(strategy), title, *cells])
    seeds = runs["seed"].nunique()
    return (
        f"Test accuracy (%), mean ± sample standard deviation over {seeds} seeds.\n\n{table(lines)}"
    )


def trajectory(runs: pd.DataFrame, start: str, strategy: str, method: str) -> pd.DataFrame:
    """The runs of a start, a method and a strategy, with the first labels' run that it shares."""
    own = runs[(runs["start"] == start) & (runs["method"] == method)]
    return own[own["strategy"].isin(["initial", strategy])]


def by_seed(runs: pd.DataFrame, start: str, strategy: str, method: str, labels: int) -> Any:
    """Accuracy by seed."""
    own = trajectory(runs, start, strategy, method)
    return own[own["n_labels"] == labels].set_index("seed")["accuracy"].sort_index()


def first(runs: pd.DataFrame) -> str:
    """The first labels asked for by a strategy, less those drawn at random."""
    runs = runs[runs["start"] != ""]
    labels = int(runs["n_labels"].min())
    rows: list[Row] = []
    for start in [name for name in runs["start"].unique() if name != "random"]:
        for method, title in METHODS.items():
            one, other = (
                by_seed(runs, name, "initial", method, labels) for name in (start, "random")
            )
            words = [f"{strategy_name(start)} − Random", title]
            rows.append((words, (one - other).tolist()))
    return effects_table([f"the first {labels} labels", "trained on"], rows)


def later(runs: pd.DataFrame) -> str:
    """After a random start: what a strategy asks for, less what is drawn at random."""
    mine = runs[(runs["start"] == "random") & (runs["cycle"] > 0)]
    rows: list[Row] = []
    for strategy in [name for name in mine["strategy"].unique() if name != "random"]:
        for method, title in METHODS.items():
            for labels in sorted(mine["n_labels"].unique()):
                one, other = (
                    by_seed(runs, "random", name, method, labels) for name in (strategy, "random")
                )
                words = [f"{strategy_name(strategy)} − Random", title, str(labels)]
                rows.append((words, (one - other).tolist()))
    return effects_table(["later labels", "trained on", "labels"], rows)


def strategies(runs: pd.DataFrame) -> str:
    """From labels of each class: the accuracy after a batch by each strategy."""
    mine = runs[(runs["start"] == "") & (runs["cycle"] > 0)]
    labels = int(mine["n_labels"].max())
    lines = [["strategy", *METHODS.values()]]
    for strategy in mine["strategy"].unique():
        cells = []
        for method in METHODS:
            values = by_seed(runs, "", strategy, method, labels).tolist()
            told = f"{mean(values):.1f}±{sample_std(values):.1f}" if values else "–"
            cells.append(told)
        lines.append([strategy_name(strategy), *cells])
    return (
        f"Test accuracy (%) with {labels} labels, mean ± sample standard deviation over "
        f"{mine['seed'].nunique()} seeds.\n\n{table(lines)}"
    )


def against_random(runs: pd.DataFrame) -> str:
    """From labels of each class: what each strategy asks for, less what is drawn at random."""
    mine = runs[(runs["start"] == "") & (runs["cycle"] > 0)]
    labels = int(mine["n_labels"].max())
    rows: list[Row] = []
    for strategy in [name for name in mine["strategy"].unique() if name != "random"]:
        for method, title in METHODS.items():
            one, other = (by_seed(runs, "", name, method, labels) for name in (strategy, "random"))
            if len(one):
                words = [f"{strategy_name(strategy)} − Random", title]
                rows.append((words, (one - other).tolist()))
    return effects_table([f"{labels} labels", "trained on"], rows)


TABLES = {
    **{"accuracies": accuracies, "first": first, "later": later},
    **{"strategies": strategies, "against_random": against_random},
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("evidence", help="a folder with runs.csv and settings.json")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all without")
    args = parser.parse_args()
    if unknown := set(args.tables) - TABLES.keys():
        parser.error(f"no table {min(unknown)}; there are {', '.join(TABLES)}")
    print(text(args.evidence, *args.tables))
