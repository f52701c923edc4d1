"""What PRE, SEMI and the strategy are worth in a grid: paired differences, as Markdown.

    python studies/effects.py evidence/one_label_per_class/runs.csv

A difference pairs two cells of the same seed, so of the same initial labels. Where several
strategies or cycles are put together, each seed's differences are averaged first: the standard
error is over seeds, never over cells that share one. Accuracies are percent of the test set.
"""

import sys
from collections.abc import Iterator

import pandas as pd

from wholepool.report.statistics import mean, standard_error

PARADIGMS = [
    ("PRE, on labels alone", "pre", "baseline"),
    ("PRE, before SEMI", "pre+semi", "semi"),
    ("SEMI, from random weights", "semi", "baseline"),
    ("SEMI, from PRE", "pre+semi", "pre"),
    ("both", "pre+semi", "baseline"),
]


def paired(first: pd.DataFrame, second: pd.DataFrame, by: list[str]) -> list[float]:
    """Mean difference of the accuracy, first minus second, for each seed that both have."""
    keys = ["seed", *by]
    both = first.merge(second, on=keys, suffixes=("", "_other"), validate="one_to_one")
    both["difference"] = both["accuracy"] - both["accuracy_other"]
    return both.groupby("seed")["difference"].mean().tolist()


def text(values: list[float]) -> str:
    """+12.3 ± 1.2 of the seeds' differences."""
    if len(values) < 2:
        return "–"
    return f"{mean(values):+.1f} ± {standard_error(values):.1f}"


def paradigms(runs: pd.DataFrame) -> Iterator[list[str]]:
    """PRE and SEMI: a row an effect, a column a cycle, over the strategies that both sides ran."""
    cycles = sorted(set(runs["cycle"]))
    yield ["points of accuracy", *(f"cycle {cycle}" for cycle in cycles)]
    for name, one, other in PARADIGMS:
        cells = []
        for cycle in cycles:
            here = runs[runs["cycle"] == cycle]
            first, second = (here[here["method"] == method] for method in (one, other))
            cells.append(text(paired(first, second, ["strategy"])))
        yield [name, *cells]


def strategies(runs: pd.DataFrame) -> Iterator[list[str]]:
    """Each strategy against Random: a row a strategy, a column a method, over cycles 1 and on."""
    later = runs[(runs["cycle"] > 0)]
    methods = list(dict.fromkeys(later["method"]))
    yield ["against Random", *methods]
    for strategy in dict.fromkeys(later["strategy"]):
        if strategy == "random":
            continue
        cells = []
        for method in methods:
            here = later[later["method"] == method]
            first, second = (here[here["strategy"] == name] for name in (strategy, "random"))
            cells.append(text(paired(first, second, ["cycle"])))
        yield [strategy, *cells]


def spans(runs: pd.DataFrame) -> Iterator[list[str]]:
    """How far apart the best and the worst mean are: over methods, and over strategies."""
    later = runs[runs["cycle"] > 0]
    means = later.groupby(["method", "strategy", "cycle"])["accuracy"].mean().unstack("cycle")
    yield ["points between best and worst", *(f"cycle {cycle}" for cycle in means.columns)]
    for level, name in (
        ("method", "methods, of one strategy"),
        ("strategy", "strategies, of one method"),
    ):
        other = "strategy" if level == "method" else "method"
        span = (means.groupby(other).max() - means.groupby(other).min()).mean()
        yield [name, *(f"{value:.1f}" for value in span)]


def table(rows: Iterator[list[str]]) -> str:
    """Rows as a Markdown table, the first as its head."""
    head = next(rows)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(path: str) -> None:
    runs = pd.read_csv(path)
    runs = runs[runs["strategy"] != "all"]
    for experiment, part in runs.groupby("experiment", sort=False):
        n = part["seed"].nunique()
        print(f"### {experiment}: {n} seeds, mean difference ± standard error\n")
        for make in (paradigms, strategies, spans):
            print(table(make(part)), end="\n\n")


if __name__ == "__main__":
    main(sys.argv[1])
