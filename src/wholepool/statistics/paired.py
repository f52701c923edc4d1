"""Paired comparisons: intervals, tests with Holm's correction, and what they could have shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wholepool.statistics import effects as statistics
from wholepool.statistics import sign_flip
from wholepool.statistics.comparisons import TEST, same

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *(*TEST, "n_seeds", "difference", "low", "high", "p", "p_holm"),
    *("p_sign_flip", "p_sign_flip_holm", "p_sign_flip_least", "tests", "says"),
    *("detectable", "seeds_for_one_point"),
)
#: said of a difference that is the same at every seed: the seeds are one observation
SAME = "seeds change nothing"


def paired(differences: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS, a row for each test of `comparisons.differences`, in its order; in points.

    A family of Holm's correction is all tests of a kind and measure. low and high are Student's
    95 % interval, p is of the t test, p_sign_flip of `wholepool.statistics.sign_flip`; all p are
    NaN where there is no test: one seed, 0 for every seed, or `comparisons.same`, of which says is
    SAME and which has no interval either. `detectable` is the true mean that
    the t test finds with 80 % power, `seeds_for_one_point` the seeds that it needs for 1 point at
    this spread, both at the 5 % level without correction.
    """
    import pandas as pd

    keys = list(TEST)
    groups = differences.groupby(keys, sort=False, dropna=False)
    found = groups["difference"].agg(list).reset_index()
    rows: dict[Any, tuple[Any, ...]] = {}
    for _, family in found.groupby(["kind", "measure"], sort=False):
        rows |= zip(family.index, _family(family["difference"].tolist()), strict=True)
    names = [name for name in COLUMNS if name not in keys]
    told = pd.DataFrame([rows[k] for k in found.index], columns=names)
    whole = dict.fromkeys(("n_seeds", "tests", "seeds_for_one_point"), "Int64")
    numbers = dict.fromkeys((name for name in names if name not in (*whole, "says")), "float64")
    return pd.concat([found[keys], told.astype(numbers | whole)], axis=1)


def _family(values: Sequence[Sequence[float]]) -> list[tuple[Any, ...]]:
    """What stands behind TEST in COLUMNS, of all tests that are corrected together."""
    tested = [k for k, own in enumerate(values) if len(own) > 1 and len(set(own)) > 1]
    flipped = sign_flip.p_values([values[k] for k in tested])
    flips = dict(zip(tested, zip(flipped, statistics.holm(flipped), strict=True), strict=True))
    student = dict(zip(tested, statistics.effects([values[k] for k in tested]), strict=True))
    rows: list[tuple[Any, ...]] = []
    for k, own in enumerate(values):
        alone = own[:1] if same(own) else own
        one = student[k] if k in student else statistics.effects([alone])[0]
        ps = [math.nan] * 4
        power: tuple[float, int | None] = (math.nan, None)
        if k in student:
            ps = [one.p, one.adjusted, *flips[k]]
            power = (one.detectable, statistics.seeds_for(1.0, statistics.sample_std(own)))
        told = (len(tested), SAME if same(own) else one.verdict, *power)
        rows.append((len(own), one.mean, one.low, one.high, *ps, sign_flip.least(len(own)), *told))
    return rows
