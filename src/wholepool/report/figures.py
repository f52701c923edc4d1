"""The paper's Figures 1 to 4: test accuracy against cycle, for the grid that was run.

A figure shows the mean over seeds and a band of one sample standard deviation to each side.
Color and marker are the strategy's, line style is the method's, so that a figure also reads
without color; the colors are those of Okabe and Ito, told apart by color-blind readers.

A method belongs to a figure by what it does, not by its name: Figure 1 has the methods without
PRE and SEMI, Figure 2 those with PRE alone, and so on, so that a new PRE appears by itself.
`grid`, `pools` and the accuracy table are described in `wholepool.report.tables`.

matplotlib is imported where it is used, and pyplot never: its start costs most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wholepool.grid.cells import is_full
from wholepool.job.files import atomic
from wholepool.report.tables import (
    METHOD_NAMES,
    STRATEGY_NAMES,
    display,
    experiment_labels,
    full_supervision,
    methods_in_order,
    read_accuracy,
    seeds_phrase,
    strategies_in_order,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Grid = Mapping[str, Any]
Pools = Mapping[str, Mapping[str, Any]]
# A line style as matplotlib takes it: offset and lengths of dashes and gaps; () is solid.
_Dash = tuple[float, tuple[float, ...]]
# Color, marker, and size of the marker in points.
_Look = tuple[str, str, float]

FORMATS = ("png", "svg", "pdf")

STRATEGY_STYLES = {
    "random": ("#000000", "o"),
    "uncertainty": ("#E69F00", "s"),
    "ceal": ("#009E73", "D"),
    "coreset": ("#0072B2", "^"),
    "jlp": ("#D55E00", "v"),
}
# For strategies that are added later, in the order of the grid.
_MORE_STRATEGY_STYLES = [
    ("#CC79A7", "P"),
    ("#56B4E9", "X"),
    ("#777777", "*"),
    ("#B8A800", "p"),
    ("#7A4B00", "h"),
]
_SOLID: _Dash = (0.0, ())
_METHOD_STYLES: dict[str, _Dash] = {
    "baseline": (0.0, (1.0, 1.3)),
    "pre": (0.0, (3.6, 1.6)),
    "semi": (0.0, (5.0, 1.3, 1.0, 1.3)),
    "pre+semi": _SOLID,
}
_MORE_METHOD_STYLES: list[_Dash] = [
    (0.0, (3.0, 1.2, 1.0, 1.2, 1.0, 1.2)),
    (0.0, (8.0, 1.6)),
    (0.0, (1.0, 3.0)),
]
_MEASURED_STYLE: _Dash = (0.0, (7.0, 1.5))
_PUBLISHED_STYLE: _Dash = (0.0, (7.0, 3.5))
_GRAY = "#666666"

# Inches. A row of panels is as wide as a page's text, one panel as wide as a column.
_PAGE, _COLUMN = 7.16, 3.5
_PANEL_HEIGHT = {1: 2.3, 2: 2.1, 3: 1.9}
_LEFT, _RIGHT, _TOP, _BETWEEN_COLUMNS = 0.48, 0.06, 0.24, 0.34
_BELOW_PANEL, _LEGEND_ROW, _BETWEEN_LEGENDS, _NOTE_ROW = 0.5, 0.145, 0.08, 0.11


# ---------------------------------------------------------------------------------------------
# The four figures
# ---------------------------------------------------------------------------------------------


def figure1(accuracy: pd.DataFrame, grid: Grid) -> Figure:
    """Accuracy against cycle without PRE and SEMI, one panel per experiment: Figure 1.

    `accuracy` has the columns of `tables.ACCURACY_COLUMNS`, mean and std in percent.
    """
    return _figure(accuracy, grid, list(grid["experiments"]), _methods(grid, [(False, False)]))


def figure2(accuracy: pd.DataFrame, grid: Grid) -> Figure:
    """Accuracy against cycle with PRE alone, one panel per experiment: Figure 2."""
    return _figure(accuracy, grid, list(grid["experiments"]), _methods(grid, [(True, False)]))


def figure3(accuracy: pd.DataFrame, grid: Grid) -> Figure:
    """Baseline, PRE and PRE + SEMI together, with the lines of full supervision: Figure 3.

    A measured line is the mean of a method that trains on all labels; a published one is the
    config's `full_supervision`.

    An experiment with runs of SEMI but none of PRE + SEMI shows SEMI in its stead, as the paper
    does for CIFAR-10 with 1000 labels per cycle.
    """
    methods = _methods(grid, [(False, False), (True, False), (True, True)])
    with_semi = _methods(grid, [(False, False), (True, False), (False, True)])
    for experiment in grid["experiments"]:
        run = set(accuracy.loc[accuracy["experiment"] == experiment, "method"])
        both = _methods(grid, [(True, True)])[experiment]
        semi = _methods(grid, [(False, True)])[experiment]
        if not run.intersection(both) and run.intersection(semi):
            methods[experiment] = with_semi[experiment]
    return _figure(accuracy, grid, list(grid["experiments"]), methods, references=True)


def figure4(accuracy: pd.DataFrame, grid: Grid, pools: Pools | None = None) -> Figure:
    """Methods with and without SEMI, none with PRE alone: Figure 4.

    The paper shows one label per class and cycle. With `pools` the experiments whose budget is
    the number of classes are shown; without, or where there is none, all of them.
    """
    plans = grid["experiments"]
    experiments = [
        experiment
        for experiment, plan in plans.items()
        if pools is not None and pools.get(plan["dataset"], {}).get("classes") == plan["budget"]
    ]
    methods = _methods(grid, [(False, False), (False, True), (True, True)])
    return _figure(accuracy, grid, experiments or list(plans), methods)


def write_figures(
    accuracy_csv: Path, grid: Grid, out_dir: Path, pools: Pools | None = None
) -> None:
    """Write figure1 to figure4 to `out_dir` as .png (200 dots per inch), .svg and .pdf.

    Under one version of matplotlib the same table gives the same bytes: no dates, fixed ids,
    and no setting of the user's own. Each file appears whole or not at all. Raises ValueError
    where `accuracy_csv` lacks a column.
    """
    accuracy = read_accuracy(Path(accuracy_csv))
    makers: list[Callable[[], Figure]] = [
        lambda: figure1(accuracy, grid),
        lambda: figure2(accuracy, grid),
        lambda: figure3(accuracy, grid),
        lambda: figure4(accuracy, grid, pools),
    ]
    for number, make in enumerate(makers, start=1):
        save(make(), Path(out_dir), f"figure{number}")


def save(figure: Figure, out_dir: Path, name: str) -> None:
    """Write one figure as .png, .svg and .pdf, each whole or not at all, and without a date."""
    for kind in FORMATS:
        with style(), atomic(out_dir / f"{name}.{kind}") as temporary:
            figure.savefig(temporary, format=kind, dpi=200, metadata=_undated(kind))


# ---------------------------------------------------------------------------------------------
# Which methods
# ---------------------------------------------------------------------------------------------


def _methods(grid: Grid, kinds: Sequence[tuple[bool, bool]]) -> dict[str, list[str]]:
    """Experiment → its methods with cycles of these kinds: a kind is (has PRE, has SEMI)."""
    chosen: dict[str, list[str]] = {}
    for experiment, plan in grid["experiments"].items():
        chosen[experiment] = [
            method
            for method, parts in plan["methods"].items()
            if not is_full(parts) and (parts["pre"] != "none", parts["semi"] != "none") in kinds
        ]
    return chosen


# ---------------------------------------------------------------------------------------------
# Drawing
# ---------------------------------------------------------------------------------------------


def _figure(
    accuracy: pd.DataFrame,
    grid: Grid,
    experiments: Sequence[str],
    methods: Mapping[str, Sequence[str]],
    references: bool = False,
) -> Figure:
    """One panel per experiment with these methods, the legend and a note below."""
    from matplotlib.figure import Figure

    # By position: an empty list of truth values would select columns, not rows.
    shown = accuracy.iloc[
        [
            number
            for number, row in enumerate(accuracy.itertuples())
            if row.experiment in experiments and row.method in methods[row.experiment]
        ]
    ]
    runs_of = set(zip(shown["method"], shown["strategy"], strict=True))
    drawn_methods = [m for m in methods_in_order(grid) if any(m == run[0] for run in runs_of)]
    drawn_strategies = [s for s in strategies_in_order(grid) if any(s == r[1] for r in runs_of)]
    looks = _strategy_looks(grid)
    dashes = _dashes(grid, drawn_methods)

    labels = experiment_labels(grid)
    n = len(experiments)
    n_columns = {1: 1, 2: 2, 4: 2}.get(n, 3)
    n_rows = -(-n // n_columns)
    # Where the last row has a free place, the legend stands there, else below the panels.
    free_place = n < n_rows * n_columns
    lines = {e: _references(accuracy, grid, e) if references else [] for e in experiments}
    note = _note(shown, narrow=n == 1)

    # Everything is placed in inches, so that text keeps its size and nothing overlaps whatever
    # the number of panels.
    width = _COLUMN if n == 1 else _PAGE
    panel_height = _PANEL_HEIGHT[n_columns]
    panel_width = (width - _LEFT - _RIGHT - (n_columns - 1) * _BETWEEN_COLUMNS) / n_columns
    longest = max((len(display(STRATEGY_NAMES, s)) for s in drawn_strategies), default=0)
    in_a_row = 1 if free_place else 6 if n > 1 else 3 if longest < 15 else 2
    foot = (note.count("\n") + 1) * _NOTE_ROW + 0.08
    with style():
        legends = _legends(drawn_strategies, drawn_methods, looks, dashes)
        legend_rows = [
            -(-len(handles) // in_a_row) + (1 if title else 0) for title, handles in legends
        ]
        if not free_place:
            foot += sum(legend_rows) * _LEGEND_ROW + len(legends) * _BETWEEN_LEGENDS
        height = n_rows * (_TOP + panel_height + _BELOW_PANEL) + foot
        figure = Figure(figsize=(width, height))
        for number, experiment in enumerate(experiments):
            row, column = divmod(number, n_columns)
            left = _LEFT + column * (panel_width + _BETWEEN_COLUMNS)
            bottom = foot + (n_rows - 1 - row) * (_TOP + panel_height + _BELOW_PANEL) + _BELOW_PANEL
            axes = figure.add_axes(
                (left / width, bottom / height, panel_width / width, panel_height / height)
            )
            title = labels[experiment]
            axes.set_title(f"({chr(ord('a') + number)}) {title}" if n > 1 else title)
            if column == 0:
                axes.set_ylabel("test accuracy (%)")
            if number + n_columns >= n:
                axes.set_xlabel("cycle / number of labels", labelpad=2)
            _panel(
                axes,
                shown[shown["experiment"] == experiment],
                grid["experiments"][experiment],
                looks,
                dashes,
                lines[experiment],
            )
        corner: Literal["upper center", "upper left"] = "upper center"
        x, top = width / 2, foot - _BETWEEN_LEGENDS / 2
        if free_place:
            corner = "upper left"
            x = _LEFT + (n_columns - 1) * (panel_width + _BETWEEN_COLUMNS)
            top = foot + _BELOW_PANEL + panel_height
        for (title, handles), rows in zip(legends, legend_rows, strict=True):
            figure.legend(
                handles=handles,
                title=title or None,
                loc=corner,
                bbox_to_anchor=(x / width, top / height),
                ncol=min(len(handles), in_a_row),
                alignment="left" if free_place else "center",
            )
            top -= rows * _LEGEND_ROW + _BETWEEN_LEGENDS
        figure.text(0.5, 0.04 / height, note, ha="center", va="bottom", fontsize=6, color=_GRAY)
    return figure


def _references(
    accuracy: pd.DataFrame, grid: Grid, experiment: str
) -> list[tuple[str, float, _Dash]]:
    """Text, level in percent and style of an experiment's lines of full supervision."""
    lines = [
        (f"{name.lower()} {mean:.1f}", float(mean), _MEASURED_STYLE)
        for name, mean, _ in full_supervision(accuracy, experiment)
    ]
    published = grid["experiments"][experiment].get("full_supervision")
    if published is not None:
        text = f"full supervision, published {float(published):g}"
        lines.append((text, float(published), _PUBLISHED_STYLE))
    return lines


