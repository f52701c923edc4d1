"""Labels needed, against scikit-learn's isotonic curves and a literal inversion."""

import math

import numpy as np
import pytest
from grids_of_results import plan, runs_of, small_grid
from scipy.stats import binomtest
from sklearn.isotonic import isotonic_regression

from wholepool.job.errors import UserError
from wholepool.statistics import efficiency as statistics
from wholepool.statistics.trajectories import Curve, trajectories

LABELS = np.array([10.0, 20.0, 50.0, 60.0])


def literal(n_labels, curve, level):
    """The least number of labels at which a polyline that never falls has the level."""
    if curve[0] >= level:
        return -math.inf
    for k in range(1, len(curve)):
        if curve[k] >= level:
            share = (level - curve[k - 1]) / (curve[k] - curve[k - 1])
            return n_labels[k - 1] + share * (n_labels[k] - n_labels[k - 1])
    return math.inf


def test_curves_are_scikit_learn_s_and_the_closed_form():
    accuracies = np.random.default_rng(0).normal(size=(5, 7)).cumsum(axis=1)
    drawn = statistics.draws(5, 50, seed=1)
    found = statistics.isotonic_means(accuracies, drawn)
    for curve, seeds in zip(found, drawn, strict=True):
        mean = sum(accuracies[seed] for seed in seeds) / 5
        np.testing.assert_allclose(curve, isotonic_regression(mean), atol=1e-12)
        closed = [
            max(min(mean[j : k + 1].mean() for k in range(i, 7)) for j in range(i + 1))
            for i in range(7)
        ]
        np.testing.assert_allclose(curve, closed, atol=1e-12)


def test_numbers_by_hand_are_reached_or_censored():
    curve = np.array([[40.0, 50.0, 50.0, 70.0]])
    levels = np.array([[39.0, 40.0, 45.0, 50.0, 60.0, 70.0, 70.1]])
    found = statistics.reach(LABELS, curve, levels)[0]
    # 50 is first reached at 20 labels, though the curve is flat up to 50
    assert found.tolist() == [-math.inf, -math.inf, 15, 20, 55, 60, math.inf]


def test_every_resample_is_inverted_as_written_out():
    rng = np.random.default_rng(1)
    own, other = rng.normal(size=(2, 6, 4)).cumsum(axis=2).round(1)
    found = statistics.needed(own, other, LABELS, resamples=200, seed=5)
    drawn = statistics.draws(6, 200, seed=5)
    assert drawn[0].tolist() == [0, 1, 2, 3, 4, 5] and len(np.unique(drawn)) == 6
    rows = []
    for seeds in drawn:  # the same seeds on both sides
        curve = isotonic_regression(own[seeds].mean(axis=0))
        aims = isotonic_regression(other[seeds].mean(axis=0))
        rows.append([literal(LABELS, curve, aim) for aim in aims])
    np.testing.assert_allclose(found.point, rows[0], atol=1e-9)
    place = math.ceil(statistics.tail(6) * 200) - 1
    ordered = np.sort(np.array(rows[1:]), axis=0)
    np.testing.assert_allclose(found.low, ordered[place], atol=1e-9)
    np.testing.assert_allclose(found.high, ordered[199 - place], atol=1e-9)


def test_tails_are_as_wide_as_student_s():
    # the deviation of a bootstrap mean of 10 numbers is that of the mean by sqrt(9 / 10)
    values = np.random.default_rng(0).normal(size=10)
    means = values[statistics.draws(10, 200_000, seed=2)[1:]].mean(axis=1)
    ends = np.quantile(means, [statistics.tail(10), 1 - statistics.tail(10)])
    student = 2 * 2.262 * values.std(ddof=1) / math.sqrt(10)
    assert ends[1] - ends[0] == pytest.approx(student, rel=0.04)
    assert statistics.tail(100_000) == pytest.approx(0.025, abs=1e-5)


def test_a_curve_against_itself_needs_what_it_has():
    own = np.sort(np.random.default_rng(0).normal(size=(5, 4)), axis=1)
    found = statistics.needed(own, own, LABELS)
    assert found.point[1:] == pytest.approx(LABELS[1:]) and found.point[0] == -math.inf
    np.testing.assert_array_equal(found.low, found.high)  # paired: no seed changes it


def test_a_shift_and_another_unit_of_the_accuracy_change_nothing():
    own, other = np.random.default_rng(3).normal(size=(2, 5, 4)).cumsum(axis=2)
    found = statistics.needed(own, other, LABELS)
    moved = statistics.needed(8 * own + 16, 8 * other + 16, LABELS)
    for name in ("point", "low", "high"):
        np.testing.assert_allclose(getattr(found, name), getattr(moved, name), rtol=1e-9)
    assert (found.low <= found.point).all() and (found.point <= found.high).all()


