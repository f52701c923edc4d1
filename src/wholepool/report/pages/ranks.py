"""The critical-difference diagram: mean ranks of the strategies over experiments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from wholepool.job.files import write_text
from wholepool.report import fragment, style
from wholepool.report.accuracy import to_csv
from wholepool.report.names import strategy_name
from wholepool.report.results import Grid, Results
from wholepool.report.saying import saying
from wholepool.statistics.effects import LEVEL
from wholepool.statistics.ranks import (
    BLOCKS,
    STRATEGIES,
    blocks,
    blocks_needed,
    pair_tests,
    ranks,
    square,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "Ranks over experiments"
PLACE = 44
STAGE = "statistics"
FILES = (
    "tables/ranks.csv",
    "tables/rank_tests.csv",
    "figures/ranks.png",
    "figures/ranks.svg",
    "figures/ranks.pdf",
)


def make(results: Results) -> None:
    """Write both tables and the figure."""
    values = blocks(results.trajectories, results.grid, results.partial)
    tests = pair_tests(values)
    table = ranks(values, tests)
    write_text(results.folder / FILES[0], to_csv(table))
    write_text(results.folder / FILES[1], to_csv(tests))
    style.save(diagram(table, tests, results.grid), results.folder / "figures/ranks")


def diagram(table: pd.DataFrame, tests: pd.DataFrame, grid: Grid) -> Figure:
    """Mean ranks on a line; a bar joins strategies that are not told apart."""
    from matplotlib.figure import Figure
    from scikit_posthocs import critical_difference_diagram

    if tests.empty:
        return saying(why_not(table))
    order = list(table["strategy"])
    named = {name: strategy_name(name) for name in order}
    p = square(tests, order).rename(index=named, columns=named)
    look = style.looks(grid)
    bars = len(set("".join(table["cliques"])))
    with style.style():
        height = 0.9 + 0.16 * (math.ceil(len(order) / 2) + bars)
        figure = Figure(figsize=(5.5, height), layout="constrained")
        axes = figure.subplots()
        critical_difference_diagram(
            *(dict(zip(named.values(), table["mean_rank"], strict=True)), p),
            alpha=LEVEL,
            ax=axes,
            color_palette={named[name]: look[name][0] for name in order},
            label_fmt_left="{label} ({rank:.2f}) ",
            label_fmt_right=" ({rank:.2f}) {label}",
            label_props={"fontsize": 7},
            elbow_props={"linewidth": 0.8, "clip_on": False},
            marker_props={"s": 12, "clip_on": False},
            crossbar_props={"color": "#000000", "linewidth": 1.8},
        )
        # the library's own bar of the critical distance lies on the numbers of the axis
        distance = float(table["critical_distance"].iloc[0])
        axes.plot([1, 1 + distance], [1.8, 1.8], color=style.GRAY, linewidth=1.8, clip_on=False)
        axes.text(1 + distance, 1.8, f"  CD = {distance:.2f}", va="center", color=style.GRAY)
        axes.grid(visible=False)
        axes.spines["top"].set_visible(True)
        axes.set_xlim(1, max(len(order), 1 + distance))
        axes.set_xlabel("mean rank (1 is best)")
        axes.xaxis.set_label_position("top")
    return figure


def why_not(table: pd.DataFrame) -> str:
    """Why there is no diagram."""
    n_blocks = int(table["blocks"].max()) if len(table) else 0
    return (
        f"No critical-difference diagram: {_many(n_blocks, 'block')} (an experiment and a method) "
        f"with {_many(len(table), 'strategy', 'strategies')} that all of them ran; it needs "
        f"{BLOCKS} blocks or more, of {STRATEGIES} strategies or more."
    )


def _many(n: int, one: str, more: str = "") -> str:
    return f"{n} {one if n == 1 else more or one + 's'}"


def show(results: Results) -> str:
    """The diagram, what it can say, and the ranks."""
    table, tests = results.table("ranks"), results.table("rank_tests")
    shown = table.assign(
        strategy=[strategy_name(name) for name in table["strategy"]],
        mean_rank=table["mean_rank"].map("{:.2f}".format),
    )
    if tests.empty:
        left = fragment.table(shown[["strategy", "blocks", "mean_rank"]]) if len(table) else ""
        return fragment.paragraph(why_not(table)) + left
    return (
        fragment.paragraph(_sentences(table, tests, _n_datasets(results)))
        + fragment.figure(results, "figures/ranks.svg", CAPTION)
        + fragment.table(shown[["strategy", "mean_rank", "cliques"]])
        + (fragment.note(HALF) if results.partial else "")
        + fragment.note("The test of every pair: tables/rank_tests.csv; ranks: tables/ranks.csv.")
    )


HALF = (
    "The grid is half finished: a block is over the seeds and cycles that all its strategies have."
)
CAPTION = (
    "Mean ranks over the blocks, an experiment and a method each, by the mean area under the "
    "learning curve; 1 is best. A bar joins strategies that Wilcoxon's signed-rank test with "
    "Holm's correction does not tell apart (p >= .05; Benavoli et al. 2016). CD: how far apart two "
    "mean ranks would have to be for Nemenyi's test (Demsar 2006). In the table, strategies that "
    "share a letter are not told apart: it decides where a bar passes over another strategy."
)


def _n_datasets(results: Results) -> int:
    """Of how many data sets the blocks are."""
    values = blocks(results.trajectories, results.grid, results.partial)
    names = set(values.index.get_level_values("experiment"))
    return len({results.grid["experiments"][name]["dataset"] for name in names})


def _sentences(table: pd.DataFrame, tests: pd.DataFrame, n_datasets: int) -> str:
    n, k = int(table["blocks"].iloc[0]), len(table)
    found, distance = table["friedman_p"].iloc[0], table["critical_distance"].iloc[0]
    apart = int((tests["p_holm"] < LEVEL).sum())
    text = (
        f"{n} blocks of {_many(n_datasets, 'data set')} have {k} strategies in common; "
        f"{strategy_name(table['strategy'].iloc[0])} has the best mean rank "
        f"({table['mean_rank'].iloc[0]:.2f}). Friedman's test that all are alike: p = {found:.3f}; "
        f"{apart} of {len(tests)} pairs are told apart; two mean ranks would have to be "
        f"{distance:.1f} apart for Nemenyi's test."
    )
    if n_datasets == 1:
        text += " All blocks are of one data set: this says nothing of others."
    least = tests["p_least"].iloc[0]
    if least * len(tests) >= LEVEL:
        adjusted = min(1.0, least * len(tests))
        text += (
            f" With {n} blocks no p can be below {least:.3f}, which is {adjusted:.2f} after Holm's "
            f"correction over {len(tests)} pairs: no pair can be told apart, whatever its ranks. "
            f"That needs {blocks_needed(k)} blocks."
        )
    return text
