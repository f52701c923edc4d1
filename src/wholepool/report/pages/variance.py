"""Whose the accuracy's variance is: the paradigm's, the strategy's, the cycle's, the seed's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.job.files import write_text
from wholepool.report import fragment
from wholepool.report.accuracy import to_csv
from wholepool.report.names import experiment_labels
from wholepool.report.results import Grid, Results
from wholepool.report.style import save, style
from wholepool.statistics.variance import FACTORS, REST, variance

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TITLE = "What the accuracy varies with"
PLACE = 46
STAGE = "statistics"
FILES = (
    "tables/variance.csv",
    "figures/variance.png",
    "figures/variance.svg",
    "figures/variance.pdf",
)

COLORS = ("#0072B2", "#E69F00", "#99AACC", "#009E73", "#777788")
# of the numbers inside the bars: no black or white, which the report turns round in the dark
DARK, LIGHT = "#111122", "#FDFDFF"
NAMES = {"method": "paradigm", "strategy": "strategy", "cycle": "number of labels", "seed": "seed"}
NOTHING = (
    "No experiment has accuracies after cycle 0 for a strategy that all its methods share, so "
    "there is no variance to split."
)


def make(results: Results) -> None:
    """Write the table and the figure."""
    table = variance(results.trajectories, results.grid, results.partial)
    write_text(results.folder / FILES[0], to_csv(table))
    save(drawn(table, experiment_labels(results.grid)), results.folder / "figures/variance")


def drawn(table: pd.DataFrame, labels: dict[str, str]) -> Figure:
    """One stacked bar for each experiment; `labels` are the experiments' names."""
    import textwrap

    from matplotlib.figure import Figure

    known = table[table["share"].notna()]
    order = list(dict.fromkeys(known["experiment"]))
    with style():
        figure = Figure(figsize=(5.2, 0.95 + 0.3 * max(len(order), 1)), layout="constrained")
        axes = figure.add_subplot()
        axes.grid(visible=False)
        if not order:
            axes.axis("off")
            axes.text(0.5, 0.5, textwrap.fill(NOTHING, 70), ha="center", va="center")
            return figure
        for place, experiment in enumerate(order):
            start = 0.0
            own = known[known["experiment"] == experiment]
            for (source, share), color in zip(_shares(own).items(), COLORS, strict=True):
                label = NAMES.get(source, source) if place == 0 else None
                axes.barh(place, 100 * share, left=start, color=color, height=0.7, label=label)
                if share >= 0.06:  # room for its number
                    at = start + 50 * share
                    ink = DARK if color in COLORS[1:3] else LIGHT
                    number = axes.text(at, place, f"{100 * share:.0f}", ha="center", va="center")
                    number.set(fontsize=6.5, color=ink)
                start += 100 * share
        axes.set_yticks(range(len(order)), [textwrap.fill(labels[name], 26) for name in order])
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, 100)
        axes.set_xlabel("share of the variance of accuracy (%)")
        figure.legend(loc="outside upper center", ncols=5, handlelength=1.0)
    return figure


def show(results: Results) -> str:
    """The shares in a sentence for each experiment, the bars, and the table."""
    table = results.table("variance")
    labels = experiment_labels(results.grid)
    parts = []
    for experiment, own in table.groupby("experiment", sort=False):
        parts.append(fragment.paragraph(sentence(own, labels[experiment])))
    if missing := [
        name for name in results.grid["experiments"] if name not in set(table["experiment"])
    ]:
        parts.append(fragment.paragraph(_why_not(missing, results.grid, labels)))
    if not len(table):
        return "".join(parts)
    caption = (
        "Each bar is the variance of the test accuracy over all trainings from cycle 1 on of the "
        "strategies that all paradigms share, split by what explains it; the gray rest is how "
        "these act together (a strategy that helps one paradigm more), and chance."
    )
    parts.append(fragment.figure(results, "figures/variance.svg", caption))
    parts.append(fragment.table(short(table, labels)))
    parts.append(
        fragment.note(
            "Share: of the total sum of squares, main effects of a balanced design. By chance: "
            "what the source would have, on average, if nothing had an effect. The whole table is "
            "tables/variance.csv."
        )
    )
    return "".join(parts)


def sentence(own: pd.DataFrame, label: str) -> str:
    """What one experiment's rows say."""
    shares = _shares(own)
    cells = int(own["cells"].iloc[0])
    if own["share"].isna().any():
        return f"{label}: all {cells} accuracies are equal, so there is no variance to split."
    levels = dict(zip(own["source"], own["levels"], strict=True))
    said = [
        f"{100 * shares[name]:.0f} % {'' if k else 'is '}the {NAMES[name]}"
        for k, name in enumerate(name for name in FACTORS if levels[name] > 1)
    ]
    alone = [NAMES[name] for name in FACTORS if levels[name] == 1]
    text = f"{label}: of the variance of accuracy over {cells} trainings, "
    text += ", ".join([*said, f"{100 * shares[REST]:.0f} % {REST}"]) + "."
    if alone:
        text += f" There is one {' and one '.join(alone)}, so nothing is said of it."
    return text


def _why_not(missing: list[str], grid: Grid, labels: dict[str, str]) -> str:
    names = ", ".join(labels[name] for name in missing)
    return (
        f"Not split: {names}. It takes accuracies after cycle 0, whole for at least one seed, of a "
        "strategy that all paradigms of the experiment share."
    )


def short(table: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """The table as it is printed: a row per experiment, the shares in percent (by chance)."""
    import pandas as pd

    rows = []
    for experiment, own in table.groupby("experiment", sort=False):
        row: dict[str, object] = {"Experiment": labels[experiment]}
        for one in own.itertuples():
            head = f"{NAMES.get(one.source, one.source)}, % (by chance)"
            said = f"{100 * one.share:.1f} ({100 * one.by_chance:.1f})"
            row[head] = "–" if one.share != one.share else said
        rows.append(row | {"trainings": int(own["cells"].iloc[0])})
    return pd.DataFrame(rows)


def _shares(own: pd.DataFrame) -> dict[str, float]:
    return dict(zip(own["source"], own["share"], strict=True))
