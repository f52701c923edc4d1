"""Pooled claims against SciPy's two-sample forms and literal loops; what their intervals hold."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from wholepool.statistics import pooled
from wholepool.statistics.comparisons import COLUMNS


def strata(seed, sizes=(5, 7), shift=0.5):
    rng = np.random.default_rng(seed)
    return [rng.normal(shift + k, 1 + k, n) for k, n in enumerate(sizes)]


@pytest.mark.parametrize("seed", range(10))
def test_one_stratum_is_student_s_and_two_are_welch_s(seed):
    one, other = strata(seed)
    single = stats.ttest_1samp(one, 0).confidence_interval(0.95)
    assert pooled.student([one]) == pytest.approx((one.mean(), *single), rel=1e-12)
    # the mean of both is half the difference of the one and the negative of the other
    welch = stats.ttest_ind(one, -other, equal_var=False).confidence_interval(0.95)
    center = (one.mean() + other.mean()) / 2
    expected = (center, welch.low / 2, welch.high / 2)
    assert pooled.student([one, other]) == pytest.approx(expected, rel=1e-12)


def test_a_stratum_of_one_seed_leaves_no_interval():
    one, _ = strata(0)
    for parts in ([one, np.array([2.0])], [np.array([2.0])]):
        for function in (pooled.student, pooled.middle):
            center, low, high = function(parts)
            assert math.isfinite(center) and math.isnan(low) and math.isnan(high)
    assert pooled.student([np.full(3, 2.0)]) == (2.0, 2.0, 2.0)


def test_the_interquartile_mean_is_that_of_the_sorted_middle():
    for seed, sizes in enumerate([(5,), (4, 4), (3, 6, 9), (10, 10)]):
        parts = strata(seed, sizes)
        ordered = sorted(np.concatenate(parts).tolist())
        cut = len(ordered) // 4
        middle = ordered[cut : len(ordered) - cut]
        assert pooled.middle(parts)[0] == pytest.approx(sum(middle) / len(middle), rel=1e-12)


def test_the_bootstrap_draws_seeds_within_their_stratum():
    parts = strata(3)
    _, low, high = pooled.middle(parts)
    rng, draws = np.random.default_rng(9), 4000
    drawn = [rng.choice(own, (draws, len(own))) for own in parts]
    found = stats.trim_mean(np.concatenate(drawn, axis=1), 0.25, axis=1)
    error = 4 * math.sqrt(0.025 * 0.975 * (1 / draws + 1 / pooled.RESAMPLES))
    assert np.mean(found < low) - error < 0.025 < np.mean(found <= low) + error
    assert np.mean(found > high) - error < 0.025 < np.mean(found >= high) + error
    assert pooled.middle(parts) == pooled.middle(parts)
    # far strata: a draw over all of them would be ten times as wide
    far = [parts[0], parts[0] + 1000]
    _, low, high = pooled.middle(far)
    assert high - low < 1000


def test_improvement_is_the_share_of_seeds_above():
    parts = [np.array([1.0, -1, 2, 0]), np.array([3.0, 4, 5, 6])]
    share, low, high = pooled.improvement(parts)
    assert share == (2.5 / 4 + 1) / 2
    whole = [np.array([1.0, -1, 2, -3]), np.array([3.0, 4, 5, 6])]
    share, low, high = pooled.improvement(whole)
    exact = stats.binomtest(6, 8).proportion_ci(method="exact")
    assert (share, low, high) == pytest.approx((0.75, exact.low, exact.high), rel=1e-9)
    for sign in (1, -1):  # all of one side has an interval too, which 3 thirds do not break
        share, low, high = pooled.improvement([np.full(3, 1.0 * sign)] * 3)
        exact = stats.binomtest(9 * (sign > 0), 9).proportion_ci(method="exact")
        assert (share, low, high) == pytest.approx((float(sign > 0), exact.low, exact.high))


def test_the_other_side_mirrors_everything():
    parts = strata(5)
    turned = [-own for own in parts]
    center, low, high = pooled.student(parts)
    assert pooled.student(turned) == pytest.approx((-center, -high, -low))
    share, low, high = pooled.improvement(parts)
    assert pooled.improvement(turned) == pytest.approx((1 - share, 1 - high, 1 - low))
    assert pooled.middle(turned)[0] == pytest.approx(-pooled.middle(parts)[0])


def frame(values):
    """{(kind, experiment, method, strategy): differences} as `differences` gives them."""
    rows = [
        (*key, "random" if key[0] == "strategy" else "baseline", "aubc", None, None, seed, value)
        for key, own in values.items()
        for seed, value in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_a_row_a_comparison_with_its_experiments():
    one, other = strata(6)
    values = {
        ("strategy", "a", "semi", "jlp"): one,
        ("strategy", "a", "pre", "jlp"): one,
        ("strategy", "b", "semi", "jlp"): other,
        ("strategy", "b", "semi", "ceal"): other,
        ("method", "a", "semi", "jlp"): [2.0] * 5,  # every seed the same: one observation
    }
    table = pooled.pooled(frame(values))
    assert tuple(table) == pooled.COLUMNS
    found = [(row.kind, row.method, row.strategy) for row in table.itertuples()]
    assert found == [
        *(("strategy", "semi", "jlp"), ("strategy", "semi", "ceal"), ("strategy", "pre", "jlp")),
        ("method", "semi", "jlp"),
    ]
    assert table["experiments"].tolist() == [2, 1, 1, 1]
    assert table["n_seeds"].tolist() == [12, 7, 5, 1]
    row = table.iloc[0]
    assert (row.difference, row.low, row.high) == pooled.student([one, other])
    assert math.isnan(table["low"][3]) and table["difference"][3] == 2
    assert pooled.pooled(frame({})).empty and tuple(pooled.pooled(frame({}))) == pooled.COLUMNS


def test_experiments_of_the_same_seeds_are_averaged_seed_by_seed():
    wide = np.random.default_rng(7).normal(1, 2, (3, 6))
    values = {("strategy", f"e{k}", "semi", "jlp"): own for k, own in enumerate(wide)}
    (row,) = pooled.pooled(frame(values)).itertuples()
    expected = stats.ttest_1samp(wide.mean(axis=0), 0).confidence_interval(0.95)
    assert (row.difference, row.low, row.high) == pytest.approx((wide.mean(), *expected))
    values["strategy", "e0", "semi", "jlp"] = wide[0, :5]  # not the same seeds any more
    (row,) = pooled.pooled(frame(values)).itertuples()
    assert (row.low, row.high) == pooled.student([wide[0, :5], wide[1], wide[2]])[1:]


def test_strata_that_go_together_are_held_by_the_means_of_their_seeds_alone():
    rng, hits, repeats = np.random.default_rng(8), np.zeros(2), 1500
    for _ in range(repeats):
        shared = math.sqrt(0.3) * rng.normal(size=10)
        parts = list(shared + math.sqrt(0.7) * rng.normal(size=(3, 10)))
        for k, own in enumerate(([np.mean(parts, axis=0)], parts)):
            _, low, high = pooled.student(own)
            hits[k] += low <= 0 <= high
    for share, expected in zip(hits / repeats, (0.95, 0.88), strict=True):
        error = 4 * math.sqrt(expected * (1 - expected) / repeats)
        assert share == pytest.approx(expected, abs=error)


SHIFTS, SPREADS = np.linspace(-1, 2, 3), np.linspace(1, 3, 3)


def held(function, truth, n, repeats, seed):
    """The share of intervals of three unequal strata that hold the truth."""
    rng, hits = np.random.default_rng(seed), 0
    for _ in range(repeats):
        _, low, high = function(list(rng.normal(SHIFTS, SPREADS, (n, 3)).T))
        hits += low <= truth <= high
    return hits / repeats


@pytest.mark.parametrize("n", [5, 10])
def test_intervals_hold_what_they_say(n):
    repeats = 1500
    error = 4 * math.sqrt(0.05 * 0.95 / repeats)
    assert held(pooled.student, 0.5, n, repeats, n) == pytest.approx(0.95, abs=error)
    truth = stats.norm.cdf(SHIFTS / SPREADS).mean()
    assert held(pooled.improvement, truth, n, repeats, n) > 0.95 - error


def test_the_bootstrap_holds_less_than_it_says_by_what_the_docstring_states():
    rng = np.random.default_rng(0)
    many = rng.normal(SHIFTS, SPREADS, (400_000, 3)).ravel()
    truth, repeats = stats.trim_mean(many, 0.25), 500
    found = held(pooled.middle, truth, 5, repeats, 1)
    assert found == pytest.approx(0.891, abs=4 * math.sqrt(0.891 * 0.109 / repeats))
