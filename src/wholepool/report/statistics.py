"""What the tables say about several seeds: mean, sample standard deviation, standard error.

The paper reports "average accuracy and standard deviation" over five initial labeled sets
(section VI-A) and does not say which deviation; here it is the sample one, with n - 1.
Sums are exact (math.fsum), so a result does not depend on the order of the seeds.
"""

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """The mean of at least one finite number, in the unit of the numbers.

    Raises ValueError for no number at all and for one that is NaN or infinite: an average
    that quietly swallows a failed run is worse than none.
    """
    _check(values)
    return math.fsum(values) / len(values)


def sample_std(values: Sequence[float]) -> float:
    """The sample standard deviation (divisor n - 1), in the unit of the numbers.

    NaN for a single number, which has no spread to speak of. Raises ValueError as `mean` does.
    """
    center = mean(values)
    if len(values) < 2:
        return math.nan
    return math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1))


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean, sample_std / sqrt(n), in the unit of the numbers.

    NaN for a single number. Raises ValueError as `mean` does.
    """
    return sample_std(values) / math.sqrt(len(values))


def _check(values: Sequence[float]) -> None:
    if len(values) == 0:
        raise ValueError("The mean of no values is not defined: give at least one number.")
    for position, value in enumerate(values):
        if not math.isfinite(value):
            raise ValueError(f"Value {position} of {len(values)} is {value}, not a finite number.")
