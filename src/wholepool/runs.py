"""Every cell's metrics gathered into one table, a row a run: results/tables/runs.csv."""

from pathlib import Path
from typing import Any

import pandas as pd

from wholepool.errors import ANEW, UserError
from wholepool.files import atomic, read_object
from wholepool.grid import cells


def gather(results: Path, grid: dict[str, Any]) -> pd.DataFrame:
    """A row for each cell of the plan, in the plan's order, with every metric that it has.

    Lists (per-class accuracy, labels per class) become one text, separated by spaces. Raises
    UserError if a cell's metrics are missing or are another cell's.
    """
    rows = []
    for cell in cells(grid["experiments"]):
        path = results / cell.path / "metrics.json"
        if not path.exists():
            raise UserError(f"{path} is missing: its cell has not been run")
        metrics = read_object(path, "n_labels", "accuracy")
        for name in ("method", "strategy", "seed", "cycle"):
            if metrics.get(name) != getattr(cell, name):
                raise UserError(
                    f"{path}: {name} is {metrics.get(name)!r}, but the file stands in the "
                    f"folder of {getattr(cell, name)!r}: delete it, and it is made anew"
                )
        flat = {
            name: " ".join("" if v is None else f"{v:g}" for v in value)
            if isinstance(value, list)
            else value
            for name, value in metrics.items()
        }
        budget = grid["experiments"][cell.experiment]["budget"]
        dataset = grid["experiments"][cell.experiment]["dataset"]
        rows.append({"experiment": cell.experiment, **flat, "dataset": dataset, "budget": budget})
    first = ["experiment", "dataset", "budget", "method", "strategy", "seed", "cycle", "n_labels"]
    table = pd.DataFrame(rows)
    return table[first + [name for name in table.columns if name not in first]]


def write_runs(results: Path, grid: dict[str, Any], out: Path) -> None:
    """Write `gather`'s table as CSV."""
    table = gather(results, grid)
    with atomic(out) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_pretraining(diagnoses: list[Path], out: Path) -> None:
    """Write how the clusters of each pre-training agree with the hidden labels (NMI), as CSV."""
    rows = []
    for path in diagnoses:
        found = read_object(path, "dataset", "epoch", "nmi", "nmi_previous")
        if len({len(found[name]) for name in ("epoch", "nmi", "nmi_previous")}) > 1:
            raise UserError(
                f"{path} has more of epoch, nmi or nmi_previous than of the others: {ANEW}"
            )
        for epoch, nmi, previous in zip(
            found["epoch"], found["nmi"], found["nmi_previous"], strict=True
        ):
            rows.append(
                {
                    "dataset": found["dataset"],
                    "pre": path.parent.name,
                    "epoch": epoch,
                    "nmi_with_labels": nmi,
                    "nmi_with_previous": previous,
                }
            )
    with atomic(out) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\n")
