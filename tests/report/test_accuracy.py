import math

import pandas as pd
import pytest
from grids_of_results import STRATEGIES, numbers, runs_of, small_grid, with_full

from wholepool.job.errors import UserError
from wholepool.report.accuracy import accuracy_table
from wholepool.report.pages.table2 import table2
from wholepool.report.render import seeds_phrase
from wholepool.report.terminal import summary


@pytest.fixture
def grid():
    return small_grid()


def test_accuracy_is_what_loops_give_in_the_order_of_the_grid(grid):
    # Neither the order of the rows nor the index of the frame counts.
    runs = runs_of(grid).sample(frac=1, random_state=1)
    table = accuracy_table(runs, grid)
    assert list(table.columns) == (
        "experiment dataset budget cycle n_labels method strategy mean std n_seeds "
        "pre_drawn zero_score_share".split()
    )
    expected = []
    for experiment, p in grid["experiments"].items():
        for method, parts in p["methods"].items():
            for strategy in parts["strategies"]:
                for cycle in range(p["cycles"]):
                    expected.append((experiment, method, strategy, cycle))
    got = list(
        zip(table["experiment"], table["method"], table["strategy"], table["cycle"], strict=True)
    )
    assert got == expected
    for cell, row in zip(expected, table.itertuples(), strict=True):
        mean, std = numbers(grid, *cell)
        assert row.mean == pytest.approx(mean, abs=1e-6)
        assert row.std == pytest.approx(std, abs=1e-6)
        assert row.n_seeds == 2
        assert row.n_labels == 20 + 10 * row.cycle
        assert (row.dataset, row.budget) == (row.experiment, 10)


def test_cycle_0_is_the_same_for_every_strategy_of_a_method(grid):
    table = accuracy_table(runs_of(grid), grid)
    for (_, method), part in table[table["cycle"] == 0].groupby(["experiment", "method"]):
        assert len(set(zip(part["mean"], part["std"], strict=True))) == 1, method
    first = table[(table["experiment"] == "digits") & (table["cycle"] == 0)]
    assert list(first["strategy"]) == [*STRATEGIES, "random", "jlp"]
    # Methods do not share it: they train differently.
    assert first["mean"].nunique() == 2


def test_one_seed_has_no_deviation_and_missing_cells_are_left_out(grid):
    runs = runs_of(grid, lambda **c: c["seed"] == 0 and (c["strategy"], c["cycle"]) != ("jlp", 1))
    table = accuracy_table(runs, grid)
    assert set(table["n_seeds"]) == {1}
    assert table["std"].isna().all()
    cells = set(zip(table["strategy"], table["cycle"], strict=True))
    assert ("jlp", 0) in cells and ("jlp", 1) not in cells and ("jlp", 2) in cells


def test_no_runs_give_an_empty_table_of_the_same_types(grid):
    full = accuracy_table(runs_of(grid), grid)
    empty = accuracy_table(runs_of(grid).iloc[:0], grid)
    assert list(empty.columns) == list(full.columns) and len(empty) == 0
    for column in ("budget", "cycle", "n_labels", "n_seeds", "mean", "std"):
        assert empty[column].dtype == full[column].dtype
    assert set(table2(empty, grid).to_numpy().ravel()) == {"–"}
    assert summary(empty) == "no runs"


def test_duplicates_are_refused_by_name(grid):
    runs = runs_of(grid)
    runs = pd.concat([runs, runs[(runs["strategy"] == "coreset") & (runs["cycle"] == 2)]])
    with pytest.raises(ValueError) as caught:
        accuracy_table(runs, grid)
    text = str(caught.value)
    assert "experiment digits, method baseline, strategy coreset, seed 0, cycle 2" in text
    assert "twice" in text and "\n" not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"experiment": "svhn"}, "experiments are digits, mnist"),
        ({"method": "semi"}, "methods of this experiment are baseline, pre+semi"),
        ({"strategy": "novelty"}, "strategies of this method are random, uncertainty"),
        ({"strategy": "initial"}, "only cycle 0"),
        ({"cycle": 0}, "only cycle 0"),
        ({"cycle": 3}, "cycles of this experiment are 0 to 2"),
        ({"seed": 7}, "seeds of this experiment are 0, 1"),
        ({"dataset": "mnist"}, "data set digits and budget 10"),
        ({"budget": 20}, "data set digits and budget 10"),
    ],
)
def test_cells_the_grid_does_not_know_are_refused_by_name(grid, change, reason):
    runs = runs_of(grid)
    row = runs[(runs["strategy"] == "coreset") & (runs["cycle"] == 2)].index[1]
    for column, value in change.items():
        runs.loc[row, column] = value
    with pytest.raises(ValueError, match="does not know") as caught:
        accuracy_table(runs, grid)
    cell = {"experiment": "digits", "method": "baseline", "strategy": "coreset", "seed": 1} | {
        "cycle": 2
    }
    cell |= {name: value for name, value in change.items() if name in cell}
    where = ", ".join(f"{name} {value}" for name, value in cell.items())
    assert where in str(caught.value)
    assert reason in str(caught.value)


