"""Figures 1 to 4 of an accuracy table, and what is drawn in them, for their tests."""

import pandas as pd
from grids_of_results import STRATEGIES, plan
from matplotlib.colors import to_hex
from matplotlib.text import Text

from wholepool.report import style
from wholepool.report.accuracy import COLUMNS
from wholepool.report.curves import curves, methods_of
from wholepool.report.names import METHOD_NAMES
from wholepool.report.pages.figure3 import figure3
from wholepool.report.pages.figure4 import figure4

METHODS = ("baseline", "pre", "semi", "pre+semi")


def figure1(accuracy, grid):
    return curves(accuracy, grid, methods_of(grid, (False, False)))


def figure2(accuracy, grid):
    return curves(accuracy, grid, methods_of(grid, (True, False)))


FIGURES = {
    "figure1": figure1,
    "figure2": figure2,
    "figure3": figure3,
    "figure4": lambda accuracy, grid: figure4(accuracy, grid, {}),
}


def grid_of_figures():
    some = ["random", "jlp"]
    return {
        "experiments": {
            "digits": plan(
                "digits", {"baseline": STRATEGIES, "pre": some, "semi": some, "pre+semi": some}
            ),
            # Planned with PRE + SEMI, which is then not run.
            "cifar": plan(
                "cifar100",
                {"baseline": STRATEGIES, "semi": some, "pre+semi": some},
                published_accuracy=76.43,
            ),
        },
        "ablation_strategies": some,
    }


def table_of(grid, keep=lambda **cell: True):
    """An accuracy table with another number in every cell."""
    rows = []
    for experiment, p in grid["experiments"].items():
        for method, parts in p["methods"].items():
            for strategy in parts["strategies"]:
                for cycle in range(p["cycles"]):
                    if keep(experiment=experiment, method=method, strategy=strategy, cycle=cycle):
                        mean = 41.0 + 6 * cycle + 5 * METHODS.index(method) + len(rows) / 50
                        rows.append(
                            (
                                experiment,
                                p["dataset"],
                                p["budget"],
                                cycle,
                                p["initial"] + cycle * p["budget"],
                                method,
                                strategy,
                                mean,
                                1 + len(rows) / 100,
                                2,
                            )
                        )
    return pd.DataFrame(rows, columns=list(COLUMNS[:10])).assign(
        pre_drawn="", zero_score_share=float("nan")
    )


def dash_of(artist):
    """A line's dashes, comparable: None where it is solid."""
    return artist._unscaled_dash_pattern[1] and tuple(artist._unscaled_dash_pattern[1])


def lines_of(axes, grid):
    """ "method/strategy" → its line, told by its look alone: color, marker and dashes."""
    strategies = {look[:2]: name for name, look in style.looks(grid).items()}
    methods = {dash[1]: name for name, dash in style.dashes(grid).items()}
    drawn = [line for line in axes.get_lines() if line.get_marker() not in ("", "None")]
    title = legend_texts(axes.figure)[0]
    if title.startswith("method: "):  # a method that stands alone is solid
        named = {shown: name for name, shown in METHOD_NAMES.items()}
        shown = title.removeprefix("method: ")
        methods = {None: named.get(shown, shown)}
    found = {}
    for line in drawn:
        strategy = strategies[to_hex(line.get_color()).upper(), line.get_marker()]
        name = f"{methods[dash_of(line)]}/{strategy}"
        assert name not in found
        found[name] = line
    return found


def cell(accuracy, experiment, method, strategy, cycle, column):
    for row in accuracy.itertuples():
        if (row.experiment, row.method, row.strategy, row.cycle) == (
            experiment,
            method,
            strategy,
            cycle,
        ):
            return getattr(row, column)
    raise KeyError((experiment, method, strategy, cycle))


def legend_texts(figure):
    """All texts below the panels: titles, entries, and at last the note."""
    return [text.get_text() for text in figure.legends[0].findobj(Text) if text.get_text()]
