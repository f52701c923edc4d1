import copy
from types import SimpleNamespace

import pytest
from grids_of_results import (
    POOLS,
    STRATEGIES,
    accuracy_of,
    numbers,
    plan,
    runs_of,
    shown,
    small_grid,
    with_full,
)

from wholepool.report import names
from wholepool.report.accuracy import accuracy_table
from wholepool.report.pages.table1 import table1
from wholepool.report.pages.table2 import make as table2_page
from wholepool.report.pages.table2 import table2
from wholepool.report.pages.table3 import full_supervision_phrase, table3
from wholepool.report.render import best_cells, to_csv
from wholepool.report.terminal import summary


@pytest.fixture
def grid():
    return small_grid()


def test_table1_is_the_papers_row_for_mnist():
    # Table I of the paper: 60k / 10k, 28 × 28, 10 / 64, budget 10, 50 labels after 5 cycles.
    mnist = plan("mnist", {"baseline": ["random"]}, initial=10, cycles=5)
    table = table1({"experiments": {"one": mnist}}, POOLS)
    assert list(table.index) == ["MNIST"]
    assert list(table.iloc[0]) == ["60000 / 10000", "28 × 28", "10 / 64", "10", "50"]


def test_table1_refuses_an_unknown_data_set(grid):
    with pytest.raises(ValueError, match="Experiment mnist uses the data set mnist"):
        table1(grid, {"digits": POOLS["digits"]})


def test_table2_holds_every_method_and_the_ablation_strategies(grid):
    table = table2(accuracy_table(runs_of(grid), grid), grid)
    names = ["Baseline", "+ SEMI", "+ PRE + SEMI"]
    assert list(table.index) == [(f"Cycle {c}", name) for c in range(3) for name in names]
    assert list(table.columns) == [
        ("Digits, b = 10", "Uncertainty"),
        ("Digits, b = 10", "jLP"),
        ("MNIST, b = 10", "Uncertainty"),
        ("MNIST, b = 10", "jLP"),
    ]
    methods = {"Baseline": "baseline", "+ SEMI": "semi", "+ PRE + SEMI": "pre+semi"}
    strategies = {"Uncertainty": "uncertainty", "jLP": "jlp"}
    n_run = 0
    for cycle, method in table.index:
        for group, strategy in table.columns:
            experiment = group.split(",")[0].lower()
            p = grid["experiments"][experiment]
            key, c = methods[method], int(cycle.split()[1])
            planned = (
                strategies[strategy] in p["methods"].get(key, {"strategies": []})["strategies"]
            )
            text = table.loc[(cycle, method), (group, strategy)]
            if not planned or c >= p["cycles"]:
                assert text == "–"
                continue
            n_run += 1
            assert text == shown(*numbers(grid, experiment, key, strategies[strategy], c))
    assert n_run == 3 * 2 + 3 * 1 + 2 * 1 + 2 * 1


def test_table3_has_labels_and_one_row_for_cycle_0(grid):
    accuracy = accuracy_table(runs_of(grid), grid)
    table = table3(accuracy, grid)
    names = ["Random", "Uncertainty", "CEAL", "CoreSet", "jLP"]
    assert list(table.index) == [
        ("Cycle 0", "Labels"),
        ("Cycle 0", "All strategies"),
        *[("Cycle 1", name) for name in ["Labels", *names]],
        *[("Cycle 2", name) for name in ["Labels", *names]],
    ]
    assert list(table.columns) == [
        ("Digits, b = 10", "Baseline"),
        ("Digits, b = 10", "+ PRE + SEMI"),
        ("MNIST, b = 10", "Baseline"),
        ("MNIST, b = 10", "+ SEMI"),
    ]
    assert list(table.loc[("Cycle 0", "Labels")]) == ["20"] * 4
    assert list(table.loc[("Cycle 2", "Labels")]) == ["40", "40", "–", "–"]
    for column, (experiment, method) in enumerate(
        [("digits", "baseline"), ("digits", "pre+semi"), ("mnist", "baseline"), ("mnist", "semi")]
    ):
        assert table.iat[1, column] == shown(*numbers(grid, experiment, method, "jlp", 0))
        text = table.loc[("Cycle 1", "jLP")].iloc[column]
        assert text == shown(*numbers(grid, experiment, method, "jlp", 1))
    assert list(table.loc[("Cycle 1", "CEAL")])[1:] == ["–", "–", "–"]


