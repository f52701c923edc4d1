"""What was acquired: overlap between seeds and strategies, class balance, near duplicates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.grid import plan
from wholepool.job.files import write_text
from wholepool.report import fragment
from wholepool.report.accuracy import to_csv
from wholepool.report.acquired import read_acquired, space
from wholepool.report.names import (
    experiment_labels,
    method_name,
    strategies_in_order,
    strategy_name,
)
from wholepool.report.results import Grid, Results
from wholepool.report.style import save, style
from wholepool.statistics import selection
from wholepool.statistics.effects import mean
from wholepool.statistics.trajectories import Curve, curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "What was acquired"
PLACE = 47
STAGE = "statistics"
FILES = (
    "tables/selection.csv",
    "tables/selection_overlap.csv",
    "figures/selection.png",
    "figures/selection.svg",
    "figures/selection.pdf",
)

COLUMNS = (
    *("experiment", "method", "strategy", "n_seeds", "acquired", "overlap_seeds"),
    *("overlap_random_expected", "overlap_strategies", "class_balance", "near_duplicates"),
    *("distance", "space"),
)
#: inks on the heat map: no black or white, which the report turns round in the dark
DARK, LIGHT = "#111122", "#FDFDFF"
NOTHING = (
    "No two strategies have acquired images that could be compared: it takes the labeled sets "
    "below runs/, and at least one cycle after the first."
)

Closeness = dict[Curve, tuple[float, float, str]]


def make(results: Results) -> None:
    """Write both tables and the figure."""
    sets = _sets(results)
    pairs = selection.overlaps(sets, results.grid)
    table = selection_table(results, sets, pairs)
    write_text(results.folder / FILES[0], to_csv(table))
    write_text(results.folder / FILES[1], to_csv(pairs))
    save(drawn(table, pairs, results.grid), results.folder / "figures/selection")


def _sets(results: Results) -> dict[Curve, dict[int, selection.Acquired]]:
    """What was acquired; empty where only the tables of a grid are there."""
    if results.source is None or not (results.source / "runs").exists() or not results.settings:
        return {}
    pools = [plan.of_dataset(name, "pool")["pool"] for name in results.runs["dataset"].unique()]
    if not all((results.source / path).exists() for path in pools):
        return {}  # results that were copied without the images
    dropped = list(results.grid.get("drop_seeds", ()))
    return read_acquired(results.source, results.settings, results.runs, dropped)


def selection_table(
    results: Results, sets: dict[Curve, dict[int, selection.Acquired]], pairs: pd.DataFrame
) -> pd.DataFrame:
    """COLUMNS, a row for each curve that has acquired anything, in the order of the plan."""
    import pandas as pd

    balances = selection.balances(results.runs, results.grid)
    near = _closeness(results, sets)
    rows = []
    for curve in curves(results.grid):
        own = sets.get(curve, {})
        balance = balances.get(curve, [])
        if not own and not balance:
            continue
        sizes = [int((one.cycle > 0).sum()) for one in own.values()]
        rows.append(
            (
                *(*curve, max(len(own), len(balance)), mean(sizes) if sizes else math.nan),
                *selection.between_seeds(own),
                *(selection.with_others(pairs, curve), _mean(balance)),
                *near.get(curve, (math.nan, math.nan, "")),
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _closeness(results: Results, sets: dict[Curve, dict[int, selection.Acquired]]) -> Closeness:
    """Share of near duplicates, distance and space of each curve: a data set's are read once."""
    from wholepool.statistics import closeness

    found: Closeness = {}
    of_dataset: dict[str, list[Curve]] = {}
    for curve in sets:
        dataset = results.grid["experiments"][curve.experiment]["dataset"]
        of_dataset.setdefault(dataset, []).append(curve)
    for dataset, own in of_dataset.items():
        assert results.source
        name, rows = space(results.source, results.settings, dataset)
        rows = closeness.unit(rows)
        n, k = len(rows), min(closeness.K, len(rows) - 1)
        if k < 1:
            continue
        chosen = [one.index for curve in own for one in sets[curve].values()]
        which = np.unique(np.concatenate(chosen))
        neighbors, scale = closeness.nearest(rows, which, k), closeness.typical(rows)
        for curve in own:
            near, far = [], []
            for one in sets[curve].values():
                of_these = neighbors[np.searchsorted(which, one.index)]
                near.append(closeness.near_duplicates(of_these, one.index, one.cycle, n))
                away = closeness.distance(rows, one.index, one.cycle)
                far.append(away / scale if scale else math.nan)
            found[curve] = _mean(near), _mean(far), name
    return found


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return mean(known) if known else math.nan