def test_numbers_of_labels_that_disagree_are_refused_by_name(grid):
    runs = runs_of(grid)
    row = runs[(runs["strategy"] == "coreset") & (runs["cycle"] == 2)].index[1]
    runs.loc[row, "n_labels"] = 39
    with pytest.raises(ValueError, match="39 in experiment digits.*coreset, seed 1, cycle 2.*40"):
        accuracy_table(runs, grid)


@pytest.mark.parametrize("value", [math.nan, -0.1, 100.1, math.inf])
def test_accuracies_that_are_no_percentages_are_refused(grid, value):
    runs = runs_of(grid)
    runs.loc[5, "accuracy"] = value
    with pytest.raises(ValueError, match="between 0 and 100"):
        accuracy_table(runs, grid)


def test_missing_columns_and_empty_cells_are_refused(grid):
    with pytest.raises(ValueError, match="lack the column.*accuracy"):
        accuracy_table(runs_of(grid).drop(columns="accuracy"), grid)
    runs = runs_of(grid).astype({"seed": float})
    runs.loc[3, "seed"] = math.nan
    with pytest.raises(ValueError, match="column seed"):
        accuracy_table(runs, grid)


def test_full_supervision_has_one_row_and_its_own_number_of_labels(grid):
    table = accuracy_table(with_full(grid, [97.0, 98.0]), grid)
    (row,) = table[table["method"] == "full"].itertuples()
    assert (row.strategy, row.cycle, row.n_labels, row.n_seeds) == ("all", 0, 1297, 2)
    assert (row.mean, row.std) == (97.5, pytest.approx(math.sqrt(0.5), abs=1e-6))
    others = table[(table["experiment"] == "digits") & (table["method"] != "full")]
    assert set(others[others["cycle"] == 0]["n_labels"]) == {20}


@pytest.mark.parametrize("change", [{"strategy": "random"}, {"cycle": 1}, {"seed": 9}])
def test_full_supervision_elsewhere_is_refused(grid, change):
    runs = with_full(grid, [97.0, 98.0])
    runs.loc[len(runs) - 1, list(change)] = list(change.values())
    with pytest.raises(UserError, match="does not know"):
        accuracy_table(runs, grid)


def test_runs_without_accuracy_are_cells_without_a_mean(grid):
    runs = runs_of(grid)
    runs.loc[runs["experiment"] == "mnist", "accuracy"] = math.nan
    table = accuracy_table(runs, grid)
    plain = accuracy_table(runs_of(grid), grid)
    unknown = table["experiment"] == "mnist"
    assert table[unknown][["mean", "std"]].isna().all(axis=None)
    assert table.drop(columns=["mean", "std"]).equals(plain.drop(columns=["mean", "std"]))
    assert table[~unknown].equals(plain[~unknown])


def test_a_spread_is_what_seaborn_calls_sd(grid):
    from seaborn._statistics import EstimateAggregator

    runs = runs_of(grid)
    table = accuracy_table(runs, grid).set_index(["experiment", "method", "strategy", "cycle"])
    cell = ("digits", "baseline", "jlp", 2)
    own = (runs["experiment"] == cell[0]) & (runs["method"] == cell[1])
    own &= (runs["strategy"] == cell[2]) & (runs["cycle"] == cell[3])
    found = EstimateAggregator("mean", "sd")(runs[own], "accuracy")
    mean, std = table.loc[cell, ["mean", "std"]]
    assert mean - std == pytest.approx(found["accuracymin"], abs=2e-6)
    assert mean + std == pytest.approx(found["accuracymax"], abs=2e-6)


def test_what_all_seeds_share_and_what_was_asked_for_is_told(grid):
    runs = runs_of(grid).assign(zero_score_share=math.nan)
    asked = runs["cycle"] > 0
    runs.loc[asked, "zero_score_share"] = runs.loc[asked, "seed"] * 0.25
    method = list(grid["experiments"]["digits"]["methods"])[-1]
    grid["experiments"]["digits"]["pre_drawn"] = {method: "once"}
    table = accuracy_table(runs, grid)
    told = table["pre_drawn"] == "once"
    assert set(table[told]["method"]) == {method} and set(table[told]["experiment"]) == {"digits"}
    assert set(table[~told]["pre_drawn"]) == {""}
    assert table[table["cycle"] == 0]["zero_score_share"].isna().all()
    assert set(table[table["cycle"] > 0]["zero_score_share"]) == {0.125}  # of seeds 0 and 1
    one = table[told]
    assert seeds_phrase(one) == "over 2 seeds, which share one PRE"
    assert seeds_phrase(one.assign(pre_drawn="per_seed")) == (
        "over 2 seeds, each with a PRE of its own"
    )
    assert seeds_phrase(table[~told]) == "over 2 seeds"
