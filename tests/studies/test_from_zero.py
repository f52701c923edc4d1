"""What the first labels are worth: the study's tables against the landed runs, cell by cell."""

import importlib.util
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "evidence" / "from_zero"
spec = importlib.util.spec_from_file_location("from_zero", ROOT / "studies/from_zero.py")
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
    assert "over the 18 tests" in text
    assert len(re.findall("^\\| \\w+ − Random", text, flags=re.MULTILINE)) == 18


def test_no_cell_is_left_out(runs):
    text = study.text(EVIDENCE, "accuracies")
    rows = [one for one in text.splitlines() if one.startswith("| ") and "±" in one]
    later = runs[runs["cycle"] > 0].groupby(["experiment", "method", "strategy"]).ngroups
    assert len(rows) == later
