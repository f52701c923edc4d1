"""What comes out: a label for each file, who gave it, and how sure it is."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wholepool.job.files import atomic
from wholepool.labeling.ingest import Entry

PREDICTIONS = (
    *("path", "label", "source", "probability", "certainty", "propagation"),
    *("second", "second_probability"),
)
PERSON, COPY, CLASSIFIER = "person", "copy", "classifier"


def predictions(
    entries: Sequence[Entry],
    given: Sequence[str],
    said: Mapping[str, np.ndarray],
    class_names: Sequence[str],
) -> Iterable[tuple[Any, ...]]:
    """A row of PREDICTIONS for each file that is there, in the order of the images.

    `given` are the answers of people: a class, "unsure", "bad" or "" for each image. Of a file that
    is byte-identical to an answered one the source is "copy". "unsure" and "bad" stand as the
    source, without a label. `said` has the columns of an index set "predicted" for all images.
    """
    names = [*class_names, ""]  # the last of none: -1
    for at, entry in enumerate(entries):
        if entry.gone:
            continue
        label, sure, certain = (
            names[said["label"][at]],
            said["probability"][at],
            said["certainty"][at],
        )
        second, more = names[said["second"][at]], said["second_probability"][at]
        told = names[said["propagated"][at]]
        for number, path in enumerate(entry.paths):
            if given[at] in ("unsure", "bad"):
                yield path, "", given[at], "", "", "", "", ""
            elif given[at]:
                yield path, given[at], COPY if number else PERSON, 1, 1, "", "", ""
            else:
                numbers = [f"{value:.4f}" for value in (sure, certain, more)]
                yield path, label, CLASSIFIER, *numbers[:2], told, second, numbers[2]


def write_table(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as CSV (RFC 4180, UTF-8)."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)


def kappa(before: np.ndarray, now: np.ndarray) -> float | None:
    """Cohen's kappa of two cycles' classes int (n,) of the same images; None if all are one.

    -1, a class that is no more, counts as one of its own.
    """
    before, now = before + 1, now + 1
    classes = int(max(before.max(), now.max())) + 1
    table = np.zeros((classes, classes))
    np.add.at(table, (before, now), 1)
    table /= table.sum()
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return None if by_chance == 1 else float((np.trace(table) - by_chance) / (1 - by_chance))
