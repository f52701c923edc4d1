"""Paired differences, and what their table says."""

import pandas as pd
import pytest

from wholepool.job.errors import UserError
from wholepool.report import effects


def runs(method, accuracies, cycle=0, strategy="random"):
    cell = {"method": method, "strategy": strategy, "cycle": cycle}
    return pd.DataFrame([{**cell, "seed": s, "accuracy": value} for s, value in accuracies.items()])


def test_differences_are_paired_by_seed_whatever_the_order():
    first = runs("pre", {2: 13.0, 0: 11.0, 1: 15.0})
    second = runs("baseline", {0: 10.0, 1: 11.0, 2: 12.0, 3: 50.0})
    assert effects.paired(first, second, []) == [1.0, 4.0, 1.0]


def test_a_seed_counts_once_however_many_cells_it_has():
    both = [
        pd.concat([runs("m", one, strategy="random"), runs("m", other, strategy="jlp")])
        for one, other in (({0: 3.0, 1: 5.0}, {0: 5.0, 1: 9.0}), ({0: 1.0, 1: 1.0},) * 2)
    ]
    assert effects.paired(*both, ["strategy"]) == [3.0, 6.0]


def test_a_seed_without_a_pair_is_named():
    with pytest.raises(UserError, match="method pre, seed 1 has no pair on the other side"):
        effects.paired(runs("pre", {0: 1.0, 1: 2.0}), runs("baseline", {0: 1.0}), [])


def test_two_runs_of_one_cell_are_refused():
    one = runs("pre", {0: 1.0})
    with pytest.raises(UserError, match="hold a cell twice .*seed 0"):
        effects.paired(pd.concat([one, one]), one, [])


def test_the_table_by_hand():
    rows = [
        *((("a",), [1.0, 2.0, 3.0]), (("b",), [-5.0, -5.1, -5.2])),
        *((("c",), [0.0, 0.0]), (("d",), [4.25])),
    ]
    text = effects.effects_table(["what"], rows)
    assert "Holm's correction over the 2 tests of this table" in text
    head, _, *lines = text.split("\n\n")[1].splitlines()
    names = ["what", "seeds", "mean difference", "95 % interval", "p", "p, Holm", "said at 5 %"]
    assert head == f"| {' | '.join(names)} | could have shown |"
    # mean 2, standard error 1 / sqrt(3), t(0.975; 2) = 4.3027: 2 -+ 2.484
    assert lines == [
        "| a | 3 | +2.0 | −0.5 to +4.5 | 0.074 | 0.074 | not told from 0 | 3.3 |",
        "| b | 3 | −5.1 | −5.3 to −4.9 | < 0.001 | < 0.001 | below 0 | 0.3 |",
        "| c | 2 | 0 | – | – | – | exactly 0 | – |",
        "| d | 1 | +4.2 | – | – | – | one seed tells nothing | – |",
    ]


def test_numbers_as_text():
    assert [effects.signed(v) for v in (1.25, -0.04, 0.0, -3.0)] == ["+1.2", "0.0", "0.0", "−3.0"]
    assert effects.signed(-0.936, 2) == "−0.94"
    assert [effects.p_text(p) for p in (0.0009, 0.001, 1.0)] == ["< 0.001", "0.001", "1.000"]
    assert [effects.level(v) for v in ([], [50.04], [1.0, 2.0])] == ["–", "50.0", "1.5 (0.7)"]


def test_runs_are_found_in_a_file_a_folder_and_below_results(tmp_path):
    folder = tmp_path / "results" / "tables"
    folder.mkdir(parents=True)
    cell = {"experiment": "x", "dataset": "d", "budget": 1, "n_labels": 1}
    runs("pre", {0: 1.0}).assign(**cell).to_csv(folder / "runs.csv", index=False)
    for path in (folder / "runs.csv", folder, folder.parent):
        assert effects.runs_of(path)["accuracy"].tolist() == [1.0]
    with pytest.raises(UserError, match=r"has no runs\.csv: give a folder"):
        effects.runs_of(tmp_path)
    with pytest.raises(UserError, match="is missing"):
        effects.runs_of(tmp_path / "nothing")