def _panel(
    axes: Axes,
    cells: pd.DataFrame,
    plan: Mapping[str, Any],
    looks: Mapping[str, _Look],
    dashes: Mapping[str, _Dash],
    references: Sequence[tuple[str, float, _Dash]],
) -> None:
    """Draw one experiment, a line and a band per method and strategy, and reference lines."""
    from matplotlib.ticker import MaxNLocator

    cycles = list(range(plan["cycles"]))
    n_labels = {cycle: int(plan["initial"]) + cycle * int(plan["budget"]) for cycle in cycles}
    n_labels.update((int(row.cycle), int(row.n_labels)) for row in cells.itertuples())
    axes.set_xticks(cycles, [f"{cycle}\n{n_labels[cycle]}" for cycle in cycles])
    axes.set_xlim(-0.3, len(cycles) - 0.7)
    if not len(cells):
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "not run", transform=axes.transAxes, ha="center", va="center", color=_GRAY
        )
        return

    strategies = [s for s in looks if s in set(cells["strategy"])]
    values = {
        (row.method, row.strategy, row.cycle): (float(row.mean), float(row.std))
        for row in cells.itertuples()
    }
    # Many bands on top of each other must still let the lines through.
    opacity = 0.1 if len(dashes) == 1 else 0.06
    lows, highs = [], []
    for method in dashes:
        for strategy in strategies:
            color, marker, size = looks[strategy]
            # A cycle that was not run leaves a gap in the line.
            nothing = (float("nan"), float("nan"))
            pairs = [values.get((method, strategy, cycle), nothing) for cycle in cycles]
            if all(mean != mean for mean, _ in pairs):
                continue
            low = [mean - std for mean, std in pairs]
            high = [mean + std for mean, std in pairs]
            axes.fill_between(cycles, low, high, color=color, alpha=opacity, linewidth=0, zorder=1)
            # No strategy is moved sideways to uncover another: on a steep curve that reads as a
            # difference in accuracy. Where points coincide, the ones below are larger.
            axes.plot(
                cycles,
                [mean for mean, _ in pairs],
                color=color,
                marker=marker,
                markeredgecolor="white",
                markersize=size,
                linestyle=dashes[method],
                label=f"{method}/{strategy}",
                zorder=3,
            )
            for number in [*low, *high, *(mean for mean, _ in pairs)]:
                if number == number:
                    lows.append(number)
                    highs.append(number)
    low_limit, high_limit = min(lows), max(highs)
    for place, (text, level, dash) in enumerate(references):
        high_limit = max(high_limit, level)
        axes.axhline(level, color=_GRAY, linestyle=dash, linewidth=0.8, zorder=2, label=text)
        # a measured and a published line may be close: one text stands left, the next right
        side: Literal["left", "right"] = "left" if place % 2 == 0 else "right"
        axes.annotate(
            text,
            (0.02 if side == "left" else 0.98, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, -1.5),
            textcoords="offset points",
            ha=side,
            va="top",
            fontsize=6,
            color=_GRAY,
        )
    margin = max(0.04 * (high_limit - low_limit), 0.5)
    axes.set_ylim(max(low_limit - margin, 0.0), min(high_limit + margin, 101.0))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))


