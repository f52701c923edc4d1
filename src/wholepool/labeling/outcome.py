"""What comes out: a label for each file, who gave it, and how sure it is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from wholepool.labeling.agreement import cohen
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


def kappa(before: np.ndarray, now: np.ndarray) -> float | None:
    """Cohen's kappa of two cycles' classes int (n,) of the same images; None if all are one.

    -1, a class that is no more, counts as one of its own.
    """
    return cohen(list(zip(before.tolist(), now.tolist(), strict=True)))
