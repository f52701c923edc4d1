"""Labels saved: how many a method or a strategy needs for what another one has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from wholepool.job.files import write_text
from wholepool.report import fragment, style
from wholepool.report.accuracy import to_csv
from wholepool.report.names import experiment_labels, method_name, strategy_name
from wholepool.report.results import Grid, Results
from wholepool.report.saying import saying
from wholepool.statistics.efficiency import BASELINE, EQUALS, NEEDS, RANDOM, efficiency

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Labels saved"
PLACE = 45
STAGE = "statistics"
FILES = (
    "tables/efficiency.csv",
    "figures/efficiency.png",
    "figures/efficiency.svg",
    "figures/efficiency.pdf",
)

NOTHING = (
    "No labels saved can be told: no curve of two cycles or more has another one to be compared "
    f"with, which is the strategy {RANDOM} of its method, or the method {BASELINE}."
)
#: with fewer seeds the interval is too short: see `wholepool.statistics.efficiency`
SEEDS = 5


def make(results: Results) -> None:
    """Write the table and the figure."""
    table = efficiency(results.trajectories, results.grid, results.partial)
    known = table.replace([math.inf, -math.inf], math.nan)
    write_text(results.folder / FILES[0], to_csv(known))
    style.save(intervals(table, results.grid), results.folder / "figures/efficiency")


def last(table: pd.DataFrame, direction: str = NEEDS) -> pd.DataFrame:
    """The rows of the most labels, against the baseline with random.

    In experiments without these, against random of the same method.
    """
    own = table[table["direction"] == direction]
    both = own[own["kind"] == "both"]
    alone = ~own["experiment"].isin(both["experiment"])
    own = own[(own["kind"] == "both") | (alone & (own["kind"] == "strategy"))]
    curve = ["experiment", "method", "strategy"]
    return own[own["n_labels"] == own.groupby(curve)["n_labels"].transform("max")]


def intervals(table: pd.DataFrame, grid: Grid) -> Figure:
    """A panel for each experiment, a row for each curve: labels needed, with the interval."""
    from matplotlib.figure import Figure

    shown = last(table)
    if shown.empty:
        return saying(NOTHING)
    parts = list(shown.groupby("experiment", sort=False))
    heights = [0.65 + 0.14 * len(part) for _, part in parts]
    with style.style():
        figure = Figure(figsize=(5.5, sum(heights)), layout="constrained")
        panels = figure.subplots(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0]
        for (experiment, part), axes in zip(parts, panels, strict=True):
            own = table.loc[table["experiment"] == experiment, "n_labels"]
            _panel(axes, part, (float(own.min()), float(own.max())), style.looks(grid))
            name = experiment_labels(grid)[experiment]
            axes.set_title(f"{name}\n{_aim(part)}", loc="left", fontsize=7)
        panels[-1].set_xlabel("labels needed")
    return figure


def _aim(part: pd.DataFrame) -> str:
    """What the curves of a panel are to reach."""
    row = part.iloc[0]
    if set(part["kind"]) == {"both"}:
        against = f"{method_name(BASELINE)} with {strategy_name(RANDOM)}"
        return f"for {row['accuracy']:.1f} %, {against} at {row['n_labels']} labels"
    return f"for what {strategy_name(RANDOM)} has at {row['n_labels']} labels"


def _panel(
    axes: Axes, part: pd.DataFrame, ends: tuple[float, float], look: dict[str, style.Look]
) -> None:
    """Points and intervals; arrows at the edge where they lie outside of the labels trained with.

    A dashed line is at the labels of the curve compared with.
    """
    first, end = ends
    margin = 0.04 * (end - first)
    names = []
    for y, row in enumerate(part.itertuples()):
        color = look[row.strategy][0]
        values = (row.needed, row.needed_low, row.needed_high)
        point, low, high = (min(max(v, first - margin), end + margin) for v in values)
        axes.plot([low, high], [y, y], color=color, linewidth=1.0)
        if first <= point <= end:
            axes.plot([point], [y], marker="o", markersize=3.5, color=color)
        for arrow, at, out, all_out in (
            ("<", first - margin, low < first, point < first),
            (">", end + margin, high > end, point > end),
        ):
            if out or all_out:  # larger where the number itself lies there
                size = 5 if all_out else 3
                axes.plot([at], [y], marker=arrow, markersize=size, color=color, clip_on=False)
        names.append(f"{method_name(row.method)}, {strategy_name(row.strategy)}")
    dashed: Any = {"color": style.GRAY, "linestyle": "--", "linewidth": 0.8, "zorder": 0}
    axes.axvline(part["n_labels"].iloc[0], **dashed)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(first - margin, end + margin))


def show(results: Results) -> str:
    """The sentences of the report's question, the figure, and the numbers at the last labels."""
    table = results.table("efficiency")
    ends = last(table)
    if ends.empty:
        return fragment.paragraph(NOTHING)
    least = int(ends["n_seeds"].min())
    warning = _few(least)
    labels = experiment_labels(results.grid)
    sentences = [_sentences(table, name, labels[name]) for name in ends["experiment"].unique()]
    return (
        "".join(fragment.paragraph(text) for text in sentences if text)
        + (fragment.note(warning) if warning else "")
        + fragment.figure(results, "figures/efficiency.svg", CAPTION)
        + fragment.table(_short(ends, results.grid), "At the most labels; in brackets: 95 %.")
        + fragment.note(
            "Every cycle, every strategy, against the baseline and against Random of the same "
            "method, both ways round: tables/efficiency.csv."
        )
    )


