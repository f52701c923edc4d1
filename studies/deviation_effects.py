"""What each deviation is worth: paired differences between the experiments of a grid, as Markdown.

    python studies/deviation_effects.py evidence/deviations
    python studies/deviation_effects.py results/deviations/tables effects

An experiment "digits.graph-union" is compared with "digits.base", and "digits.ceal.apart" with
"digits.ceal": the same cell of the same seed, so that the initial labels, and every random draw
that the key does not touch, are equal on both sides. A variant is named by the keys in which the
settings of the two differ. Experiments that are no variant of another are levels.
"""

import argparse
from collections.abc import Mapping
from typing import Any

import pandas as pd

from wholepool.grid.protocol import as_yaml, settings_of
from wholepool.paper.evidence import of_pre, settings_beside
from wholepool.report.effects import (
    Row,
    effects_table,
    level,
    levels_table,
    paired,
    runs_of,
    seeds_of,
)

Settings = Mapping[str, Any]
MANY = 4  # keys that a variant's name has room for


def base_of(experiment: str, experiments: list[str]) -> str | None:
    """The experiment that another is a variant of; None for one that stands by itself."""
    source, _, variant = experiment.partition(".")
    parent, _, last = variant.rpartition(".")
    if last and parent:
        return f"{source}.{parent}"
    base = f"{source}.base"
    same = variant != "base" and base in experiments
    return base if same else None


def pairs(runs: pd.DataFrame) -> list[tuple[str, str | None]]:
    """Every experiment with its base: None too where the two have no common cell."""
    experiments = list(dict.fromkeys(runs["experiment"]))
    found = []
    for experiment in experiments:
        base = base_of(experiment, experiments)
        cells = [
            set(map(tuple, runs[runs["experiment"] == name][["method", "strategy"]].to_numpy()))
            for name in (experiment, base)
        ]
        found.append((experiment, base if cells[0] & cells[1] else None))
    return found


def effects(runs: pd.DataFrame, settings: Settings | None) -> str:
    """A row a variant, source and cycle."""
    rows: list[Row] = []
    order = list(dict.fromkeys(name.partition(".")[2] for name in runs["experiment"]))
    variants = [(name, base) for name, base in pairs(runs) if base]
    for experiment, base in sorted(variants, key=lambda one: order.index(one[0].partition(".")[2])):
        mine, theirs = (runs[runs["experiment"] == name] for name in (experiment, base))
        for cycle, part in mine.groupby("cycle"):
            name = named(settings, experiment, base, part.iloc[0])
            if name is None:
                continue
            values = paired(part, theirs, ["method", "strategy", "cycle"])
            rows.append(([name, experiment.partition(".")[0], str(cycle)], values))
    return effects_table(["changed", "data", "cycle"], rows)


def named(settings: Settings | None, experiment: str, base: str, run: Any) -> str | None:
    """The keys in which a variant differs from its base; its own name without settings.json.

    None where no setting differs: such cells are the same by construction.
    """
    name = experiment.partition(".")[2]
    if settings is None:
        return name
    cell = (run["method"], run["strategy"], int(run["cycle"]))
    mine, theirs = (settings_of(settings, which, *cell) for which in (experiment, base))
    keys = [key for key in mine if mine[key] != theirs.get(key)]
    if not keys:
        return None
    note = "; draws not paired" if "seed_moves" in keys else ""
    on = f"; {base.partition('.')[2]}" if not base.endswith(".base") else ""
    if len(keys) > MANY:
        return f"{name}: {len(keys)} keys{on}{note}"
    told = [f"`{key}: {as_yaml(mine[key])}` for {as_yaml(theirs.get(key))}" for key in keys]
    return ", ".join(told) + on + note


def levels(runs: pd.DataFrame, settings: Settings | None = None) -> str:
    """The accuracy of each experiment that is no variant."""
    alone = [experiment for experiment, base in pairs(runs) if base is None]
    cycles = sorted(set(runs["cycle"]))
    lines = [["experiment", "method", *(f"cycle {cycle}" for cycle in cycles)]]
    shown = runs[runs["experiment"].isin(alone)]
    for label, part in shown.groupby(["experiment", "method"], sort=False):
        values = (part[part["cycle"] == cycle]["accuracy"].tolist() for cycle in cycles)
        lines.append([*map(str, label), *map(level, values)])
    return levels_table(lines, seeds_of(shown))


TABLES = {"effects": effects, "levels": levels}


def text(path: str, *names: str) -> str:
    """The tables of these names, both without names."""
    runs, settings = runs_of(path), settings_beside(path)
    about = of_pre(settings)
    tables = [TABLES[name](runs, settings) for name in names or TABLES]
    return "\n\n".join([about, *tables] if about else tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", help="runs.csv, or a folder that has it")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; both without")
    args = parser.parse_args()
    if unknown := set(args.tables) - TABLES.keys():
        parser.error(f"no table {min(unknown)}; there are {', '.join(TABLES)}")
    print(text(args.runs, *args.tables))
