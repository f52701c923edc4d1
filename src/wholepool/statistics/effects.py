"""What the tables say about several seeds: means and their spread, and effects with their tests.

The paper reports "average accuracy and standard deviation" over five initial labeled sets
(section VI-A) and does not say which deviation; here it is the sample one, with n - 1.
Sums are exact (math.fsum), so the order of the seeds does not matter.
"""

import bisect
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

#: of every test, and of what the intervals leave out
LEVEL = 0.05
#: how often an effect of the size that is called detectable is found
POWER = 0.8
#: more seeds than this are not asked for
MANY = 1000


def mean(values: Sequence[float]) -> float:
    """The mean of at least one finite number, in their unit.

    Raises ValueError for no number at all, and for one that is NaN or infinite: an average must
    not swallow a failed run.
    """
    if len(values) == 0:
        raise ValueError("The mean of no values is not defined: give at least one number.")
    for position, value in enumerate(values):
        if not math.isfinite(value):
            raise ValueError(f"Value {position} of {len(values)} is {value}, not a finite number.")
    return math.fsum(values) / len(values)


def sample_std(values: Sequence[float]) -> float:
    """The sample standard deviation (divisor n - 1); NaN for one number. Raises as `mean` does."""
    center = mean(values)
    if len(values) < 2:
        return math.nan
    return math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1))


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean, `sample_std` / sqrt(n); NaN for one number."""
    return sample_std(values) / math.sqrt(len(values))


@dataclass(frozen=True)
class Effect:
    """Paired differences, a seed each, in one table of several: all in the differences' unit.

    `low` and `high` are Student's 95 % interval of the mean (n - 1 degrees of freedom), `p` that of
    the two-sided t test that it is 0, `adjusted` the same after Holm's correction over the table.
    `detectable` is the smallest true mean that n seeds of this spread find at the 5 % level with
    80 % power, without correction. NaN where one seed tells nothing.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float
    adjusted: float
    detectable: float

    @property
    def verdict(self) -> str:
        """What can be said at the 5 % level, after correction, in words."""
        if math.isnan(self.p):
            return "one seed tells nothing"
        if self.low == self.high == 0:
            return "exactly 0"
        if self.adjusted >= LEVEL:
            return "not told from 0"
        return "above 0" if self.mean > 0 else "below 0"


def effects(table: Sequence[Sequence[float]]) -> list[Effect]:
    """The effects of one table: differences by seed, for each. Raises ValueError as `mean` does.

    What is exactly 0 for every seed is no test, and is not counted in the correction; nor is one
    seed.
    """
    ps = [p_value(values) for values in table]
    tested = [k for k, values in enumerate(table) if not math.isnan(ps[k]) and any(values)]
    adjusted = list(ps)
    for k, value in zip(tested, holm([ps[k] for k in tested]), strict=True):
        adjusted[k] = value
    return [
        Effect(
            *(len(values), mean(values), *interval(values), ps[k], adjusted[k]),
            detectable(sample_std(values), len(values)),
        )
        for k, values in enumerate(table)
    ]


def tests_in(table: Sequence[Effect]) -> int:
    """Over how many tests `effects` corrected."""
    return sum(not math.isnan(one.p) and one.verdict != "exactly 0" for one in table)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's two-sided 95 % interval of the mean; NaN for one number."""
    center, n = mean(values), len(values)
    if n < 2:
        return math.nan, math.nan
    reach = _edge(n) * standard_error(values)
    return center - reach, center + reach


def p_value(values: Sequence[float]) -> float:
    """Of the two-sided t test that the mean is 0; NaN for one number.

    Equal numbers have no spread: 1 if they are 0, else 0.
    """
    from scipy.stats import ttest_1samp  # half a second that tables without tests do not pay

    center, error = mean(values), standard_error(values)
    if math.isnan(error):
        return math.nan
    if error == 0:
        return float(center == 0)
    return float(ttest_1samp(values, 0.0).pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """The p values after Holm's step-down correction, in their order, none above 1 (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests

    if len(ps) == 0:
        return []
    adjusted: list[float] = multipletests(ps, method="holm")[1].tolist()
    return adjusted


def power(shift: float, n: int) -> float:
    """How often a t test of n numbers finds a mean that is `shift` standard deviations from 0.

    Two-sided, at the 5 % level; n is at least 2.
    """
    from scipy.stats import nct  # statsmodels' ttest_power is NaN from shifts of 20 at 3 numbers on

    edge = _edge(n)
    away = abs(shift) * math.sqrt(n)
    # the wrong side: below 1e-8 from 5 on, where SciPy's function may be NaN
    wrong = float(nct.cdf(-edge, n - 1, away)) if away < 5 else 0.0
    return float(nct.sf(edge, n - 1, away)) + wrong


def detectable(std: float, n: int) -> float:
    """The mean that a t test of n numbers of this spread finds with 80 % power; NaN for one."""
    return math.nan if n < 2 or math.isnan(std) else std * _shift(n)


def seeds_for(shift: float, std: float) -> int | None:
    """The least number of seeds of this spread that find a mean of `shift` with 80 % power.

    By the t test at the 5 % level, without correction, from 2 on; None where MANY do not.
    """
    if not std > 0:
        return 2 if std == 0 else None
    found = bisect.bisect_left(range(2, MANY + 1), POWER, key=lambda n: power(shift / std, n)) + 2
    return found if found <= MANY else None


@functools.cache
def _shift(n: int) -> float:
    """Where n numbers have POWER, in standard deviations."""
    from scipy.optimize import brentq

    # 2 numbers need 11.5
    return float(brentq(lambda shift: power(shift, n) - POWER, 0.0, 20.0, xtol=1e-9))


@functools.cache
def _edge(n: int) -> float:
    """Beyond which a t statistic of n numbers is called different from 0."""
    from scipy.stats import t  # half a second that tables without tests do not pay

    return float(t.ppf(1 - LEVEL / 2, n - 1))
