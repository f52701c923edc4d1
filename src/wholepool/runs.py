"""Every cell's metrics gathered into one table, a row a run: results/tables/runs.csv."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from wholepool.errors import UserError
from wholepool.files import atomic
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
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(
                f"{path} is not a complete JSON file ({error}): delete it, and it is made anew"
            ) from error
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
    with atomic(out) as temporary:
        gather(results, grid).to_csv(temporary, index=False, lineterminator="\n")


def write_pretraining(diagnoses: list[Path], out: Path) -> None:
    """Write how the clusters of each pre-training agree with the hidden labels (NMI), as CSV."""
    rows = []
    for path in diagnoses:
        found = json.loads(path.read_text(encoding="utf-8"))
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
