"""The table of paired differences against sums written out."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from wholepool.job.errors import UserError

OLD = Path(__file__).parents[1] / "paper" / "old_landings" / "deviations"
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


def lines(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][
        2:
    ]


def test_the_table_by_hand():
    mixed = pd.concat([runs()[:3], runs(-1)[3:]])
    found = {row[0]: row[1:5] for row in lines(effects.effects(mixed, None))}
    # 3, 1, 2: mean 2, deviation 1; the interval's half-width is 2.484
    assert found["union"] == ["toy", "0", "3", "+2.0"]
    assert found["ceal.apart"] == ["toy", "0", "3", "+0.3"]
    assert "−0.5 to +4.5" in effects.effects(mixed, None)


def test_what_is_no_variant_is_a_level():
    text = effects.levels(runs())
    assert "mean over 3 seeds (in brackets the sample standard deviation)" in text
    assert lines(text) == [
        ["toy.base", "pre+semi", "63.3 (15.3)"],
        ["toy.ceal", "baseline", "42.0 (2.6)"],
    ]


def test_a_seed_that_is_missing_in_the_base_is_named():
    part = runs().drop(index=1)
    with pytest.raises(UserError, match="experiment toy.union, .*seed 1.* has no pair"):
        effects.effects(part, None)


def test_variants_are_named_by_their_keys():
    text = effects.text(str(OLD))
    names = [row[0] for row in lines(text)]
    assert "`sup.epochs: 0` for 50" in names
    # in cycle 0 CEAL has not joined anything: the same cell, so no effect
    assert names.count("`ceal.join: false` for true; ceal") == 1
    assert any(name.startswith("released-code: ") and "not paired" in name for name in names)
    assert "±" not in text


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
