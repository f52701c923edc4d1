"""The back-test of the advice: which runs, which audits, and sums written out."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wholepool.labeling import advice

PATH = Path(__file__).parents[2] / "studies" / "stop_advice.py"
spec = importlib.util.spec_from_file_location("stop_advice", PATH)
study = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study)

LEVELS = {"random": [60, 70, 76, 78], "margin": [60, 66, 80, 81]}

SEEDS = (0, 1, 6, 7)


def runs():
    """Two strategies after one start; one that draws nothing, and one too short."""
    rows = []
    for experiment, strategies in {
        "toy": ["random", "margin"],
        "same": ["x"],
        "short": ["y"],
    }.items():
        for seed in SEEDS:
            cell = {"experiment": experiment, "dataset": "toy", "budget": 30, "method": "semi"}
            cell |= {"seed": seed}
            rows.append(cell | {"strategy": "all", "cycle": 0, "n_labels": 900, "accuracy": 99.0})
            for strategy in strategies:
                for cycle, level in enumerate(LEVELS.get(strategy, LEVELS["random"])):
                    if experiment == "short" and cycle > 1:
                        continue
                    own = {"strategy": strategy if cycle else "initial", "cycle": cycle}
                    own |= {"n_labels": 10 + 30 * cycle}
                    drawn = 0 if experiment == "same" else seed
                    rows.append(cell | own | {"accuracy": float(level + drawn)})
    return pd.DataFrame(rows).drop_duplicates().reset_index(drop=True)


@pytest.fixture
def folder(tmp_path):
    def made(name):
        (tmp_path / name).mkdir()
        runs().to_csv(tmp_path / name / "runs.csv", index=False)
        return str(tmp_path / name)

    return made


def test_trajectories_begin_with_the_first_labels_and_leave_out_what_tells_nothing():
    found = list(study.trajectories(runs()))
    assert [(names["experiment"], names["strategy"], names["seed"]) for names, *_ in found] == [
        *(("toy", "random", seed) for seed in SEEDS),
        *(("toy", "margin", seed) for seed in SEEDS),
    ]
    for names, labels, accuracy in found:
        assert labels.tolist() == [10, 40, 70, 100]
        told = [level + names["seed"] for level in LEVELS[names["strategy"]]]
        assert (100 * accuracy).tolist() == pytest.approx(told)


def test_audits_are_of_the_same_images():
    """Their means are the accuracies; right and wrong correlate by ALIKE where half is right."""
    rng = np.random.default_rng(0)
    drawn = np.array([study.audits(np.array([0.5, 0.5, 0.8]), 50, rng) for _ in range(20_000)])
    assert drawn.shape == (20_000, 3) and drawn.max() <= 50
    assert drawn.mean(axis=0) / 50 == pytest.approx([0.5, 0.5, 0.8], abs=0.002)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(50 * np.array([0.25, 0.25, 0.16])), rel=0.03)
    assert np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1] == pytest.approx(advice.ALIKE, abs=0.02)
    assert study.audits(np.array([0.0, 1.0]), 9, rng).tolist() == [0, 9]


def test_what_the_numbers_were_chosen_on_is_not_told_of(folder):
    mine, other = folder("modern_cpu"), folder("other")
    assert set(study.back_test(mine)["seed"]) == {6, 7}
    assert set(study.back_test(mine, chosen=True)["seed"]) == {0, 1}
    assert set(study.back_test(other)["seed"]) == set(SEEDS)


def test_a_row_holds_the_advice_and_what_came_next(folder):
    found = study.back_test(folder("any"))
    assert len(found) == 2 * 4 * 2 * 2  # strategies, seeds, sizes, cycles
    row = found[(found["strategy"] == "margin") & (found["labels"] == 40)].iloc[0]
    assert (row["next"], row["rest"], row["saved"]) == pytest.approx((14, 15, 60))
    assert (found["low"] < found["expected"]).all() and (found["expected"] < found["high"]).all()
    assert found.equals(study.back_test(folder("again"))), "nothing depends on the name"


def told():
    """Advice on three runs of two cycles each, at one size."""
    names = {"experiment": "e", "method": "m", "strategy": "s", "asked": 20}
    rows = [
        # seed, labels, word, chance, next, rest, saved
        (0, 40, "stop", 0.1, 1.0, 3.0, 60),
        (0, 70, "stop", 0.04, 2.0, 2.0, 30),
        (1, 40, "go on", 0.9, 4.0, 9.0, 60),
        (1, 70, "stop", 0.3, 5.0, 5.0, 30),
        (2, 40, "go on", 0.7, 6.0, 6.0, 60),
        (2, 70, "your choice", 0.45, -0.5, -0.5, 30),
    ]
    keys = ("seed", "labels", "word", "chance", "next", "rest", "saved")
    gain = {"expected": 2.0, "low": 0.0, "high": 5.5}
    return pd.DataFrame([names | gain | dict(zip(keys, row, strict=True)) for row in rows])


def lines(text):
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return rows[2:]


def test_a_run_ends_at_its_first_stop():
    ended = study.outcome(told(), told()["word"] == "stop").set_index("seed")
    assert ended["rest"].to_dict() == {0: 3.0, 1: 5.0, 2: 0.0}
    assert ended["saved"].to_dict() == {0: 60, 1: 30, 2: 0}
    assert lines(study.stops(told())) == [["20", "m", "3", "67 %", "+4.0 (+3.2 to +4.8)", "45"]]
    none = told().assign(word="go on")
    assert lines(study.stops(none)) == [["20", "m", "3", "0 %", "–", "–"]]


def test_the_table_of_what_was_said():
    first, second = lines(study.given(told()))
    assert first[:8] == ["20", "m", "40", "3", "33 %", "0 %", "67 %", "+2.0"]
    assert first[8:] == ["+3.7 (+1.6 to +5.6)", "+6.0 (+3.6 to +8.4)", "67 %", "0 %", "33 %"]
    assert second[4:7] == ["67 %", "33 %", "0 %"] and second[-3:] == ["67 %", "33 %", "0 %"]


def test_thresholds_are_compared():
    found = {row[1]: row[2:] for row in lines(study.thresholds(told()))}
    assert list(found) == ["5 %", "10 %", "20 %", "30 %", "40 %", "50 %"]
    assert found["5 %"] == ["33 %", "+2.0 (+2.0 to +2.0)", "+2.0 (+2.0 to +2.0)", "30"]
    assert found["10 %"] == found["5 %"], "below, not at"
    assert found["20 %"][0] == "33 %" and found["20 %"][3] == "60"
    assert found["40 %"][0] == "67 %" and found["50 %"][0] == "100 %"


def test_all_tables_and_the_figure(folder, tmp_path):
    path = folder("modern_cpu")
    assert study.text(path).count("\n| --- |") == 3
    assert study.text(path, "given") in study.text(path)
    study.write_figure(path, tmp_path / "made.png")
    assert (tmp_path / "made.png").stat().st_size > 10_000
