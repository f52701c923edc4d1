"""Every accuracy as a number: mean and standard deviation, by experiment, method and strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wholepool.grid.cells import ALL, INITIAL
from wholepool.report.fragment import fill, note, paragraph, table
from wholepool.report.names import (
    NOT_RUN,
    experiment_labels,
    method_name,
    strategy_name,
)
from wholepool.report.pages.table3 import full_supervision_phrase
from wholepool.report.render import cell_texts, seeds_phrase, two_decimals
from wholepool.report.results import Results

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Accuracy in numbers"
PLACE = 50

#: a longer table is folded
LONG = 30
#: points between accuracy and balanced accuracy from which on both are told: classes of equal size
#: have none
UNEQUAL = 0.5


def show(results: Results) -> str:
    """A table per experiment, full supervision, and the balanced accuracy of unequal classes."""
    accuracy = results.accuracy
    if accuracy.empty:
        return paragraph("Nothing was run yet.")
    if accuracy["mean"].isna().all():
        return paragraph("There is no test set, so there is no accuracy.")
    lead = (
        f"Test accuracy in percent, mean ± sample standard deviation {seeds_phrase(accuracy)}. "
        "Columns are numbers of labels; the first is the same for all strategies of a method, "
        "which have asked for nothing yet. tables/accuracy.csv has all digits."
    )
    parts = [paragraph(lead)]
    labels, known = experiment_labels(results.grid), accuracy[accuracy["strategy"] != ALL]
    for experiment in results.grid["experiments"]:
        rows = of_experiment(known[known["experiment"] == experiment], results)
        if len(rows):
            parts.append(folded(rows, labels[experiment]))
    if full := full_supervision_phrase(accuracy, results.grid).strip():
        parts.append(paragraph(f"On all labels: {full}"))
    return "".join(parts) + of_unequal(results)


def of_experiment(accuracy: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Rows method and strategy, a column for each number of labels, cells "mean±std"."""
    import pandas as pd

    texts = cell_texts(accuracy)
    n_labels = accuracy.groupby("cycle")["n_labels"].max()
    curves = accuracy[["experiment", "method", "strategy"]].drop_duplicates()
    rows = [
        (
            *(method_name(method), strategy_name(strategy)),
            *(
                texts.get((experiment, method, strategy, cycle), NOT_RUN)
                for cycle in n_labels.index
            ),
        )
        for experiment, method, strategy in curves.itertuples(index=False, name=None)
    ]
    return pd.DataFrame(rows, columns=["Method", "Strategy", *map(str, n_labels)])


def folded(rows: pd.DataFrame, caption: str) -> str:
    """A table; one of more than LONG rows is shown when it is asked for."""
    from markupsafe import Markup

    if len(rows) <= LONG:
        return table(rows, caption)
    template = "<details><summary>{{ caption }}: {{ n }} rows</summary>{{ rows }}</details>"
    return fill(template, caption=caption, n=len(rows), rows=Markup(table(rows)))


def of_unequal(results: Results) -> str:
    """Balanced accuracy and the worst class at the last cycle, where test classes are unequal."""
    import pandas as pd

    if not (results.folder / "tables/balanced.csv").exists():
        return ""
    keys = ["experiment", "method", "strategy", "cycle"]
    both = results.table("balanced").merge(last_of(results.accuracy), on=keys)
    gap = (both["balanced_mean"] - both["mean"]).abs()
    both = both[both["experiment"].isin(both["experiment"][gap > UNEQUAL])]
    if both.empty:
        return ""
    labels = experiment_labels(results.grid)
    worst = [
        class_name(results, experiment, int(label))
        for experiment, label in zip(both["experiment"], both["worst_class"], strict=True)
    ]
    rows = pd.DataFrame(
        {
            "Experiment": both["experiment"].map(labels),
            "Method": both["method"].map(method_name),
            "Strategy": both["strategy"].map(strategy_name),
            "Labels": both["n_labels_x"],
            "Accuracy": both["mean"].map(two_decimals),
            "Balanced": both["balanced_mean"].map(two_decimals),
            "Worst class": worst,
            "Its accuracy": both["worst_mean"].map(two_decimals),
        }
    )
    lead = (
        "The classes of the test set are of unequal size: large ones weigh more in the accuracy. "
        "The balanced accuracy is the mean over the classes."
    )
    caption = "Accuracy, balanced accuracy and the worst class at the last cycle, in percent."
    end = note("tables/balanced.csv and tables/classes.csv have every cycle and class.")
    return paragraph(lead) + folded(rows, caption) + end


def class_name(results: Results, experiment: str, label: int) -> str:
    """The name of a class of an experiment's data set, or its number."""
    pool = results.pools.get(results.grid["experiments"][experiment]["dataset"], {})
    names = pool.get("class_names", [])
    return str(names[label]) if label < len(names) else f"class {label}"


def last_of(accuracy: pd.DataFrame) -> pd.DataFrame:
    """The last cycle of each curve, as the tables of classes name it: cycle 0 is "initial"."""
    known = accuracy[accuracy["mean"].notna()]
    last = known.groupby(["experiment", "method", "strategy"], sort=False).tail(1)
    shared = (last["cycle"] == 0) & (last["strategy"] != ALL)
    strategies = last["strategy"].mask(shared, INITIAL)
    return last.assign(strategy=strategies).drop_duplicates(["experiment", "method", "strategy"])
