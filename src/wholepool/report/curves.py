"""Test accuracy against cycle, one panel per experiment: what the paper's Figures 1 to 4 are.

A figure shows the mean over seeds and a band of one sample standard deviation to each side. A
method belongs to a figure by what it does, not by its name, so that a new PRE appears by itself.
`grid` is described in `wholepool.report.accuracy`.

seaborn is imported where it is used: its start costs most of the time.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import is_full
from wholepool.report import style
from wholepool.report.accuracy import full_supervision, planned_labels
from wholepool.report.names import (
    experiment_labels,
    method_name,
    methods_in_order,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.render import seeds_phrase
from wholepool.report.results import Grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from seaborn.objects import Plot

# Inches: a text's width and a column's, a row of panels and a row of the legend.
_PAGE, _COLUMN = 7.16, 3.5
_PANEL, _ROW = {1: 2.8, 2: 2.7, 3: 2.4}, 0.16
_MEASURED: style.Dash = (0.0, (7.0, 1.5))
_PUBLISHED: style.Dash = (0.0, (7.0, 3.5))

# Text, level in percent and dashes of a line of full supervision.
Reference = tuple[str, float, style.Dash]


def methods_of(grid: Grid, *kinds: tuple[bool, bool]) -> dict[str, list[str]]:
    """Experiment → its methods with cycles of these kinds: a kind is (has PRE, has SEMI)."""
    return {
        experiment: [
            method
            for method, words in plan["methods"].items()
            if not is_full(words) and (words["pre"] != "none", words["semi"] != "none") in kinds
        ]
        for experiment, plan in grid["experiments"].items()
    }


def references(accuracy: pd.DataFrame, grid: Grid) -> dict[str, list[Reference]]:
    """Experiment → its lines of full supervision: those measured, and the published accuracy."""
    found: dict[str, list[Reference]] = {}
    for experiment, plan in grid["experiments"].items():
        measured = full_supervision(accuracy[accuracy["mean"].notna()], experiment)
        found[experiment] = [
            (f"{method_name(row.method).lower()} {row.mean:.1f}", float(row.mean), _MEASURED)
            for row in measured.itertuples()
        ]
        published = plan.get("published_accuracy")
        if published is not None:
            name = "" if found[experiment] else "full supervision, "  # the measured line has it
            text = f"{name}published {float(published):g}"
            found[experiment].append((text, float(published), _PUBLISHED))
    return found


def curves(
    accuracy: pd.DataFrame,
    grid: Grid,
    methods: Mapping[str, Sequence[str]],
    lines: Mapping[str, Sequence[Reference]] | None = None,
) -> Figure:
    """One panel per experiment of `methods` with its methods there, legend and note below.

    `accuracy` has `accuracy.COLUMNS`. A cycle that was not run leaves a gap. `lines` are drawn
    across the panels of their experiments.
    """
    import pandas as pd
    from matplotlib.figure import Figure

    of_figure = [(e, m) for e, names in methods.items() for m in names]
    keys = pd.MultiIndex.from_frame(accuracy[["experiment", "method"]])
    shown = accuracy[keys.isin(of_figure)]
    strategies = [s for s in strategies_in_order(grid) if s in set(shown["strategy"])]
    drawn = [m for m in methods_in_order(grid) if m in set(shown["method"])]
    dash = {m: style.SOLID if len(drawn) == 1 else style.dashes(grid)[m] for m in drawn}

    experiments, labels, n = list(methods), experiment_labels(grid), len(methods)
    n_columns = {1: 1, 2: 2, 4: 2}.get(n, 3)
    width = _COLUMN if n == 1 else _PAGE
    texts = [*map(strategy_name, strategies), *map(method_name, drawn)]
    # an entry of the legend is a line, spaces, and letters of 7 points
    per_row = max(1, int(width / (0.57 + 0.052 * max(map(len, texts), default=0))))
    note = textwrap.fill(_note(shown), int(width / 0.047))  # an inch holds 21 of its letters
    legend_rows = sum(-(-len(names) // per_row) for names in (strategies, drawn)) + 2
    legend_rows += note.count("\n")
    height = -(-n // n_columns) * _PANEL[n_columns] + legend_rows * _ROW
    with style.style():
        figure = Figure(figsize=(width, height), layout="constrained")
        cells = _with_gaps(shown, grid)
        if experiments:
            plot = _plot(cells, {s: style.looks(grid)[s] for s in strategies}, dash)
            plot = plot.facet("experiment", order=experiments, wrap=n_columns)
            plot.share(x=False, y=False).theme(style.theme()).on(figure).plot()
        for number, (experiment, axes) in enumerate(zip(experiments, figure.axes, strict=True)):
            part = cells[cells["experiment"] == experiment]
            plan = grid["experiments"][experiment]
            step = -(-plan["cycles"] // (6 if n_columns == 3 else 10))  # of the cycles written
            _finish(axes, part, plan, (lines or {}).get(experiment, ()), step)
            letter = f"({chr(ord('a') + number)}) " if n > 1 else ""
            axes.set_title(letter + labels[experiment])
            axes.set_ylabel("test accuracy (%)" if number % n_columns == 0 else "")
            axes.set_xlabel("cycle / number of labels" if number + n_columns >= n else "")
        style.legend_below(figure, _legend(strategies, drawn, grid), per_row, note)
    return figure


def _plot(cells: pd.DataFrame, look: dict[str, style.Look], dash: dict[str, style.Dash]) -> Plot:
    """A line and a band per method and strategy, each strategy above those before it."""
    from seaborn import objects

    plot = objects.Plot(cells, x="cycle", y="mean", linestyle="method")
    plot = plot.scale(linestyle=objects.Nominal(dash, order=list(dash)))
    # Many bands on top of each other must still let the lines through.
    alpha = 0.1 if len(dash) == 1 else 0.06
    # A layer per strategy: seaborn would try all combinations of color, marker and size.
    for strategy, (color, marker, size) in look.items():
        own = cells[cells["strategy"] == strategy]
        band = objects.Band(color=color, alpha=alpha)
        plot = plot.add(band, data=own, ymin="low", ymax="high", group="piece", legend=False)
        # Never moved sideways: on a steep curve that reads as a difference in accuracy.
        line = objects.Path(color=color, marker=marker, pointsize=size, edgecolor="white")
        plot = plot.add(line, data=own, legend=False)
    return plot


def _with_gaps(shown: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The cells shown, with band edges, and one without a mean for each cycle that was not run.

    "piece" names a cell's method and run of cycles without a gap.
    """
    import pandas as pd

    curve = ["experiment", "method", "strategy"]
    parts = [shown.iloc[:0].assign(piece="")]
    for names, part in shown.groupby(curve, sort=False):
        cycles = pd.RangeIndex(grid["experiments"][names[0]]["cycles"], name="cycle")
        whole = part.set_index("cycle").reindex(cycles).reset_index()
        whole[curve] = names
        piece = whole["mean"].isna().cumsum().astype(str)
        parts.append(whole.assign(piece=names[1] + "/" + piece))
    cells = pd.concat(parts, ignore_index=True)
    return cells.assign(low=cells["mean"] - cells["std"], high=cells["mean"] + cells["std"])


