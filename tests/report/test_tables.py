import copy
import math
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
from plans import plan

from wholepool.job.errors import UserError
from wholepool.report import tables

STRATEGIES = ["random", "uncertainty", "ceal", "coreset", "jlp"]
POOLS = {
    "digits": {"n": 1297, "n_test": 500, "height": 16, "width": 16, "channels": 1, "classes": 10},
    "mnist": {"n": 60000, "n_test": 10000, "height": 28, "width": 28, "channels": 1, "classes": 10},
}


@pytest.fixture
def grid():
    return {
        "experiments": {
            "digits": plan("digits", {"baseline": STRATEGIES, "pre+semi": ["random", "jlp"]}),
            "mnist": plan("mnist", {"baseline": ["random", "jlp"], "semi": ["jlp"]}, cycles=2),
        },
        "ablation_strategies": ["uncertainty", "jlp"],
    }


def accuracy_of(experiment, method, strategy, seed, cycle):
    """Some accuracy in percent, another for every cell."""
    text = f"{experiment}/{method}/{strategy}/{seed}/{cycle}"
    return round(30 + 4 * cycle + sum(map(ord, text)) * 7919 % 1500 / 100, 2)


def runs_of(grid, keep=lambda **cell: True):
    rows = []
    for experiment, p in grid["experiments"].items():
        for method, parts in p["methods"].items():
            for cycle in range(p["cycles"]):
                for strategy in ["initial"] if cycle == 0 else parts["strategies"]:
                    for seed in p["seeds"]:
                        cell = {
                            "experiment": experiment,
                            "method": method,
                            "strategy": strategy,
                            "seed": seed,
                            "cycle": cycle,
                        }
                        if keep(**cell):
                            rows.append(
                                {
                                    "dataset": p["dataset"],
                                    "budget": p["budget"],
                                    **cell,
                                    "n_labels": p["initial"] + cycle * p["budget"],
                                    "accuracy": accuracy_of(**cell),
                                    "nll": 0.5,
                                    "device": "cpu",
                                }
                            )
    return pd.DataFrame(rows)


def numbers(grid, experiment, method, strategy, cycle):
    """Mean and sample standard deviation, written out."""
    filed = "initial" if cycle == 0 else strategy
    values = []
    for seed in grid["experiments"][experiment]["seeds"]:
        values.append(accuracy_of(experiment, method, filed, seed, cycle))
    mean = sum(values) / len(values)
    squares = 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    return mean, math.sqrt(squares / (len(values) - 1))


def shown(mean, std):
    """Two decimals, halves up; the sliver is for halves that a float stores a little lower."""
    parts = [math.floor(value * 100 + 0.5 + 1e-6) / 100 for value in (mean, std)]
    return f"{parts[0]:.2f}±{parts[1]:.2f}"


# --- accuracy_table -------------------------------------------------------------------------


def test_accuracy_is_what_loops_give_in_the_order_of_the_grid(grid):
    # Neither the order of the rows nor the index of the frame counts.
    runs = runs_of(grid).sample(frac=1, random_state=1)
    table = tables.accuracy_table(runs, grid)
    assert list(table.columns) == (
        "experiment dataset budget cycle n_labels method strategy mean std n_seeds".split()
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
    table = tables.accuracy_table(runs_of(grid), grid)
    for (_, method), part in table[table["cycle"] == 0].groupby(["experiment", "method"]):
        assert len(set(zip(part["mean"], part["std"], strict=True))) == 1, method
    first = table[(table["experiment"] == "digits") & (table["cycle"] == 0)]
    assert list(first["strategy"]) == [*STRATEGIES, "random", "jlp"]
    # Methods do not share it: they train differently.
    assert first["mean"].nunique() == 2


def test_one_seed_has_no_deviation_and_missing_cells_are_left_out(grid):
    runs = runs_of(grid, lambda **c: c["seed"] == 0 and (c["strategy"], c["cycle"]) != ("jlp", 1))
    table = tables.accuracy_table(runs, grid)
    assert set(table["n_seeds"]) == {1}
    assert table["std"].isna().all()
    cells = set(zip(table["strategy"], table["cycle"], strict=True))
    assert ("jlp", 0) in cells and ("jlp", 1) not in cells and ("jlp", 2) in cells


def test_no_runs_give_an_empty_table_of_the_same_types(grid):
    full = tables.accuracy_table(runs_of(grid), grid)
    empty = tables.accuracy_table(runs_of(grid).iloc[:0], grid)
    assert list(empty.columns) == list(full.columns) and len(empty) == 0
    for column in ("budget", "cycle", "n_labels", "n_seeds", "mean", "std"):
        assert empty[column].dtype == full[column].dtype
    assert set(tables.table2(empty, grid).to_numpy().ravel()) == {"–"}
    assert tables.summary(empty) == "no runs"


def test_duplicates_are_refused_by_name(grid):
    runs = runs_of(grid)
    runs = pd.concat([runs, runs[(runs["strategy"] == "coreset") & (runs["cycle"] == 2)]])
    with pytest.raises(ValueError) as caught:
        tables.accuracy_table(runs, grid)
    text = str(caught.value)
    assert "experiment digits, method baseline, strategy coreset, seed 0, cycle 2" in text
    assert "twice" in text and "\n" not in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"experiment": "svhn"}, "experiments are digits, mnist"),
        ({"method": "semi"}, "methods of this experiment are baseline, pre+semi"),
        ({"strategy": "badge"}, "strategies of this method are random, uncertainty"),
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
        tables.accuracy_table(runs, grid)
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
        tables.accuracy_table(runs, grid)


