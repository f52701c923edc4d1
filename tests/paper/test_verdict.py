"""The verdict on a difference."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind_from_stats

from wholepool.paper import comparison


@pytest.mark.parametrize("seed", range(40))
def test_verdicts_agree_with_welchs_test(seed):
    rng = np.random.default_rng(seed)
    ours = rng.normal(50, rng.uniform(0.1, 5), rng.integers(2, 7)).tolist()
    mean, std = rng.normal(50, 4), rng.uniform(0.05, 5)
    found = comparison.judge(ours, mean, std, 5)
    p = ttest_ind_from_stats(
        np.mean(ours), np.std(ours, ddof=1), len(ours), mean, std, 5, equal_var=False
    ).pvalue
    expected = "within" if p >= 0.05 else "above" if np.mean(ours) > mean else "below"
    assert found.verdict == expected
    assert found.difference == pytest.approx(np.mean(ours) - mean)
    error = math.sqrt(np.var(ours, ddof=1) / len(ours) + std**2 / 5)
    assert found.standard_error == pytest.approx(error)
    assert found.deviation_used == "both"


def test_the_edge_is_within_and_a_hair_beyond_is_not():
    # t(0.975; 8) = 2.306004135..., both deviations sqrt(2.5): s.e. = 1, 8 degrees of freedom
    ours = [48.0, 49.0, 50.0, 51.0, 52.0]
    for offset, verdicts in ((2.30600, ("within", "within")), (2.30601, ("above", "below"))):
        for sign, verdict in zip((1, -1), verdicts, strict=True):
            found = comparison.judge(ours, 50 - sign * offset, math.sqrt(2.5), 5)
            assert found.verdict == verdict
            assert found.standard_error == pytest.approx(1)
            assert found.degrees_of_freedom == pytest.approx(8)


def test_one_seed_takes_the_papers_deviation_for_both():
    found = comparison.judge([52.0], 50.0, 2.0, 5)
    assert found.standard_error == pytest.approx(2 * math.sqrt(1 + 1 / 5))
    assert found.degrees_of_freedom == 4
    assert found.verdict == "within" and "one seed" in found.deviation_used
    assert comparison.judge([60.0], 50.0, 2.0, 5).verdict == "above"


def test_without_a_printed_deviation_ours_stands_alone():
    found = comparison.judge([90.0, 91.0, 92.0], 90.89, math.nan, 5)
    assert found.standard_error == pytest.approx(1 / math.sqrt(3))
    assert found.degrees_of_freedom == 2
    assert found.verdict == "within" and "none printed" in found.deviation_used
    alone = comparison.judge([91.0], 90.89, math.nan, 0)
    assert alone.verdict == "no verdict" and math.isnan(alone.standard_error)


def test_no_spread_at_all_is_judged_by_the_means():
    assert comparison.judge([50.0, 50.0], 50.0, 0.0, 5).verdict == "within"
    assert comparison.judge([50.0, 50.0], 50.1, 0.0, 5).verdict == "below"
