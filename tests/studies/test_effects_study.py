"""Effects of PRE, SEMI and the strategy against sums written out."""

import importlib.util
from pathlib import Path

import pandas as pd

PATH = Path(__file__).parents[2] / "studies" / "effects.py"
spec = importlib.util.spec_from_file_location("effects", PATH)
effects = importlib.util.module_from_spec(spec)
spec.loader.exec_module(effects)


def accuracy(method, strategy, seed, cycle):
    level = {"baseline": 40, "pre": 50, "semi": 45, "pre+semi": 70}[method]
    gain = {"initial": 0, "random": 0, "jlp": -2}[strategy]
    return level + gain + 3 * cycle + 2 * seed * (method == "pre+semi") + seed * cycle


def runs():
    rows = []
    for method in ("baseline", "pre", "semi", "pre+semi"):
        for seed in (0, 1, 2):
            for cycle in (0, 1, 2):
                for strategy in ["initial"] if cycle == 0 else ["random", "jlp"]:
                    cell = {"method": method, "strategy": strategy, "seed": seed, "cycle": cycle}
                    rows.append(cell | {"accuracy": accuracy(**cell), "experiment": "toy"})
    return pd.DataFrame(rows)


def lines(text):
    """The rows of a printed table, as lists of cells."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][
        2:
    ]


def test_paradigms_are_told_cycle_by_cycle():
    found = lines(effects.paradigms(runs(), effects.SEMI))
    assert [row[1:5] for row in found] == [
        *(["SEMI, from random weights", str(c), "3", "+5.0"] for c in (0, 1, 2)),
        *(["SEMI, from PRE", str(c), "3", "+22.0"] for c in (0, 1, 2)),
    ]
    # 20, 22, 24: 22 -+ 2 / sqrt(3) * 4.3027
    assert found[3][5] == "+17.0 to +27.0" and found[3][8] == "above 0"
    assert len(lines(effects.paradigms(runs(), effects.BOTH))) == 3


def test_paradigms_compare_the_strategies_that_both_sides_ran():
    part = runs()
    part = part[(part["method"] != "semi") | (part["strategy"] != "jlp")]
    found = lines(effects.paradigms(part, effects.SEMI))
    assert [row[4] for row in found] == ["+5.0"] * 3 + ["+22.0"] * 3


def test_strategies_are_told_cycle_by_cycle():
    found = lines(effects.strategies(runs()))
    assert [row[1:6] for row in found] == [
        [method, "jlp", str(cycle), "3", "−2.0"]
        for method in ("baseline", "pre", "semi", "pre+semi")
        for cycle in (1, 2)
    ]


def test_spans_by_hand():
    found = lines(effects.spans(runs()))
    assert found == [
        ["toy", "methods, of one strategy", "32.0", "32.0"],
        ["toy", "strategies, of one method", "2.0", "2.0"],
    ]


def test_levels_say_what_stands_in_brackets():
    text = effects.levels(runs())
    assert text.startswith("Test accuracy in percent: mean over 3 seeds (in brackets the sample")
    # pre+semi: 70, 72, 74
    assert lines(text) == [["toy", "40.0 (0.0)", "50.0 (0.0)", "45.0 (0.0)", "72.0 (2.0)"]]
    assert lines(effects.later_levels(runs()))[0] == [
        *("toy", "baseline", "random", "44.0 (1.0)", "48.0 (2.0)")
    ]


def test_shares_of_zero_scores():
    assert "do not say" in effects.zero_scores(runs())
    told = runs()
    is_jlp = told["strategy"] == "jlp"
    told.loc[is_jlp, "zero_score_share"] = [0.1 * seed for seed in told[is_jlp]["seed"]]
    found = lines(effects.zero_scores(told))
    assert found[0] == ["toy", "baseline", "jlp", "10 %", "10 %"] and len(found) == 4


def test_no_bare_plus_minus():
    assert not any("±" in table(runs()) for table in effects.TABLES.values())
