"""How many seeds a question needs, as Markdown; the spread is that of a grid that was run.

    python studies/seeds.py evidence/modern_cpu

`floor`: what no data can change: the half-width of Student's interval in standard deviations, the
smallest p value of the sign-flip test, and how many tests Holm's correction lets it survive.
`needed`: the seeds that find a difference of a size, at the spread of the grid's own differences.
"""

import argparse
from pathlib import Path

import numpy as np

from wholepool.grid.cells import summary
from wholepool.paper.evidence import read_evidence
from wholepool.report.effects import table
from wholepool.statistics import effects
from wholepool.statistics.trajectories import curves, matrix, together, trajectories

SEEDS = (2, 3, 4, 5, 6, 8, 9, 10, 15, 20, 30, 50)
SIZES = (0.5, 1.0, 2.0, 3.0, 5.0)
QUARTILES = {"calm (a quarter is calmer)": 25, "middle": 50, "wild (a quarter is wilder)": 75}


def text(path: str | Path, *names: str) -> str:
    """The tables of these names, all of them without names."""
    return "\n\n".join(TABLES[name](Path(path)) for name in names or TABLES)


def floor(path: Path) -> str:
    """A row a number of seeds."""
    lines = [
        [
            "seeds",
            "half-width of the 95 % interval",
            "could have shown (80 % power)",
            "smallest sign-flip p",
            "tests under Holm that it survives",
        ]
    ]
    for n in SEEDS:
        unit = (np.arange(n) - (n - 1) / 2).tolist()
        low, high = effects.interval(unit)
        spread = effects.sample_std(unit)
        least = 2.0 / 2**n
        survives = int(effects.LEVEL / least)
        lines.append(
            [
                str(n),
                f"{(high - low) / 2 / spread:.2f} sd",
                f"{effects.detectable(1.0, n):.2f} sd",
                f"{least:.2g}",
                "> 1,000" if survives > 1000 else str(survives or "none"),
            ]
        )
    return table(lines)


def needed(path: Path) -> str:
    """A row a spread: quartiles of the paired differences' deviations at the last cycle."""
    landed = read_evidence(path)
    grid = summary(landed.settings)
    long = trajectories(landed.runs, grid)
    spreads = []
    for curve in curves(grid):
        other = curve._replace(strategy="random")
        if curve == other or other not in set(curves(grid)):
            continue
        pair = together(matrix(long, curve), matrix(long, other), (curve, other))
        differences = (pair[0] - pair[1]).iloc[:, -1].tolist()
        spreads.append(effects.sample_std(differences))
    lines = [["spread of the differences", "sd", *(f"{size:g} points" for size in SIZES)]]
    for name, part in QUARTILES.items():
        spread = float(np.percentile(spreads, part))
        counts = [effects.seeds_for(size, spread) for size in SIZES]
        told = [str(count) if count else f"> {effects.MANY}" for count in counts]
        lines.append([name, f"{spread:.1f}", *told])
    return (
        f"Seeds that find a true difference of this size, of {len(spreads)} comparisons with "
        "Random at the last number of labels; paired t test at 5 %, 80 % power, no correction."
        f"\n\n{table(lines)}"
    )


TABLES = {"floor": floor, "needed": needed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("evidence", help="a folder of evidence")
    parser.add_argument("names", nargs="*", choices=[*TABLES, []], help="of the tables")
    args = parser.parse_args()
    print(text(args.evidence, *args.names))


if __name__ == "__main__":
    main()