def test_one_seed_is_shown_without_a_deviation(grid):
    runs = runs_of(grid, lambda **c: c["seed"] == 0)
    table = table3(accuracy_table(runs, grid), grid)
    value = accuracy_of("digits", "baseline", "jlp", 0, 2)
    assert table.loc[("Cycle 2", "jLP")].iloc[0] == f"{value:.2f}"
    assert "±" not in to_csv(table)


def test_halves_are_rounded_up_as_a_reader_does(grid):
    runs = runs_of(grid)
    cell = (runs["strategy"] == "coreset") & (runs["cycle"] == 2)
    # Their mean is 63.395, which a float cannot hold: it is stored a little lower.
    runs.loc[cell, "accuracy"] = [63.39, 63.40]
    table = table3(accuracy_table(runs, grid), grid)
    assert table.loc[("Cycle 2", "CoreSet")].iloc[0] == "63.40±0.01"


def test_names_that_are_not_known_are_printed_as_they_are(grid):
    grid = copy.deepcopy(grid)
    experiments = grid["experiments"]
    experiments["mnist"]["methods"]["rotation"] = {
        "labels": "acquired",
        "pre": "rotation",
        "semi": "none",
        "strategies": ["novelty"],
    }
    experiments["mnist"]["dataset"] = "my_images"
    experiments["again"] = copy.deepcopy(experiments["digits"])
    assert names.methods_in_order(grid) == ["baseline", "semi", "pre+semi", "rotation"]
    assert names.strategies_in_order(grid) == [*STRATEGIES, "novelty"]
    assert names.experiment_labels(grid) == {
        "digits": "Digits, b = 10 (digits)",
        "mnist": "my_images, b = 10",
        "again": "Digits, b = 10 (again)",
    }
    table = table3(accuracy_table(runs_of(grid), grid), grid)
    text = table.loc[("Cycle 1", "novelty"), ("my_images, b = 10", "rotation")]
    assert text == shown(*numbers(grid, "mnist", "rotation", "novelty", 1))


def test_best_method_of_the_ablation(grid):
    runs = runs_of(grid)
    runs["accuracy"] = 50.0 + (runs["method"] == "semi") * 10 + (runs["method"] == "pre+semi") * 20
    table = table2(accuracy_table(runs, grid), grid)
    best = {(table.index[row], table.columns[column]) for row, column in best_cells(table)}
    jlp = {
        *[((f"Cycle {c}", "+ PRE + SEMI"), ("Digits, b = 10", "jLP")) for c in range(3)],
        *[((f"Cycle {c}", "+ SEMI"), ("MNIST, b = 10", "jLP")) for c in range(2)],
    }
    # Uncertainty was run with the baseline only: nothing to be better than.
    assert best == jlp


def test_full_supervision_stands_in_captions_and_not_among_the_cycles(grid):
    plain = table3(accuracy_table(runs_of(grid), grid), grid)
    accuracy = accuracy_table(with_full(grid, [97.0, 98.0]), grid)
    assert table3(accuracy, grid).equals(plain)
    assert "Full supervision" not in str(table2(accuracy, grid))
    phrase = full_supervision_phrase(accuracy, grid)
    assert phrase == " Full supervision of Digits, b = 10: 97.50±0.71."
    assert "Full supervision (all labels): 97.50±0.71" in summary(accuracy)


def test_table2_of_full_supervision_alone_says_that_there_is_nothing_to_compare(grid, tmp_path):
    runs = with_full(grid, [90.0, 91.0]).query("method == 'full'")
    for experiment in grid["experiments"].values():
        experiment["methods"] = {"full": grid["experiments"]["digits"]["methods"]["full"]}
    results = SimpleNamespace(accuracy=accuracy_table(runs, grid), grid=grid, folder=tmp_path)
    (tmp_path / "tables").mkdir()
    table2_page(results)
    text = (tmp_path / "tables/table2.md").read_text()
    assert "No method of this grid asks for labels" in text and "nothing was run" not in text