def _finish(
    axes: Axes, cells: pd.DataFrame, plan: Mapping[str, Any], lines: Sequence[Reference], step: int
) -> None:
    """Ticks, limits and reference lines of one experiment's panel."""
    n_labels = {cycle: planned_labels(plan, cycle) for cycle in range(plan["cycles"])}
    known = cells[cells["n_labels"].notna()]
    n_labels |= dict(zip(known["cycle"], known["n_labels"].astype(int), strict=True))
    texts = ["" if cycle % step else f"{cycle}\n{count}" for cycle, count in n_labels.items()]
    axes.set_xticks(list(n_labels), texts)
    axes.set_xlim(-0.3, len(n_labels) - 0.7)
    levels = [*cells[["low", "high", "mean"]].stack(), *(level for _, level, _ in lines)]
    if cells["mean"].isna().all():
        axes.set_yticks([])
        text = "no test set" if len(known) else "not run"
        at: Any = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, text, color=style.GRAY, **at)
        return
    for place, (text, level, dash) in enumerate(lines):
        axes.axhline(level, color=style.GRAY, linestyle=dash, linewidth=0.8, zorder=2, label=text)
        # a measured and a published line may be close: one text stands left, the next right
        style.line_text(axes, text, level, "left" if place % 2 == 0 else "right")
    style.limits(axes, levels)


def _legend(
    strategies: Sequence[str], methods: Sequence[str], grid: Grid
) -> list[tuple[str, list[Any]]]:
    """Title and handles: the strategies, and the methods as gray lines; a lone one is a title."""
    if not strategies:
        return []
    look, dash, alone = style.looks(grid), style.dashes(grid), len(methods) == 1
    line = {"markeredgecolor": "white", "linestyle": "-" if alone else "none"}
    by_strategy = []
    for name in strategies:
        color, marker, size = look[name]
        text = strategy_name(name)
        by_strategy.append(style.entry(text, color, marker=marker, markersize=size, **line))
    if alone:
        return [(f"method: {method_name(methods[0])}", by_strategy)]
    by_method = [style.entry(method_name(m), style.GRAY, linestyle=dash[m]) for m in methods]
    return [("", by_strategy), ("", by_method)]


def _note(shown: pd.DataFrame) -> str:
    if not len(shown):
        return "Nothing was run yet."
    if shown["n_seeds"].max() == 1:
        return "One seed, so no band of standard deviations."
    return f"Mean {seeds_phrase(shown)}; band: ± one sample standard deviation."
