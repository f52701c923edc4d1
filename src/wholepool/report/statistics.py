"""What the tables say about several seeds: mean, sample standard deviation, standard error.

The paper reports "average accuracy and standard deviation" over five initial labeled sets
(section VI-A) and does not say which deviation; here it is the sample one, with n - 1.
Sums are exact (math.fsum), so the order of the seeds does not matter.
"""

import math
from collections.abc import Sequence


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
