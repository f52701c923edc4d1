"""From one row per run to the paper's Tables I, II and III, as CSV, Markdown and LaTeX.

Accuracy is in percent of the test set at the last epoch. A spread is always the sample
standard deviation over seeds (see `wholepool.report.statistics`); with one seed there is none.

`grid` is the plan, as plain JSON:
    {"experiments": {name: {"dataset", "budget", "initial", "cycles", "seeds", "batch_size",
                            "semi_batch_size", "full_supervision",
                            "methods": {method: {"labels", "pre", "semi", "strategies"}}}},
     "ablation_strategies": [strategy, ...]}
"cycles" counts trainings, the first on the initial labels alone: cycles 0 ... cycles - 1.
A method whose "labels" is "all" (full supervision) is one run a seed: cycle 0, strategy "all".
`pools` describes the data: {dataset: {"n", "n_test", "height", "width", "channels", "classes"}}.

pandas is imported where it is used, so that importing the names below costs nothing.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import ALL, INITIAL, is_full
from wholepool.job.errors import ANEW, UserError
from wholepool.job.files import write_text
from wholepool.report import statistics

if TYPE_CHECKING:
    import pandas as pd

# How names are printed, here and in the figures. A name that is not listed is printed as it is.
STRATEGY_NAMES = {
    "random": "Random",
    "uncertainty": "Uncertainty",
    "ceal": "CEAL",
    "coreset": "CoreSet",
    "jlp": "jLP",
}
METHOD_NAMES = {
    "baseline": "Baseline",
    "pre": "+ PRE",
    "semi": "+ SEMI",
    "pre+semi": "+ PRE + SEMI",
    "full": "Full supervision",
}
DATASET_NAMES = {
    "digits": "Digits",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "svhn": "SVHN",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}

NOT_RUN = "–"
ALL_STRATEGIES = "All strategies"
LABELS_ROW = "Labels"

ACCURACY_COLUMNS = [
    "experiment",
    "dataset",
    "budget",
    "cycle",
    "n_labels",
    "method",
    "strategy",
    "mean",
    "std",
    "n_seeds",
]
_RUN_COLUMNS = [
    "experiment",
    "dataset",
    "budget",
    "method",
    "strategy",
    "seed",
    "cycle",
    "n_labels",
    "accuracy",
]
_TEXT_COLUMNS = ("experiment", "dataset", "method", "strategy")
# Rounded once, so that accuracy.csv holds the very numbers the tables and figures are made of.
_DECIMALS = 6
_SUMMARY_WIDTH = 110
# A LaTeX table with more columns of cells than this takes the whole width of a page.
_COLUMNS_IN_A_COLUMN = 6

# Cells already written: (experiment, method, strategy, cycle) -> {seed: accuracy in percent}.
_Cells = dict[tuple[str, str, str, int], dict[int, float]]


# ---------------------------------------------------------------------------------------------
# Accuracy per cell
# ---------------------------------------------------------------------------------------------


def accuracy_table(runs: pd.DataFrame, grid: Mapping[str, Any]) -> pd.DataFrame:
    """Mean and sample standard deviation over seeds of every cell that was run, tidy.

    `runs` has one row per experiment, method, strategy, seed and cycle, with at least the
    columns experiment, dataset, budget, method, strategy, seed, cycle, n_labels, accuracy
    (percent); others are ignored. Cycle 0 stands there once per method and seed, with strategy
    "initial"; it is repeated here for every strategy of the method, which all grew out of it.
    Full supervision keeps its one row, with strategy "all".

    Returns the columns ACCURACY_COLUMNS: names as str; budget, cycle, n_labels, n_seeds int64;
    mean and std float64 in percent, to six decimals, std NaN where there is one seed. Rows in
    the order of the grid (experiment, method, strategy), then by cycle. Cells without a run are
    left out.

    Raises ValueError for a missing column, an accuracy outside 0 ... 100, a cell that stands
    twice, a cell the grid does not know, and numbers of labels that disagree within one cycle
    of an experiment.
    """
    import pandas as pd

    cells, n_labels = _collect(runs, grid)
    rows = []
    for experiment, plan in grid["experiments"].items():
        for method, method_plan in plan["methods"].items():
            full = is_full(method_plan)
            for strategy in [ALL] if full else method_plan["strategies"]:
                for cycle in range(1 if full else plan["cycles"]):
                    filed_under = INITIAL if cycle == 0 and not full else strategy
                    by_seed = cells.get((experiment, method, filed_under, cycle))
                    if by_seed is None:
                        continue
                    values = list(by_seed.values())
                    rows.append(
                        (
                            experiment,
                            plan["dataset"],
                            plan["budget"],
                            cycle,
                            n_labels[experiment, cycle, full],
                            method,
                            strategy,
                            round(statistics.mean(values), _DECIMALS),
                            round(statistics.sample_std(values), _DECIMALS),
                            len(values),
                        )
                    )
    table = pd.DataFrame(rows, columns=ACCURACY_COLUMNS)
    # Types are stated, so that a table without rows has them too.
    for column in ("budget", "cycle", "n_labels", "n_seeds"):
        table[column] = table[column].astype("int64")
    for column in ("mean", "std"):
        table[column] = table[column].astype("float64")
    return table


def _collect(
    runs: pd.DataFrame, grid: Mapping[str, Any]
) -> tuple[_Cells, dict[tuple[str, int, bool], int]]:
    """The accuracies per cell and the number of labels per (experiment, cycle, full), checked."""
    missing = [column for column in _RUN_COLUMNS if column not in runs.columns]
    if missing:
        raise UserError(
            f"The runs lack the column(s) {', '.join(missing)}; they have "
            f"{', '.join(map(str, runs.columns))}."
        )
    for column in ("budget", "seed", "cycle", "n_labels"):
        if runs[column].isna().any():
            raise UserError(f"The column {column} of the runs has an empty cell; it must be whole.")
    cells: _Cells = {}
    n_labels: dict[tuple[str, int, bool], int] = {}
    labels_from: dict[tuple[str, int, bool], str] = {}
    for row in runs[_RUN_COLUMNS].itertuples(index=False):
        cycle, seed = int(row.cycle), int(row.seed)
        where = (
            f"experiment {row.experiment}, method {row.method}, strategy {row.strategy}, "
            f"seed {seed}, cycle {cycle}"
        )
        reason = _not_planned(row, seed, cycle, grid)
        if reason:
            raise UserError(
                f"The runs hold a cell that the grid does not know ({where}): {reason}. "
                "Results of another grid must not be mixed in: give this grid a results folder "
                "of its own, or remove the rows that do not belong to it."
            )
        # Written so that NaN is refused too.
        if not 0.0 <= float(row.accuracy) <= 100.0:
            raise UserError(
                f"The accuracy of {where} is {row.accuracy}; it must be a percentage between "
                "0 and 100. Make this run's metrics again."
            )
        by_seed = cells.setdefault((row.experiment, row.method, row.strategy, cycle), {})
        if seed in by_seed:
            raise UserError(
                f"The runs hold the same cell twice ({where}). A mean over seeds would count it "
                "double: keep one row per experiment, method, strategy, seed and cycle."
            )
        by_seed[seed] = float(row.accuracy)
        # Every strategy acquires exactly the budget, so within one cycle all runs of an
        # experiment have the same number of labels; else accuracies are not comparable.
        key = (row.experiment, cycle, row.strategy == ALL)
        if n_labels.setdefault(key, int(row.n_labels)) != int(row.n_labels):
            raise UserError(
                f"The number of labels is not the same in one cycle: {int(row.n_labels)} in "
                f"{where}, but {n_labels[key]} in {labels_from[key]}. Their accuracies cannot be "
                "averaged or compared: run one of them again."
            )
        labels_from.setdefault(key, where)
    return cells, n_labels


def _not_planned(row: Any, seed: int, cycle: int, grid: Mapping[str, Any]) -> str:
    """Why the grid does not know the cell of this run; empty where it does."""
    if row.experiment not in grid["experiments"]:
        return f"its experiments are {', '.join(grid['experiments'])}"
    plan = grid["experiments"][row.experiment]
    if row.method not in plan["methods"]:
        return f"the methods of this experiment are {', '.join(plan['methods'])}"
    if (row.strategy == ALL) != is_full(plan["methods"][row.method]):
        return f'full supervision, and nothing else, has the strategy "{ALL}"'
    if row.strategy == ALL:
        return "" if cycle == 0 and seed in plan["seeds"] else "full supervision has cycle 0 only"
    strategies = plan["methods"][row.method]["strategies"]
    if row.strategy != INITIAL and row.strategy not in strategies:
        return f"the strategies of this method are {', '.join(strategies)}"
    if (row.strategy == INITIAL) != (cycle == 0):
        return f'cycle 0, and only cycle 0, has the strategy "{INITIAL}"'
    if not 0 <= cycle < plan["cycles"]:
        return f"the cycles of this experiment are 0 to {plan['cycles'] - 1}"
    if seed not in plan["seeds"]:
        return f"the seeds of this experiment are {', '.join(map(str, plan['seeds']))}"
    if row.dataset != plan["dataset"] or int(row.budget) != plan["budget"]:
        return (
            f"this experiment has data set {plan['dataset']} and budget {plan['budget']}, the row "
            f"has {row.dataset} and {row.budget}"
        )
    return ""


# ---------------------------------------------------------------------------------------------
# The paper's tables, as frames of strings
# ---------------------------------------------------------------------------------------------


def table1(grid: Mapping[str, Any], pools: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The data sets and budgets of the grid: the paper's Table I, one row per experiment.

    Image sizes in pixels, height × width; "Total labels" is the size of the labeled set at the
    last cycle. Returns a frame of str, indexed by the data set's printed name.
    Raises ValueError for a data set that `pools` does not describe.
    """
    import pandas as pd

    names, rows = [], []
    for experiment, plan in grid["experiments"].items():
        if plan["dataset"] not in pools:
            raise UserError(
                f"Experiment {experiment} uses the data set {plan['dataset']}, which the "
                f"description of the pools does not have; it has {', '.join(pools) or 'none'}."
            )
        pool = pools[plan["dataset"]]
        names.append(display(DATASET_NAMES, plan["dataset"]))
        rows.append(
            {
                "Data size train / test": f"{pool['n']} / {pool['n_test']}",
                "Image size": f"{pool['height']} × {pool['width']}",
                "Mini-batch size w/o SEMI / SEMI": (
                    f"{plan['batch_size']} / {plan['semi_batch_size']}"
                ),
                "Budget": str(plan["budget"]),
                "Total labels": str(_planned_labels(plan, plan["cycles"] - 1)),
            }
        )
    return pd.DataFrame(rows, index=pd.Index(names, name="Dataset"), dtype=str)


