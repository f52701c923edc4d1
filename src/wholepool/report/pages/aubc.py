"""The area under the budget curve of every curve: one accuracy for all numbers of labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wholepool.job.files import write_text
from wholepool.report import forest, fragment, style
from wholepool.report.accuracy import to_csv
from wholepool.report.effects import level
from wholepool.report.names import (
    experiment_labels,
    method_name,
    methods_in_order,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.pairs import nothing
from wholepool.report.results import Grid, Results
from wholepool.report.saying import saying
from wholepool.report.wording import several
from wholepool.statistics.aubc import curve_table, seed_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Whole curves in one number"
PLACE = 40
STAGE = "statistics"
FILES = (
    "tables/aubc.csv",
    "tables/aubc_seeds.csv",
    "figures/aubc.png",
    "figures/aubc.svg",
    "figures/aubc.pdf",
)
#: rows of the table in the report
SHOWN = 12
#: experiments of which the highest curve is named
LINES = 3


def make(results: Results) -> None:
    """Write both tables and the figure."""
    given = results.trajectories, results.grid, results.partial
    curves, seeds = curve_table(*given), seed_table(*given)
    write_text(results.folder / FILES[0], to_csv(curves))
    write_text(results.folder / FILES[1], to_csv(seeds))
    why = nothing(results, pairs=False)
    drawn = saying(why) if why else figure(seeds, results.grid)
    style.save(drawn, results.folder / "figures/aubc")


def figure(seeds: pd.DataFrame, grid: Grid) -> Figure:
    """A panel for each method: a row for each experiment and strategy, a point for each seed."""
    areas = seeds.dropna(subset="aubc").groupby(["experiment", "method", "strategy"])["aubc"]
    values = {key: part.tolist() for key, part in areas}
    looks, labels = style.looks(grid), experiment_labels(grid)
    methods = [m for m in methods_in_order(grid) if any(key[1] == m for key in values)]
    rows: dict[str, list[forest.Row | str]] = {method: [] for method in methods}
    for experiment in grid["experiments"]:
        own = {key[2] for key in values if key[0] == experiment}
        for method in methods:
            rows[method] += [labels[experiment]] if own else []
            for strategy in strategies_in_order(grid):
                if strategy in own:
                    points = values.get((experiment, method, strategy), [])
                    center = math.fsum(points) / len(points) if points else math.nan
                    look = (looks[strategy][0], "|", 8.0)
                    name = strategy_name(strategy)
                    mean = (center, math.nan, math.nan)
                    rows[method].append(forest.Row(name, points, *mean, look))
    parts = [forest.Panel(method_name(m), rows[m], "AUBC (%)", None) for m in methods]
    return forest.panels(parts, together=True)


def show(results: Results) -> str:
    """The figure, the highest of each experiment, and a short table."""
    if why := nothing(results, pairs=False):
        return fragment.paragraph(why)
    table = results.table("aubc")
    known = table.dropna(subset="aubc")
    labels = experiment_labels(results.grid)
    lines = []
    for experiment, part in known.groupby("experiment", sort=False):
        best = part.loc[part["aubc"].idxmax()]
        lines.append(
            f"{labels[experiment]}: highest is {strategy_name(best['strategy'])}, "
            f"{method_name(best['method'])}, with {best['aubc']:.1f} % over "
            f"{best['first_labels']:.0f} to {best['last_labels']:.0f} labels."
        )
    more = [f"Of {len(lines) - LINES} more: see the table."] if len(lines) > LINES else []
    seeds = results.table("aubc_seeds")
    values = {k: v.tolist() for k, v in seeds.groupby(list(seeds.columns[:3]))["aubc"]}
    top = known.sort_values("aubc", ascending=False, kind="stable").head(SHOWN)
    keys = list(zip(top["experiment"], top["method"], top["strategy"], strict=True))
    short = {
        "experiment": [labels[key[0]] for key in keys],
        "method": [method_name(key[1]) for key in keys],
        "strategy": [strategy_name(key[2]) for key in keys],
        "cycles": [f"{a}–{b}" for a, b in zip(top["first_cycle"], top["last_cycle"], strict=True)],
        "seeds": top["n_seeds"].tolist(),
        "AUBC, % (sd)": [level(values[key]) for key in keys],
        "over log labels, %": [f"{value:.1f}" for value in top["aubc_log"]],
    }
    import pandas as pd

    caption = (
        "Area under the budget curve: the accuracy averaged over the true numbers of labels "
        "(trapezoids), in percent. A point is a seed, the tick their mean. "
        + ("Of a half-finished grid, curves may cover different cycles. " * results.partial)
    )
    parts = [
        fragment.figure(results, "figures/aubc.svg", caption),
        fragment.paragraph(" ".join([*lines[:LINES], *more])),
        fragment.table(pd.DataFrame(short), f"The highest {len(top)} of {len(table)} curves"),
        fragment.note(
            f"All are in tables/aubc.csv ({several(len(lines), 'experiment')}), a row a seed in "
            "tables/aubc_seeds.csv. Compare curves by the paired differences below, not by "
            "these deviations: seeds share their initial labels. The highest of many is picked by "
            "the numbers it is shown with, so expect a little less of it next time."
        ),
    ]
    if len(known) < len(table):
        parts.append(fragment.note("A curve with one number of labels has no area: it is empty."))
    return "".join(parts)
