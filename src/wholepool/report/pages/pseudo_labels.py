"""How right the pseudo-labels are, and how well the classifier knows what it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import ALL
from wholepool.report import style
from wholepool.report.fragment import figure, note, paragraph, table
from wholepool.report.names import experiment_labels, method_name, methods_in_order
from wholepool.report.results import Grid, Results
from wholepool.report.wording import rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Pseudo-labels and calibration"
PLACE = 60
FILES = ("figures/pseudo_labels.png", "figures/pseudo_labels.svg", "figures/pseudo_labels.pdf")

PLAIN, WEIGHTED = "pseudo_label_accuracy", "pseudo_label_accuracy_weighted"
#: column of runs.csv -> what an axis or a table calls it
MEASURES = {
    WEIGHTED: "right pseudo-labels (%)",
    "ece": "calibration error (points)",
    "nll": "negative log-likelihood",
}
_WIDTH, _PANEL, _LEGEND = 7.16, 1.75, 0.55  # inches

_CAPTION = (
    "A row per experiment. Left: the share of pseudo-labels that are right, of methods with SEMI; "
    "solid lines weigh each by its certainty, as training does, dotted lines count each once. "
    "Where the solid line is above the dotted one, certainty tells right from wrong. Middle and "
    "right: expected calibration error and negative log-likelihood of the classifier on the test "
    "images, the lower the better. Mean over seeds and strategies, band: ± one sample standard "
    "deviation."
)
_ECE = (
    "The expected calibration error (ECE) says by how many points the classifier's confidence "
    "misses: test images are put into 15 bins by the probability of the predicted class, and in "
    "each bin this probability is compared with the share of images that is right (Guo et al. "
    "2017). At 5, what is said with 90 % confidence is typically right 85 or 95 % of the time."
)


def make(results: Results) -> None:
    """Write the figure."""
    save = results.folder / "figures/pseudo_labels"
    style.save(drawn(by_cycle(results.runs, results.grid), results.grid), save)


def by_cycle(runs: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Mean and sample deviation of each measure over the runs of a method in one cycle.

    A row per experiment, method and cycle, in the order of the grid, with columns (measure, "mean")
    and (measure, "std"), NaN where runs.csv has no value (std also where there is one run).
    Pseudo-labels that a strategy gave (CEAL) are left out: they are of that strategy, not of SEMI.
    """
    names = [*MEASURES, PLAIN]
    keys = ["experiment", "method", "cycle"]
    own = runs[runs["strategy"] != ALL]
    own = own.reindex(columns=[*keys, *names]).astype(dict.fromkeys(names, "float64"))
    semi = {
        (experiment, method)
        for experiment, plan in grid["experiments"].items()
        for method, words in plan["methods"].items()
        if words["semi"] != "none"
    }
    has_semi = [pair in semi for pair in zip(own["experiment"], own["method"], strict=True)]
    for name in (PLAIN, WEIGHTED):
        own[name] = own[name].where(has_semi)
    found = own.groupby(keys)[names].agg(["mean", "std"])
    order = [
        (experiment, method, cycle)
        for experiment, plan in grid["experiments"].items()
        for method in methods_in_order(grid)
        for cycle in range(plan["cycles"])
    ]
    return found.loc[[key for key in order if key in found.index]]


def drawn(table: pd.DataFrame, grid: Grid) -> Figure:
    """The figure of a table of `by_cycle`."""
    from matplotlib.figure import Figure

    experiments = [e for e in grid["experiments"] if e in set(table.index.get_level_values(0))]
    methods = [m for m in methods_in_order(grid) if m in set(table.index.get_level_values(1))]
    color = dict(zip(methods_in_order(grid), style.COLORS * 2, strict=False))
    labels = experiment_labels(grid)
    with style.style():
        rows = max(len(experiments), 1)
        figure = Figure(figsize=(_WIDTH, rows * _PANEL + _LEGEND), layout="constrained")
        if not experiments:
            figure.text(0.5, 0.6, "Nothing was run yet.", color=style.GRAY, ha="center")
            return figure
        panels = figure.subplots(rows, len(MEASURES), squeeze=False)
        for number, experiment in enumerate(experiments):
            for axes, measure in zip(panels[number], MEASURES, strict=True):
                panel(axes, table.loc[experiment], measure, color)
                axes.set_xticks(range(grid["experiments"][experiment]["cycles"]))
            panels[number][1].set_title(labels[experiment])
        for axes in panels[-1]:
            axes.set_xlabel("cycle")
        for row in panels:
            for axes, title in zip(row, MEASURES.values(), strict=True):
                axes.set_ylabel(title)
        entries = [style.entry(method_name(m), color[m], linestyle="-") for m in methods]
        how = [
            style.entry("weighted by certainty", style.GRAY, linestyle="-"),
            style.entry("each once", style.GRAY, linestyle=":"),
        ]
        note = "Mean over seeds and strategies; band: ± one sample standard deviation."
        style.legend_below(figure, [("", entries), ("", how)], 5, note)
    return figure


