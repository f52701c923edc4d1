"""The table of paired differences against sums written out."""

import importlib.util
import math
from pathlib import Path

import pandas as pd
import pytest

PATH = Path(__file__).parents[2] / "studies" / "deviation_effects.py"
spec = importlib.util.spec_from_file_location("deviation_effects", PATH)
effects = importlib.util.module_from_spec(spec)
spec.loader.exec_module(effects)

ACCURACY = {
    "toy.base": [50.0, 60.0, 80.0],
    "toy.union": [53.0, 61.0, 82.0],
    "toy.ceal": [40.0, 41.0, 45.0],
    "toy.ceal.apart": [39.0, 43.0, 45.0],
}


def runs(order=1):
    rows = [
        {
            "experiment": experiment,
            "method": "baseline" if "ceal" in experiment else "pre+semi",
            "strategy": "initial",
            "seed": seed,
            "cycle": 0,
            "accuracy": accuracy,
        }
        for experiment, values in ACCURACY.items()
        for seed, accuracy in list(enumerate(values))[::order]
    ]
    return pd.DataFrame(rows)


def test_differences_are_paired_by_seed_whatever_the_order():
    mixed = pd.concat([runs()[:3], runs(-1)[3:]])
    assert effects.differences(mixed, "toy.union", "toy.base") == {0: [3.0, 1.0, 2.0]}


def test_a_seed_that_is_missing_on_one_side_is_left_out():
    part = runs().drop(index=1)
    assert effects.differences(part, "toy.union", "toy.base") == {0: [3.0, 2.0]}


def test_the_table_by_hand():
    table = dict(list(effects.rows(runs()))[1:])
    assert table["base"] == "63.3±15.3"
    # 3, 1, 2: mean 2, deviation 1, over the root of 3
    assert table["union"] == f"+2.0 ± {1 / math.sqrt(3):.1f} (3)"
    assert table["ceal"] == "42.0±2.6"
    assert table["ceal.apart"] == "+0.3 ± 0.9 (3)"


@pytest.mark.parametrize(
    ("experiment", "base"),
    [
        ("toy.base", None),
        ("toy.union", "toy.base"),
        ("toy.ceal.apart", "toy.ceal"),
        ("other.union", None),
    ],
)
def test_what_a_variant_is_compared_with(experiment, base):
    assert effects.base_of(experiment, list(ACCURACY)) == base
