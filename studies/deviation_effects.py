"""What each deviation is worth: paired differences between the experiments of a grid, as Markdown.

    python studies/deviation_effects.py results/deviations/tables/runs.csv

An experiment "mnist.graph-union" is compared with "mnist.base", and "mnist.ceal.apart" with
"mnist.ceal": the same cell of the same seed, so that the initial labels, and every random draw
that the key does not touch, are equal on both sides. Printed are the mean difference of the test
accuracy in percentage points and its standard error over seeds (sample standard deviation of the
differences / sqrt(n)), per source and cycle; and the base's own accuracy.
"""

import math
import sys
from collections.abc import Iterator

import pandas as pd

from wholepool.report.statistics import mean, sample_std, standard_error

CELL = ["method", "strategy", "seed", "cycle"]


def base_of(experiment: str, experiments: list[str]) -> str | None:
    """The experiment that another is a variant of; None for one that stands by itself."""
    source, _, variant = experiment.partition(".")
    parent, _, last = variant.rpartition(".")
    if last and parent:
        return f"{source}.{parent}"
    base = f"{source}.base"
    same = variant != "base" and base in experiments
    return base if same else None


def differences(runs: pd.DataFrame, experiment: str, base: str) -> dict[int, list[float]]:
    """Cycle -> differences of the accuracy, a seed each, of the cells that both have."""
    mine = runs[runs["experiment"] == experiment]
    theirs = runs[runs["experiment"] == base]
    both = mine.merge(theirs, on=CELL, suffixes=("", "_base"), validate="one_to_one")
    both["difference"] = both["accuracy"] - both["accuracy_base"]
    return {
        int(cycle): part.sort_values("seed")["difference"].tolist()
        for cycle, part in both.groupby("cycle")
    }


def rows(runs: pd.DataFrame) -> Iterator[list[str]]:
    """A row a variant: its name, then a cell per source and cycle."""
    experiments = list(dict.fromkeys(runs["experiment"]))
    sources = list(dict.fromkeys(name.partition(".")[0] for name in experiments))
    places = [(source, cycle) for source in sources for cycle in sorted(set(runs["cycle"]))]
    yield ["variant", *(f"{source}, cycle {cycle}" for source, cycle in places)]
    variants = list(dict.fromkeys(name.partition(".")[2] for name in experiments))
    for variant in variants:
        cells = []
        for source, cycle in places:
            experiment = f"{source}.{variant}"
            base = base_of(experiment, experiments)
            if base is None:
                values = runs[(runs["experiment"] == experiment) & (runs["cycle"] == cycle)]
                cells.append(level(values["accuracy"].tolist()))
                continue
            found = differences(runs, experiment, base).get(cycle, [])
            # an experiment of other methods than base's has no common cell: its own level
            if not found:
                values = runs[(runs["experiment"] == experiment) & (runs["cycle"] == cycle)]
                cells.append(level(values["accuracy"].tolist()))
                continue
            cells.append(effect(found))
        yield [variant, *cells]


def effect(values: list[float]) -> str:
    """Mean difference ± standard error (n), as +1.2 ± 0.4 (5)."""
    error = standard_error(values)
    return f"{mean(values):+.1f} ± {error:.1f} ({len(values)})" if len(values) > 1 else "–"


def level(values: list[float]) -> str:
    """Mean±sample standard deviation of an experiment that is no variant, in percent."""
    if not values:
        return "–"
    spread = sample_std(values)
    return f"{mean(values):.1f}" + ("" if math.isnan(spread) else f"±{spread:.1f}")


def main(path: str) -> None:
    for number, row in enumerate(rows(pd.read_csv(path))):
        print("| " + " | ".join(row) + " |")
        if number == 0:
            print("|" + " --- |" * len(row))


if __name__ == "__main__":
    main(sys.argv[1])
