"""Mean ranks of the strategies over experiments, and which of them are told apart.

Demsar 2006 (JMLR 7: Friedman test in section 3.2.2, critical difference of Nemenyi) and Benavoli
et al. 2016 (JMLR 17: Wilcoxon's signed-rank test of each pair, with Holm's correction, in place of
mean ranks). A block is an experiment and a method: seeds of one experiment are no independent
blocks. A strategy's value in a block is the mean over seeds of the area under its curve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.statistics.aubc import area
from wholepool.statistics.effects import LEVEL, holm
from wholepool.statistics.trajectories import Curve, curves, labels, matrix, together

if TYPE_CHECKING:
    import pandas as pd

#: fewer blocks, or fewer strategies, are not tested: 5 blocks can give no p below 2 / 2^5
BLOCKS, STRATEGIES = 5, 3
COLUMNS = ("strategy", "blocks", "mean_rank", "critical_distance", "friedman_p", "cliques")
TESTS = ("first", "second", "blocks", "p", "p_holm", "p_least")
# equal accuracies may give areas that differ in the last bit, which must be a tie
_DECIMALS = 9


def mean_aubc(accuracies: pd.DataFrame, n_labels: Sequence[float]) -> float:
    """The mean over seeds of the area under the curve, in percent (see `statistics.aubc`).

    `accuracies` (seeds, cycles) in percent, `n_labels` (cycles,). NaN for no seed or one cycle.
    """
    if accuracies.empty:
        return math.nan
    return float(area(accuracies.to_numpy(), np.asarray(n_labels)).mean())


def blocks(table: pd.DataFrame, grid: Mapping[str, Any], partial: bool = False) -> pd.DataFrame:
    """`mean_aubc` in percent: rows (experiment, method), columns the strategies that all have.

    Of `trajectories`. A block of fewer than 3 strategies is left out before the common ones are
    looked for. All strategies of a block are compared at the same seeds and cycles: raises
    UserError as `together` does.
    """
    import pandas as pd

    by_block: dict[tuple[str, str], list[Curve]] = {}
    run = {tuple(name) for name in _names(table[table["cycle"] >= 1])}
    for curve in curves(grid):
        if tuple(curve) in run:
            by_block.setdefault(curve[:2], []).append(curve)
    values = {}
    for block, found in by_block.items():
        areas = _areas(table, found, partial) if len(found) >= STRATEGIES else {}
        if len(areas) >= STRATEGIES:
            values[block] = areas
    common = [s for s in _first(values) if all(s in areas for areas in values.values())]
    rows = [[areas[strategy] for strategy in common] for areas in values.values()]
    index = pd.MultiIndex.from_tuples(list(values), names=["experiment", "method"])
    return pd.DataFrame(rows, index=index, columns=common, dtype="float64")


def _names(table: pd.DataFrame) -> list[tuple[Any, ...]]:
    columns = ["experiment", "method", "strategy"]
    return list(table[columns].drop_duplicates().itertuples(index=False))


def _first(values: Mapping[Any, Mapping[str, float]]) -> list[str]:
    return list(next(iter(values.values()), {}))


def _areas(table: pd.DataFrame, found: Sequence[Curve], partial: bool) -> dict[str, float]:
    """Strategy → its `mean_aubc`, over the seeds and cycles that all have."""
    matrices = {curve: matrix(table, curve) for curve in found}
    shared = matrices[found[0]]
    for curve in found[1:]:
        shared, _ = together(shared, matrices[curve], (found[0], curve), partial)
    n_labels = labels(table, found[0].experiment).loc[shared.columns].tolist()
    areas = {
        curve.strategy: mean_aubc(own.loc[shared.index, shared.columns], n_labels)
        for curve, own in matrices.items()
    }
    return {strategy: area for strategy, area in areas.items() if not math.isnan(area)}


def tested(values: pd.DataFrame) -> bool:
    """Whether there are blocks and strategies enough for tests."""
    return values.shape[0] >= BLOCKS and values.shape[1] >= STRATEGIES


def p_least(n_blocks: int) -> float:
    """The smallest p that Wilcoxon's exact two-sided test can give: all signs alike, 2 / 2^n."""
    return 2.0 ** (1 - n_blocks)


