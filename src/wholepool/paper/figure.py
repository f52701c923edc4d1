"""The comparison with the paper as one figure: a panel per data set and budget of the paper.

Open gray markers are the paper's printed means with its deviations; filled ones in the strategy's
color are ours. Shape is the method; strategies stand side by side within a cycle, each pair of
paper and ours in one place. A gray marker without a filled one beside it was not run.
Reduced runs are not drawn: they are not the paper's cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import INITIAL
from wholepool.paper.comparison import FULL, NOT_COMPARED, REDUCED, VERDICTS
from wholepool.paper.table import block_name, rows_of
from wholepool.report.figures import STRATEGY_STYLES, save, style
from wholepool.report.tables import ALL_STRATEGIES, METHOD_NAMES, STRATEGY_NAMES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_MARKERS = {"baseline": "o", "pre": "^", "semi": "s", "pre+semi": "D"}
_SIZES = {"baseline": 4.0, "pre": 4.4, "semi": 3.8, "pre+semi": 3.6}
_INITIAL_COLOR = "#CC79A7"
_PAPER, _TEXT = "#9A9A9A", "#666666"
_COLORS = {INITIAL: _INITIAL_COLOR} | {name: look[0] for name, look in STRATEGY_STYLES.items()}

# Inches, as in `wholepool.report.figures`.
_WIDTH, _PANEL_HEIGHT, _COLUMNS = 7.16, 2.25, 2
_LEFT, _RIGHT, _TOP, _BETWEEN, _BELOW, _NOTE_ROW = 0.48, 0.06, 0.26, 0.4, 0.5, 0.115
# Places within a cycle, whose width is 1: from strategy to strategy, from the paper's to ours, and
# from ours to ours in other settings.
_STEP, _BESIDE, _NEXT = 0.17, 0.055, 0.035


def write_comparison_figure(table: pd.DataFrame, out_dir: str | Path) -> None:
    """Write compare_with_paper.png, .svg and .pdf from the first frame of `comparison.compare`."""
    save(comparison_figure(table), Path(out_dir), "compare_with_paper")


def comparison_figure(table: pd.DataFrame) -> Figure:
    """The figure; the table has `comparison.COLUMNS`."""
    from matplotlib.figure import Figure

    rows = rows_of(table)
    blocks = list(dict.fromkeys((r.dataset, r.budget) for r in rows if r.method != FULL))
    note = _note(rows)
    n_rows = -(-(len(blocks) + 1) // _COLUMNS)  # one place is the legend's
    panel_width = (_WIDTH - _LEFT - _RIGHT - (_COLUMNS - 1) * _BETWEEN) / _COLUMNS
    foot = len(note) * _NOTE_ROW + 0.1
    height = n_rows * (_TOP + _PANEL_HEIGHT + _BELOW) + foot
    with style():
        figure = Figure(figsize=(_WIDTH, height))
        for number in range(len(blocks) + 1):
            row, column = divmod(number, _COLUMNS)
            left = _LEFT + column * (panel_width + _BETWEEN)
            bottom = foot + (n_rows - 1 - row) * (_TOP + _PANEL_HEIGHT + _BELOW) + _BELOW
            if number == len(blocks):
                _legends(figure, left / _WIDTH, (bottom + _PANEL_HEIGHT) / height, rows)
                break
            axes = figure.add_axes(
                (left / _WIDTH, bottom / height, panel_width / _WIDTH, _PANEL_HEIGHT / height)
            )
            dataset, budget = blocks[number]
            block = [r for r in rows if (r.dataset, r.budget) == (dataset, budget)]
            full = [r for r in rows if r.dataset == dataset and r.method == FULL]
            printed = [r for r in block if r.verdict not in (REDUCED, NOT_COMPARED)]
            n_cells = len({_place(r) for r in printed})
            n_run = len({_place(r) for r in printed if r.verdict in VERDICTS})
            name = block_name(dataset, budget)
            axes.set_title(f"({chr(ord('a') + number)}) {name}: {n_run} of {n_cells} cells run")
            if column == 0:
                axes.set_ylabel("test accuracy (%)")
            if number + _COLUMNS > len(blocks) - 1:
                axes.set_xlabel("cycle / number of labels", labelpad=2)
            _panel(axes, printed, full, int(budget))
        for line, text in enumerate(reversed(note)):
            y = (0.05 + line * _NOTE_ROW) / height
            figure.text(0.5, y, text, ha="center", va="bottom", fontsize=6, color=_TEXT)
    return figure


def _place(row: Any) -> tuple[str, str, int]:
    return (row.method, row.strategy, row.cycle)


def _panel(axes: Axes, rows: Sequence[Any], full: Sequence[Any], budget: int) -> None:
    """One data set and budget: the paper's cells, ours beside them, and full supervision."""
    from matplotlib.ticker import MaxNLocator

    cycles = range(max(5, *(row.cycle + 1 for row in rows)))
    axes.set_xticks(list(cycles), [f"{cycle}\n{budget * (cycle + 1)}" for cycle in cycles])
    axes.set_xlim(-0.5, len(cycles) - 0.5)
    axes.tick_params(axis="x", length=0)
    for cycle in cycles[1:]:
        axes.axvline(cycle - 0.5, color="#EEEEEE", linewidth=0.5, zorder=0)
    extent: list[float] = []
    seen: dict[tuple[str, str, int], int] = {}
    for row in rows:
        x = row.cycle + _slot(row.strategy)
        variant = seen.get(_place(row), 0)
        seen[_place(row)] = variant + 1
        look: dict[str, Any] = {"marker": _MARKERS[row.method], "markersize": _SIZES[row.method]}
        if variant == 0:
            spread = row.paper_std or 0.0
            extent += [row.paper_mean - spread, row.paper_mean + spread]
            axes.errorbar(
                [x - (_BESIDE if row.verdict in VERDICTS else 0.0)],
                [row.paper_mean],
                yerr=[spread] if spread else None,
                color=_PAPER,
                markerfacecolor="white",
                markeredgecolor=_PAPER,
                markeredgewidth=0.7,
                elinewidth=0.6,
                label=f"paper/{row.method}/{row.strategy}/{row.cycle}",
                zorder=2,
                **look,
            )
        if row.verdict in VERDICTS:
            spread = row.std or 0.0
            extent += [row.mean - spread, row.mean + spread]
            color = _COLORS.get(row.strategy, _INITIAL_COLOR)
            axes.errorbar(
                [x + _BESIDE + variant * _NEXT],
                [row.mean],
                yerr=[spread] if spread else None,
                color=color,
                markeredgecolor=color,
                markeredgewidth=0.6,
                markerfacecoloralt="white",
                # half filled: some setting is not that of the paper's grid
                fillstyle="left" if row.other_settings else "full",
                elinewidth=0.9,
                label=f"ours/{row.method}/{row.strategy}/{row.cycle}",
                zorder=4,
                **look,
            )
    _full_supervision(axes, full, budget)
    extent += [value for row in full for value in (row.paper_mean, row.mean) if value is not None]
    low, high = min(extent), max(extent)
    margin = max(0.05 * (high - low), 2.0)
    axes.set_ylim(max(low - margin, 0.0), min(high + margin, 102.0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))


