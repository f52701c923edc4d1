"""The comparison that is checked in, and what pages say of it, are of today's evidence."""

import re

import numpy as np
import pytest
from evidence_of_tests import PAPER, ROOT, compared
from matplotlib.image import imread

from wholepool.grid import readings
from wholepool.paper import evidence
from wholepool.paper.figure import write_comparison_figure
from wholepool.paper.table import write_comparison

EVIDENCE = ROOT / "evidence"
LANDED = sorted(path.parent for path in EVIDENCE.glob("*/runs.csv"))


@pytest.fixture(scope="module")
def table(paper):
    return compared(paper, *map(evidence.read_evidence, LANDED))


def test_the_comparison_is_current(table, tmp_path):
    write_comparison(*table, tmp_path)
    for name in ("compare_with_paper.csv", "compare_with_paper.md"):
        made, stands = (folder / name for folder in (tmp_path, EVIDENCE))
        assert stands.read_text() == made.read_text(), "run make findings"


def test_so_is_its_figure(table, tmp_path):
    write_comparison_figure(table[0], tmp_path)
    made, stands = (imread(f / "compare_with_paper.png") for f in (tmp_path, EVIDENCE))
    assert made.shape == stands.shape and np.array_equal(made, stands), "run make findings"


def test_printed_numbers_and_cells_of_ours_are_counted_as_the_page_says(paper):
    same = ["dataset", "budget", "cycle", "method"]
    later = paper[(paper["cycle"] > 0) | (paper["method"] == "full")]
    first = paper[(paper["cycle"] == 0) & (paper["method"] != "full")]
    cells = len(later) + len(first.drop_duplicates(same))
    once = first[first["strategy"] == "initial"]
    again = first.merge(once[same], on=same)
    n_again = len(again) - len(once)
    page = (ROOT / "docs" / "paper.md").read_text()
    said = re.search(
        r"prints (\d+) accuracies.*?(\d+) of them.*?(\d+) cells of ours", page, re.DOTALL
    )
    assert tuple(map(int, said.groups())) == (len(paper), len(paper) - n_again, cells)
    assert len(paper) == len(PAPER.read_text().splitlines()) - 1


def test_every_reading_stands_in_the_deviations():
    page = (ROOT / "docs" / "deviations.md").read_text()
    for key in {**readings.READINGS, **readings.BEFORE_SEMI}:
        assert re.search(rf"^\|.*`[\w.*]*{re.escape(key)}`", page, flags=re.MULTILINE), key
