"""What of a grid was not run yet: for each experiment and method, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import Cell, cells
from wholepool.report.fragment import fill, notice, table
from wholepool.report.names import method_name
from wholepool.report.wording import joined

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("Experiment", "Method", "Run", "Planned", "Missing")


def lacking(settings: Mapping[str, Any], source: Path) -> list[Cell]:
    """The cells of a resolved config, in its order, that have no metrics below a results folder."""
    planned = cells(dict(settings["experiments"]))
    return [cell for cell in planned if not (source / cell.path / "metrics.json").exists()]


def missing(settings: Mapping[str, Any], source: Path) -> pd.DataFrame:
    """COLUMNS, a row for each experiment and method of which a cell was not run; counts of cells.

    "Missing" names the seeds: those of which nothing was run, and those of which a part was.
    """
    import pandas as pd

    planned = Counter(cell[:2] for cell in cells(dict(settings["experiments"])))
    gone: dict[tuple[str, str], list[Cell]] = {}
    for cell in lacking(settings, source):
        gone.setdefault(cell[:2], []).append(cell)
    rows = []
    for (experiment, method), own in gone.items():
        n, seeds = planned[experiment, method], settings["experiments"][experiment]["seeds"]
        by_seed, each = Counter(cell.seed for cell in own), n // len(seeds)
        whole = [seed for seed in seeds if by_seed[seed] == each]
        part = [seed for seed in seeds if 0 < by_seed[seed] < each]
        parts = [
            f"{words}{'seed' if len(named) == 1 else 'seeds'} {ranges(named)}"
            for words, named in (("", whole), ("a part of ", part))
            if named
        ]
        text = "all" if len(own) == n else ", ".join(parts)
        rows.append((experiment, method_name(method), n - len(own), n, text))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in words: "0, 3 and 6 to 9"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [
        str(low) if low == high else f"{low}{' to ' if high > low + 1 else ', '}{high}"
        for low, high in runs
    ]
    return joined(texts)


def told(settings: Mapping[str, Any], source: Path, command: str) -> str:
    """What is missing as a piece of HTML, with the command that runs it; "" if nothing is."""
    planned = sum(1 for _ in cells(dict(settings["experiments"])))
    gone = len(lacking(settings, source))
    if planned and not gone:
        return ""
    what = "it" if gone == planned else "the rest"
    line = "<p>This runs {{ what }}: <code>{{ command }}</code></p>"
    run = fill(line, what=what, command=command)
    if gone == planned:
        return notice(f"Nothing was run yet, of {planned:,} cells (a cell is one training).", run)
    done = "cell was" if planned - gone == 1 else "cells were"
    text = (
        f"{planned - gone:,} of {planned:,} {done} run (a cell is one training). "
        "What stands below is made of these, and can change."
    )
    return notice(text, run + table(missing(settings, source), "What is missing"))
