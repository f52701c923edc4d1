import math
import random

import pytest

from wholepool.report import statistics


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
