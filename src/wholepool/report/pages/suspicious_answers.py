"""Answers against which all evidence speaks, with their images, for a second look."""

from __future__ import annotations

import csv
from pathlib import PurePosixPath

from wholepool.grid import people
from wholepool.labeling.standing import counted
from wholepool.report import labelers, pictures
from wholepool.report.fragment import paragraph, table
from wholepool.report.pages.examples import files_of, pool_of
from wholepool.report.pages.labels_so_far import percent
from wholepool.report.results import Results

TITLE = "Answers for a second look"
PEOPLE_PLACE = 7

#: answers that are shown
FIRST = 24


def show(results: Results) -> str:
    """The first answers of suspicious.csv, worst first."""
    parts = {}
    for name in labelers.experiments(results):
        path = labelers.file(results, name, "standing", "suspicious")
        if path.exists():
            with open(path, encoding="utf-8", newline="") as file:
                parts[name] = told(results, name, list(csv.DictReader(file)))
    return labelers.headed(parts)


def told(results: Results, name: str, rows: list[dict[str, str]]) -> str:
    """One experiment's: pictures, or a table where the pool is not on disk."""
    import pandas as pd

    if not rows:
        return paragraph("No answer is suspicious.")
    lead = (
        f"{counted(len(rows), 'answer', 'answers')} may be wrong: a classifier that was fitted "
        "without it prefers another class, and so do its nearest images. Nothing is changed by "
        "itself: they come first in the grid (key v) of wholepool label; click one to answer it "
        "anew. "
    )
    if len(rows) > FIRST:
        lead += f"The first {FIRST} are shown; suspicious.csv has all. "
    last = people.last_cell(name, results.settings["experiments"][name])
    pool = pool_of(results, last) if last else None
    if last is None or pool is None:
        return paragraph(lead) + table(pd.DataFrame(rows[:FIRST]))
    place = {path: index for index, path in files_of(results, last).items()}
    shown = [
        pictures.Picture(
            pool.images[place[row["path"]]],
            f"{row['label']}; perhaps {row['perhaps']} ({percent(row)}). "
            f"{PurePosixPath(row['path']).name}",
            row["path"],
        )
        for row in rows[:FIRST]
        if row["path"] in place
    ]
    return paragraph(lead) + pictures.rows(
        [pictures.Row("The answer given, what all else says, and the file", shown)]
    )