def drawn(table: pd.DataFrame, pairs: pd.DataFrame, grid: Grid) -> Figure:
    """A heat map of the overlap of each two strategies; on the diagonal, of a strategy's seeds."""
    import textwrap

    from matplotlib.figure import Figure

    grids = heat(table, pairs, grid)
    with style():
        if grids is None:
            figure = Figure(figsize=(5.2, 1.1), layout="constrained")
            axes = figure.add_subplot()
            axes.axis("off")
            axes.text(0.5, 0.5, textwrap.fill(NOTHING, 70), ha="center", va="center")
            return figure
        order, maps = grids
        side = min(0.9 + 0.2 * max(len(order), 6), 3.05)  # 7 inches wide at most
        figure = Figure(figsize=(2 * side + 0.9, side + 0.3), layout="constrained")
        top = max(float(np.nanmax(maps)), 0.01)
        titles = "acquired by these strategies", "two random choices"
        panels = figure.subplots(1, 2, sharey=True)
        for axes, values, title in zip(panels, maps, titles, strict=True):
            axes.grid(visible=False)
            shown = np.ma.masked_invalid(values)
            mesh = axes.pcolormesh(shown, cmap="Blues", vmin=0, vmax=top, edgecolors="none")
            for (row, column), value in np.ndenumerate(values):
                if not math.isnan(value):
                    text = axes.text(column + 0.5, row + 0.5, _percent(value))
                    ink = LIGHT if value > 0.55 * top else DARK
                    text.set(
                        ha="center", va="center", color=ink, fontsize=5 if len(order) < 13 else 4
                    )
            ticks = np.arange(len(order)) + 0.5
            names = [strategy_name(name) for name in order]
            axes.set_xticks(ticks, names, rotation=90)
            axes.set_yticks(ticks, names)
            axes.tick_params(length=0)
            for spine in axes.spines.values():
                spine.set_visible(False)
            axes.set_title(title)
        panels[0].invert_yaxis()
        bar = figure.colorbar(mesh, ax=panels, shrink=0.8, pad=0.02)
        bar.set_label("Jaccard index")
        bar.outline.set_visible(False)
    return figure


def _percent(value: float) -> str:
    """Two decimals without the zero in front: .07, 1."""
    return "1" if round(value, 2) == 1 else f"{value:.2f}"[1:]


def heat(
    table: pd.DataFrame, pairs: pd.DataFrame, grid: Grid
) -> tuple[list[str], np.ndarray] | None:
    """The strategies and two maps (2, s, s): overlaps and chance's, means over all methods.

    On the diagonal between two seeds of one strategy; NaN where nothing is known, None if
    everywhere.
    """
    known = table[table["overlap_seeds"].notna()]
    have = {*known["strategy"], *pairs["first"], *pairs["second"]}
    order = [name for name in strategies_in_order(grid) if name in have]
    if not order:
        return None
    maps = np.full((2, len(order), len(order)), np.nan)
    place = {name: position for position, name in enumerate(order)}
    columns = ["overlap_seeds", "overlap_random_expected"]
    for name, means in known.groupby("strategy")[columns].mean().iterrows():
        maps[:, place[str(name)], place[str(name)]] = means
    for (one, other), own in pairs.groupby(["first", "second"]):
        # a pair stands once, but in another order where an experiment lists them otherwise
        turned = pairs[(pairs["first"] == other) & (pairs["second"] == one)]
        rows = [
            *own[["jaccard", "by_chance"]].to_numpy(),
            *turned[["jaccard", "by_chance"]].to_numpy(),
        ]
        mean_of_both = np.mean(rows, axis=0)
        maps[:, place[one], place[other]] = maps[:, place[other], place[one]] = mean_of_both
    return order, maps


