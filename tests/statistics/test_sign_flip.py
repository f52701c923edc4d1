"""The sign-flip test against enumeration by hand, and its error rate."""

import itertools
import math

import numpy as np
import pytest

from wholepool.statistics import sign_flip


def enumerated(values):
    """The share of all patterns of signs with a sum at least as far from 0."""
    observed = abs(math.fsum(values))
    patterns = list(itertools.product((1, -1), repeat=len(values)))
    sums = [abs(math.fsum(s * v for s, v in zip(p, values, strict=True))) for p in patterns]
    return sum(total >= observed - 1e-9 for total in sums) / len(patterns)


def test_every_row_is_enumerated_by_hand():
    rng = np.random.default_rng(0)
    table = [rng.normal(rng.normal(), 2, n).tolist() for n in (2, 3, 3, 5, 8, 10, 12)]
    # whole numbers tie, and 0 has no sign
    table += [rng.integers(-2, 4, n).astype(float).tolist() for n in (4, 6, 9)]
    table += [[0.0, 0.0, 1.0], [1.0, -1.0]]
    # 1/3 + 1/3 ties with 2/3, also of numbers that are rounded as differences of areas are
    table += [[0.333333333, 0.333333333, -0.666666667, 0.333333333]]
    for values, p in zip(table, sign_flip.p_values(table), strict=True):
        assert p == pytest.approx(enumerated(values), abs=1e-12)


def test_what_changes_no_p():
    rng = np.random.default_rng(1)
    table = rng.normal(0.5, 1, (6, 7)).tolist() + rng.normal(0.5, 1, (2, 14)).tolist()
    whole = sign_flip.p_values(table)
    assert [sign_flip.p_values([values])[0] for values in table] == whole  # the other rows
    assert sign_flip.p_values([[-v for v in values] for values in table]) == pytest.approx(
        whole,
        abs=0.01,  # drawn patterns of the one tail are those of the other
    )
    small = table[:6]
    assert sign_flip.p_values([[3 * v for v in values[::-1]] for values in small]) == whole[:6]


def test_one_seed_has_none():
    assert math.isnan(sign_flip.p_values([[3.0]])[0]) and math.isnan(sign_flip.least(1))
    assert sign_flip.p_values([]) == []


def test_the_smallest_p_is_that_of_differences_of_one_sign():
    for n in (2, 3, 5, 10, 12, 13, 20):
        (found,) = sign_flip.p_values([np.arange(1.0, n + 1).tolist()])
        if n <= sign_flip.EXACT:
            assert found == sign_flip.least(n) == 2 / 2**n
        else:  # the pattern itself may be among the draws
            assert sign_flip.least(n) <= found <= 6 * sign_flip.least(n)
    assert sign_flip.least(3) == 0.25 and sign_flip.least(5) == 0.0625


def test_seeds_that_are_needed():
    assert [sign_flip.least_seeds(tests) for tests in (1, 12, 49)] == [6, 9, 11]
    for tests in range(1, 103):
        n = sign_flip.least_seeds(tests)
        assert 2 / 2**n * tests <= 0.05 < 2 / 2 ** (n - 1) * tests
    assert sign_flip.least_seeds(250) == 13 and sign_flip.least_seeds(251) is None
    with pytest.raises(ValueError, match="0 tests"):
        sign_flip.least_seeds(0)


def test_drawn_patterns_are_near_all_of_them():
    rng = np.random.default_rng(2)
    table = rng.normal(0.4, 1, (5, 14))
    signs = 1 - 2 * ((np.arange(2**14)[:, None] >> np.arange(14)) & 1)
    for values, p in zip(table, sign_flip.p_values(table.tolist()), strict=True):
        exact = np.mean(np.abs(signs @ values) >= abs(values.sum()) - 1e-12)
        assert p == pytest.approx(exact, abs=4 * math.sqrt(2 * exact / sign_flip.DRAWS))


@pytest.mark.parametrize("spread", ["normal", "laplace"])
def test_size_is_exact_at_every_level_it_can_take(spread):
    repeats = 8000
    values = getattr(np.random.default_rng(3), spread)(0, 2, (repeats, 6))
    ps = np.array(sign_flip.p_values(values.tolist()))
    for level in (2 / 64, 4 / 64, 8 / 64, 0.5):
        error = 4 * math.sqrt(level * (1 - level) / repeats)
        assert np.mean(ps <= level) == pytest.approx(level, abs=error)
    assert np.mean(ps <= 0.05) < 0.05  # that of 2 / 64


def test_a_planted_effect_is_found_from_six_seeds_on():
    rng = np.random.default_rng(4)
    found = {}
    for n in (5, 6, 10):
        ps = sign_flip.p_values(rng.normal(3, 1, (200, n)).tolist())
        found[n] = np.mean(np.array(ps) <= 0.05)
    assert found[5] == 0 and found[6] > 0.9 and found[10] > 0.99
