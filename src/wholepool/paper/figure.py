"""The comparison with the paper as one figure: a panel per data set and budget of the paper.

Open gray markers are the paper's printed means and deviations. Markers in the strategy's color are
ours, open where some setting is not that of the paper's grid. Shape is the method. Strategies stand
side by side within a cycle, each pair of paper and ours in one place: a gray marker alone was not
run. Reduced runs are not drawn.
"""

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from seaborn import objects

from wholepool.grid.cells import INITIAL
from wholepool.grid.protocol import FULL
from wholepool.paper.comparison import NOT_COMPARED, REDUCED, VERDICTS
from wholepool.paper.table import rows_of
from wholepool.report import style
from wholepool.report.names import (
    ALL_STRATEGIES,
    PAPER_STRATEGIES,
    block_name,
    method_name,
    strategy_name,
)

_MARKERS = {"baseline": "o", "pre": "^", "semi": "s", "pre+semi": "D"}
_PAPER, _OPEN, _OURS = "paper", "open", "#333333"
_COLORS = dict(zip((*PAPER_STRATEGIES, INITIAL), style.COLORS, strict=False))
_COLORS |= {_PAPER: "#9A9A9A", _OPEN: "#FFFFFF"}
_WIDTH, _PANEL, _FOOT, _COLUMNS = 7.16, 2.75, 0.8, 2  # inches, but for the number of columns
# Parts of a cycle: from strategy to strategy, from these places to the paper's and to ours, and
# from ours to ours in other settings.
_STEP, _BESIDE, _NEXT = 0.17, 0.055, 0.035
_PLACE = ["method", "strategy", "cycle"]


def write_comparison_figure(table: pd.DataFrame, out_dir: str | Path) -> None:
    """Write compare_with_paper.png, .svg and .pdf from the first frame of `comparison.compare`."""
    style.save(comparison_figure(table), Path(out_dir) / "compare_with_paper")


