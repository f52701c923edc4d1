"""Frames of text as CSV, Markdown and LaTeX, and the numbers in them as readers round them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from wholepool.job.files import write_text
from wholepool.report.names import NOT_RUN

if TYPE_CHECKING:
    import pandas as pd

#: the row of a table that holds numbers of labels, not accuracies
LABELS_ROW = "Labels"
# A LaTeX table with more columns of cells than this takes the whole width of a page.
_COLUMNS_IN_A_COLUMN = 6

Bold = Collection[tuple[int, int]]


def two_decimals(value: float) -> str:
    """A number as readers round it: halves go up."""
    # 63.395 is stored a little below itself: the float's own formatting makes 63.39 of it
    return str(Decimal(repr(float(value))).quantize(Decimal("0.01"), ROUND_HALF_UP))


def mean_and_std(mean: float, std: float | None) -> str:
    """ "mean±std" to two decimals; the mean alone where std is missing, "–" where both are."""
    if mean != mean:  # NaN alone differs from itself
        return NOT_RUN
    if std is None or std != std:
        return two_decimals(mean)
    return f"{two_decimals(mean)}±{two_decimals(std)}"


def cell_texts(accuracy: pd.DataFrame) -> dict[tuple[str, str, str, int], str]:
    """(experiment, method, strategy, cycle) → `mean_and_std` of it."""
    return {
        (row.experiment, row.method, row.strategy, row.cycle): mean_and_std(row.mean, row.std)
        for row in accuracy.itertuples()
    }


def seeds_phrase(accuracy: pd.DataFrame) -> str:
    """The number of seeds in words, for captions: "over 5 seeds", a range where cells differ.

    And whether these share one PRE, for then the deviation is without PRE's own.
    """
    if accuracy.empty:
        return "over seeds; nothing was run yet"
    least, most = int(accuracy["n_seeds"].min()), int(accuracy["n_seeds"].max())
    if most == 1:
        return "over 1 seed (no deviation)"
    drawn = set(accuracy["pre_drawn"]) if "pre_drawn" in accuracy else set()
    pre = ", each with a PRE of its own" if "per_seed" in drawn else ""
    if "once" in drawn:
        pre = ", some with a PRE of their own" if pre else ", which share one PRE"
    return f"over {least if least == most else f'{least} to {most}'} seeds{pre}"


def dash_phrase(accuracy: pd.DataFrame) -> str:
    """What "–" says in a table, for captions."""
    unknown = ", or no test set" if accuracy["mean"].isna().any() else ""
    return f"{NOT_RUN}: not run{unknown}."


def best_cells(table: pd.DataFrame) -> Bold:
    """Row and column numbers of the best mean per cycle and column of a table of accuracies.

    What is printed decides: equal means, to the two decimals shown, are all best. A mean that
    stands alone in its cycle has beaten nothing and is not marked.
    """
    best: set[tuple[int, int]] = set()
    rows = [(n, name[0]) for n, name in enumerate(table.index) if name[1] != LABELS_ROW]
    for _, group in itertools.groupby(rows, lambda row: row[1]):
        numbers = [number for number, _ in group]
        for column in range(table.shape[1]):
            texts = {row: str(table.iat[row, column]) for row in numbers}
            means = {r: float(t.split("±")[0]) for r, t in texts.items() if t != NOT_RUN}
            if len(means) > 1:
                top = max(means.values())
                best |= {(row, column) for row, mean in means.items() if mean == top}
    return best


def write_table(table: pd.DataFrame, stem: Path, title: str, caption: str, label: str) -> None:
    """Write a table of text to `stem` with the endings .csv, .md and .tex.

    Tables of two row names (cycle and method or strategy) have their best cells in bold.
    """
    bold = best_cells(table) if table.index.nlevels > 1 else set()
    write_text(stem.with_suffix(".csv"), to_csv(table))
    write_text(stem.with_suffix(".md"), to_markdown(table, f"{title}. {caption}", bold))
    write_text(stem.with_suffix(".tex"), to_latex(table, caption, label, bold))


def to_csv(table: pd.DataFrame) -> str:
    """A table of strings as CSV with one header row; two-level names become "group: name"."""
    text: str = table.to_csv(header=_header(table)[table.index.nlevels :], lineterminator="\n")
    return text


def to_markdown(table: pd.DataFrame, caption: str = "", bold: Bold = ()) -> str:
    """A table of strings as Markdown, the caption as a paragraph above it.

    `bold` holds the row and column numbers of the cells to emphasize, as from `best_cells`.
    """
    lines = [markdown_escape(caption), ""] if caption else []
    lines.append(pipes(markdown_escape(name) for name in _header(table)))
    lines.append(pipes([":---"] * table.index.nlevels + [":---:"] * table.shape[1]))
    for row, (names, cells) in enumerate(_rows(table)):
        shown = [markdown_escape(cell) for cell in cells]
        shown = [f"**{c}**" if (row, n) in bold else c for n, c in enumerate(shown)]
        lines.append(pipes([*map(markdown_escape, names), *shown]))
    return "\n".join(lines) + "\n"


def pipes(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def markdown_escape(text: str) -> str:
    """Plain text inside a Markdown table."""
    for character in "\\|*`<":
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


def _header(table: pd.DataFrame) -> list[str]:
    columns = [n if isinstance(n, str) else ": ".join(map(str, n)) for n in table.columns]
    return [*map(str, table.index.names), *columns]


def _rows(table: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """Row names and cells of every row."""
    names = [list(name) if table.index.nlevels > 1 else [name] for name in table.index]
    return list(zip(names, table.astype(str).to_numpy().tolist(), strict=True))


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}"},
    **{"±": r"$\pm$", "×": r"$\times$", "–": "--", "\n": " "},
}


def latex_escape(text: str) -> str:
    """Plain text as LaTeX: special characters escaped, ±, × and – as commands of any font."""
    return "".join(_LATEX.get(character, character) for character in text)


def to_latex(table: pd.DataFrame, caption: str, label: str, bold: Bold = ()) -> str:
    """A table of strings as a LaTeX table environment, ready for \\input.

    Needs the packages booktabs and graphicx. A table wider than the line is scaled down to it; one
    of many columns spans both columns of a page. `caption` is plain text, `label` is LaTeX.
    """
    n_names, n_columns = table.index.nlevels, table.shape[1]
    environment = "table*" if n_columns > _COLUMNS_IN_A_COLUMN else "table"
    head = rf"""% Needs \usepackage{{booktabs,graphicx}}.
