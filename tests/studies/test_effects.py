"""Effects of PRE, SEMI and the strategy against sums written out."""

import importlib.util
import math
from pathlib import Path

import pandas as pd
import pytest

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


def test_paradigms_by_hand():
    table = {row[0]: row[1:] for row in effects.paradigms(runs())}
    assert table["PRE, on labels alone"] == ["+10.0 ± 0.0"] * 3
    assert table["SEMI, from random weights"] == ["+5.0 ± 0.0"] * 3
    # 20, 22, 24: mean 22, deviation 2, over the root of 3
    assert table["SEMI, from PRE"] == [f"+22.0 ± {2 / math.sqrt(3):.1f}"] * 3
    assert table["both"] == [f"+32.0 ± {2 / math.sqrt(3):.1f}"] * 3


def test_a_seed_counts_once_however_many_cells_it_has():
    later = runs()[runs()["cycle"] > 0]
    first, second = (later[later["method"] == name] for name in ("pre+semi", "pre"))
    assert effects.paired(first, second, ["strategy", "cycle"]) == [20.0, 22.0, 24.0]
    shuffled = first.sample(frac=1, random_state=0)
    assert effects.paired(shuffled, second, ["strategy", "cycle"]) == [20.0, 22.0, 24.0]


def test_strategies_and_spans_by_hand():
    rows = list(effects.strategies(runs()))
    assert rows[1] == ["jlp", *["-2.0 ± 0.0"] * 4]
    spans = {row[0]: row[1:] for row in effects.spans(runs())}
    assert spans["methods, of one strategy"] == ["32.0", "32.0"]
    assert spans["strategies, of one method"] == ["2.0", "2.0"]


def test_two_runs_of_one_cell_are_refused():
    twice = pd.concat([runs(), runs().iloc[:1]])
    with pytest.raises(pd.errors.MergeError):
        list(effects.paradigms(twice))