def table2(accuracy: pd.DataFrame, grid: Mapping[str, Any]) -> pd.DataFrame:
    """The ablation of PRE and SEMI: the paper's Table II.

    Rows cycle × method, columns experiment × the grid's "ablation_strategies". Returns a frame
    of str: "mean±std" in percent, the mean alone for one seed, "–" for a cell without a run.
    """
    import pandas as pd

    texts = _texts(accuracy)
    labels = experiment_labels(grid)
    methods = methods_in_order(grid)
    columns = [(e, s) for e in grid["experiments"] for s in grid["ablation_strategies"]]
    index, body = [], []
    for cycle in range(_most_cycles(grid)):
        for method in methods:
            index.append((f"Cycle {cycle}", display(METHOD_NAMES, method)))
            body.append([texts.get((e, method, s, cycle), NOT_RUN) for e, s in columns])
    header = [(labels[e], display(STRATEGY_NAMES, s)) for e, s in columns]
    return pd.DataFrame(
        body,
        index=_row_names(index, ["Cycle", "Method"]),
        columns=_column_names(header),
        dtype=str,
    )


def table3(accuracy: pd.DataFrame, grid: Mapping[str, Any]) -> pd.DataFrame:
    """The accuracy of every strategy, cycle and method: the paper's Table III.

    Rows cycle × strategy, columns experiment × method. Each cycle starts with a row "Labels",
    the size of the labeled set; cycle 0 has one row for all strategies, since the initial
    labels precede any acquisition. Cells as in `table2`.
    """
    import pandas as pd

    texts = _texts(accuracy)
    labels = experiment_labels(grid)
    plans = grid["experiments"]
    in_cycles = accuracy[accuracy["strategy"] != ALL]
    n_labels = {(row.experiment, row.cycle): row.n_labels for row in in_cycles.itertuples()}
    columns = [
        (experiment, method)
        for experiment, plan in plans.items()
        for method, words in plan["methods"].items()
        if not is_full(words)
    ]
    index, body = [], []
    for cycle in range(_most_cycles(grid)):
        index.append((f"Cycle {cycle}", LABELS_ROW))
        row = []
        for experiment, _ in columns:
            plan = plans[experiment]
            planned = _planned_labels(plan, cycle)
            known = str(n_labels.get((experiment, cycle), planned))
            row.append(known if cycle < plan["cycles"] else NOT_RUN)
        body.append(row)
        if cycle == 0:
            index.append((f"Cycle {cycle}", ALL_STRATEGIES))
            row = []
            for experiment, method in columns:
                # The same runs stand under every strategy of the method: take the first.
                strategies = plans[experiment]["methods"][method]["strategies"]
                found = (texts.get((experiment, method, s, 0)) for s in strategies)
                row.append(next((text for text in found if text), NOT_RUN))
            body.append(row)
            continue
        for strategy in strategies_in_order(grid):
            index.append((f"Cycle {cycle}", display(STRATEGY_NAMES, strategy)))
            body.append([texts.get((e, m, strategy, cycle), NOT_RUN) for e, m in columns])
    header = [(labels[e], display(METHOD_NAMES, m)) for e, m in columns]
    return pd.DataFrame(
        body,
        index=_row_names(index, ["Cycle", "Strategy"]),
        columns=_column_names(header),
        dtype=str,
    )


