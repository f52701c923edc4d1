"""The exact sign-flip test: that a mean of paired differences is 0, without a normal distribution.

If both sides are alike, each difference is as likely with the other sign (Fisher 1935, The Design
of Experiments, section 21): p is the share of all 2^n patterns of signs whose mean is at least as
far from 0. With few seeds it cannot be small: 2 / 2^n at the least.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wholepool.statistics.effects import LEVEL

#: up to so many seeds all 2^n patterns are tried: 500 tests of 12 seeds take 0.5 s
EXACT = 12
#: beyond, so many patterns are drawn
DRAWS = 9_999
#: means that agree in so many decimals are a tie: differences of areas are rounded themselves
DECIMALS = 6


def p_values(table: Sequence[Sequence[float]]) -> list[float]:
    """The two-sided p of each row of differences, which may have different numbers of seeds.

    NaN for one seed. Every row's p is the same whatever the others are: the drawn patterns are
    those of its number of seeds.
    """
    from scipy.stats import permutation_test

    found = [np.nan] * len(table)
    for n in sorted({len(values) for values in table if len(values) > 1}):
        of_n = [k for k, values in enumerate(table) if len(values) == n]
        result = permutation_test(
            (np.array([table[k] for k in of_n], float),),
            _mean,
            permutation_type="samples",
            n_resamples=np.inf if n <= EXACT else DRAWS,
            batch=256,  # bounds the memory: patterns at a time
            axis=-1,
            rng=np.random.default_rng(0),
        )
        for k, p in zip(of_n, result.pvalue.tolist(), strict=True):
            found[k] = p
    return found


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    return np.round(values.mean(axis=axis), DECIMALS)


def least(n: int) -> float:
    """The smallest p that n seeds can have: 2 / 2^n, or that of the draws; NaN for one seed."""
    if n < 2:
        return np.nan
    return 2 / 2**n if n <= EXACT else 2 / (DRAWS + 1)


def least_seeds(tests: int) -> int | None:
    """The least number of seeds of which this test can find anything, after Holm over `tests`.

    The smallest n with least(n) * tests <= 5 %: 6 for one test, 9 for 12. None where not even
    the draws get there (more than 250 tests). Raises ValueError for fewer than one test.
    """
    if tests < 1:
        raise ValueError(f"A correction over {tests} tests is not defined: give at least one.")
    enough = (n for n in range(2, EXACT + 2) if least(n) * tests <= LEVEL)
    return next(enough, None)