def _legends(
    strategies: Sequence[str],
    methods: Sequence[str],
    looks: Mapping[str, _Look],
    dashes: Mapping[str, _Dash],
) -> list[tuple[str, list[Line2D]]]:
    """Title and handles: the strategies, and the methods as gray lines where there are several.

    A method that stands alone is named in the title.
    """
    from matplotlib.lines import Line2D

    if not strategies:
        return []
    alone = len(methods) == 1
    by_strategy = [
        Line2D(
            [],
            [],
            color=looks[strategy][0],
            marker=looks[strategy][1],
            markersize=looks[strategy][2],
            markeredgecolor="white",
            linestyle=_SOLID if alone else "none",
            label=display(STRATEGY_NAMES, strategy),
        )
        for strategy in strategies
    ]
    if alone:
        return [(f"method: {display(METHOD_NAMES, methods[0])}", by_strategy)]
    by_method = [
        Line2D([], [], color=_GRAY, linestyle=dashes[m], label=display(METHOD_NAMES, m))
        for m in methods
    ]
    return [("", by_strategy), ("", by_method)]


def _note(shown: pd.DataFrame, narrow: bool) -> str:
    if not len(shown):
        return "Nothing was run yet."
    if shown["n_seeds"].max() == 1:
        parts = ["One seed, so no band of standard deviations."]
    else:
        parts = [f"Mean {seeds_phrase(shown)}; band: ± one sample standard deviation."]
    return ("\n" if narrow else " ").join(parts)