\begin{{{environment}}}[t]
\centering
\small
\caption{{{latex_escape(caption)}}}
\label{{{label}}}
\resizebox{{\ifdim\width>\linewidth\linewidth\else\width\fi}}{{!}}{{%
\begin{{tabular}}{{{"l" * n_names}{"c" * n_columns}}}
\toprule"""
    lines = [head, *_latex_header(table)]
    previous = None
    for row, (names, cells) in enumerate(_rows(table)):
        # A rule opens each cycle, and its name is printed once.
        shown = [latex_escape(name) for name in names]
        if n_names > 1 and names[0] == previous:
            shown[0] = ""
        elif n_names > 1 or previous is None:
            lines.append("\\midrule")
        previous = names[0]
        if names[-1] == LABELS_ROW:
            shown[-1] = ""
            for _, start, stop in _groups(table):
                text = cells[start] if cells[start] == NOT_RUN else f"{cells[start]} labels"
                shown.append(f"\\multicolumn{{{stop - start}}}{{c}}{{{latex_escape(text)}}}")
        else:
            texts = [latex_escape(cell) for cell in cells]
            shown += [f"\\textbf{{{t}}}" if (row, n) in bold else t for n, t in enumerate(texts)]
        lines.append(" & ".join(shown) + " \\\\")
    lines += ["\\bottomrule", "\\end{tabular}%", "}", f"\\end{{{environment}}}"]
    return "\n".join(lines) + "\n"


def _latex_header(table: pd.DataFrame) -> list[str]:
    n_names = table.index.nlevels
    names = [*table.index.names, *table.columns.get_level_values(-1)]
    header = " & ".join(latex_escape(str(name)) for name in names) + " \\\\"
    if table.columns.nlevels == 1:
        return [header]
    tops, rules = [""] * n_names, []
    for group, start, stop in _groups(table):
        tops.append(f"\\multicolumn{{{stop - start}}}{{c}}{{{latex_escape(group)}}}")
        rules.append(f"\\cmidrule(lr){{{n_names + start + 1}-{n_names + stop}}}")
    return [" & ".join(tops) + " \\\\", " ".join(rules), header]


def _groups(table: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Name, first and one-past-last column of each run of columns under one group name."""
    found, start = [], 0
    for name, run in itertools.groupby(table.columns, lambda names: names[0]):
        stop = start + len(list(run))
        found.append((str(name), start, stop))
        start = stop
    return found
