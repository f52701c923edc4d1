"""The paired differences over all experiments together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from wholepool.job.files import write_text
from wholepool.report import forest, fragment, style
from wholepool.report.accuracy import to_csv
from wholepool.report.effects import signed
from wholepool.report.names import method_name
from wholepool.report.pairs import against, largest, nothing, reach, side, versus, within
from wholepool.report.results import Grid, Results
from wholepool.report.saying import saying
from wholepool.statistics.pooled import KEYS, pooled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Differences over all experiments"
PLACE = 42
STAGE = "statistics"
FILES = (
    "tables/pooled.csv",
    "figures/pooled.png",
    "figures/pooled.svg",
    "figures/pooled.pdf",
)
#: rows of the table in the report
SHOWN = 12
_CAPTION = (
    "Left: differences of the area under the budget curve, in points; a small point is an "
    "experiment, a large one their mean with its 95 % interval over seeds, filled where this "
    "leaves out 0. Right: the share of seeds in which the first named is above, with its 95 % "
    "interval, filled where this leaves out one half. In brackets the number of experiments. "
    "Intervals are not corrected for their number."
)


def make(results: Results) -> None:
    """Write the table and the figure."""
    seeds = results.differences
    table = pooled(seeds)
    write_text(results.folder / FILES[0], to_csv(table))
    drawn = figure(table, seeds, results.grid) if len(table) else saying(nothing(results))
    style.save(drawn, results.folder / "figures/pooled")


def figure(table: pd.DataFrame, seeds: pd.DataFrame, grid: Grid) -> Figure:
    """Two panels with a row for each comparison: the difference, and the share above."""
    areas = seeds[seeds["measure"] == "aubc"]
    means = areas.groupby([*KEYS, "experiment"], sort=False)["difference"].mean()
    points: dict[tuple[str, ...], list[float]] = {}
    for key, value in means.items():
        points.setdefault(key[:-1], []).append(value)
    looks = style.looks(grid)
    left: list[forest.Row | str] = []
    right: list[forest.Row | str] = []
    heading = ""
    for row in table.itertuples():
        if _heading(row) != heading:
            heading = _heading(row)
            left.append(heading)
            right.append(heading)
        label, look = f"{side(row.strategy)} ({row.experiments})", looks[row.strategy]
        own = points[tuple(getattr(row, name) for name in KEYS)]
        mean = (row.difference, row.low, row.high)
        share = (row.probability_of_improvement, row.poi_low, row.poi_high)
        left.append(forest.Row(label, own, *mean, look, _apart(*mean[1:], 0.0)))
        right.append(forest.Row(label, [], *share, look, _apart(*share[1:], 0.5)))
    parts = (
        forest.Panel("Difference", left, "points"),
        forest.Panel("Improvement", right, "share of seeds", 0.5),
    )
    return forest.panels(parts, together=True)


def _heading(row: Any) -> str:
    if row.kind == "strategy":
        return f"Strategies − {against(row)}, {method_name(row.method)}"
    return f"{versus(row)}, by strategy"


def _apart(low: float, high: float, level: float) -> bool:
    return not math.isnan(low) and not low <= level <= high


def show(results: Results) -> str:
    """The figure, what stands over several experiments, and a short table."""
    import pandas as pd

    table = results.table("pooled")
    if table.empty:
        return fragment.paragraph(nothing(results))
    many = table[table["experiments"] > 1]
    told = many[(many["low"] > 0) | (many["high"] < 0)]
    if many.empty:
        text = (
            "No comparison was run in more than one experiment: these are the differences of "
            "single experiments, and nothing is pooled."
        )
    else:
        most = largest(many)
        text = (
            f"{len(many)} of {len(table)} comparisons were run in several experiments; the "
            f"intervals of {len(told)} leave out 0 (without correction). The largest is "
            f"{versus(most)}, {within(most)}: {signed(most.difference)} points "
            f"({reach(most.low, most.high)}) over {most.experiments} experiments, above in "
            f"{100 * most.probability_of_improvement:.0f} % of seeds."
        )
    shown = many if len(many) else table
    order = shown["difference"].abs().sort_values(ascending=False, kind="stable").index[:SHOWN]
    rows = [
        (
            *(versus(row), within(row), row.experiments, row.n_seeds),
            *(signed(row.difference), reach(row.low, row.high)),
            *(signed(row.iqm), reach(row.iqm_low, row.iqm_high)),
            f"{row.probability_of_improvement:.2f} ({row.poi_low:.2f} to {row.poi_high:.2f})",
        )
        for row in shown.loc[order].itertuples()
    ]
    head = (
        *("comparison", "within", "experiments", "seeds", "difference", "95 % interval"),
        *("interquartile mean", "its interval", "share above"),
    )
    note = (
        "All are in tables/pooled.csv. Experiments weigh the same (in the interquartile mean, each "
        "seed does) and are taken as they are: nothing is said of another data set. The largest of "
        "many differences is largest by chance too: expect less of it in new runs. The bootstrap "
        "interval of the interquartile mean is "
        "too narrow with few seeds: it holds in 90 % of cases at 5 seeds, in 93 % at 10. Where "
        "experiments share their draws, as those of one data set may, it and the interval of the "
        "share are narrower than they should be; that of the difference is not. There is "
        "no interval where an experiment has one seed, or the same difference at every seed, which "
        "counts as one."
    )
    return "".join(
        (
            fragment.figure(results, "figures/pooled.svg", _CAPTION),
            fragment.paragraph(text),
            fragment.table(pd.DataFrame(rows, columns=list(head)), "The largest differences"),
            fragment.note(note),
        )
    )