def blocks_needed(n_strategies: int) -> int:
    """The fewest blocks with which a pair can have p < .05 after Holm over all pairs."""
    n = 1
    while p_least(n) * math.comb(n_strategies, 2) >= LEVEL:
        n += 1
    return n


def pair_tests(values: pd.DataFrame) -> pd.DataFrame:
    """TESTS of `blocks`: Wilcoxon's signed-rank test of each pair of strategies, two-sided.

    Exact, also with ties (by all sign flips, up to 13 blocks); `p_holm` is after Holm's correction
    over all pairs. p is 1 where two are equal in all blocks. Empty where not `tested`.
    """
    import pandas as pd
    from scipy.stats import wilcoxon

    rows: list[tuple[Any, ...]] = []
    rounded, n = values.round(_DECIMALS), len(values)
    for first, second in combinations(values.columns, 2) if tested(values) else ():
        differences = (rounded[first] - rounded[second]).round(_DECIMALS).to_numpy()
        p = float(wilcoxon(differences).pvalue) if differences.any() else 1.0
        rows.append((first, second, n, p, math.nan, p_least(n)))
    tests = pd.DataFrame(rows, columns=list(TESTS))
    return tests.assign(p_holm=holm(tests["p"].tolist()))


def square(tests: pd.DataFrame, strategies: Sequence[str]) -> pd.DataFrame:
    """The p values after Holm as a symmetric matrix, 1 on the diagonal, in a given order."""
    import pandas as pd

    p = pd.DataFrame(1.0, index=list(strategies), columns=list(strategies))
    for row in tests.itertuples():
        p.loc[row.first, row.second] = p.loc[row.second, row.first] = row.p_holm
    return p


def critical_distance(n_strategies: int, n_blocks: int) -> float:
    """Nemenyi's: mean ranks farther apart than this differ, p < .05 (Demsar 2006, section 3.2.2).

    q sqrt(k (k + 1) / 6 N), q the studentized range of k groups and infinite degrees of freedom,
    at .95, over sqrt 2.
    """
    from scipy.stats import studentized_range

    q = float(studentized_range.ppf(1 - LEVEL, n_strategies, np.inf)) / math.sqrt(2)
    return q * math.sqrt(n_strategies * (n_strategies + 1) / (6 * n_blocks))


def ranks(values: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS, best first: the mean rank over the blocks, 1 the best, ties share their mean.

    `values` is of `blocks`, `tests` of `pair_tests`. Strategies that share a letter of `cliques`
    are not told apart, p_holm >= .05. Where not `tested`, the last three are NaN and "".
    """
    import pandas as pd
    from scikit_posthocs import compact_letter_display
    from scipy.stats import friedmanchisquare

    order = values.round(_DECIMALS).rank(axis=1, ascending=False).mean().sort_values(kind="stable")
    table = pd.DataFrame(
        {"strategy": order.index.astype(str), "blocks": len(values), "mean_rank": order.to_numpy()}
    )
    table = table.assign(critical_distance=math.nan, friedman_p=math.nan, cliques="")
    if tested(values):
        equal = (values.round(_DECIMALS).nunique(axis=1) == 1).all()
        samples = values.round(_DECIMALS).to_numpy().T
        letters = compact_letter_display(square(tests, order.index), LEVEL)
        table["critical_distance"] = critical_distance(len(order), len(values))
        table["friedman_p"] = 1.0 if equal else float(friedmanchisquare(*samples).pvalue)
        table["cliques"] = [text.replace(" ", "") for text in letters]
    return table[list(COLUMNS)]
