"""Claims over several experiments, from the paired differences of each.

After Agarwal et al. 2021 (NeurIPS, "Deep reinforcement learning at the edge of the statistical
precipice"): the interquartile mean and the probability of improvement, here of differences paired
by seed. Experiments are taken as they are, and only seeds are drawn: nothing is said of another
data set.

The intervals are those that held in a simulation (normal seeds, 2,000 repeats; share of intervals
that held the truth, at 5 and 10 seeds a stratum, of 1, 3 and 8 strata of unequal means and
spreads):
    mean: Student, stratified      .955 .952   .956 .953   .948 .962
    mean: bootstrap, percentile    .845 .905   .884 .917   .889 .939
    mean: bootstrap, BCa           .843 .902   .886 .915   .888 .936
    iqm: bootstrap, percentile     .901 .938   .891 .928   .903 .933
    iqm: bootstrap, BCa            .898 .936   .896 .928   .906 .928
    improvement: bootstrap         .820 .870   .878 .919   .903 .933
    improvement: Clopper-Pearson   .998 .968   .990 .978   .986 .981

Experiments of one data set share the draws of a seed, so that their differences may go together.
At a correlation of .3, which evidence/modern_cpu has between some, intervals of 3 and of 8 strata
of 10 seeds held
    mean: Student, by seed         .95 .95   (the means over the experiments, a value a seed)
    mean: Student, stratified      .88 .74
    iqm: bootstrap, percentile     .88 .74
    improvement: Clopper-Pearson   .92 .84
and Student's by seed holds .95 of independent ones too. So it is taken for the mean (the stratified
one where experiments have different seeds), Clopper and Pearson's for the improvement, and the
percentile bootstrap for the interquartile mean, for which there is no closed form: these two are
too narrow by what stands here, the bootstrap most with few seeds (3 of one experiment: .737).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.statistics.comparisons import same
from wholepool.statistics.effects import LEVEL

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("kind", "method", "strategy", "against")
COLUMNS = (
    *(*KEYS, "experiments", "n_seeds"),
    *("difference", "low", "high", "iqm", "iqm_low", "iqm_high"),
    *("probability_of_improvement", "poi_low", "poi_high"),
)
RESAMPLES = 2000
#: what the interquartile mean leaves out at each end
CUT = 0.25
_NO_INTERVAL = (math.nan, math.nan)


def pooled(differences: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS, a row for each comparison, in the order of the plan; differences in points.

    `differences` is of `comparisons.differences`; the areas are taken, an experiment a stratum.
    n_seeds is summed; an experiment whose difference is the same at every seed counts as one seed.
    low and high are Student's by seed where all experiments have the same seeds, else `student`'s.
    """
    import pandas as pd

    areas = differences[differences["measure"] == "aubc"]
    # a kind's methods stand together, also where an experiment has a strategy that others lack
    order = areas.groupby(["kind", "method", "against"], sort=False).ngroup()
    areas = areas.loc[order.sort_values(kind="stable").index]
    rows: list[tuple[Any, ...]] = []
    for names, part in areas.groupby(list(KEYS), sort=False):
        own = part.groupby("experiment", sort=False)["difference"]
        strata = [_observed(values.to_numpy()) for _, values in own]
        wide = part.pivot(index="seed", columns="experiment", values="difference")
        crossed = wide.notna().all(axis=None) and wide.size == sum(map(len, strata))
        center = student([wide.mean(axis=1).to_numpy()] if crossed else strata)
        shares = improvement(strata)
        rows.append((*names, len(strata), sum(map(len, strata)), *center, *middle(strata), *shares))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _observed(values: np.ndarray) -> np.ndarray:
    return values[:1] if same(values.tolist()) else values


def student(strata: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """The mean over strata of their means, and its 95 % interval by Student's distribution.

    Each stratum (n_k,) weighs the same: the variance is the sum of s_k^2 / n_k over the squared
    number of strata, the degrees of freedom are Welch's and Satterthwaite's (1946, Biometrics 2).
    One stratum gives Student's plain interval; no interval where a stratum has one seed.
    """
    from scipy.stats import t

    center = float(np.mean([values.mean() for values in strata]))
    if min(map(len, strata)) < 2:
        return (center, *_NO_INTERVAL)
    parts = np.array([values.var(ddof=1) / len(values) for values in strata])
    if not parts.any():
        return center, center, center
    freedom = parts.sum() ** 2 / sum(parts**2 / [len(values) - 1 for values in strata])
    reach = float(t.ppf(1 - LEVEL / 2, freedom) * math.sqrt(parts.sum()) / len(strata))
    return center, center - reach, center + reach


def middle(strata: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """The interquartile mean of all seeds of all strata, and its bootstrap interval.

    The mean without the lowest and the highest quarter, each rounded down to whole seeds. The
    interval is the percentile one of RESAMPLES resamples of the seeds within each stratum, from a
    fixed seed; none where a stratum has one seed.
    """
    from scipy.stats import bootstrap

    center = float(interquartile_mean(*strata))
    if min(map(len, strata)) < 2:
        return (center, *_NO_INTERVAL)
    found = bootstrap(
        strata,
        interquartile_mean,
        n_resamples=RESAMPLES,
        confidence_level=1 - LEVEL,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return center, float(found.low), float(found.high)


def interquartile_mean(*strata: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean of the middle half of all strata together."""
    from scipy.stats import trim_mean

    middles: np.ndarray = trim_mean(np.concatenate(strata, axis=axis), CUT, axis=axis)
    return middles


def improvement(strata: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """The share of seeds with a difference above 0 (0 counts half), the mean over the strata.

    With the interval of Clopper and Pearson (1934, Biometrika 26) for that share of all seeds;
    where strata differ, the share varies less than it allows for.
    """
    from statsmodels.stats.proportion import proportion_confint

    shares = [np.mean(values > 0) + np.mean(values == 0) / 2 for values in strata]
    share, seeds = float(np.mean(shares)), sum(map(len, strata))
    # share * seeds may be above seeds by a rounding
    low, high = proportion_confint(min(share * seeds, seeds), seeds, alpha=LEVEL, method="beta")
    return share, float(low), float(high)
