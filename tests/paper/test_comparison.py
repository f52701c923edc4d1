"""The comparison with the paper, cell by cell."""

import numpy as np
import pandas as pd
import pytest
from evidence_of_tests import GRID, ONE, PAPER, at, compared, folder_of, results_of

from wholepool import __main__ as cli
from wholepool.job.errors import UserError
from wholepool.paper import comparison
from wholepool.paper.figure import write_comparison_figure
from wholepool.paper.table import summary, to_markdown, write_comparison


def test_everything_is_not_run_where_nothing_was(paper, tmp_path):
    table, others = compared(paper, folder_of(tmp_path, []))
    assert len(table) == 235 and len(others) == 0
    assert table["verdict"].value_counts().to_dict() == {"not run": 231, "not compared": 4}
    assert table[["mean", "difference", "n_seeds"]].isna().all().all()
    text = to_markdown(table, others)
    assert "0 were run" in text and "None was run yet" in text and "CEAL 1-4" in text


def test_a_cell_that_both_have(paper, tmp_path):
    table, _ = compared(paper, folder_of(tmp_path / "mine", [ONE]))
    (row,) = at(table, "cifar10", 100, "baseline", "random", 1).itertuples()
    assert (row.paper_mean, row.paper_std, row.n_seeds) == (36.66, 1.08, 3)
    assert row.mean == pytest.approx(np.mean([36, 37, 38.5]), abs=1e-6)
    assert row.difference == pytest.approx(np.mean([36, 37, 38.5]) - 36.66, abs=1e-6)
    assert row.verdict == "within" and row.evidence == "mine" and row.device == "cpu"
    assert (row.pool, row.test_set) == ("50000 of 50000", "10000 of 10000")
    assert (row.width, row.sup_epochs, row.sup_batch, row.translate, row.flip) == (1, 200, 32, 4, 1)
    assert pd.isna(row.semi_epochs) and pd.isna(row.pre_epochs)
    assert pd.isna(row.reduced_by) or row.reduced_by == ""
    assert row.other_settings == ""
    assert (table["verdict"] == "not run").sum() == 230


def test_cycle_0_is_shared_and_what_the_paper_trained_again_is_listed(paper, tmp_path):
    runs = [
        ("cifar10-b100", "pre+semi", "initial", 0, {0: 40.0, 1: 41.0}),
        ("cifar10-b100", "semi", "initial", 0, {0: 37.0, 1: 38.0}),
    ]
    table, _ = compared(paper, folder_of(tmp_path, runs))
    verdicts = {
        (method, strategy): list(at(table, "cifar10", 100, method, strategy, 0)["verdict"])
        for method in ("semi", "pre+semi")
        for strategy in ("initial", "uncertainty", "jlp")
    }
    assert verdicts == {
        # Table III prints one
        ("pre+semi", "initial"): ["within"],
        ("pre+semi", "uncertainty"): ["not compared"],
        ("pre+semi", "jlp"): ["not compared"],
        # Table II alone prints it, twice: both are the same cell of ours
        ("semi", "initial"): [],
        ("semi", "uncertainty"): ["within"],
        ("semi", "jlp"): ["within"],
    }


def test_full_supervision(paper, tmp_path):
    runs = [("svhn-b100", "full", "all", 0, {0: 96.9, 1: 97.1})]
    table, _ = compared(paper, folder_of(tmp_path, runs))
    (row,) = at(table, "svhn", None, "full", "all", 0).itertuples()
    assert row.verdict == "within" and row.deviation_used == "ours alone: none printed"
    assert row.sup_epochs == 200


def test_seeds_of_equal_settings_join_and_others_stay_apart(paper, tmp_path):
    run = ("cifar10-b100", "semi", "jlp", 1)
    one = folder_of(tmp_path / "one", [(*run, {0: 45.0, 1: 46.0})])
    two = folder_of(tmp_path / "two", [(*run, {2: 47.0})])
    other = folder_of(tmp_path / "other", [(*run, {0: 80.0})], {"propagation.graph": "union"})
    table, _ = compared(paper, one, two, other)
    first, second = at(table, "cifar10", 100, "semi", "jlp", 1).itertuples()
    assert (first.n_seeds, first.mean, first.evidence) == (3, 46.0, "one two")
    assert (second.n_seeds, second.mean, second.evidence) == (1, 80.0, "other")
    assert "in 2 settings: 1 within, 1 above, 0 below" in summary(table)


def test_one_seed_with_two_results_is_refused_and_a_copy_counts_once(paper, tmp_path):
    one = folder_of(tmp_path / "one", [ONE])
    copy = folder_of(tmp_path / "copy", [ONE])
    table, _ = compared(paper, one, copy)
    assert list(at(table, "cifar10", 100, "baseline", "random", 1)["n_seeds"]) == [3]
    other = folder_of(tmp_path / "other", [(*ONE[:4], {1: 37.01})])
    with pytest.raises(UserError, match=r"Seed 1 .*baseline.*one and in .*other with the same"):
        compared(paper, one, other)


def test_runs_without_a_cell_in_the_paper_are_counted(paper, tmp_path):
    runs = [("cifar10-b1000", "pre", "random", 1, {0: 75.0, 1: 76.0})]
    table, others = compared(paper, folder_of(tmp_path, runs))
    assert others.to_dict("records") == [{"dataset": "cifar10", "budget": 1000, "n_runs": 2}]
    assert "2 of CIFAR-10, b = 1000" in to_markdown(table, others)


def test_equal_evidence_is_equal_bytes(paper, tmp_path):
    one = folder_of(tmp_path / "one", [ONE])
    small = folder_of(tmp_path / "small", [ONE], {"network.width": 0.5})
    for name in ("first", "second"):
        table, others = compared(paper, one, small)
        write_comparison(table, others, tmp_path / name)
        write_comparison_figure(table, tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == [f"compare_with_paper.{kind}" for kind in ("csv", "md", "pdf", "png", "svg")]
    for name in names:
        first, second = (tmp_path / which / name for which in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    read = pd.read_csv(tmp_path / "first" / "compare_with_paper.csv")
    assert list(read.columns) == list(comparison.COLUMNS)


@pytest.mark.usefixtures("clean_process")
def test_both_stages_by_hand(paper, tmp_path):
    results = results_of(tmp_path / "results", [ONE])
    out = tmp_path / "one"
    land = ["land", "--results", str(results), "--command", "x", "--out", str(out)]
    assert cli.main([*land, "--commit", "abc"]) == 0
    compare = ["compare", "--evidence", str(results / "tables"), str(out), "--paper", str(PAPER)]
    compare += ["--paper-grid", str(GRID)]
    made = tmp_path / "made"
    assert cli.main([*compare, "--tables", str(made), "--figures", str(made)]) == 0
    table = pd.read_csv(made / "compare_with_paper.csv")
    assert set(table["verdict"]) == {"within", "not run", "not compared"}
    (row,) = table[table["verdict"] == "within"].itertuples()
    assert (row.n_seeds, row.evidence) == (3, "one results/tables")
