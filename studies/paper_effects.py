"""What the paper's own printed figures say of PRE and SEMI, as Markdown.

    python studies/paper_effects.py evidence/paper.csv

Differences of printed means, of the same data set, budget, strategy and cycle. The paper prints no
paired spread, so these have neither interval nor test.
"""

import argparse

import pandas as pd

from wholepool.paper.comparison import read_paper
from wholepool.report.effects import signed, table
from wholepool.report.names import block_name

TABLES = {
    "pre": [("PRE, on labels alone", "pre", "baseline"), ("PRE, before SEMI", "pre+semi", "semi")],
    "semi": [
        ("SEMI, from random weights", "semi", "baseline"),
        ("SEMI, from PRE", "pre+semi", "pre"),
    ],
    "both": [("PRE and SEMI", "pre+semi", "baseline")],
}
CELL = ["dataset", "budget", "strategy", "cycle"]


def differences(paper: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """A row for each cell that the paper prints with both methods."""
    first, second = (paper[paper["method"] == method] for method in (one, other))
    both = first.merge(second, on=CELL, suffixes=("", "_other"), validate="one_to_one")
    both["difference"] = both["mean"] - both["mean_other"]
    return both


def text(path: str, *names: str) -> str:
    """The tables of these names, all of them without names."""
    paper = read_paper(path)
    return "\n\n".join(rows(paper, name) for name in names or TABLES)


def rows(paper: pd.DataFrame, name: str) -> str:
    """A row an effect, data set and budget; a column a cycle."""
    lines = [["effect, as printed", "data", *(f"cycle {cycle}" for cycle in range(5))]]
    for effect, one, other in TABLES[name]:
        for (dataset, budget), part in differences(paper, one, other).groupby(
            ["dataset", "budget"], sort=False
        ):
            cells = []
            for cycle in range(5):
                values = part[part["cycle"] == cycle]["difference"].tolist()
                cells.append(spread(values))
            lines.append([effect, block_name(dataset, budget), *cells])
    about = "Points of test accuracy, least to most over the strategies that the paper prints."
    return f"{about}\n\n{table(lines)}"


def spread(values: list[float]) -> str:
    """ "+2.15 to +19.89", one number where there is one, "–" where there is none."""
    if not values:
        return "–"
    return " to ".join(dict.fromkeys(signed(value, 2) for value in (min(values), max(values))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paper", help="evidence/paper.csv")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all without")
    args = parser.parse_args()
    if unknown := set(args.tables) - TABLES.keys():
        parser.error(f"no table {min(unknown)}; there are {', '.join(TABLES)}")
    print(text(args.paper, *args.tables))
