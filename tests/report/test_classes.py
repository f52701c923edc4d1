"""Accuracy by class and balanced accuracy, against scikit-learn's on the same predictions."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from wholepool.report.metrics import of_predictions
from wholepool.report.pages import classes

NAMES = {"pets": ["cat", "dog", "bird"]}


def predictions(seed, n=60):
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    return rng.dirichlet(np.ones(3) / 2, n), labels


def run_of(seed, text, **changes):
    own = {"experiment": "pets", "method": "semi", "strategy": "random", "cycle": 1, "n_labels": 6}
    return own | {"seed": seed, "per_class_accuracy": text} | changes


def text_of(seed):
    found = of_predictions(*predictions(seed))["per_class_accuracy"]
    return " ".join("" if value is None else f"{value:g}" for value in found)


def test_they_are_scikit_learn_s_recalls_and_balanced_accuracy():
    runs = pd.DataFrame([run_of(seed, text_of(seed)) for seed in range(4)])
    each = classes.class_table(runs, NAMES)
    (row,) = classes.balanced_table(runs, each).itertuples()
    recalls, scores = [], []
    for seed in range(4):
        probabilities, labels = predictions(seed)
        guessed = probabilities.argmax(axis=1)
        recalls.append(100 * recall_score(labels, guessed, average=None))
        scores.append(100 * balanced_accuracy_score(labels, guessed))
    np.testing.assert_allclose(each["mean"], np.mean(recalls, axis=0), atol=1e-4)
    np.testing.assert_allclose(each["std"], np.std(recalls, axis=0, ddof=1), atol=1e-4)
    assert list(each["class_name"]) == NAMES["pets"] and set(each["n_seeds"]) == {4}
    assert row.balanced_mean == pytest.approx(np.mean(scores), abs=1e-4)
    assert row.balanced_std == pytest.approx(np.std(scores, ddof=1), abs=1e-4)
    assert row.worst_class == np.mean(recalls, axis=0).argmin()
    assert row.worst_mean == pytest.approx(np.mean(recalls, axis=0).min(), abs=1e-4)


def test_a_class_without_test_images_counts_for_nothing():
    runs = pd.DataFrame([run_of(0, "80  40"), run_of(1, "60  20")])
    each = classes.class_table(runs, NAMES)
    assert list(each["class"]) == [0, 2] and list(each["mean"]) == [70, 30]
    (row,) = classes.balanced_table(runs, each).itertuples()
    assert (row.balanced_mean, row.worst_class, row.worst_mean, row.n_seeds) == (50, 2, 30, 2)


def test_one_seed_has_no_deviation_and_no_test_set_no_row():
    runs = pd.DataFrame([run_of(0, "80 60 40"), run_of(0, math.nan, cycle=2, n_labels=9)])
    each = classes.class_table(runs, NAMES)
    assert each["std"].isna().all() and list(each["cycle"]) == [1, 1, 1]
    (row,) = classes.balanced_table(runs, each).itertuples()
    assert row.balanced_mean == 60 and math.isnan(row.balanced_std)


def test_runs_of_an_earlier_version_have_empty_tables():
    runs = pd.DataFrame([run_of(0, "")]).drop(columns="per_class_accuracy")
    each = classes.class_table(runs, NAMES)
    assert each.empty and list(each.columns) == list(classes.CLASSES)
    assert classes.balanced_table(runs, each).empty
