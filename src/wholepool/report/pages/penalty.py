"""The pairwise penalty matrix: how often each strategy beats each other one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wholepool.job.files import write_text
from wholepool.report import fragment, style
from wholepool.report.accuracy import to_csv
from wholepool.report.names import method_name, strategies_in_order, strategy_name
from wholepool.report.results import Grid, Results
from wholepool.report.saying import saying
from wholepool.statistics.penalty import EVERY, checkpoints, penalty

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Who beats whom"
PLACE = 43
STAGE = "statistics"
FILES = (
    "tables/penalty.csv",
    "figures/penalty.png",
    "figures/penalty.svg",
    "figures/penalty.pdf",
)

NOTHING = (
    "No two strategies were run with the same two seeds after cycle 0, so none can be seen to beat "
    "another."
)
#: darkest cell: its opacity leaves the numbers in it readable on a light and on a dark page
_COLOR, _OPACITY = "#0072B2", 0.8
WINS, LOSSES = "wins", "loses"


def make(results: Results) -> None:
    """Write the table and the figure."""
    tests = checkpoints(results.trajectories, results.grid, results.partial)
    shares = penalty(tests)
    write_text(results.folder / FILES[0], to_csv(shares))
    style.save(heat_maps(shares, results.grid), results.folder / "figures/penalty")


def heat_maps(shares: pd.DataFrame, grid: Grid) -> Figure:
    """A row of two heat maps for each matrix of `penalty`: as tested, and after Holm.

    Over all methods first; it is left out where there is one method.
    """
    from matplotlib.figure import Figure

    methods = [method for method in shares["method"].unique() if method != EVERY]
    if not methods:
        return saying(NOTHING)
    shown = [EVERY, *methods] if len(methods) > 1 else methods
    parts = [shares[shares["method"] == method] for method in shown]
    order = {m: _order(part, grid) for m, part in zip(shown, parts, strict=True)}
    cell = 0.155  # inches: "100" in letters of 5 points
    heights = [0.75 + max(cell * (len(names) + 1), 0.6) for names in order.values()]
    with style.style():
        figure = Figure(figsize=(7.16, sum(heights)), layout="constrained")
        panels = figure.subplots(len(shown), 2, squeeze=False, height_ratios=heights)
        for method, part, row in zip(shown, parts, panels, strict=True):
            name = "all methods" if method == EVERY else method_name(method)
            for axes, column, text in zip(
                row, ("share", "share_holm"), ("p < .05", "after Holm"), strict=True
            ):
                _heat_map(axes, with_means(part, column, order[method]), column == "share")
                axes.set_title(f"{name}: {text}")
    return figure


def with_means(part: pd.DataFrame, column: str, order: list[str]) -> pd.DataFrame:
    """A matrix of shares in percent, rows beat columns; its means are the last column and row.

    The mean of a row is how often it wins (WINS), of a column how often it loses (LOSSES).
    """
    square = part.pivot(index="row", columns="column", values=column)
    square = 100 * square.reindex(index=order, columns=order)
    whole = square.assign(**{WINS: square.mean(axis=1)})
    whole.loc[LOSSES] = square.mean(axis=0)
    return whole


def _order(part: pd.DataFrame, grid: Grid) -> list[str]:
    found = set(part["row"])
    return [name for name in strategies_in_order(grid) if name in found]


def _heat_map(axes: Axes, square: pd.DataFrame, named: bool) -> None:
    """Cells above 0 are colored and hold their percent; "–" has no checkpoint."""
    from matplotlib.patches import Rectangle

    n = len(square) - 1
    axes.set(xlim=(0, n + 1), ylim=(n + 1, 0))
    # no heat map of seaborn's: as a mesh, with a text in every cell, the SVG was 1 MB
    for y, row in enumerate(square.to_numpy()):
        for x, share in enumerate(row):
            if share > 0:
                opacity = _OPACITY * share / 100
                axes.add_patch(Rectangle((x, y), 1, 1, color=_COLOR, alpha=opacity, linewidth=0))
            text = "–" if share != share else f"{share:.0f}"
            if x != y and share != 0:
                place: Any = {"ha": "center", "va": "center", "fontsize": 5, "color": "#000000"}
                axes.text(x + 0.5, y + 0.5, text, **place)
    lines: Any = {"color": style.GRAY, "linewidth": 0.6}
    axes.axhline(n, **lines)
    axes.axvline(n, **lines)
    small: Any = {"fontsize": 6}
    rows = [*map(strategy_name, square.index[:-1]), LOSSES] if named else []
    axes.set_yticks([k + 0.5 for k in range(len(rows))], rows, rotation=0, **small)
    columns = [*map(strategy_name, square.columns[:-1]), WINS]
    axes.set_xticks([k + 0.5 for k in range(n + 1)], columns, rotation=90, **small)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set(xlabel="", ylabel="")


def show(results: Results) -> str:
    """Who wins and who loses most; where anyone does, the heat maps and each strategy's means."""
    shares = results.table("penalty")
    if shares.empty:
        return fragment.paragraph(NOTHING)
    every = shares[shares["method"] == EVERY]
    order = _order(every, results.grid)
    raw, holm = (with_means(every, column, order) for column in ("share", "share_holm"))
    wins, losses = raw.loc[order, WINS], raw.loc[LOSSES, order]
    pairs = len(every) // 2
    total, beaten = every["checkpoints"].sum() // 2, every["better"].sum()
    sentences = (
        f"Of {total} comparisons of two strategies at a checkpoint, {pairs} pairs in all, {beaten} "
        f"have p < .05 and {every['better_holm'].sum()} after Holm's correction over all of them; "
        f"by chance alone {0.05 * total:.0f} would have p < .05. Each is of "
        f"{every['least_seeds'].min()} seeds or more. {_most(wins, 'wins')} "
        f"{_most(losses, 'loses')}"
    )
    all_of_them = fragment.note("Every pair, by method and over all: tables/penalty.csv.")
    if not beaten:
        return fragment.paragraph(sentences) + all_of_them
    table = {
        "strategy": [strategy_name(name) for name in order],
        "wins (%)": _rounded(wins),
        "loses (%)": _rounded(losses),
        "wins, Holm (%)": _rounded(holm.loc[order, WINS]),
        "loses, Holm (%)": _rounded(holm.loc[LOSSES, order]),
    }
    return (
        fragment.paragraph(sentences)
        + fragment.figure(results, "figures/penalty.svg", CAPTION)
        + fragment.table(_frame(table), "Means over the opponents, over all methods.")
        + all_of_them
    )


CAPTION = (
    "The row beats the column: percent of the checkpoints (an experiment at a cycle after the "
    "initial labels) at which the row's accuracy is above the column's with p < .05 in a two-sided "
    "t test paired by seed; right, after Holm's correction over all pairs and checkpoints of the "
    "matrix. Last column: how often the row wins, last row: how often the column loses, means over "
    "its opponents. Without any true difference a cell at the left is 2.5 % on average. "
    "Empty: 0; –: no checkpoint. (Ash et al. 2020.)"
)


def _most(means: pd.Series, verb: str) -> str:
    """Who has the highest mean, in a sentence."""
    if not means.max() > 0:
        return f"None {verb}."
    return f"{strategy_name(means.idxmax())} {verb} most often ({means.max():.0f} %)."


def _rounded(means: pd.Series) -> list[str]:
    return [f"{value:.0f}" for value in means]


def _frame(columns: dict[str, list[str]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns)
