"""What strategies acquire: how much their choices overlap, and how balanced the classes are.

A choice is the images that a trajectory acquired after its initial set, up to its last cycle. The
Jaccard index of two sets is |A and B| / |A or B|.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.statistics.trajectories import Curve, curves

if TYPE_CHECKING:
    import pandas as pd

OVERLAP_COLUMNS = ("experiment", "method", "first", "second", "jaccard", "by_chance", "n_seeds")


@dataclass(frozen=True)
class Acquired:
    """A trajectory's labeled set: int64 (m,) indices, and by which cycle training first had each.

    `pool` is the number of images there are to choose from, the initial ones included.
    """

    index: np.ndarray
    cycle: np.ndarray
    pool: int

    def until(self, cycle: int) -> tuple[np.ndarray, np.ndarray]:
        """The initial images, and those acquired up to a cycle."""
        later = (self.cycle > 0) & (self.cycle <= cycle)
        return self.index[self.cycle == 0], self.index[later]

    @property
    def last(self) -> int:
        return int(self.cycle.max(initial=0))


#: the trajectories of a grid: by curve, then by seed
Sets = Mapping[Curve, Mapping[int, Acquired]]


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Of two sets of indices, each without doubles; NaN if both are empty."""
    both = len(np.intersect1d(first, second, assume_unique=True))
    either = len(first) + len(second) - both
    return both / either if either else math.nan


@functools.cache
def chance(pool: int, initial: tuple[int, int, int], sizes: tuple[int, int]) -> float:
    """The Jaccard index that two random choices from a pool have on average, exactly.

    `initial` are the sizes of the two initial sets and of what is in both; a choice of so many
    images (`sizes`) is uniform among those outside its own initial set, and independent of the
    other. The first then has X images outside the second's initial set, X hypergeometric; given X,
    the images in common are hypergeometric too. Summed over both.
    """
    from scipy.stats import hypergeom

    own, others, shared = initial
    m, k = sizes
    if m + k == 0:
        return math.nan
    barred = others - shared  # in the second's initial set, but not in the first's
    found = 0.0
    for hit in range(min(barred, m) + 1):
        weight = float(hypergeom.pmf(hit, pool - own, barred, m))
        if weight:
            common = np.arange(min(m - hit, k) + 1)
            law = hypergeom.pmf(common, pool - others, m - hit, k)
            found += weight * float((law * common / (m + k - common)).sum())
    return found


def pair(first: Acquired, second: Acquired) -> tuple[float, float]:
    """The overlap of two choices and that of two random ones, up to the last cycle of both."""
    end = min(first.last, second.last)
    (start, one), (other_start, other) = first.until(end), second.until(end)
    shared = len(np.intersect1d(start, other_start, assume_unique=True))
    known = len(start), len(other_start), shared
    return jaccard(one, other), chance(first.pool, known, (len(one), len(other)))


def between_seeds(seeds: Mapping[int, Acquired]) -> tuple[float, float]:
    """The mean of `pair` over all pairs of a curve's seeds; NaN for one seed."""
    return _means([pair(*two) for two in itertools.combinations(seeds.values(), 2)])


def overlaps(sets: Sets, grid: Mapping[str, Any]) -> pd.DataFrame:
    """OVERLAP_COLUMNS: each two strategies of an experiment's method, once, in the plan's order.

    The mean over the seeds that both have, of choices from the same initial set.
    """
    import pandas as pd

    rows = []
    for first, second in _pairs(grid):
        one, other = sets.get(first, {}), sets.get(second, {})
        seeds = [seed for seed in one if seed in other]
        if seeds:
            means = _means([pair(one[seed], other[seed]) for seed in seeds])
            rows.append((*first, second.strategy, *means, len(seeds)))
    return pd.DataFrame(rows, columns=list(OVERLAP_COLUMNS))


def _pairs(grid: Mapping[str, Any]) -> Iterator[tuple[Curve, Curve]]:
    for _, own in itertools.groupby(curves(grid), key=lambda curve: curve[:2]):
        yield from itertools.combinations(own, 2)


def with_others(table: pd.DataFrame, curve: Curve) -> float:
    """The mean overlap of a strategy with each other one, from `overlaps`; NaN without another."""
    own = table[(table["experiment"] == curve.experiment) & (table["method"] == curve.method)]
    own = own[(own["first"] == curve.strategy) | (own["second"] == curve.strategy)]
    return float(own["jaccard"].mean())


def balance(counts: np.ndarray) -> float:
    """The entropy of a choice's classes, as a share of log c: 1 is balanced, 0 is one class.

    `counts` int (c,): acquired images of each class. NaN without any; 1 if there is one class.
    """
    from scipy.stats import entropy

    if counts.sum() == 0:
        return math.nan
    return float(entropy(counts) / np.log(len(counts))) if len(counts) > 1 else 1.0


def balances(runs: pd.DataFrame, grid: Mapping[str, Any]) -> dict[Curve, list[float]]:
    """`balance` of what each seed of a curve has acquired at its last cycle, by runs.csv.

    Of `labels_per_class` there (text: whole numbers), less those of the initial set. Left out are
    dropped seeds, and runs that do not tell.
    """
    from wholepool.grid.cells import INITIAL

    if "labels_per_class" not in runs:
        return {}
    known = runs[runs["labels_per_class"].notna() & (runs["labels_per_class"] != "")]
    known = known[~known["seed"].isin(grid.get("drop_seeds", ()))]
    # of each trajectory the last cycle; of the initial cells the only one
    last = known.sort_values("cycle", kind="stable")
    last = last.drop_duplicates(["experiment", "method", "strategy", "seed"], keep="last")
    keys = zip(last["experiment"], last["method"], last["strategy"], last["seed"], strict=True)
    counts = {
        key: np.array(text.split(), dtype=np.int64)
        for key, text in zip(keys, last["labels_per_class"], strict=True)
    }
    found: dict[Curve, list[float]] = {}
    for curve in curves(grid):
        for seed in grid["experiments"][curve.experiment]["seeds"]:
            own, start = counts.get((*curve, seed)), counts.get((*curve[:2], INITIAL, seed))
            if own is not None and start is not None:
                found.setdefault(curve, []).append(balance(own - start))
    return found


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    if not pairs:
        return math.nan, math.nan
    first, second = np.array(pairs).mean(axis=0)
    return float(first), float(second)