def show(results: Results) -> str:
    """Two sentences on overlap and on batches, the heat map, and the means of each strategy."""
    table, pairs = results.table("selection"), results.table("selection_overlap")
    if not len(table):
        return fragment.paragraph(
            "Nothing can be said of what was acquired: no strategy has chosen any images yet."
        )
    parts = [fragment.paragraph(text) for text in sentences(table, pairs, results.grid)]
    if table["acquired"].notna().any():
        caption = (
            "Left: the Jaccard index of the images that two strategies acquired from the same "
            "initial labels (0: no image in common, 1: the same images), mean over methods and "
            "seeds; on the diagonal, of one strategy's choices for two seeds. Right: the same of "
            "two random choices of as many images."
        )
        parts.append(fragment.figure(results, "figures/selection.svg", caption))
    parts.append(fragment.table(short(table, results.grid)))
    parts.append(
        fragment.note(
            "Class balance: the entropy of the acquired images' classes, 1 is balanced. Near "
            "duplicates: images of a batch with another of the batch, or one labeled before, "
            "among their 10 nearest. Distance: to the nearest image labeled before, in units of "
            "the mean distance between nearest neighbors in the pool. Means over experiments and "
            "seeds; each is in tables/selection.csv, each two strategies in "
            "tables/selection_overlap.csv."
        )
    )
    return "".join(parts)


def sentences(table: pd.DataFrame, pairs: pd.DataFrame, grid: Grid) -> list[str]:
    """What the tables say in plain words; and what cannot be said."""
    if not table["acquired"].notna().any():
        return [
            "Only the class balance of what was acquired can be said: the labeled sets of the "
            "runs, or the pools, are not beside these tables, so nothing is known of overlap, near "
            "duplicates and distance."
        ]
    found = []
    seeds = table.dropna(subset=["overlap_seeds"])
    if len(seeds):
        most = seeds.loc[seeds["overlap_seeds"].idxmax()]
        found.append(
            f"Between two seeds, {_named(most, grid)} repeats itself most: a Jaccard index of "
            f"{most['overlap_seeds']:.2f}, where two random choices have "
            f"{most['overlap_random_expected']:.2f}."
        )
    else:
        found.append("Nothing can be said of the overlap between seeds: there is one seed.")
    if len(pairs):
        most = pairs.loc[pairs["jaccard"].idxmax()]
        two = f"{strategy_name(most['first'])} and {strategy_name(most['second'])}"
        found.append(
            f"The two strategies most alike are {two} ({method_name(most['method'])}): "
            f"{most['jaccard']:.2f}, by chance {most['by_chance']:.2f}."
        )
    else:
        found.append("Nothing can be said of the overlap of strategies: no method has two.")
    near = table.dropna(subset=["near_duplicates"])
    if len(near):
        most = near.loc[near["near_duplicates"].idxmax()]
        found.append(
            f"Most near duplicates are in the batches of {_named(most, grid)}: "
            f"{100 * most['near_duplicates']:.0f} % of the images ({_spaces(near)})."
        )
    return found


def _named(row: Any, grid: Grid) -> str:
    text = f"{strategy_name(row['strategy'])} ({method_name(row['method'])}"
    several = len(grid["experiments"]) > 1
    return text + (f", {experiment_labels(grid)[row['experiment']]})" if several else ")")


def _spaces(near: pd.DataFrame) -> str:
    return "in the space of " + " and ".join(dict.fromkeys(near["space"]))


def short(table: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """A row for each method and strategy: the means over the experiments."""
    import pandas as pd

    names = {
        "overlap_seeds": "overlap of seeds",
        "overlap_random_expected": "by chance",
        "overlap_strategies": "overlap with other strategies",
        "class_balance": "class balance",
        "near_duplicates": "near duplicates, %",
        "distance": "distance",
    }
    rows = []
    for (method, strategy), own in table.groupby(["method", "strategy"], sort=False):
        means = own[list(names)].mean()
        means["near_duplicates"] *= 100
        row: dict[str, object] = {"Method": method_name(method)}
        row["Strategy"] = strategy_name(strategy)
        for name, head in names.items():
            digits = 0 if name == "near_duplicates" else 3 if "overlap" in name else 2
            row[head] = "–" if math.isnan(means[name]) else f"{means[name]:.{digits}f}"
        rows.append(row)
    return pd.DataFrame(rows)
