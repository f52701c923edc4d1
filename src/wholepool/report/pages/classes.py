"""Accuracy class by class, and balanced: their mean, which a pool of unequal classes asks for."""

import math

import pandas as pd

from wholepool.job.files import write_text
from wholepool.report.accuracy import to_csv
from wholepool.report.results import Results
from wholepool.statistics.effects import mean, sample_std

FILES = ("tables/balanced.csv", "tables/classes.csv")

CELL = ["experiment", "method", "strategy", "cycle", "n_labels"]
BALANCED = (*CELL, "n_seeds", "balanced_mean", "balanced_std", "worst_class", "worst_mean")
CLASSES = (*CELL, "class", "class_name", "n_seeds", "mean", "std")


def make(results: Results) -> None:
    """Write both tables."""
    names = {
        experiment: results.pools.get(plan["dataset"], {}).get("class_names", [])
        for experiment, plan in results.grid["experiments"].items()
    }
    each = class_table(results.runs, names)
    write_text(results.folder / FILES[0], to_csv(balanced_table(results.runs, each)))
    write_text(results.folder / FILES[1], to_csv(each))


def class_table(runs: pd.DataFrame, names: dict[str, list[str]]) -> pd.DataFrame:
    """CLASSES, a row for each cell and class of the test set, sorted by cell.

    `names` are the class names by experiment. Mean and sample standard deviation over seeds are of
    the accuracy in percent among the class's test images; std is NaN for one seed. A class without
    test images has no row.
    """
    rows = []
    for cell, seeds in runs.groupby(CELL):
        values = [per_class(text) for text in texts(seeds)]
        for label in range(max(map(len, values), default=0)):
            known = [own[label] for own in values if not math.isnan(own[label])]
            if not known:
                continue
            named = names.get(cell[0], [])
            name = named[label] if label < len(named) else ""
            rows.append((*cell, label, name, len(known), mean(known), sample_std(known)))
    return pd.DataFrame(rows, columns=list(CLASSES))


def balanced_table(runs: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """BALANCED, a row for each cell that has test labels; `classes` is of `class_table`.

    The balanced accuracy of a run is the mean over the classes of `per_class_accuracy`, in percent.
    `worst_class` has the lowest mean over the seeds, of equal ones the lower number.
    """
    rows = []
    by_cell = dict(list(classes.groupby(CELL)))
    for cell, seeds in runs.groupby(CELL):
        if cell not in by_cell:
            continue
        found = [balanced(per_class(text)) for text in texts(seeds)]
        worst = by_cell[cell].loc[by_cell[cell]["mean"].idxmin()]
        rows.append(
            (*cell, len(found), mean(found), sample_std(found), worst["class"], worst["mean"])
        )
    return pd.DataFrame(rows, columns=list(BALANCED))


def texts(runs: pd.DataFrame) -> list[str]:
    """The texts `per_class_accuracy` of some runs; without those that have none."""
    if "per_class_accuracy" not in runs:
        return []
    return [text for text in runs["per_class_accuracy"] if isinstance(text, str) and text]


def per_class(text: str) -> list[float]:
    """Of runs.csv's text: an accuracy in percent for each class, NaN where it has no test image."""
    return [float(part) if part else math.nan for part in text.split(" ")]


def balanced(values: list[float]) -> float:
    """The mean over the classes that have test images."""
    return mean([value for value in values if not math.isnan(value)])