def _slot(strategy: str) -> float:
    """The place of a strategy within its cycle, 0 in the middle."""
    names = list(STRATEGY_NAMES)
    if strategy not in names:
        return 0.0
    return _STEP * (names.index(strategy) - (len(names) - 1) / 2)


def _full_supervision(axes: Axes, rows: Sequence[Any], budget: int) -> None:
    """The paper's line of full supervision, which it prints for the data set, and ours."""
    printed = next((row.paper_mean for row in rows if row.paper_mean is not None), None)
    if printed is None:
        return
    axes.axhline(printed, color=_PAPER, linestyle=(0, (6, 2)), linewidth=0.8, zorder=1)
    text = f"full supervision: paper {printed:.2f}"
    run = next((row for row in rows if row.verdict in VERDICTS), None)
    if run is None:
        text += ", not run here"
    else:
        axes.axhline(run.mean, color="#333333", linewidth=0.9, zorder=1)
        if run.std:
            low, high = run.mean - run.std, run.mean + run.std
            axes.axhspan(low, high, color="#333333", alpha=0.12, linewidth=0, zorder=0)
        text += f", ours {run.mean:.2f}"
    level = printed if run is None else min(printed, run.mean)
    axes.annotate(
        text,
        (0.015, level),
        xycoords=("axes fraction", "data"),
        xytext=(0, -2.5),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=6,
        color=_TEXT,
    )


def _legends(figure: Figure, left: float, top: float, rows: Sequence[Any]) -> None:
    """Whose, which method, which strategy: three legends below one another."""
    from matplotlib.lines import Line2D

    def entry(label: str, color: str, **look: Any) -> Line2D:
        kind: dict[str, Any] = {
            "linestyle": "none",
            "marker": "o",
            "markersize": 4.4,
            "markeredgewidth": 0.7,
        }
        return Line2D([], [], label=label, color=color, **(kind | look))

    whose = [
        entry("paper, mean ± deviation", _PAPER, markerfacecolor="white"),
        entry("ours, mean ± deviation", "#333333"),
    ]
    if any(row.verdict in VERDICTS and row.other_settings for row in rows):
        half = {"fillstyle": "left", "markerfacecoloralt": "white"}
        whose.append(entry("ours, in other settings (see the table)", "#333333", **half))
    methods = [
        entry(METHOD_NAMES[name], _TEXT, marker=marker, markersize=_SIZES[name] + 0.4)
        for name, marker in _MARKERS.items()
    ]
    names = {INITIAL: f"{ALL_STRATEGIES} (cycle 0)"} | STRATEGY_NAMES
    strategies = [entry(text, _COLORS[name], marker="s") for name, text in names.items()]
    height = figure.get_figheight()
    for title, handles, columns in (
        ("A gray marker alone: a cell that was not run", whose, 1),
        ("Shape: method", methods, 2),
        ("Color and place in the cycle: strategy", strategies, 2),
    ):
        figure.legend(
            handles=handles,
            title=title,
            loc="upper left",
            bbox_to_anchor=(left, top),
            ncol=columns,
            alignment="left",
            handlelength=1.2,
        )
        top -= (0.14 * (-(-len(handles) // columns) + 1) + 0.1) / height


def _note(rows: Sequence[Any]) -> list[str]:
    """What the caption must say, in lines."""
    seeds = sorted({row.n_seeds for row in rows if row.verdict in VERDICTS})
    lines = ["Bars: one sample standard deviation; the paper's over 5 seeds"]
    if not seeds:
        lines[0] += ". None of the paper's cells was run yet."
    else:
        ours = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        lines[0] += f", ours over {ours}{' (none for one seed)' if seeds[0] == 1 else ''}."
    reduced: dict[str, int] = {}
    for row in rows:
        if row.verdict == REDUCED:
            name = block_name(row.dataset, row.budget)
            reduced[name] = reduced.get(name, 0) + 1
    if reduced:
        texts = [f"{count} of {name}" for name, count in reduced.items()]
        lines.append(f"Not drawn, because they are not the paper's cells: reduced runs, {texts[0]}")
        for text in texts[1:]:
            lines[-1] += f"; {text}"
        lines[-1] += ". The table has them."
    return lines
