"""Class by class: how many answers there are, how many images get it, and how good that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.report import labelers
from wholepool.report.fragment import note, table
from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Your classes"
PEOPLE_PLACE = 20

COLUMNS = ("Class", "Answers to learn from", "Images the model gives it", "Right in the audit")
END = (
    "The model may be asked about every image, also those you answered: its counts are of the "
    "whole folder. A class with few answers is known by few examples: look for more of it in the "
    "grid (key v) of wholepool label."
)


def show(results: Results) -> str:
    """A row for each class, of what the stage standing tells; nothing before the first cycle."""
    parts = {
        name: table(by_class(status)) + note(END)
        for name, status in labelers.statuses(results).items()
        if status is not None
    }
    return labelers.headed(parts)


def by_class(status: labelers.Status) -> pd.DataFrame:
    """COLUMNS as text, the classes in the order in which people made them."""
    import pandas as pd

    rows = []
    for name, one in status["classes"].items():
        audit = one["audit"]
        right = f"{audit['right']} of {audit['asked']}" if audit and audit["asked"] else "–"
        rows.append((name, f"{one['labels']:,}", f"{one['predicted']:,}", right))
    return pd.DataFrame(rows, columns=list(COLUMNS))
