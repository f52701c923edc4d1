"""Frozen features: the study's tables against the landed runs, cell by cell."""

import importlib.util
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "evidence" / "modern_cpu"
STUDY = ROOT / "studies" / "frozen_features.py"
spec = importlib.util.spec_from_file_location("frozen_features", STUDY)
study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study)


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(EVIDENCE / "runs.csv")


def of(runs, experiment, method, strategy, labels):
    """Accuracies by seed."""
    rows = runs[(runs["experiment"] == experiment) & (runs["method"] == method)]
    rows = rows[(rows["strategy"] == strategy) & (rows["n_labels"] == labels)]
    assert sorted(rows["seed"]) == list(range(10))
    return dict(zip(rows["seed"], rows["accuracy"], strict=True))


def line(table, start):
    (found,) = [one for one in table.splitlines() if one.startswith(start)]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_accuracies_are_means_and_deviations_of_the_seeds(runs):
    cells = line(study.text(EVIDENCE, "accuracies"), "| TypiClust | Random | + SEMI |")
    of_start = of(runs, "from_typiclust", "semi", "initial", 10)
    of_end = of(runs, "from_typiclust", "semi", "random", 100)
    for cell, values in ((cells[3], of_start), (cells[6], of_end)):
        values = list(values.values())
        assert cell == f"{statistics.mean(values):.1f}±{statistics.stdev(values):.1f}"


def test_the_first_labels_are_compared_by_seed(runs):
    cells = line(study.text(EVIDENCE, "first"), "| TypiClust − Random | + SEMI |")
    one = of(runs, "from_typiclust", "semi", "initial", 10)
    other = of(runs, "from_random", "semi", "initial", 10)
    difference = statistics.mean(one[seed] - other[seed] for seed in one)
    assert cells[3] == f"+{difference:.1f}"


def test_later_labels_are_compared_after_the_same_random_start(runs):
    cells = line(study.text(EVIDENCE, "later"), "| Margin − Random | labels alone | 70 |")
    one, other = (of(runs, "from_random", "baseline", name, 70) for name in ("margin", "random"))
    difference = statistics.mean(one[seed] - other[seed] for seed in one)
    assert cells[4] == f"{difference:+.1f}".replace("-", "−")
    text = study.text(EVIDENCE, "later")
    # four strategies, two methods, three numbers of labels
    assert "over the 24 tests" in text
    assert len(re.findall("^\\| \\w+ − Random", text, flags=re.MULTILINE)) == 24


def test_strategies_are_compared_from_labels_of_each_class(runs):
    told = line(study.text(EVIDENCE, "strategies"), "| Margin |")
    cells = line(study.text(EVIDENCE, "against_random"), "| Margin − Random | + SEMI |")
    one, other = (of(runs, "ten_per_class", "semi", name, 200) for name in ("margin", "random"))
    values = list(one.values())
    assert told[2] == f"{statistics.mean(values):.1f}±{statistics.stdev(values):.1f}"
    difference = statistics.mean(one[seed] - other[seed] for seed in one)
    assert cells[3] == f"{difference:+.1f}".replace("-", "−")


def test_a_strategy_that_a_method_does_not_have_is_a_dash_and_no_test():
    """CEAL brings pseudo-labels of its own, so it does not stand beside SEMI."""
    assert line(study.text(EVIDENCE, "strategies"), "| CEAL |")[2] == "–"
    table = study.text(EVIDENCE, "against_random")
    assert "| CEAL − Random | labels alone |" in table
    assert "| CEAL − Random | + SEMI |" not in table and "over the 33 tests" in table


def test_no_cell_is_left_out(runs):
    text = study.text(EVIDENCE, "accuracies")
    rows = [one for one in text.splitlines() if one.startswith("| ") and "±" in one]
    cold = runs[runs["experiment"].str.startswith("from_")]
    later = cold[cold["cycle"] > 0].groupby(["experiment", "method", "strategy"]).ngroups
    assert len(rows) == later
