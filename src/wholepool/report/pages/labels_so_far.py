"""Images with the labels that the model gives them: the least sure of all, and of each class.

All is of predictions.csv, whose labels are people's or the model's: no hidden label is read.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from wholepool.grid import people
from wholepool.report import labelers, pictures
from wholepool.report.fragment import paragraph
from wholepool.report.pages.examples import files_of, pool_of
from wholepool.report.results import Results

if TYPE_CHECKING:
    from wholepool.data.pool import Pool

TITLE = "Labels so far"
PEOPLE_PLACE = 30

#: images of a row, and classes with a row: those that most images get
EACH, CLASSES = 8, 8
LEAD = (
    "Under an image stand the label that the model gives it, how probable that is by its own word "
    "(it tends to be too sure), and the file. predictions.csv has them all."
)

Said = Mapping[str, str]


def show(results: Results) -> str:
    """The images of each experiment; nothing before the first cycle or without its pool."""
    parts = {}
    for name in labelers.experiments(results):
        path = labelers.file(results, name, "standing", "out")
        last = people.last_cell(name, results.settings["experiments"][name])
        pool = pool_of(results, last) if last else None
        if last is None or pool is None or not path.exists():
            continue
        with open(path, encoding="utf-8", newline="") as file:
            said = [row for row in csv.DictReader(file) if row["source"] == "classifier"]
        if said:
            place = {path: index for index, path in files_of(results, last).items()}
            shown = [
                pictures.Row(title, list(drawn(rows, place, pool))) for title, rows in rows_of(said)
            ]
            parts[name] = paragraph(LEAD) + pictures.rows(shown)
    return labelers.headed(parts)


def rows_of(said: Sequence[Said]) -> Iterator[tuple[str, list[Said]]]:
    """Title and rows: the least probable labels, then of each class EACH from sure to unsure."""
    yield "Least sure of all: look here first", ranked(said)[::-1][:EACH]
    counts = Counter(row["label"] for row in said)
    for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CLASSES]:
        own = ranked([row for row in said if row["label"] == label])
        # the same steps between all: the row is what the class looks like, not its best
        steps = [round(at * (count - 1) / max(1, EACH - 1)) for at in range(EACH)]
        title = f"{label}: from the surest to the least sure of {count:,}"
        yield title, [own[at] for at in dict.fromkeys(steps)]


def ranked(said: Sequence[Said]) -> list[Said]:
    """The most probable first; of equals by path."""
    return sorted(said, key=lambda row: (-float(row["probability"]), row["path"]))


def drawn(rows: Sequence[Said], place: Mapping[str, int], pool: Pool) -> Iterator[pictures.Picture]:
    """The picture of each row whose file has a place in the pool."""
    for row in rows:
        if row["path"] in place:
            caption = f"{row['label']} ({percent(row)}). {PurePosixPath(row['path']).name}"
            yield pictures.Picture(pool.images[place[row["path"]]], caption, row["path"])


def percent(row: Said) -> str:
    """A row's probability; what is not certain is not called 100%."""
    probability = float(row["probability"])
    return "> 99%" if 0.995 <= probability < 1 else f"{probability:.0%}"