@pytest.mark.parametrize("value", [math.nan, -0.1, 100.1, math.inf])
def test_accuracies_that_are_no_percentages_are_refused(grid, value):
    runs = runs_of(grid)
    runs.loc[5, "accuracy"] = value
    with pytest.raises(ValueError, match="between 0 and 100"):
        tables.accuracy_table(runs, grid)


def test_missing_columns_and_empty_cells_are_refused(grid):
    with pytest.raises(ValueError, match="lack the column.*accuracy"):
        tables.accuracy_table(runs_of(grid).drop(columns="accuracy"), grid)
    runs = runs_of(grid).astype({"seed": float})
    runs.loc[3, "seed"] = math.nan
    with pytest.raises(ValueError, match="column seed"):
        tables.accuracy_table(runs, grid)


# --- Tables I to III ------------------------------------------------------------------------


def test_table1_is_the_papers_row_for_mnist():
    # Table I of the paper: 60k / 10k, 28 × 28, 10 / 64, budget 10, 50 labels after 5 cycles.
    mnist = plan("mnist", {"baseline": ["random"]}, initial=10, cycles=5)
    table = tables.table1({"experiments": {"one": mnist}}, POOLS)
    assert list(table.index) == ["MNIST"]
    assert list(table.iloc[0]) == ["60000 / 10000", "28 × 28", "10 / 64", "10", "50"]


def test_table1_refuses_an_unknown_data_set(grid):
    with pytest.raises(ValueError, match="Experiment mnist uses the data set mnist"):
        tables.table1(grid, {"digits": POOLS["digits"]})


def test_table2_holds_every_method_and_the_ablation_strategies(grid):
    table = tables.table2(tables.accuracy_table(runs_of(grid), grid), grid)
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
    accuracy = tables.accuracy_table(runs_of(grid), grid)
    table = tables.table3(accuracy, grid)
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
    table = tables.table3(tables.accuracy_table(runs, grid), grid)
    value = accuracy_of("digits", "baseline", "jlp", 0, 2)
    assert table.loc[("Cycle 2", "jLP")].iloc[0] == f"{value:.2f}"
    assert "±" not in tables.to_csv(table)


def test_halves_are_rounded_up_as_a_reader_does(grid):
    runs = runs_of(grid)
    cell = (runs["strategy"] == "coreset") & (runs["cycle"] == 2)
    # Their mean is 63.395, which a float cannot hold: it is stored a little lower.
    runs.loc[cell, "accuracy"] = [63.39, 63.40]
    table = tables.table3(tables.accuracy_table(runs, grid), grid)
    assert table.loc[("Cycle 2", "CoreSet")].iloc[0] == "63.40±0.01"


def test_names_that_are_not_known_are_printed_as_they_are(grid):
    grid = copy.deepcopy(grid)
    experiments = grid["experiments"]
    experiments["mnist"]["methods"]["rotation"] = {
        "labels": "acquired",
        "pre": "rotation",
        "semi": "none",
        "strategies": ["badge"],
    }
    experiments["mnist"]["dataset"] = "my_images"
    experiments["again"] = copy.deepcopy(experiments["digits"])
    assert tables.methods_in_order(grid) == ["baseline", "semi", "pre+semi", "rotation"]
    assert tables.strategies_in_order(grid) == [*STRATEGIES, "badge"]
    assert tables.experiment_labels(grid) == {
        "digits": "Digits, b = 10 (digits)",
        "mnist": "my_images, b = 10",
        "again": "Digits, b = 10 (again)",
    }
    table = tables.table3(tables.accuracy_table(runs_of(grid), grid), grid)
    text = table.loc[("Cycle 1", "badge"), ("my_images, b = 10", "rotation")]
    assert text == shown(*numbers(grid, "mnist", "rotation", "badge", 1))


