"""Pages are found, checked and made; their files are whole, and the same bytes twice."""

import importlib
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
from grids_of_results import POOLS, plan, runs_of, small_grid

from wholepool.job import registry
from wholepool.job.errors import UserError
from wholepool.report import build
from wholepool.report.accuracy import COLUMNS, accuracy_table, read_accuracy, read_runs
from wholepool.report.results import Results

TABLES = ["accuracy.csv", "balanced.csv", "classes.csv"] + [
    f"table{number}.{kind}" for number in (1, 2, 3) for kind in ("csv", "md", "tex")
]
FIGURES = [
    f"{name}.{kind}"
    for name in ("figure1", "figure2", "figure3", "figure4", "pseudo_labels")
    for kind in ("pdf", "png", "svg")
]


@pytest.fixture
def grid():
    return small_grid()


def folder_of(path, runs):
    """A results folder with these runs."""
    (path / "tables").mkdir(parents=True)
    runs.to_csv(path / "tables/runs.csv", index=False)
    return path


def write_tables(folder, grid, pools):
    build.write_tables(folder / "tables/runs.csv", folder, grid, pools)


def write_figures(folder, grid, pools):
    runs, accuracy = folder / "tables/runs.csv", folder / "tables/accuracy.csv"
    build.write("figures", Results(folder, grid, pools, runs, accuracy))


def test_files_are_complete_and_the_same_bytes_whatever_the_order_of_runs(grid, tmp_path):
    runs = runs_of(grid)
    folder_of(tmp_path / "a", runs)
    folder_of(tmp_path / "b", runs.sample(frac=1, random_state=3))
    for name in ("a", "b"):
        write_tables(tmp_path / name, grid, POOLS)
    # Nothing temporary is left behind.
    assert sorted(os.listdir(tmp_path / "a/tables")) == sorted([*TABLES, "runs.csv"])
    for name in TABLES:
        content = (tmp_path / "a/tables" / name).read_bytes()
        assert content == (tmp_path / "b/tables" / name).read_bytes(), name
        assert b"\r" not in content and content.endswith(b"\n")
    for kind in ("md", "tex"):
        for number in (2, 3):
            text = (tmp_path / f"a/tables/table{number}.{kind}").read_text(encoding="utf-8")
            assert "sample standard deviation over 2 seeds" in text
    text = (tmp_path / "a/tables/table3.tex").read_text(encoding="utf-8")
    assert text.isascii()
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    for line in body:
        spanned = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", line))
        assert line.count(" & ") + spanned == 5, line
    assert text.count("{") == text.count("}")


def test_accuracy_csv_reads_back_as_the_table(grid, tmp_path):
    runs = runs_of(grid, lambda **c: not (c["strategy"] == "ceal" and c["seed"] == 1))
    write_tables(folder_of(tmp_path, runs), grid, POOLS)
    expected = accuracy_table(runs, grid)
    got = read_accuracy(tmp_path / "tables/accuracy.csv")
    for column in COLUMNS:
        for x, y in zip(got[column], expected[column], strict=True):
            assert x == y or (x != x and y != y), column
    assert "over 1 to 2 seeds" in (tmp_path / "tables/table3.md").read_text(encoding="utf-8")


def test_names_that_look_like_missing_values_stay_names(tmp_path):
    grid = {
        "experiments": {"NA": plan("null", {"baseline": ["None", "nan"]}, cycles=2)},
        "ablation_strategies": ["None"],
    }
    runs_of(grid).to_csv(tmp_path / "runs.csv", index=False)
    table = accuracy_table(read_runs(tmp_path / "runs.csv"), grid)
    assert list(table["strategy"]) == ["None", "None", "nan", "nan"]
    assert set(table["dataset"]) == {"null"}


def test_a_file_cut_short_is_refused(grid, tmp_path):
    write_tables(folder_of(tmp_path, runs_of(grid)), grid, POOLS)
    for name, read in (("accuracy", read_accuracy), ("runs", read_runs)):
        path = tmp_path / f"tables/{name}.csv"
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:3], lines[3][:12]]))
        with pytest.raises(UserError, match=rf"{name}\.csv: \w+ is empty in a row: delete it"):
            read(path)


def test_refused_runs_leave_no_file(grid, tmp_path):
    runs = runs_of(grid)
    folder_of(tmp_path, pd.concat([runs, runs]))
    with pytest.raises(ValueError, match=r"runs\.csv: .*twice"):
        write_tables(tmp_path, grid, POOLS)
    assert os.listdir(tmp_path / "tables") == ["runs.csv"]


def test_runs_of_two_settings_under_one_name_are_refused(grid, tmp_path):
    runs = runs_of(grid)
    runs["settings_digest"] = [f"of-{name}" for name in runs["experiment"] + runs["method"]]
    runs.loc[3, "settings_digest"] = ""  # made before runs said it
    write_tables(folder_of(tmp_path / "one", runs), grid, POOLS)
    runs.loc[5, "settings_digest"] = "other"
    row, kept = runs.loc[5], runs.loc[0]
    with pytest.raises(UserError, match="2 different settings") as caught:
        write_tables(folder_of(tmp_path / "two", runs), grid, POOLS)
    for part in (row, kept):
        cell = f"(strategy {part.strategy}, seed {part.seed}, cycle {part.cycle})"
        assert f"{part.settings_digest} {cell}" in str(caught.value)
    assert f"experiment {row.experiment}, method {row.method}:" in str(caught.value)
    assert os.listdir(tmp_path / "two/tables") == ["runs.csv"]


