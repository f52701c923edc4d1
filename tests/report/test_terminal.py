import math
import subprocess
import sys

import pandas as pd
import pytest
from grids_of_results import numbers, runs_of, shown, small_grid

from wholepool.report.accuracy import COLUMNS, accuracy_table
from wholepool.report.terminal import first_gains, losses, summary


@pytest.fixture
def grid():
    return small_grid()


def test_summary_shows_every_cell_within_110_columns(grid):
    grid["experiments"]["digits"]["cycles"] = 12
    accuracy = accuracy_table(runs_of(grid), grid)
    text = summary(accuracy)
    assert max(map(len, text.splitlines())) <= 110
    for row in accuracy.itertuples():
        assert shown(*numbers(grid, row.experiment, row.method, row.strategy, row.cycle)) in text
    assert "cycle 11 (130)" in text
    assert "mnist (MNIST, b = 10)" in text
    assert text.count("over 2 seeds") == 2


def test_importing_the_names_does_not_import_pandas():
    code = (
        "import sys, wholepool.report.names, wholepool.report.terminal, wholepool.report.render;"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_first_gains_compares_the_better_semi_with_the_baseline():
    rows = [
        ("a", "digits", 10, 0, 10, "baseline", "random", 40.0, 1.0, 2),
        ("a", "digits", 10, 0, 10, "semi", "random", 38.0, 1.0, 2),
        ("a", "digits", 10, 0, 10, "pre+semi", "random", 68.25, 1.0, 2),
        ("a", "digits", 10, 1, 20, "pre+semi", "random", 99.0, 1.0, 2),
        ("b", "digits", 10, 0, 10, "pre", "random", 50.0, 1.0, 2),
    ]
    accuracy = pd.DataFrame(rows, columns=list(COLUMNS[:10]))
    assert first_gains(accuracy) == (
        "a, cycle 0: + PRE + SEMI 68.2 %, Baseline 40.0 %: +28.2 points from the unlabeled images"
    )
    assert first_gains(accuracy[accuracy["method"] != "baseline"]) == ""


def test_losses_names_cells_below_the_baseline_by_more_than_their_error():
    def frame(std):
        rows = [
            ("a", "digits", 10, 1, 20, "baseline", "random", 50.0, 9.0, 4),
            ("a", "digits", 10, 1, 20, "semi", "random", 48.0, std, 4),
            ("a", "digits", 10, 1, 20, "pre+semi", "random", 60.0, 1.0, 4),
            ("a", "digits", 10, 1, 20, "semi", "jlp", 10.0, 1.0, 4),  # no baseline to compare
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS[:10]))

    none = "none of 2 cells with SEMI is below the baseline by more than its standard error"
    assert losses(frame(4.1)) == none  # 2.05 > 2
    assert "a + SEMI Random cycle 1 (48.0 against 50.0, standard error 1.9)" in (losses(frame(3.9)))
    one_seed = frame(3.9).assign(n_seeds=1)
    assert losses(one_seed) == ""


def test_cells_without_an_accuracy_are_shown_as_dashes_and_not_judged(grid):
    accuracy = accuracy_table(runs_of(grid).assign(accuracy=math.nan), grid)
    text = summary(accuracy)
    assert "cycle 1 (30)" in text and "–" in text and "nan" not in text
    assert first_gains(accuracy) == losses(accuracy) == ""
