"""The table of labels, file by file, and kappa between two cycles."""

import csv

import numpy as np
import pytest
from histories import image
from sklearn.metrics import cohen_kappa_score

from wholepool.job.files import write_csv
from wholepool.labeling import outcome
from wholepool.labeling.ingest import Entry

NAMES = ("cat", 'a "dog", wet')
ODD = 'müßig, "a"\nb.png'
ENTRIES = [
    Entry(image(0), (ODD, "copy of it.png"), 4, 4),
    Entry(image(1), ("guessed.png", "z/guessed.png"), 4, 4),
    Entry(image(2), ("gone.png",), 4, 4, gone=True),
    Entry(image(3), ("unsure.png", "copy of unsure.png"), 4, 4),
    Entry(image(4), ("bad.png",), 4, 4),
    Entry(image(5), ("alone.png",), 4, 4),
]
GIVEN = [NAMES[1], "", "cat", "unsure", "bad", ""]
SAID = {
    "label": np.array([0, 1, 0, 0, 0, 0]),
    "probability": np.array([0.9, 0.51239, 0.5, 0.5, 0.5, 1.0]),
    "second": np.array([1, 0, 1, 1, 1, 1]),
    "second_probability": np.array([0.1, 0.48761, 0.5, 0.5, 0.5, 0.0]),
    "propagated": np.array([0, 0, 1, 1, 1, -1]),
    "certainty": np.array([0.1, 0.25, 0, 0, 0, 0]),
}


def test_each_file_that_is_there_has_a_row_that_reads_back(tmp_path):
    rows = outcome.predictions(ENTRIES, GIVEN, SAID, NAMES)
    write_csv(tmp_path / "out.csv", outcome.PREDICTIONS, rows)
    with open(tmp_path / "out.csv", encoding="utf-8", newline="") as file:
        found = list(csv.reader(file))
    model = [NAMES[1], "classifier", "0.5124", "0.2500", "cat", "cat", "0.4876"]
    assert found == [
        list(outcome.PREDICTIONS),
        [ODD, NAMES[1], "person", "1", "1", "", "", ""],
        ["copy of it.png", NAMES[1], "copy", "1", "1", "", "", ""],
        ["guessed.png", *model],
        ["z/guessed.png", *model],
        ["unsure.png", "", "unsure", "", "", "", "", ""],
        ["copy of unsure.png", "", "unsure", "", "", "", "", ""],
        ["bad.png", "", "bad", "", "", "", "", ""],
        ["alone.png", "cat", "classifier", "1.0000", "0.0000", "", NAMES[1], "0.0000"],
    ]


@pytest.mark.parametrize("seed", range(10))
def test_kappa_is_scikit_learn_s(seed):
    rng = np.random.default_rng(seed)
    before = rng.integers(-1, 4, 60)
    now = np.where(rng.random(60) < 0.6, before, rng.integers(-1, 4, 60))
    assert outcome.kappa(before, now) == pytest.approx(cohen_kappa_score(before, now))


def test_kappa_of_the_same_is_1_and_of_one_class_alone_nothing():
    labels = np.array([0, 1, 2, 1])
    assert outcome.kappa(labels, labels) == pytest.approx(1)
    assert outcome.kappa(np.array([2, 2]), np.array([2, 2])) is None


def test_a_class_that_is_no_more_is_not_the_last_one():
    assert outcome.kappa(np.array([-1, -1, 0, 0]), np.array([1, 1, 0, 0])) == pytest.approx(
        cohen_kappa_score([9, 9, 0, 0], [1, 1, 0, 0])
    )
