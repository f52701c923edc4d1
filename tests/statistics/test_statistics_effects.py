import math
import random

import numpy as np
import pytest
from scipy import stats

from wholepool.statistics import effects as statistics


def test_numbers_by_hand():
    # 2, 4, 9: mean 5; squares of the differences 9 + 1 + 16 = 26; 26 / 2 = 13.
    assert statistics.mean([2, 4, 9]) == 5
    assert statistics.sample_std([2, 4, 9]) == pytest.approx(math.sqrt(13), abs=1e-12)
    assert statistics.standard_error([2, 4, 9]) == pytest.approx(math.sqrt(13 / 3), abs=1e-12)


def test_equal_values_have_no_spread():
    assert statistics.sample_std([91.3, 91.3, 91.3]) == 0
    assert statistics.standard_error([91.3, 91.3, 91.3]) == 0


def test_one_value_has_a_mean_and_no_spread():
    assert statistics.mean([71.5]) == 71.5
    assert math.isnan(statistics.sample_std([71.5]))
    assert math.isnan(statistics.standard_error([71.5]))


def test_order_of_the_seeds_does_not_matter():
    draw = random.Random(0)
    values = [draw.uniform(0, 100) for _ in range(50)]
    results = set()
    for _ in range(20):
        draw.shuffle(values)
        results.add((statistics.mean(values), statistics.sample_std(values)))
    assert len(results) == 1


def test_small_spread_on_a_large_mean_is_not_lost():
    # The textbook's mean of squares minus square of the mean gives 0 or worse here.
    values = [1e9 + 1, 1e9 + 2, 1e9 + 3]
    assert statistics.sample_std(values) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    "function", [statistics.mean, statistics.sample_std, statistics.standard_error]
)
def test_nothing_and_broken_values_are_refused(function):
    with pytest.raises(ValueError, match="no values"):
        function([])
    with pytest.raises(ValueError, match="Value 1 of 2 is nan"):
        function([3.0, math.nan])
    with pytest.raises(ValueError, match="inf"):
        function([math.inf, 1.0])


# ---------------------------------------------------------------------------------------------
# Effects: against SciPy, closed forms, and their error rates on simulated seeds
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_interval_and_p_are_scipys(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(), 2, rng.integers(2, 12)).tolist()
    expected = stats.ttest_1samp(values, 0)
    assert statistics.p_value(values) == pytest.approx(expected.pvalue, rel=1e-12)
    low, high = expected.confidence_interval(0.95)
    assert statistics.interval(values) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize(("n", "half"), [(3, 2.484138), (5, 1.241664), (10, 0.715357)])
def test_half_widths_in_standard_deviations(n, half):
    values = np.random.default_rng(n).normal(size=n).tolist()
    low, high = statistics.interval(values)
    assert (high - low) / 2 == pytest.approx(half * statistics.sample_std(values), rel=1e-6)


def test_holm_by_hand_and_against_his_definition():
    assert statistics.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert statistics.holm([0.5, 0.9, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    assert statistics.holm([]) == []
    for seed in range(20):
        ps = np.random.default_rng(seed).uniform(0, 0.1, 7).tolist()
        adjusted = statistics.holm(ps)
        for level in (0.01, 0.05, 0.2):  # reject from the smallest on, until one is too large
            rejected, left = set(), len(ps)
            for k in sorted(range(len(ps)), key=lambda k: ps[k]):
                if ps[k] > level / left:
                    break
                rejected.add(k)
                left -= 1
            assert {k for k, p in enumerate(adjusted) if p <= level} == rejected


def test_power_is_the_integral_over_the_spread():
    for n, shift in ((2, 3.0), (3, 1.5), (5, 1.0), (10, 0.2), (50, 0.4)):
        edge = stats.t.ppf(0.975, n - 1)

        def found(spread, n=n, shift=shift, edge=edge):
            """Given the estimated over the true deviation: normal means beyond either edge."""
            away, reach = shift * math.sqrt(n), edge * spread
            return stats.norm.sf(reach - away) + stats.norm.cdf(-reach - away)

        density = stats.chi(n - 1, scale=1 / math.sqrt(n - 1))
        expected = density.expect(found, limit=200, epsabs=1e-9)
        assert statistics.power(shift, n) == pytest.approx(expected, abs=1e-6)
        assert statistics.power(-shift, n) == statistics.power(shift, n)
    assert statistics.power(0, 5) == pytest.approx(0.05)


def test_what_could_have_been_shown():
    for n in (2, 3, 5, 10, 50):
        assert statistics.power(statistics.detectable(2.0, n) / 2, n) == pytest.approx(0.8)
    # many seeds: the normal's 1.96 + 0.84 standard errors
    assert statistics.detectable(1.0, 10_000) == pytest.approx(2.8016 / 100, rel=1e-3)
    assert statistics.detectable(0.0, 5) == 0
    assert math.isnan(statistics.detectable(math.nan, 1))


def test_error_rates_are_what_they_say():
    # 1,500 tables of six nulls of 5 seeds each: rates within four Monte-Carlo errors
    rng, repeats = np.random.default_rng(0), 1500
    wrong = covered = single = 0
    for _ in range(repeats):
        found = statistics.effects(rng.normal(0, 3, (6, 5)).tolist())
        wrong += any(one.verdict != "not told from 0" for one in found)
        covered += found[0].low <= 0 <= found[0].high
        single += found[0].p < 0.05
    error = 4 * math.sqrt(0.05 * 0.95 / repeats)
    assert abs(single / repeats - 0.05) < error
    assert abs(covered / repeats - 0.95) < error
    assert 0.02 < wrong / repeats < 0.05 + error  # Holm bounds it for the whole table


def test_the_power_that_is_promised_is_had():
    rng, n, repeats = np.random.default_rng(1), 5, 4000
    mean = statistics.detectable(3.0, n)
    hits = sum(statistics.p_value(rng.normal(mean, 3, n).tolist()) < 0.05 for _ in range(repeats))
    assert abs(hits / repeats - 0.8) < 4 * math.sqrt(0.8 * 0.2 / repeats)


def test_effects_and_what_can_be_said_of_them():
    table = [
        [1.0, 2.0, 3.0],
        [0.0, 0.0, 0.0],
        [5.0, 5.1, 5.2],
        [-9.0, -9.1, -9.2],
        [1.0],
        [2.0, 2.0],
    ]
    found = statistics.effects(table)
    assert [one.verdict for one in found] == [
        *("not told from 0", "exactly 0", "above 0", "below 0", "one seed tells nothing"),
        "above 0",
    ]
    assert [one.n for one in found] == [3, 3, 3, 3, 1, 2]
    assert statistics.tests_in(found) == 4
    # p = 0.0742 of 1, 2, 3 is the largest of four
    assert found[0].p == pytest.approx(0.0742, abs=1e-4) and found[0].adjusted == found[0].p
    assert found[2].adjusted == pytest.approx(2 * found[2].p)
    assert found[1].p == 1 and math.isnan(found[4].adjusted)