def small_table(cells):
    index = pd.MultiIndex.from_tuples(
        [("Cycle 0", "Labels"), ("Cycle 0", "A"), ("Cycle 1", "A"), ("Cycle 1", "B_%")],
        names=["Cycle", "Strategy"],
    )
    columns = pd.MultiIndex.from_tuples([("X & Y", "m#1"), ("X & Y", "m|2")], names=["E", None])
    return pd.DataFrame(cells, index=index, columns=columns)


CELLS = [
    ["99", "99"],
    ["50.00±1.00", "–"],
    ["9.50±1.00", "60.00±1.00"],
    ["10.00±2.00", "60.00±9.00"],
]


def test_best_means_are_numbers_per_cycle_and_column():
    # 10.00 beats 9.50 though "9" sorts after "1"; equal means are both best; the lone cells of
    # cycle 0 and the numbers of labels are not marked.
    assert tables.best_cells(small_table(CELLS)) == {(3, 0), (2, 1), (3, 1)}


def test_best_method_of_the_ablation(grid):
    runs = runs_of(grid)
    runs["accuracy"] = 50.0 + (runs["method"] == "semi") * 10 + (runs["method"] == "pre+semi") * 20
    table = tables.table2(tables.accuracy_table(runs, grid), grid)
    best = {(table.index[row], table.columns[column]) for row, column in tables.best_cells(table)}
    jlp = {
        *[((f"Cycle {c}", "+ PRE + SEMI"), ("Digits, b = 10", "jLP")) for c in range(3)],
        *[((f"Cycle {c}", "+ SEMI"), ("MNIST, b = 10", "jLP")) for c in range(2)],
    }
    # Uncertainty was run with the baseline only: nothing to be better than.
    assert best == jlp


# --- writers --------------------------------------------------------------------------------


def test_markdown():
    text = tables.to_markdown(small_table(CELLS), "A < B", tables.best_cells(small_table(CELLS)))
    assert text == (
        "A \\< B\n\n"
        "| Cycle | Strategy | X & Y: m#1 | X & Y: m\\|2 |\n"
        "| :--- | :--- | :---: | :---: |\n"
        "| Cycle 0 | Labels | 99 | 99 |\n"
        "| Cycle 0 | A | 50.00±1.00 | – |\n"
        "| Cycle 1 | A | 9.50±1.00 | **60.00±1.00** |\n"
        "| Cycle 1 | B_% | **10.00±2.00** | **60.00±9.00** |\n"
    )


def test_latex():
    table = small_table(CELLS)
    text = tables.to_latex(table, "50% ± 1", "tab:x", tables.best_cells(table))
    assert text.splitlines() == [
        r"% Needs \usepackage{booktabs,graphicx}.",
        r"\begin{table}[t]",
        r"\centering",
        r"\small",
        r"\caption{50\% $\pm$ 1}",
        r"\label{tab:x}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{llcc}",
        r"\toprule",
        r" &  & \multicolumn{2}{c}{X \& Y} \\",
        r"\cmidrule(lr){3-4}",
        r"Cycle & Strategy & m\#1 & m|2 \\",
        r"\midrule",
        r"Cycle 0 &  & \multicolumn{2}{c}{99 labels} \\",
        r" & A & 50.00$\pm$1.00 & -- \\",
        r"\midrule",
        r"Cycle 1 & A & 9.50$\pm$1.00 & \textbf{60.00$\pm$1.00} \\",
        r" & B\_\% & \textbf{10.00$\pm$2.00} & \textbf{60.00$\pm$9.00} \\",
        r"\bottomrule",
        r"\end{tabular}%",
        r"}",
        r"\end{table}",
    ]


def test_latex_escapes_every_special_character():
    assert tables.latex_escape("\\&%$#_{}~^<>±×–é") == (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
        r"\textless{}\textgreater{}$\pm$$\times$--é"
    )


def test_csv():
    assert tables.to_csv(small_table(CELLS)).splitlines()[:3] == [
        "Cycle,Strategy,X & Y: m#1,X & Y: m|2",
        "Cycle 0,Labels,99,99",
        "Cycle 0,A,50.00±1.00,–",
    ]
    one = pd.DataFrame({"a, b": ['say "x"']}, index=pd.Index(["r"], name="Name"))
    assert tables.to_csv(one) == 'Name,"a, b"\nr,"say ""x"""\n'


# --- files ----------------------------------------------------------------------------------

