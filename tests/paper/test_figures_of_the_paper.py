"""The checked-in figures of the paper."""

import math

import numpy as np
import pandas as pd
import pytest
from evidence_of_tests import PAPER, at

from wholepool.grid.protocol import known
from wholepool.job.errors import UserError
from wholepool.paper import comparison


def test_the_papers_figures_are_complete_and_each_there_once(paper):
    raw = pd.read_csv(PAPER)
    assert list(raw.columns) == list(comparison.PAPER_COLUMNS)
    assert raw["source"].value_counts().to_dict() == {
        "Table III": 215,
        "Table II": 16,
        "Figure 3 caption": 3,
        "Section VI-E text": 1,
    }
    blocks = raw[raw["method"] != "full"].groupby(["dataset", "budget", "method"]).size().to_dict()
    whole, no_ceal = 1 + 5 * 4, 1 + 4 * 4
    assert blocks == {
        ("mnist", 10, "semi"): 1,
        ("svhn", 100, "baseline"): whole,
        ("svhn", 100, "pre"): whole,
        ("svhn", 100, "pre+semi"): no_ceal,
        ("cifar10", 100, "baseline"): whole,
        ("cifar10", 100, "pre"): whole,
        ("cifar10", 100, "semi"): 2 * 3,
        ("cifar10", 100, "pre+semi"): no_ceal + 2,
        ("cifar10", 1000, "baseline"): whole,
        ("cifar10", 1000, "semi"): no_ceal,
        ("cifar100", 1000, "baseline"): whole,
        ("cifar100", 1000, "pre"): whole,
        ("cifar100", 1000, "semi"): 2 * 3,
        ("cifar100", 1000, "pre+semi"): no_ceal + 2,
    }
    cycles = raw[raw["method"] != "full"]
    assert (cycles["n_labels"] == cycles["budget"] * (cycles["cycle"] + 1)).all()
    assert (cycles["n_seeds"] == 5).all()
    assert raw["mean"].between(0, 100).all()
    assert (cycles["std"].isna() == (cycles["dataset"] == "mnist")).all()
    full = raw[raw["method"] == "full"]
    assert full[["budget", "std", "n_seeds"]].isna().all().all()
    assert (full["n_labels"] == [known(name)["n"] for name in full["dataset"]]).all()
    assert not raw.duplicated(["dataset", "budget", "cycle", "method", "strategy"]).any()
    first = raw[(raw["cycle"] == 0) & raw["method"].isin(["baseline", "pre"])]
    assert set(first["strategy"]) == {"initial"}


@pytest.mark.parametrize(
    ("cell", "mean", "std"),
    [
        (("cifar10", 100, "baseline", "initial", 0), 29.17, 1.62),
        (("cifar10", 100, "pre+semi", "initial", 0), 39.84, 2.63),
        (("cifar10", 100, "pre+semi", "uncertainty", 0), 41.47, 3.22),
        (("cifar10", 100, "semi", "jlp", 0), 36.73, 5.70),
        (("cifar10", 1000, "semi", "initial", 0), 78.85, 0.86),
        (("cifar10", 1000, "baseline", "jlp", 3), 83.82, 0.02),
        (("cifar100", 1000, "pre+semi", "coreset", 4), 53.67, 1.29),
        (("svhn", 100, "pre+semi", "random", 4), 91.44, 0.80),
        (("mnist", 10, "semi", "random", 1), 90.89, math.nan),
        (("svhn", None, "full", "all", 0), 96.97, math.nan),
        (("cifar10", None, "full", "all", 0), 94.84, math.nan),
        (("cifar100", None, "full", "all", 0), 76.43, math.nan),
    ],
)
def test_printed_figures_by_hand(paper, cell, mean, std):
    (row,) = at(paper, *cell).itertuples()
    np.testing.assert_equal((row.mean, row.std), (mean, std))


def test_a_cell_twice_is_refused(tmp_path):
    lines = PAPER.read_text().splitlines()
    (tmp_path / "paper.csv").write_text("\n".join([*lines, lines[2]]))
    with pytest.raises(UserError, match=r"svhn, 100, 0, baseline, initial twice"):
        comparison.read_paper(tmp_path / "paper.csv")