def comparison_figure(table: pd.DataFrame) -> Figure:
    """The figure; the table has `comparison.COLUMNS`."""
    rows = rows_of(table)
    blocks = list(dict.fromkeys((r.dataset, r.budget) for r in rows if r.method != FULL))
    titles = [block_name(*block) for block in blocks]
    cells = [r for r in rows if r.method != FULL and r.verdict not in (REDUCED, NOT_COMPARED)]
    points = pd.DataFrame(sorted(_points(cells), key=lambda point: point["who"] != _PAPER))
    n_rows = -(-len(blocks) // _COLUMNS)
    color, dot = objects.Nominal(_COLORS), objects.Dot({"zorder": 3}, pointsize=4, edgewidth=0.75)
    with style.style():
        figure = Figure(figsize=(_WIDTH, n_rows * _PANEL + _FOOT), layout="constrained")
        plot = (
            objects.Plot(points, x="x", y="mean", ymin="low", ymax="high")
            .facet("block", order=titles, wrap=_COLUMNS)
            .share(x=False, y=False)
            .scale(marker=objects.Nominal(_MARKERS), **dict.fromkeys(("color", "edgecolor"), color))
            .add(objects.Range(linewidth=0.8), color="who", group="method", legend=False)
            .add(dot, color="inside", edgecolor="who", marker="method", legend=False)
        )
        plot.theme(style.theme()).on(figure).plot()
        for number, (axes, block) in enumerate(zip(figure.axes, blocks, strict=True)):
            drawn = points[points["block"] == titles[number]]
            papers = drawn["who"] == _PAPER
            n_run = len(drawn[~papers].drop_duplicates(_PLACE))
            letter = chr(ord("a") + number)
            axes.set_title(f"({letter}) {titles[number]}: {n_run} of {papers.sum()} cells run")
            axes.set_ylabel("test accuracy (%)" if number % _COLUMNS == 0 else "")
            last = number + _COLUMNS >= len(blocks)
            axes.set_xlabel("cycle / number of labels" if last else "")
            full = [r for r in rows if r.dataset == block[0] and r.method == FULL]
            _finish(axes, int(block[1]), drawn, full)
        style.legend_below(figure, _legend(rows), 7, _note(rows))
    return figure


def _points(cells: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The paper's point of every cell, and ours where it was run, in each of its settings."""
    seen: Counter[Any] = Counter()
    for row in cells:
        names = PAPER_STRATEGIES
        slot = names.index(row.strategy) - (len(names) - 1) / 2 if row.strategy in names else 0.0
        x, run = row.cycle + _STEP * slot, row.verdict in VERDICTS
        cell = {name: getattr(row, name) for name in _PLACE}
        cell["block"] = block_name(row.dataset, row.budget)
        variant = seen[tuple(cell.values())]
        seen[tuple(cell.values())] += 1
        if variant == 0:
            papers = {"x": x - (_BESIDE if run else 0.0), "who": _PAPER, "inside": _OPEN}
            yield cell | papers | _spread(row.paper_mean, row.paper_std)
        if run:
            inside = _OPEN if row.other_settings else row.strategy
            ours = {"x": x + _BESIDE + variant * _NEXT, "who": row.strategy, "inside": inside}
            yield cell | ours | _spread(row.mean, row.std)


def _spread(mean: float, std: float | None) -> dict[str, float]:
    return {"mean": mean, "low": mean - (std or 0.0), "high": mean + (std or 0.0)}


def _finish(axes: Axes, budget: int, points: pd.DataFrame, full: Sequence[Any]) -> None:
    """Ticks and limits of a panel; the paper's line of full supervision, and ours."""
    cycles = range(max(5, int(points["cycle"].max()) + 1))
    axes.set_xticks(list(cycles), [f"{cycle}\n{budget * (cycle + 1)}" for cycle in cycles])
    axes.set_xlim(-0.5, len(cycles) - 0.5)
    axes.tick_params(axis="x", length=0)
    for cycle in cycles[1:]:
        axes.axvline(cycle - 0.5, color="#EEEEEE", linewidth=0.5, zorder=0)
    levels = [*points["low"], *points["high"]]
    printed = next((row.paper_mean for row in full if row.paper_mean is not None), None)
    run = next((row for row in full if row.verdict in VERDICTS), None)
    if printed is not None:
        dash = (0.0, (6.0, 2.0))
        axes.axhline(printed, color=_COLORS[_PAPER], linestyle=dash, linewidth=0.8, zorder=1)
        levels.append(printed)
        text = f"full supervision: paper {printed:.2f}"
        text += ", not run here" if run is None else f", ours {run.mean:.2f}"
        if run is not None:
            axes.axhline(run.mean, color=_OURS, linewidth=0.9, zorder=1)
            if run.std:
                low, high = run.mean - run.std, run.mean + run.std
                axes.axhspan(low, high, color=_OURS, alpha=0.12, linewidth=0, zorder=0)
            levels.append(run.mean)
        style.line_text(axes, text, printed if run is None else min(printed, run.mean))
    style.limits(axes, levels, least=2.0)


def _legend(rows: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Whose, which method, which strategy."""
    mark = functools.partial(style.entry, marker="o", markersize=4.4, markeredgewidth=0.75)

    whose = [
        mark("paper, mean ± deviation", _COLORS[_PAPER], fillstyle="none"),
        mark("ours, mean ± deviation", _OURS),
    ]
    if any(row.verdict in VERDICTS and row.other_settings for row in rows):
        whose.append(mark("ours, in other settings (see the table)", _OURS, fillstyle="none"))
    methods = [mark(method_name(m), style.GRAY, marker=shape) for m, shape in _MARKERS.items()]
    names = {INITIAL: f"{ALL_STRATEGIES} (cycle 0)"}
    names |= {name: strategy_name(name) for name in PAPER_STRATEGIES}
    strategies = [mark(text, _COLORS[name], marker="s") for name, text in names.items()]
    return [
        ("A gray marker alone: a cell that was not run", whose),
        ("Shape: method", methods),
        ("Color and place in the cycle: strategy", strategies),
    ]


def _note(rows: Sequence[Any]) -> str:
    seeds = sorted({row.n_seeds for row in rows if row.verdict in VERDICTS})
    text = "Bars: one sample standard deviation; the paper's over 5 seeds"
    if not seeds:
        text += ". None of the paper's cells was run yet."
    else:
        ours = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        text += f", ours over {ours}{' (none for one seed)' if seeds[0] == 1 else ''}."
    reduced = Counter(block_name(r.dataset, r.budget) for r in rows if r.verdict == REDUCED)
    if reduced:
        counts = "; ".join(f"{count} of {name}" for name, count in reduced.items())
        text += "\nNot drawn, because they are not the paper's cells: reduced runs, "
        text += f"{counts}. The table has them."
    return text