CAPTION = (
    "Labels that each curve needs for the accuracy in the panel's title, on mean curves that never "
    "fall, straight between the numbers of labels trained with, with the 95 % interval of a "
    "bootstrap over seeds. Left of the dashed line labels are saved. An arrow at an edge lies "
    "outside of what was trained (a large one: the number itself, a small one: an end of the "
    "interval): at the left the first labels are enough, at the right the last are not."
)


def _few(least: int) -> str:
    if least == 1:
        return "One seed, so no intervals."
    if least < SEEDS:
        return f"With {least} seeds the intervals are too short: take them for hints."
    return ""


def _sentences(table: pd.DataFrame, experiment: str, label: str) -> str:
    """For each method with Random: what it needs, and what the baseline would need."""
    own = table[(table["experiment"] == experiment) & (table["kind"] == "both")]
    own = own[own["strategy"] == RANDOM]
    texts = []
    for method, part in own.groupby("method", sort=False):
        end = part[part["direction"] == NEEDS].iloc[-1]
        start = part[part["direction"] == EQUALS].iloc[0]
        name = f"{method_name(str(method))} with {strategy_name(RANDOM)}"
        texts.append(
            f"{name} needs {end['text']} for what the baseline has with {end['n_labels']}; with "
            f"{start['n_labels']} labels it equals the baseline with {start['text']}."
        )
    return f"{label}: {' '.join(texts)}" if texts else ""


def _short(ends: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Random, and what needs the fewest labels, of each experiment and method."""
    import pandas as pd

    rows = []
    named = experiment_labels(grid)
    for (experiment, method), part in ends.groupby(["experiment", "method"], sort=False):
        # "at most the first" needs fewer, "more than the last" more than any number
        order = part["needed"].where(~part["text"].str.startswith("at most"), -math.inf)
        order = order.fillna(math.inf)
        best = order.idxmin()
        # of several that are censored none is the best; against Random, Random itself may be
        fewest = (order == order[best]).sum() == 1 and order[best] < part.loc[best, "n_labels"]
        for index in part.index[(part["strategy"] == RANDOM) | (part.index == best)]:
            row = part.loc[index]
            aim = f"{row['n_labels']} labels, {row['accuracy']:.1f} %"
            mark = " (fewest)" if index == best and fewest else ""
            name = strategy_name(row["strategy"]) + mark
            seeds = str(row["n_seeds"])
            rows.append((named[experiment], method_name(method), name, seeds, aim, row["text"]))
    columns = ["experiment", "method", "strategy", "seeds", "for", "needs"]
    return pd.DataFrame(rows, columns=columns)
