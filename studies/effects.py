"""What PRE, SEMI and the strategy are worth in a grid: paired differences, as Markdown.

    python studies/effects.py evidence/one_label_per_class
    python studies/effects.py evidence/one_label_per_class pre semi

A difference pairs two cells of the same seed, so of the same initial labels, and of the same cycle.
Where PRE or SEMI is compared, the strategies that both sides ran are averaged within each seed:
tests and intervals are over seeds, never over cells that share one.
"""

import argparse
from collections.abc import Iterator

import pandas as pd

from wholepool.paper.evidence import of_pre, settings_beside
from wholepool.report.effects import (
    Row,
    effects_table,
    level,
    levels_table,
    paired,
    runs_of,
    seeds_of,
    table,
)

PRE = [("PRE, on labels alone", "pre", "baseline"), ("PRE, before SEMI", "pre+semi", "semi")]
SEMI = [("SEMI, from random weights", "semi", "baseline"), ("SEMI, from PRE", "pre+semi", "pre")]
BOTH = [("PRE and SEMI", "pre+semi", "baseline")]


def paradigms(runs: pd.DataFrame, effects: list[tuple[str, str, str]]) -> str:
    """A row an experiment, effect and cycle."""
    found: list[Row] = []
    for experiment, part in acquired(runs).groupby("experiment", sort=False):
        for name, one, other in effects:
            for cycle in sorted(set(part["cycle"])):
                here = part[part["cycle"] == cycle]
                first, second = (here[here["method"] == method] for method in (one, other))
                both = set(first["strategy"]) & set(second["strategy"])
                first = first[first["strategy"].isin(both)]
                if len(first):
                    label = [str(experiment), name, str(cycle)]
                    found.append((label, paired(first, second, ["strategy"])))
    return effects_table(["experiment", "effect", "cycle"], found)


def strategies(runs: pd.DataFrame) -> str:
    """Each strategy minus Random: a row an experiment, method, strategy and cycle."""
    found: list[Row] = []
    cells = ["experiment", "method", "strategy", "cycle"]
    for label, part in runs[runs["cycle"] > 0].groupby(cells, sort=False):
        experiment, method, strategy, cycle = label
        same = (runs["experiment"] == experiment) & (runs["method"] == method)
        random = runs[same & (runs["strategy"] == "random") & (runs["cycle"] == cycle)]
        if strategy != "random" and len(random):
            found.append(([experiment, method, strategy, str(cycle)], paired(part, random, [])))
    return effects_table(["experiment", "method", "minus Random", "cycle"], found)


def levels(runs: pd.DataFrame) -> str:
    """Cycle 0, which precedes any acquisition: a row an experiment, a column a method."""
    first = runs[runs["cycle"] == 0]
    methods = list(dict.fromkeys(first["method"]))
    lines = [["cycle 0", *methods]]
    for experiment, part in first.groupby("experiment", sort=False):
        values = (part[part["method"] == method]["accuracy"].tolist() for method in methods)
        lines.append([str(experiment), *map(level, values)])
    return levels_table(lines, seeds_of(first))


def later_levels(runs: pd.DataFrame) -> str:
    """The cycles after it: a row an experiment, method and strategy, a column a cycle."""
    later = runs[runs["cycle"] > 0]
    cycles = sorted(set(later["cycle"]))
    lines = [["experiment", "method", "strategy", *(f"cycle {cycle}" for cycle in cycles)]]
    for label, part in later.groupby(["experiment", "method", "strategy"], sort=False):
        values = (part[part["cycle"] == cycle]["accuracy"].tolist() for cycle in cycles)
        lines.append([*map(str, label), *map(level, values)])
    return levels_table(lines, seeds_of(later))


def spans(runs: pd.DataFrame) -> str:
    """How far apart the best and the worst mean are: over methods, and over strategies."""
    text = (
        "Points between the best and the worst mean over seeds, averaged over the strategies or "
        "methods that are held. Chance alone puts a best above a worst: no test is made of it."
    )
    return f"{text}\n\n{table(_spans(acquired(runs)))}"


def _spans(runs: pd.DataFrame) -> Iterator[list[str]]:
    later = runs[runs["cycle"] > 0]
    cycles = sorted(set(later["cycle"]))
    yield ["experiment", "between", *(f"cycle {cycle}" for cycle in cycles)]
    for experiment, part in later.groupby("experiment", sort=False):
        means = part.groupby(["method", "strategy", "cycle"])["accuracy"].mean().unstack("cycle")
        for held, name in (
            ("strategy", "methods, of one strategy"),
            ("method", "strategies, of one method"),
        ):
            span = (means.groupby(held).max() - means.groupby(held).min()).mean()
            yield [str(experiment), name, *(f"{span[cycle]:.1f}" for cycle in cycles)]


def zero_scores(runs: pd.DataFrame) -> str:
    """How many queries had a score of 0: jLP's images that no label reaches, mostly."""
    column = "zero_score_share"
    if column not in runs.columns or runs[column].isna().all():
        return "The runs do not say how many queries had a score of 0."
    told = runs[runs[column].notna()]
    cycles = sorted(set(told["cycle"]))
    head = ["experiment", "method", "strategy", *(f"into cycle {cycle}" for cycle in cycles)]
    lines = [head]
    for label, part in told.groupby(["experiment", "method", "strategy"], sort=False):
        means = (part[part["cycle"] == cycle][column].mean() for cycle in cycles)
        lines.append([*map(str, label), *(f"{100 * mean:.0f} %" for mean in means)])
    about = "Queries whose score was 0, as a share of those that led into a cycle, mean over seeds."
    return f"{about}\n\n{table(lines)}"


def acquired(runs: pd.DataFrame) -> pd.DataFrame:
    """Without full supervision."""
    return runs[runs["strategy"] != "all"]


TABLES = {
    "levels": levels,
    "pre": lambda runs: paradigms(runs, PRE),
    "semi": lambda runs: paradigms(runs, SEMI),
    "both": lambda runs: paradigms(runs, BOTH),
    "strategies": strategies,
    "spans": spans,
    "zero_scores": zero_scores,
    "later_levels": later_levels,
}


def text(path: str, *names: str) -> str:
    """The tables of these names, all of them without names."""
    runs, about = runs_of(path), of_pre(settings_beside(path))
    tables = [TABLES[name](runs) for name in names or TABLES]
    return "\n\n".join([about, *tables] if about else tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", help="runs.csv, or a folder that has it")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all without")
    args = parser.parse_args()
    if unknown := set(args.tables) - TABLES.keys():
        parser.error(f"no table {min(unknown)}; there are {', '.join(TABLES)}")
    print(text(args.runs, *args.tables))