def _strategy_looks(grid: Grid) -> dict[str, _Look]:
    """Strategy → its look, the same in every figure and panel of a grid, in drawing order."""
    looks = {}
    others = 0
    for position, strategy in enumerate(strategies_in_order(grid)):
        if strategy in STRATEGY_STYLES:
            color, marker = STRATEGY_STYLES[strategy]
        else:
            color, marker = _MORE_STRATEGY_STYLES[others % len(_MORE_STRATEGY_STYLES)]
            others += 1
        looks[strategy] = (color, marker, max(5.0 - 0.35 * position, 3.2))
    return looks


def _dashes(grid: Grid, drawn: Sequence[str]) -> dict[str, _Dash]:
    """Method → line style, the same in every figure; solid where a method stands alone."""
    if len(drawn) == 1:
        return {drawn[0]: _SOLID}
    others = [method for method in methods_in_order(grid) if method not in _METHOD_STYLES]
    dashes = dict(_METHOD_STYLES)
    for number, method in enumerate(others):
        dashes[method] = _MORE_METHOD_STYLES[number % len(_MORE_METHOD_STYLES)]
    return {method: dashes[method] for method in drawn}


# ---------------------------------------------------------------------------------------------
# The same bytes everywhere
# ---------------------------------------------------------------------------------------------