def best_cells(table: pd.DataFrame) -> set[tuple[int, int]]:
    """Row and column numbers of the best mean per cycle and column of a Table II or III.

    What is printed decides: equal means, to the two decimals shown, are all best. A mean that
    stands alone in its cycle has beaten nothing and is not marked.
    """
    best: set[tuple[int, int]] = set()
    cycles = [name[0] for name in table.index]
    for cycle in dict.fromkeys(cycles):
        rows = [
            number
            for number, name in enumerate(table.index)
            if name[0] == cycle and name[1] != LABELS_ROW
        ]
        for column in range(table.shape[1]):
            means = {}
            for row in rows:
                text = str(table.iat[row, column])
                if text != NOT_RUN:
                    means[row] = float(text.split("±")[0])
            if len(means) > 1:
                top = max(means.values())
                best.update((row, column) for row, value in means.items() if value == top)
    return best


# ---------------------------------------------------------------------------------------------
# Names and order, shared with the figures
# ---------------------------------------------------------------------------------------------


def display(names: Mapping[str, str], name: str) -> str:
    """How a name is printed; one that `names` does not list is printed as it is."""
    return names.get(name, name)


def experiment_labels(grid: Mapping[str, Any]) -> dict[str, str]:
    """Experiment → "data set, b = budget"; the experiment's name is added where two are alike."""
    labels = {
        experiment: f"{display(DATASET_NAMES, plan['dataset'])}, b = {plan['budget']}"
        for experiment, plan in grid["experiments"].items()
    }
    plain = list(labels.values())
    return {
        experiment: f"{label} ({experiment})" if plain.count(label) > 1 else label
        for experiment, label in labels.items()
    }