NAMES = ["accuracy.csv"] + [
    f"table{number}.{kind}" for number in (1, 2, 3) for kind in ("csv", "md", "tex")
]


def test_files_are_complete_and_the_same_bytes_whatever_the_order_of_runs(grid, tmp_path):
    runs = runs_of(grid)
    runs.to_csv(tmp_path / "runs.csv", index=False)
    runs.sample(frac=1, random_state=3).to_csv(tmp_path / "shuffled.csv", index=False)
    tables.write_tables(tmp_path / "runs.csv", grid, POOLS, tmp_path / "a")
    tables.write_tables(tmp_path / "shuffled.csv", grid, POOLS, tmp_path / "b")
    # Nothing temporary is left behind.
    assert sorted(os.listdir(tmp_path / "a")) == sorted(NAMES)
    for name in NAMES:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes(), name
        assert b"\r" not in content and content.endswith(b"\n")
    for kind in ("md", "tex"):
        for number in (2, 3):
            text = (tmp_path / "a" / f"table{number}.{kind}").read_text(encoding="utf-8")
            assert "sample standard deviation over 2 seeds" in text
    text = (tmp_path / "a" / "table3.tex").read_text(encoding="utf-8")
    assert text.isascii()
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    for line in body:
        spanned = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", line))
        assert line.count(" & ") + spanned == 5, line
    assert text.count("{") == text.count("}")


def test_accuracy_csv_reads_back_as_the_table(grid, tmp_path):
    runs = runs_of(grid, lambda **c: not (c["strategy"] == "ceal" and c["seed"] == 1))
    runs.to_csv(tmp_path / "runs.csv", index=False)
    tables.write_tables(tmp_path / "runs.csv", grid, POOLS, tmp_path)
    expected = tables.accuracy_table(runs, grid)
    got = tables.read_accuracy(tmp_path / "accuracy.csv")
    for column in tables.ACCURACY_COLUMNS:
        for x, y in zip(got[column], expected[column], strict=True):
            assert x == y or (x != x and y != y), column
    assert "over 1 to 2 seeds" in (tmp_path / "table3.md").read_text(encoding="utf-8")


def test_chosen_files_only(grid, tmp_path):
    runs_of(grid).to_csv(tmp_path / "runs.csv", index=False)
    out = {"table2.md": tmp_path / "x" / "ablation.md"}
    tables.write_tables(tmp_path / "runs.csv", grid, POOLS, out)
    assert os.listdir(tmp_path / "x") == ["ablation.md"]
    with pytest.raises(ValueError, match="table4.md"):
        tables.write_tables(tmp_path / "runs.csv", grid, POOLS, {"table4.md": tmp_path / "y"})


def test_names_that_look_like_missing_values_stay_names(tmp_path):
    grid = {
        "experiments": {"NA": plan("null", {"baseline": ["None", "nan"]}, cycles=2)},
        "ablation_strategies": ["None"],
    }
    runs_of(grid).to_csv(tmp_path / "runs.csv", index=False)
    table = tables.accuracy_table(tables.read_runs(tmp_path / "runs.csv"), grid)
    assert list(table["strategy"]) == ["None", "None", "nan", "nan"]
    assert set(table["dataset"]) == {"null"}


