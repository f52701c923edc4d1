"""What was not run is told for each experiment and method, by seeds; nothing else is."""

import pytest
from finished import plan, write_results

from wholepool.grid.cells import cells
from wholepool.report import missing


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([3], "3"),
        ([1, 0], "0, 1"),
        ([2, 0, 1], "0 to 2"),
        ([9, 0, 3, 6, 7, 8], "0, 3 and 6 to 9"),
    ],
)
def test_whole_numbers_in_words(numbers, text):
    assert missing.ranges(numbers) == text


def remove(results, which):
    for cell in cells(plan()["experiments"]):
        if which(cell):
            (results / cell.path / "metrics.json").unlink()


def test_a_row_for_each_method_that_lacks_a_cell(tmp_path):
    write_results(tmp_path, plan())
    assert missing.missing(plan(), tmp_path).empty and missing.told(plan(), tmp_path, "run") == ""
    remove(
        tmp_path,
        lambda cell: (
            cell.experiment == "large"  # all of it
            or (cell.method == "baseline" and cell.seed == 1)  # a seed
            or (cell.strategy == "jlp" and (cell.seed, cell.cycle) == (0, 2))  # one cell
        ),
    )
    rows = missing.missing(plan(), tmp_path)
    assert list(rows.itertuples(index=False, name=None)) == [
        ("small", "Baseline", 3, 6, "seed 1"),
        ("small", "+ SEMI", 9, 10, "a part of seed 0"),
        ("large", "+ PRE", 0, 6, "all"),
    ]
    told = missing.told(plan(), tmp_path, "snakemake --cores <all>")
    assert "12 of 22 cells were run" in told and "snakemake --cores &lt;all&gt;" in told
    assert "a part of seed 0" in told and "This runs the rest: " in told


def test_nothing_was_run(tmp_path):
    told = missing.told(plan(), tmp_path, "snakemake")
    assert "Nothing was run yet, of 22 cells" in told and "<table" not in told