def methods_in_order(grid: Mapping[str, Any]) -> list[str]:
    """All methods with cycles: the paper's first, in its order, then others as they appear."""
    methods = (item for plan in grid["experiments"].values() for item in plan["methods"].items())
    return _in_order(METHOD_NAMES, (method for method, words in methods if not is_full(words)))


def full_supervision(accuracy: pd.DataFrame, experiment: str) -> list[tuple[str, float, float]]:
    """Printed name, mean and std of each of an experiment's methods that train on all labels."""
    rows = accuracy[(accuracy["experiment"] == experiment) & (accuracy["strategy"] == ALL)]
    return [(display(METHOD_NAMES, row.method), row.mean, row.std) for row in rows.itertuples()]


def full_supervision_phrase(accuracy: pd.DataFrame, grid: Mapping[str, Any]) -> str:
    """What training on all labels reached, for captions; empty where it was not run."""
    names = experiment_labels(grid)
    found = [
        f"{name} of {names[experiment]}: {mean_and_std(mean, std)}"
        for experiment in grid["experiments"]
        for name, mean, std in full_supervision(accuracy, experiment)
    ]
    return "".join(f" {text}." for text in found)


def strategies_in_order(grid: Mapping[str, Any]) -> list[str]:
    """All strategies of the grid: the paper's first, in its order, then others as they appear."""
    plans = grid["experiments"].values()
    methods = (method for plan in plans for method in plan["methods"].values())
    return _in_order(STRATEGY_NAMES, (s for method in methods for s in method["strategies"]))


def seeds_phrase(accuracy: pd.DataFrame) -> str:
    """The number of seeds in words, for captions: "over 5 seeds", a range where cells differ."""
    counts = sorted(set(int(count) for count in accuracy["n_seeds"]))
    if not counts:
        return "over seeds; nothing was run yet"
    if counts == [1]:
        return "over 1 seed (no deviation)"
    if len(counts) == 1:
        return f"over {counts[0]} seeds"
    return f"over {counts[0]} to {counts[-1]} seeds"


def _in_order(known: Iterable[str], names: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(names))
    return [name for name in known if name in found] + [n for n in found if n not in set(known)]