def panel(axes: Axes, table: pd.DataFrame, measure: str, color: Mapping[str, str]) -> None:
    """One measure of one experiment; where it has no value the panel says so."""
    lines = [(measure, "-"), (PLAIN, ":")] if measure == WEIGHTED else [(measure, "-")]
    empty = True
    for method in dict.fromkeys(table.index.get_level_values(0)):
        for name, dash in lines:
            own = table.loc[method][name].dropna(subset=["mean"])
            if own.empty:
                continue
            empty = False
            look: Any = {"color": color[method], "linestyle": dash, "marker": "o", "markersize": 3}
            axes.plot(own.index, own["mean"], **look)
            if dash == "-":
                low, high = own["mean"] - own["std"], own["mean"] + own["std"]
                axes.fill_between(own.index, low, high, color=color[method], alpha=0.1, linewidth=0)
    if empty:
        axes.set_yticks([])
        text = "no pseudo-labels" if measure == WEIGHTED else "no test set"
        at: Any = {"transform": axes.transAxes, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, text, color=style.GRAY, **at)


def show(results: Results) -> str:
    """The figure, what an ECE is, and the numbers of each method's last cycle."""
    found = by_cycle(results.runs, results.grid)
    if found.empty:
        return paragraph("Nothing was run yet.")
    return (
        figure(results, FILES[1], _CAPTION)
        + paragraph(" ".join(told(found, results.grid)))
        + table(at_last(found, results.grid), "Each method at its last cycle: mean ± sd.")
        + note("Made of tables/runs.csv, columns pseudo_label_accuracy, ..._weighted, ece and nll.")
    )


def told(found: pd.DataFrame, grid: Grid) -> list[str]:
    """What the numbers say."""
    weighted, plain = found[WEIGHTED, "mean"], found[PLAIN, "mean"]
    both = (weighted - plain).dropna()
    if both.empty:
        first = "No method of this grid has pseudo-labels that were compared with the truth."
    else:
        labels = experiment_labels(grid)
        best = plain.idxmax()
        first = (
            f"At best {plain[best]:.1f} % of the pseudo-labels are right "
            f"({labels[best[0]]}, {method_name(best[1])}, cycle {best[2]}). Weighing them by their "
            f"certainty changes this by {both.mean():+.1f} points on average "
            f"({both.min():+.1f} to {both.max():+.1f})."
        )
    if found["ece", "mean"].isna().all():
        return [first, "There is no test set, so calibration is not known."]
    return [first, _ECE]


def at_last(found: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """A row of text per experiment and method."""
    labels = experiment_labels(grid)
    last = found.groupby(level=[0, 1], sort=False).tail(1)
    rows = last.reset_index()[["experiment", "method", "cycle"]].droplevel(1, axis=1)
    rows["experiment"], rows["method"] = (
        rows["experiment"].map(labels),
        rows["method"].map(method_name),
    )
    heads = {
        PLAIN: ("Right pseudo-labels (%)", 1),
        WEIGHTED: ("by certainty (%)", 1),
        "ece": ("ECE (points)", 1),
        "nll": ("NLL", 3),
    }
    for name, (title, digits) in heads.items():
        pairs = last[name][["mean", "std"]].itertuples(index=False, name=None)
        rows[title] = [
            rounded(mean, digits) + ("" if std != std else f" ± {std:.{digits}f}")
            for mean, std in pairs
        ]
    return rows.rename(columns=str.capitalize).rename(
        columns={title.capitalize(): title for title, _ in heads.values()}
    )
