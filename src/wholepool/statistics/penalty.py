"""Which strategy beats which, and how often: the pairwise penalty matrix, paired by seed.

Ash et al. 2020 (BADGE, section 4): strategy i beats strategy j at a checkpoint where a two-sided
paired t test of their accuracies has p < .05 and the mean of i is higher. Their script pairs runs
by row order, here a seed is a pair. Their entries add 1 / (checkpoints of a curve), here an entry
is the share of all checkpoints, so that experiments of many cycles do not leave [0, 1].
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.statistics.effects import LEVEL, holm
from wholepool.statistics.trajectories import curves, matrix, together

if TYPE_CHECKING:
    import pandas as pd

    Floats = np.ndarray[Any, np.dtype[np.float64]]

#: the matrix over the checkpoints of all methods
EVERY = "all"
#: differences closer than this, in points, are the same
ALIKE = 1e-9
CHECKPOINTS = ("experiment", "method", "first", "second", "cycle", "n_seeds", "difference", "p")
COLUMNS = (
    *("method", "row", "column", "checkpoints", "better", "share"),
    *("better_holm", "share_holm", "least_seeds"),
)


def paired_p(differences: Floats) -> Floats:
    """[seeds, checkpoints] float64 of paired differences → two-sided p of the t test, each column.

    As `wholepool.statistics.effects.p_value`, but NaN where all are alike: that is no test (see
    `wholepool.statistics.comparisons.same`). At least two rows.
    """
    from scipy.stats import ttest_1samp

    with warnings.catch_warnings():  # SciPy warns of differences that are alike
        warnings.simplefilter("ignore", RuntimeWarning)
        p = np.asarray(ttest_1samp(differences, 0.0, axis=0).pvalue)
    # what is alike may differ by a rounding, which a t test takes for a spread
    return np.where(np.ptp(differences, axis=0) < ALIKE, np.nan, p)


def checkpoints(
    table: pd.DataFrame, grid: Mapping[str, Any], partial: bool = False
) -> pd.DataFrame:
    """CHECKPOINTS of `trajectories`: a row for each pair of strategies, experiment and cycle >= 1.

    `difference` is the mean accuracy of first minus second in points, over the `n_seeds` >= 2 that
    both have. Cycle 0 is the same for all strategies. A strategy without any run after it is left
    out; raises UserError as `together` does.
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    after = table[table["cycle"] >= 1]
    found = {curve: matrix(after, curve) for curve in curves(grid)}
    run = [curve for curve, values in found.items() if len(values)]
    for first, second in combinations(run, 2):
        if first[:2] != second[:2]:
            continue
        one, other = together(found[first], found[second], (first, second), partial)
        if len(one) < 2:
            continue
        differences = one.to_numpy() - other.to_numpy()
        measured = zip(one.columns, differences.mean(axis=0), paired_p(differences), strict=True)
        names = (*first, second.strategy)
        rows += [(*names, cycle, len(one), mean, p) for cycle, mean, p in measured]
    return pd.DataFrame(rows, columns=list(CHECKPOINTS))


def penalty(tests: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS, from `checkpoints`: for each method, then over all, each ordered pair.

    `better` counts the checkpoints at which the row's accuracy is above the column's with p < .05,
    `share` is that divided by `checkpoints`; the same with Holm's correction (1979) over all tests
    of the matrix, pairs and checkpoints together. Checkpoints at which two strategies have the same
    difference with every seed count, but are no test. `least_seeds`: the fewest of a checkpoint.
    """
    import pandas as pd

    parts = [pd.DataFrame(columns=list(COLUMNS))]
    for method in [*tests["method"].unique(), EVERY] if len(tests) else []:
        own = tests if method == EVERY else tests[tests["method"] == method]
        counts = _counts(own.assign(holm=_holm(own["p"])))
        shares = {
            "share": counts["better"] / counts["checkpoints"],
            "share_holm": counts["better_holm"] / counts["checkpoints"],
        }
        parts.append(counts.assign(method=method, **shares)[list(COLUMNS)])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _counts(own: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS without the shares, of one matrix: each pair both ways round."""
    import pandas as pd

    turned = own.rename(columns={"first": "second", "second": "first"})
    both = pd.concat([own, turned.assign(difference=-own["difference"])])
    above = both["difference"] > 0
    both = both.assign(
        better=above & (both["p"] < LEVEL), better_holm=above & (both["holm"] < LEVEL)
    )
    counts = both.groupby(["first", "second"]).agg(
        checkpoints=("p", "size"),
        better=("better", "sum"),
        better_holm=("better_holm", "sum"),
        least_seeds=("n_seeds", "min"),
    )
    names = list(dict.fromkeys([*own["first"], *own["second"]]))
    known = [pair for pair in permutations(names, 2) if pair in counts.index]
    return counts.loc[known].reset_index(names=["row", "column"])


def _holm(p: pd.Series) -> pd.Series:
    """The adjusted p values of those that are tests; NaN stays."""
    adjusted = p.copy()
    tested = p.notna()
    adjusted[tested] = holm(p[tested].tolist())
    return adjusted