# --- a data set without a test set ----------------------------------------------------------


@pytest.fixture
def blind(grid, tmp_path):
    """Results of which the runs on MNIST have no accuracy: an empty column, not an absent one."""
    runs = runs_of(grid)
    runs.loc[runs["dataset"] == "mnist", "accuracy"] = None
    folder_of(tmp_path, runs)
    assert ",,0.5,cpu" in (tmp_path / "tables/runs.csv").read_text()
    return tmp_path


def test_without_a_test_set_accuracies_are_empty_and_tables_have_dashes(grid, blind):
    write_tables(blind, grid, POOLS | {"mnist": {**POOLS["mnist"], "n_test": None}})
    accuracy = read_accuracy(blind / "tables/accuracy.csv")
    unknown = accuracy["experiment"] == "mnist"
    assert accuracy[unknown][["mean", "std"]].isna().all(axis=None)
    assert len(accuracy[unknown]) == 3 * 2 and set(accuracy[unknown]["n_seeds"]) == {2}
    assert accuracy[~unknown][["mean", "std"]].notna().all(axis=None)
    table = pd.read_csv(blind / "tables/table3.csv")
    rows = table[table["Strategy"] != "Labels"]
    assert set(rows["MNIST, b = 10: Baseline"]) == {"–"}
    assert "–" not in set(rows["Digits, b = 10: Baseline"])
    text = (blind / "tables/table3.md").read_text(encoding="utf-8")
    assert "–: not run, or no test set." in text
    assert "60000 / –" in (blind / "tables/table1.md").read_text(encoding="utf-8")


def test_figures_are_made_without_a_test_set(grid, blind):
    write_tables(blind, grid, POOLS)
    write_figures(blind, grid, POOLS)
    assert sorted(os.listdir(blind / "figures")) == FIGURES


# --- pages ----------------------------------------------------------------------------------

TOY = """
FILES = ("tables/toy.txt", "tables/toy.csv")

def make(results):
    for name in FILES[:{n}]:
        (results.folder / name).write_text(f"{{len(results.runs)}} {{len(results.accuracy)}}")
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Add a page as another installed package does, by an entry point: `page(text, name)`."""
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(site)

    def add(text, name):
        about = site / f"lab_{name}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: lab-{name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[wholepool.page]\n{name} = lab_{name}\n")
        (site / f"lab_{name}.py").write_text(text)
        importlib.invalidate_caches()
        for cached in (registry.plugins, registry.declarations):
            cached.cache_clear()

    yield add
    for cached in (registry.plugins, registry.declarations):
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("lab_")]:
        del sys.modules[name]


def test_files_are_known_without_making_them():
    assert build.files("tables") == [f"tables/{name}" for name in TABLES]
    assert sorted(build.files("figures")) == [f"figures/{name}" for name in FIGURES]
    code = (
        "import sys; from wholepool.report import build; build.files('tables');"
        "print([name for name in ('pandas', 'matplotlib', 'seaborn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_page_of_another_package_is_made_with_ours(grid, page, tmp_path):
    page(TOY.format(n=2), "toy")
    folder = folder_of(tmp_path / "results", runs_of(grid))
    write_tables(folder, grid, POOLS)
    n_runs, n_cells = len(runs_of(grid)), len(accuracy_table(runs_of(grid), grid))
    assert (folder / "tables/toy.csv").read_text() == f"{n_runs} {n_cells}"
    assert build.files("tables")[-2:] == ["tables/toy.txt", "tables/toy.csv"]
    assert (folder / "tables/table3.md").exists()


def test_a_page_that_leaves_out_a_file_is_named(grid, page, tmp_path):
    page(TOY.format(n=1), "lazy")
    folder = folder_of(tmp_path / "results", runs_of(grid))
    wanted = r"lab_lazy\.py: the page lazy declares tables/toy\.csv, but did not write it"
    with pytest.raises(UserError, match=wanted):
        write_tables(folder, grid, POOLS)
    # nor is an old file taken for a new one
    (folder / "tables/toy.csv").write_text("old")
    with pytest.raises(UserError, match=wanted):
        write_tables(folder, grid, POOLS)


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ('("tables/table2.md",)', r"declares tables/table2\.md, which the page table2 "),
        ('("tables/runs.csv",)', r"declares tables/runs\.csv, which a stage of wholepool writes"),
        ('("other/mine.csv",)', "has 'other/mine.csv' in FILES, but must write to tables/NAME"),
        ('("tables/../x.csv",)', r"has 'tables/\.\./x.csv' in FILES"),
        ('("/tables/x.csv",)', "has '/tables/x.csv' in FILES"),
        (
            '("tables/x.csv", "figures/x.png")',
            "has FILES in tables/ and in figures/, which two stages make: split it",
        ),
        ("()", "declares no FILES"),
    ],
)
def test_files_that_a_page_cannot_have_are_refused(page, declared, says):
    page(f"FILES = {declared}\n\ndef make(results): ...\n", "wrong")
    for folder in ("tables", "figures"):
        with pytest.raises(UserError, match=r"lab_wrong\.py: the page wrong " + says):
            build.pages(folder)


def test_results_name_the_file_that_is_missing(grid, tmp_path):
    paths = [tmp_path / f"tables/{name}.csv" for name in ("runs", "accuracy")]
    results = Results(tmp_path, grid, POOLS, *paths)
    for name in ("runs", "accuracy"):
        with pytest.raises(UserError, match=rf"tables/{name}\.csv is missing"):
            getattr(results, name)