def test_refused_runs_leave_no_file(grid, tmp_path):
    runs = runs_of(grid)
    pd.concat([runs, runs]).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(ValueError, match="twice"):
        tables.write_tables(tmp_path / "runs.csv", grid, POOLS, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_of_two_settings_under_one_name_are_refused(grid, tmp_path):
    runs = runs_of(grid)
    runs["settings_digest"] = [f"of-{name}" for name in runs["experiment"] + runs["method"]]
    runs.loc[3, "settings_digest"] = ""  # made before runs said it
    path = tmp_path / "runs.csv"
    runs.to_csv(path, index=False)
    tables.write_tables(path, grid, POOLS, tmp_path / "one")
    runs.loc[5, "settings_digest"] = "other"
    runs.to_csv(path, index=False)
    row, kept = runs.loc[5], runs.loc[0]
    with pytest.raises(UserError, match="2 different settings") as caught:
        tables.write_tables(path, grid, POOLS, tmp_path / "two")
    for part in (row, kept):
        cell = f"(strategy {part.strategy}, seed {part.seed}, cycle {part.cycle})"
        assert f"{part.settings_digest} {cell}" in str(caught.value)
    assert f"experiment {row.experiment}, method {row.method}:" in str(caught.value)
    assert not (tmp_path / "two").exists()


# --- the terminal ---------------------------------------------------------------------------


def test_summary_shows_every_cell_within_110_columns(grid):
    grid["experiments"]["digits"]["cycles"] = 12
    accuracy = tables.accuracy_table(runs_of(grid), grid)
    text = tables.summary(accuracy)
    assert max(map(len, text.splitlines())) <= 110
    for row in accuracy.itertuples():
        assert shown(*numbers(grid, row.experiment, row.method, row.strategy, row.cycle)) in text
    assert "cycle 11 (130)" in text
    assert "mnist (MNIST, b = 10)" in text
    assert text.count("over 2 seeds") == 2


def test_importing_the_names_does_not_import_pandas():
    code = "import sys, wholepool.report.tables; print('pandas' in sys.modules)"
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
    accuracy = pd.DataFrame(rows, columns=list(tables.ACCURACY_COLUMNS))
    assert tables.first_gains(accuracy) == (
        "a, cycle 0: + PRE + SEMI 68.2 %, Baseline 40.0 %: +28.2 points from the unlabeled images"
    )
    assert tables.first_gains(accuracy[accuracy["method"] != "baseline"]) == ""


def test_losses_names_cells_below_the_baseline_by_more_than_their_error():
    def frame(std):
        rows = [
            ("a", "digits", 10, 1, 20, "baseline", "random", 50.0, 9.0, 4),
            ("a", "digits", 10, 1, 20, "semi", "random", 48.0, std, 4),
            ("a", "digits", 10, 1, 20, "pre+semi", "random", 60.0, 1.0, 4),
            ("a", "digits", 10, 1, 20, "semi", "jlp", 10.0, 1.0, 4),  # no baseline to compare
        ]
        return pd.DataFrame(rows, columns=list(tables.ACCURACY_COLUMNS))

    none = "none of 2 cells with SEMI is below the baseline by more than its standard error"
    assert tables.losses(frame(4.1)) == none  # 2.05 > 2
    assert "a + SEMI Random cycle 1 (48.0 against 50.0, standard error 1.9)" in (
        tables.losses(frame(3.9))
    )
    one_seed = frame(3.9).assign(n_seeds=1)
    assert tables.losses(one_seed) == ""


# --- full supervision -----------------------------------------------------------------------


def with_full(grid, accuracies):
    """The digits experiment with a method on all labels, and its runs."""
    words = {"labels": "all", "pre": "none", "semi": "none", "strategies": []}
    grid["experiments"]["digits"]["methods"]["full"] = words
    rows = runs_of(grid, keep=lambda **cell: cell["method"] != "full")
    full = [
        {
            **{"dataset": "digits", "budget": 10, "experiment": "digits", "method": "full"},
            **{"strategy": "all", "cycle": 0, "seed": seed, "n_labels": 1297},
            **{"accuracy": accuracy, "nll": 0.1, "device": "cpu"},
        }
        for seed, accuracy in enumerate(accuracies)
    ]
    return pd.concat([rows, pd.DataFrame(full)], ignore_index=True)


def test_full_supervision_has_one_row_and_its_own_number_of_labels(grid):
    table = tables.accuracy_table(with_full(grid, [97.0, 98.0]), grid)
    (row,) = table[table["method"] == "full"].itertuples()
    assert (row.strategy, row.cycle, row.n_labels, row.n_seeds) == ("all", 0, 1297, 2)
    assert (row.mean, row.std) == (97.5, pytest.approx(math.sqrt(0.5), abs=1e-6))
    others = table[(table["experiment"] == "digits") & (table["method"] != "full")]
    assert set(others[others["cycle"] == 0]["n_labels"]) == {20}


def test_full_supervision_stands_in_captions_and_not_among_the_cycles(grid):
    plain = tables.table3(tables.accuracy_table(runs_of(grid), grid), grid)
    accuracy = tables.accuracy_table(with_full(grid, [97.0, 98.0]), grid)
    assert tables.table3(accuracy, grid).equals(plain)
    assert "Full supervision" not in str(tables.table2(accuracy, grid))
    phrase = tables.full_supervision_phrase(accuracy, grid)
    assert phrase == " Full supervision of Digits, b = 10: 97.50±0.71."
    assert "Full supervision (all labels): 97.50±0.71" in tables.summary(accuracy)


@pytest.mark.parametrize("change", [{"strategy": "random"}, {"cycle": 1}, {"seed": 9}])
def test_full_supervision_elsewhere_is_refused(grid, change):
    runs = with_full(grid, [97.0, 98.0])
    runs.loc[len(runs) - 1, list(change)] = list(change.values())
    with pytest.raises(UserError, match="does not know"):
        tables.accuracy_table(runs, grid)