@pytest.mark.parametrize(("n_seeds", "least"), [(5, 0.90), (10, 0.92)])
def test_the_interval_holds_the_true_number_as_often_as_the_docstring_says(n_seeds, least):
    """Seeds that lift both curves, and noise: the interval of the last level, 150 times."""
    n_labels = 10 + 20 * np.arange(4.0)
    other, own = (40 + a * (1 - np.exp(-n_labels / b)) for a, b in ((30, 60), (36, 40)))
    wanted = literal(n_labels, own, other[-1])
    rng, n, hits = np.random.default_rng(n_seeds), 150, 0
    for seed in range(n):
        shared = rng.normal(0, 1.5, (n_seeds, 1))
        curves = [mean + shared + rng.normal(0, 2, (n_seeds, 4)) for mean in (own, other)]
        found = statistics.needed(*curves, n_labels, resamples=600, seed=seed)
        hits += found.low[-1] <= wanted <= found.high[-1]
    assert binomtest(hits, n, least, alternative="less").pvalue > 0.01
    assert binomtest(hits, n, 0.97, alternative="greater").pvalue > 0.01


def test_words_of_readers():
    say = statistics.words
    assert say(34.2, 28.1, 40.7, 10, 100) == "34 [28 to 41] labels"
    assert say(math.inf, math.inf, math.inf, 10, 100) == "> 100 labels"
    assert say(-math.inf, -math.inf, -math.inf, 10, 100) == "at most 10 labels"
    assert say(34.2, -math.inf, math.inf, 10, 100) == "34 [at most 10 to > 100] labels"
    assert say(math.inf, 92, math.inf, 10, 100) == "> 100 [92 to > 100] labels"
    assert say(34.2, math.nan, math.nan, 10, 100) == "34 labels"


def test_every_curve_is_compared_by_method_by_strategy_and_by_both():
    run = [Curve("e", m, s) for m in ("baseline", "semi") for s in ("random", "jlp")]
    found = [(kind, *curve[1:], *other[1:]) for kind, curve, other in statistics.pairs(run)]
    assert found == [
        ("strategy", "baseline", "jlp", "baseline", "random"),
        ("both", "baseline", "jlp", "baseline", "random"),
        ("method", "semi", "random", "baseline", "random"),
        ("both", "semi", "random", "baseline", "random"),
        ("strategy", "semi", "jlp", "semi", "random"),
        ("method", "semi", "jlp", "baseline", "jlp"),
        ("both", "semi", "jlp", "baseline", "random"),
    ]


def planted(grid):
    """SEMI has with each cycle what the baseline has with the next."""
    runs = runs_of(grid)
    runs["accuracy"] = 50 + 10 * (runs["cycle"] + (runs["method"] == "semi")) + runs["seed"]
    return trajectories(runs, grid)


def test_planted_labels_are_saved_both_ways_round():
    methods = {"baseline": ["random"], "semi": ["random"]}
    grid = {"experiments": {"digits": plan("digits", methods)}}  # 20, 30 and 40 labels
    table = statistics.efficiency(planted(grid), grid)
    assert tuple(table.columns) == statistics.COLUMNS
    own = table[table["kind"] == "method"].set_index(["direction", "n_labels"])
    assert own.loc[("needs", 40), ["needed", "saved", "text"]].tolist() == [30, 10, "30 labels"]
    assert own.loc[("needs", 30), "text"] == "at most 20 labels"
    assert own.loc[("equals", 20), ["needed", "saved"]].tolist() == [30, 10]
    assert own.loc[("equals", 40), "text"] == "> 40 labels"
    assert own.loc[("equals", 40), "saved"] == math.inf
    assert own.loc[("needs", 40), "accuracy"] == 70.5 and (own["n_seeds"] == 2).all()
    assert (table["saved_low"] <= table["saved_high"]).all()


def test_the_same_runs_give_the_same_numbers_in_any_order():
    grid = small_grid()
    runs = runs_of(grid)
    first = statistics.efficiency(trajectories(runs, grid), grid)
    other = statistics.efficiency(trajectories(runs.sample(frac=1, random_state=0), grid), grid)
    # 13 pairs of 3 cycles and 4 of 2, both ways round
    assert len(first) == 2 * (13 * 3 + 4 * 2) and first.equals(other)


def test_a_missing_seed_is_named_or_left_out_and_one_seed_has_no_interval():
    methods = {"baseline": ["random"], "semi": ["random"]}
    grid = {"experiments": {"digits": plan("digits", methods)}}
    table = planted(grid)
    table = table[(table["method"] != "semi") | (table["seed"] != 1)]
    with pytest.raises(UserError, match="seed 1"):
        statistics.efficiency(table, grid)
    found = statistics.efficiency(table, grid, partial=True)
    assert (found["n_seeds"] == 1).all() and found["needed_low"].isna().all()
    assert "30 labels" in set(found["text"])