@contextmanager
def style() -> Iterator[None]:
    """matplotlib's own defaults, whatever the user's are, with this module's changes."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.size": 8,
                "axes.titlesize": 8,
                "axes.titlepad": 4,
                "axes.labelsize": 8,
                "axes.linewidth": 0.6,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.grid": True,
                "axes.grid.axis": "y",
                "axes.axisbelow": True,
                "grid.color": "#E5E5E5",
                "grid.linewidth": 0.5,
                "xtick.labelsize": 7,
                "ytick.labelsize": 7,
                "xtick.major.width": 0.6,
                "ytick.major.width": 0.6,
                "xtick.major.size": 2.5,
                "ytick.major.size": 2.5,
                "lines.linewidth": 1.1,
                "lines.markeredgewidth": 0.3,
                "legend.fontsize": 7,
                "legend.title_fontsize": 7,
                "legend.frameon": False,
                "legend.borderpad": 0.0,
                "legend.borderaxespad": 0.0,
                "legend.labelspacing": 0.3,
                "legend.handlelength": 3.0,
                "legend.handletextpad": 0.5,
                "legend.columnspacing": 1.4,
                # Fonts: outlines in SVG, so that it looks the same everywhere; TrueType in PDF,
                # which publishers ask for.
                "svg.fonttype": "path",
                "svg.hashsalt": "wholepool",
                "pdf.fonttype": 42,
            }
        )
        yield


def _undated(kind: str) -> dict[str, None]:
    return {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