def _most_cycles(grid: Mapping[str, Any]) -> int:
    return max((plan["cycles"] for plan in grid["experiments"].values()), default=0)


def _planned_labels(plan: Mapping[str, Any], cycle: int) -> int:
    return int(plan["initial"]) + cycle * int(plan["budget"])


def _texts(accuracy: pd.DataFrame) -> dict[tuple[str, str, str, int], str]:
    return {
        (row.experiment, row.method, row.strategy, row.cycle): mean_and_std(row.mean, row.std)
        for row in accuracy.itertuples()
    }


def mean_and_std(mean: float, std: float) -> str:
    """ "mean±std" to two decimals, the mean alone where std is NaN."""
    # NaN, the deviation of one seed, is the only number that differs from itself.
    return two_decimals(mean) if std != std else f"{two_decimals(mean)}±{two_decimals(std)}"


def two_decimals(value: float) -> str:
    """A number as readers round it."""
    # Halves go up, as a reader rounds them: 63.395 is stored a little below itself and would
    # become 63.39 by the float's own formatting.
    return str(Decimal(repr(float(value))).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _row_names(names: list[tuple[str, str]], levels: list[str]) -> pd.MultiIndex:
    import pandas as pd

    return pd.MultiIndex.from_tuples(names, names=levels)


def _column_names(names: list[tuple[str, str]]) -> pd.MultiIndex:
    import pandas as pd

    return pd.MultiIndex.from_tuples(names, names=["Experiment", None])


# ---------------------------------------------------------------------------------------------
# Writers
# ---------------------------------------------------------------------------------------------


def to_csv(table: pd.DataFrame) -> str:
    """A table of strings as CSV with one header row; two-level names become "group: name"."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(table))
    for names, cells in _rows(table):
        writer.writerow([*names, *cells])
    return text.getvalue()


def to_markdown(
    table: pd.DataFrame,
    caption: str = "",
    bold: Iterable[tuple[int, int]] = (),
) -> str:
    """A table of strings as Markdown, the caption as a paragraph above it.

    `bold` holds the row and column numbers of the cells to emphasize, as from `best_cells`.
    """
    emphasized = set(bold)
    n_names = table.index.nlevels
    lines = [markdown_escape(caption), ""] if caption else []
    lines.append(pipes(markdown_escape(name) for name in _header(table)))
    lines.append(pipes([":---"] * n_names + [":---:"] * table.shape[1]))
    for row, (names, cells) in enumerate(_rows(table)):
        shown = [markdown_escape(cell) for cell in cells]
        for column in range(len(shown)):
            if (row, column) in emphasized:
                shown[column] = f"**{shown[column]}**"
        lines.append(pipes([*map(markdown_escape, names), *shown]))
    return "\n".join(lines) + "\n"


def to_latex(
    table: pd.DataFrame,
    caption: str,
    label: str,
    bold: Iterable[tuple[int, int]] = (),
) -> str:
    """A table of strings as a LaTeX table environment, ready for \\input.

    Needs the packages booktabs and graphicx. The table is scaled down to the line where it is
    wider; with many columns it spans both columns of a two-column page. `caption` is plain text
    and is escaped here, `label` is used as it is.
    """
    emphasized = set(bold)
    n_names, n_columns = table.index.nlevels, table.shape[1]
    environment = "table*" if n_columns > _COLUMNS_IN_A_COLUMN else "table"
    lines = [
        "% Needs \\usepackage{booktabs,graphicx}.",
        f"\\begin{{{environment}}}[t]",
        "\\centering",
        "\\small",
        f"\\caption{{{latex_escape(caption)}}}",
        f"\\label{{{label}}}",
        # Never scaled up.
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
    ]
    lines.append(f"\\begin{{tabular}}{{{'l' * n_names}{'c' * n_columns}}}")
    lines.append("\\toprule")
    lines.extend(_latex_header(table))

    previous = None
    for row, (names, cells) in enumerate(_rows(table)):
        # A rule opens each cycle, and its name is printed once.
        first = names[0]
        if n_names == 1 or first != previous:
            if n_names > 1 or previous is None:
                lines.append("\\midrule")
            shown = [latex_escape(name) for name in names]
        else:
            shown = ["", *(latex_escape(name) for name in names[1:])]
        previous = first
        if names[-1] == LABELS_ROW:
            shown[-1] = ""
            for start, stop in _groups(table):
                count = cells[start]
                text = latex_escape(count if count == NOT_RUN else f"{count} labels")
                shown.append(f"\\multicolumn{{{stop - start}}}{{c}}{{{text}}}")
        else:
            for column, cell in enumerate(cells):
                text = latex_escape(cell)
                shown.append(f"\\textbf{{{text}}}" if (row, column) in emphasized else text)
        lines.append(" & ".join(shown) + " \\\\")
    lines.extend(["\\bottomrule", "\\end{tabular}%", "}", f"\\end{{{environment}}}"])
    return "\n".join(lines) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "–": "--",
    "\n": " ",
}


def latex_escape(text: str) -> str:
    """Plain text as LaTeX: special characters escaped, ±, × and – as commands of any font."""
    return "".join(_LATEX.get(character, character) for character in text)


def _latex_header(table: pd.DataFrame) -> list[str]:
    n_names = table.index.nlevels
    row_names = [latex_escape(str(name)) for name in table.index.names]
    if table.columns.nlevels == 1:
        columns = [latex_escape(str(name)) for name in table.columns]
        return [" & ".join([*row_names, *columns]) + " \\\\"]
    tops, rules = [], []
    for start, stop in _groups(table):
        group = latex_escape(str(table.columns[start][0]))
        tops.append(f"\\multicolumn{{{stop - start}}}{{c}}{{{group}}}")
        rules.append(f"\\cmidrule(lr){{{n_names + start + 1}-{n_names + stop}}}")
    columns = [latex_escape(str(name[1])) for name in table.columns]
    return [
        " & ".join([""] * n_names + tops) + " \\\\",
        " ".join(rules),
        " & ".join([*row_names, *columns]) + " \\\\",
    ]


def _groups(table: pd.DataFrame) -> list[tuple[int, int]]:
    """First and one-past-last column of each run of columns under one group name."""
    groups: list[tuple[int, int]] = []
    for column, name in enumerate(table.columns):
        if groups and table.columns[groups[-1][0]][0] == name[0]:
            groups[-1] = (groups[-1][0], column + 1)
        else:
            groups.append((column, column + 1))
    return groups


def _header(table: pd.DataFrame) -> list[str]:
    names = [str(name) for name in table.index.names]
    if table.columns.nlevels == 1:
        return [*names, *(str(name) for name in table.columns)]
    return [*names, *(f"{group}: {name}" for group, name in table.columns)]


def _rows(table: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """Row names and cells of every row."""
    rows = []
    for row, name in enumerate(table.index):
        names = list(name) if table.index.nlevels > 1 else [name]
        rows.append(([str(n) for n in names], [str(cell) for cell in table.iloc[row]]))
    return rows


def pipes(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def markdown_escape(text: str) -> str:
    """Plain text inside a Markdown table."""
    for character in "\\|*`<":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


# ---------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------


def read_runs(path: Path) -> pd.DataFrame:
    """The columns of runs.csv that the tables need. Raises ValueError where one is missing."""
    return _read(path, _RUN_COLUMNS)


def check_one_setting(path: Path) -> None:
    """Raise UserError if a method of an experiment has runs of more than one settings digest.

    Runs without one were made by an earlier version, and are taken as they are.
    """
    first: dict[tuple[str, str], dict[str, str]] = {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            digest = row.get("settings_digest")
            if digest:
                cell = f"strategy {row['strategy']}, seed {row['seed']}, cycle {row['cycle']}"
                found = first.setdefault((row["experiment"], row["method"]), {})
                found.setdefault(digest, cell)
    for (experiment, method), found in first.items():
        if len(found) > 1:
            one, other = list(found.items())[:2]
            raise UserError(
                f"{path} has runs of {len(found)} different settings for experiment {experiment}, "
                f"method {method}: {one[0]} ({one[1]}) and {other[0]} ({other[1]}). Their "
                "history.parquet hold the settings themselves. Make the runs of one of them anew, "
                "or give each an experiment of its own"
            )


def read_accuracy(path: Path) -> pd.DataFrame:
    """accuracy.csv as `accuracy_table` returns it. Raises ValueError where a column is missing."""
    return _read(path, ACCURACY_COLUMNS)


def write_tables(
    runs_csv: Path,
    grid: Mapping[str, Any],
    pools: Mapping[str, Mapping[str, Any]],
    out: Mapping[str, Path] | Path,
) -> None:
    """Write accuracy.csv and Tables I to III as CSV, Markdown and LaTeX.

    `out` is a folder, which then holds accuracy.csv and table1, table2, table3 with the endings
    .csv, .md and .tex; or it maps some of these ten names to paths, and only those are written.
    The same runs, in any order, and the same grid give the same bytes. Each file appears whole
    or not at all. Raises ValueError as `accuracy_table`, `table1` and `check_one_setting` do, and
    for an unknown name in `out`.
    """
    runs = read_runs(Path(runs_csv))
    check_one_setting(Path(runs_csv))
    try:
        accuracy = accuracy_table(runs, grid)
    except UserError as error:
        raise UserError(f"{runs_csv}: {error}") from error
    files = _table_files(accuracy, grid, pools)
    if isinstance(out, Mapping):
        unknown = [name for name in out if name not in files]
        if unknown:
            raise UserError(
                f"There is no table file named {', '.join(unknown)}; there are {', '.join(files)}."
            )
        paths = {name: Path(path) for name, path in out.items()}
    else:
        paths = {name: Path(out) / name for name in files}
    for name, path in paths.items():
        write_text(path, files[name])


def _table_files(
    accuracy: pd.DataFrame, grid: Mapping[str, Any], pools: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """File name → text of everything `write_tables` writes."""
    of_ablation = accuracy["strategy"].isin(grid["ablation_strategies"])
    parts = [
        (
            "Table I",
            "tab:datasets",
            table1(grid, pools),
            "Data sets, mini-batch sizes without and with SEMI, label budget per cycle, and "
            "number of labels at the last cycle.",
        ),
        (
            "Table II",
            "tab:ablation",
            table2(accuracy, grid),
            "Ablation of PRE and SEMI. Test accuracy in percent, mean ± sample standard deviation "
            f"{seeds_phrase(accuracy[of_ablation])}. Bold: the best method per cycle and column; "
            f"{NOT_RUN}: not run.",
        ),
        (
            "Table III",
            "tab:accuracy",
            table3(accuracy, grid),
            "Test accuracy in percent by cycle and acquisition strategy, mean ± sample standard "
            f"deviation {seeds_phrase(accuracy)}. Bold: the best strategy per cycle and column; "
            f"{NOT_RUN}: not run.{full_supervision_phrase(accuracy, grid)}",
        ),
    ]
    digits = f"%.{_DECIMALS}f"
    files = {"accuracy.csv": accuracy.to_csv(index=False, float_format=digits, lineterminator="\n")}
    for number, (title, label, table, caption) in enumerate(parts, start=1):
        bold = best_cells(table) if table.index.nlevels > 1 else set()
        files[f"table{number}.csv"] = to_csv(table)
        files[f"table{number}.md"] = to_markdown(table, f"{title}. {caption}", bold)
        files[f"table{number}.tex"] = to_latex(table, caption, label, bold)
    return files


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    # Text stays text: by default pandas takes names such as "None" or "NA" for missing values.
    numbers = [column for column in columns if column not in _TEXT_COLUMNS]
    try:
        table = pd.read_csv(
            path,
            usecols=lambda column: column in columns,
            dtype={column: str for column in _TEXT_COLUMNS},
            keep_default_na=False,
            na_values={column: ["", "nan", "NaN"] for column in numbers},
        )
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run snakemake all_tables, which makes it") from None
    except (ValueError, UnicodeDecodeError) as error:  # pandas' own are ValueErrors
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a CSV file ({reason}): {ANEW}") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(f"{path} lacks the column(s) {', '.join(missing)}: {ANEW}")
    for column in numbers:
        if not pd.api.types.is_numeric_dtype(table[column]):
            number = pd.to_numeric(table[column], errors="coerce")
            bad = table[column][number.isna() & table[column].notna()]
            raise UserError(f"{path}: {column} is {bad.iloc[0]!r} in a row, not a number: {ANEW}")
    return table[columns]


# ---------------------------------------------------------------------------------------------
# The terminal
# ---------------------------------------------------------------------------------------------


def summary(accuracy: pd.DataFrame) -> str:
    """The accuracy table as text for a terminal, at most 110 characters wide.

    One block per experiment: rows method × strategy, columns the cycles with their number of
    labels, cells mean±std in percent. Many cycles are continued in further blocks.
    """
    texts = _texts(accuracy)
    blocks = []
    for experiment in dict.fromkeys(accuracy["experiment"]):
        part = accuracy[(accuracy["experiment"] == experiment) & (accuracy["strategy"] != ALL)]
        if part.empty:
            continue
        first = next(part.itertuples())
        title = (
            f"{experiment} ({display(DATASET_NAMES, first.dataset)}, b = {first.budget}): "
            f"test accuracy (%), mean±sample std {seeds_phrase(part)}"
        )
        pairs = list(dict.fromkeys(zip(part["method"], part["strategy"], strict=True)))
        n_labels = {int(row.cycle): int(row.n_labels) for row in part.itertuples()}
        methods = ["method", *(display(METHOD_NAMES, method) for method, _ in pairs)]
        strategies = ["strategy", *(display(STRATEGY_NAMES, strategy) for _, strategy in pairs)]
        # A method's name is printed on its first row only.
        for row in range(len(pairs) - 1, 0, -1):
            if pairs[row][0] == pairs[row - 1][0]:
                methods[row + 1] = ""
        names = [methods, strategies]
        columns = []
        for cycle in sorted(n_labels):
            head = f"cycle {cycle} ({n_labels[cycle]})"
            columns.append(
                [head, *(texts.get((experiment, m, s, cycle), NOT_RUN) for m, s in pairs)]
            )
        reached = [
            f"{name} (all labels): {mean_and_std(mean, std)}"
            for name, mean, std in full_supervision(accuracy, experiment)
        ]
        blocks.append("\n".join([title, _fit(names, columns), *reached]))
    return "\n\n".join(blocks) or "no runs"


def first_gains(accuracy: pd.DataFrame, methods: Iterable[str] = ("semi", "pre+semi")) -> str:
    """What training on the whole pool gains at cycle 0: a sentence per experiment.

    The better of `methods` against the method "baseline", in percentage points of the mean
    test accuracy. Experiments that lack either are left out.
    """
    lines = []
    for experiment in dict.fromkeys(accuracy["experiment"]):
        part = accuracy[(accuracy["experiment"] == experiment) & (accuracy["cycle"] == 0)]
        means = {row.method: float(row.mean) for row in part.itertuples()}
        ours = [method for method in methods if method in means]
        if "baseline" in means and ours:
            best = max(ours, key=means.__getitem__)
            gain = means[best] - means["baseline"]
            lines.append(
                f"{experiment}, cycle 0: {display(METHOD_NAMES, best)} {means[best]:.1f} %, "
                f"Baseline {means['baseline']:.1f} %: {gain:+.1f} points from the unlabeled images"
            )
    return "\n".join(lines)


def losses(accuracy: pd.DataFrame, methods: Iterable[str] = ("semi", "pre+semi")) -> str:
    """Where training on the whole pool does worse: a sentence.

    A cell counts if its mean is below the baseline's of the same strategy and cycle by more than
    its own standard error over seeds. Cells with one seed have none and are not judged.
    """
    keys = ["experiment", "strategy", "cycle"]
    baseline = accuracy[accuracy["method"] == "baseline"].set_index(keys)["mean"].to_dict()
    names, judged, worse = list(methods), 0, []
    for row in accuracy[accuracy["method"].isin(names)].itertuples():
        reference = baseline.get((row.experiment, row.strategy, row.cycle))
        if reference is None or row.n_seeds < 2:
            continue
        judged += 1
        error = row.std / math.sqrt(row.n_seeds)
        if row.mean < reference - error:
            worse.append(
                f"{row.experiment} {display(METHOD_NAMES, row.method)} "
                f"{display(STRATEGY_NAMES, row.strategy)} cycle {row.cycle} "
                f"({row.mean:.1f} against {reference:.1f}, standard error {error:.1f})"
            )
    if not judged:
        return ""
    if worse:
        return "below the baseline by more than the standard error: " + "; ".join(worse)
    return f"none of {judged} cells with SEMI is below the baseline by more than its standard error"


def _fit(names: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]) -> str:
    """Columns of text side by side, wrapped to the summary's width, `names` before each part."""
    used = sum(_width(column) + 2 for column in names)
    parts: list[list[Sequence[str]]] = [[]]
    width = used
    for column in columns:
        if parts[-1] and width + _width(column) > _SUMMARY_WIDTH:
            parts.append([])
            width = used
        parts[-1].append(column)
        width += _width(column) + 2
    texts = []
    for part in parts:
        both = [*names, *part]
        lines = []
        for row in range(len(names[0])):
            cells = [
                column[row].ljust(_width(column))
                if i < len(names)
                else column[row].rjust(_width(column))
                for i, column in enumerate(both)
            ]
            lines.append("  ".join(cells).rstrip())
        texts.append("\n".join(lines))
    return "\n\n".join(texts)


def _width(column: Sequence[str]) -> int:
    return max(len(cell) for cell in column)
