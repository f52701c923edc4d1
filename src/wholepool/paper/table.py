"""The comparison with the paper as compare_with_paper.csv and as Markdown for readers.

The Markdown has the compared cells first, then the reduced runs apart from them, then what was not
run. All take the frames of `wholepool.paper.comparison.compare`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.grid.cells import INITIAL
from wholepool.job.files import atomic, write_text
from wholepool.paper.comparison import NOT_COMPARED, NOT_RUN, REDUCED, UNDECIDED, VERDICTS
from wholepool.paper.protocol import FULL
from wholepool.report.names import ALL_STRATEGIES, block_name, method_name, strategy_name
from wholepool.report.render import markdown_escape, mean_and_std, pipes, two_decimals

if TYPE_CHECKING:
    import pandas as pd

_CELL = ["Labels", "Cycle", "Method", "Strategy"]
_SETTINGS = [
    *("Pool", "Test set", "Width", "Epochs SUP / SEMI / PRE", "Batch SUP / SEMI", "Augmentation"),
    *("Other settings", "Evidence"),
]
_COMPARED_HEADER = [
    *_CELL,
    *("Paper", "Ours", "Seeds", "Difference", "s.e.", "Verdict", "Deviation used"),
    *_SETTINGS,
]
_REDUCED_HEADER = [*_CELL, "Reduced by", "Accuracy of the reduced run", "Seeds", *_SETTINGS]

_HOW_TO_READ = """\
Test accuracy in percent, mean ± sample standard deviation over seeds; the difference is ours minus
the paper's, with its standard error (s.e.). **within**: the difference lies in Welch's two-sided
95 % interval around 0, so this many seeds cannot tell the two apart; **above**, **below**: it lies
outside. At 95 %, one cell in twenty falls outside by chance. A run counts as the paper's cell only
with the whole pool and test set, and the paper's width, epochs, learning rates, batches and
augmentation; "other settings" names every other key that differs from `workflow/grids/paper.yaml`.
"""
_REDUCED = """\
Trainings on the paper's data sets and budgets, but smaller or otherwise than the paper's, as each
row says. They are no measurement of the paper's cells, so no difference is given.
"""


def write_comparison(table: pd.DataFrame, others: pd.DataFrame, out_dir: str | Path) -> None:
    """Write compare_with_paper.csv and .md. Equal frames give equal bytes."""
    out_dir = Path(out_dir)
    with atomic(out_dir / "compare_with_paper.csv") as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    write_text(out_dir / "compare_with_paper.md", to_markdown(table, others))


def to_markdown(table: pd.DataFrame, others: pd.DataFrame) -> str:
    """The whole page."""
    rows = rows_of(table)
    parts = ["# Comparison with the paper", summary(table), _HOW_TO_READ]
    parts.append("## Cells that both have")
    compared = [row for row in rows if row.verdict in VERDICTS]
    parts += _blocks(compared, _compared_row, _COMPARED_HEADER) or ["None was run yet.\n"]
    reduced = [row for row in rows if row.verdict == REDUCED]
    if reduced:
        parts += ["## Reduced runs: not the paper's cells", _REDUCED]
        parts += _blocks(reduced, _reduced_row, _REDUCED_HEADER)
    parts += ["## Not run", not_run(rows)]
    again = [row for row in rows if row.verdict == NOT_COMPARED]
    if again:
        parts += ["## Printed again", _printed_again(again)]
    if len(others):
        texts = [
            f"{row.n_runs} of {block_name(row.dataset, row.budget)}" for row in others.itertuples()
        ]
        parts.append(
            f"Runs that have no cell in the paper, and are not shown: {', '.join(texts)}.\n"
        )
    return "\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def summary(table: pd.DataFrame) -> str:
    """How many cells were run, and how many of them are within, above and below, in a sentence."""
    cells = _cells(row for row in rows_of(table) if row.verdict not in (REDUCED, NOT_COMPARED))
    run = _cells(row for row in rows_of(table) if row.verdict in VERDICTS)
    counts = {name: int((table["verdict"] == name).sum()) for name in (*VERDICTS, REDUCED)}
    text = f"Of the {len(cells)} cells that the paper prints, {len(run)} "
    text += "was run" if len(run) == 1 else "were run"
    if run:
        n_rows = sum(counts[name] for name in VERDICTS)
        if n_rows > len(run):
            text += f", in {n_rows} settings"
        shown = [name for name in VERDICTS if name != UNDECIDED or counts[name]]
        text += ": " + ", ".join(f"{counts[name]} {name}" for name in shown)
    if counts[REDUCED]:
        several = counts[REDUCED] > 1
        text += f". {counts[REDUCED]} reduced cell{'s' if several else ''} of smaller runs "
        text += f"{'stand' if several else 'stands'} beside them and {'are' if several else 'is'} "
        text += "not compared"
    return text + ".\n"


def _strategy(row: Any) -> str:
    """A row's strategy as printed; cycle 0 is all strategies', full supervision is nobody's."""
    if row.method == FULL:
        return "–"
    return ALL_STRATEGIES if row.strategy == INITIAL else strategy_name(row.strategy)


def _cells(rows: Iterable[Any]) -> set[tuple[Any, ...]]:
    return {(row.dataset, str(row.budget), row.method, row.strategy, row.cycle) for row in rows}


def rows_of(table: pd.DataFrame) -> list[Any]:
    """The rows with attributes, None where a value is missing."""
    return list(table.astype(object).where(table.notna(), None).itertuples())


def _blocks(rows: Sequence[Any], cells: Callable[[Any], list[str]], header: list[str]) -> list[str]:
    """A heading and a table for each data set and budget among the rows, in their order."""
    parts = []
    for (dataset, budget), block in itertools.groupby(rows, lambda r: (r.dataset, r.budget)):
        lines = [pipes(header), pipes([":---"] * len(header))]
        lines += [pipes(map(markdown_escape, cells(row))) for row in block]
        parts += [f"### {block_name(dataset, budget)}", "\n".join(lines) + "\n"]
    return parts


def _cell(row: Any) -> list[str]:
    return [str(row.n_labels), str(row.cycle), method_name(row.method), _strategy(row)]


def _compared_row(row: Any) -> list[str]:
    return [
        *_cell(row),
        mean_and_std(row.paper_mean, row.paper_std),
        mean_and_std(row.mean, row.std),
        str(row.n_seeds),
        _signed(row.difference),
        "–" if row.standard_error is None else two_decimals(row.standard_error),
        row.verdict,
        row.deviation_used,
        *_settings(row),
    ]


def _reduced_row(row: Any) -> list[str]:
    accuracy = mean_and_std(row.mean, row.std)
    return [*_cell(row), row.reduced_by, accuracy, str(row.n_seeds), *_settings(row)]


def _settings(row: Any) -> list[str]:
    def some(*values: Any) -> str:
        return " / ".join("–" if value is None else str(value) for value in values)

    return [
        row.pool,
        row.test_set,
        f"{row.width:g}",
        some(row.sup_epochs, row.semi_epochs, row.pre_epochs),
        some(row.sup_batch, row.semi_batch),
        f"± {row.translate} pixels, {'flips' if row.flip else 'no flips'}",
        row.other_settings or "–",
        row.evidence,
    ]


def _signed(value: float) -> str:
    text = two_decimals(abs(value))
    return text if text == "0.00" else f"{'−' if value < 0 else '+'}{text}"


def not_run(rows: Sequence[Any]) -> str:
    """The cells that were not run, a line per data set and budget: methods, strategies, cycles."""
    lines = [
        pipes(["Data set", "Run", "Not run", "Cells that were not run (cycles)"]),
        pipes([":---", ":---:", ":---:", ":---"]),
    ]
    considered = [row for row in rows if row.verdict not in (REDUCED, NOT_COMPARED)]
    for (dataset, budget), group in itertools.groupby(considered, lambda r: (r.dataset, r.budget)):
        block = list(group)
        missing = [row for row in block if row.verdict == NOT_RUN]
        methods: dict[str, dict[str, list[int]]] = {}
        for row in missing:
            by_strategy = methods.setdefault(method_name(row.method), {})
            by_strategy.setdefault(_strategy(row), []).append(row.cycle)
        texts = []
        for method, by_strategy in methods.items():
            inner = [
                strategy if strategy == "–" else f"{strategy} {_ranges(cycles)}"
                for strategy, cycles in by_strategy.items()
            ]
            texts.append(method if inner == ["–"] else f"{method}: {', '.join(inner)}")
        n_run = str(len(_cells(block)) - len(missing))
        cells = [block_name(dataset, budget), n_run, str(len(missing)), "; ".join(texts) or "none"]
        lines.append(pipes(map(markdown_escape, cells)))
    return "\n".join(lines) + "\n"


def _ranges(cycles: Sequence[int]) -> str:
    """ "0, 2-4" for 0, 2, 3, 4."""
    texts = []
    # within a run of cycles, the distance to the place is the same
    for _, run in itertools.groupby(enumerate(sorted(set(cycles))), lambda item: item[1] - item[0]):
        numbers = [str(cycle) for _, cycle in run]
        texts.append("-".join(dict.fromkeys((numbers[0], numbers[-1]))))
    return ", ".join(texts)


def _printed_again(rows: Sequence[Any]) -> str:
    texts = [
        f"- {block_name(row.dataset, row.budget)}, {method_name(row.method)}, "
        f"cycle {row.cycle}, {_strategy(row)}: {mean_and_std(row.paper_mean, row.paper_std)} "
        f"({row.source})"
        for row in rows
    ]
    return (
        "Cycle 0 precedes any acquisition, so it is one cell, whose row is above; the paper "
        "trained SEMI again for these strategies and prints that too. Not compared, not "
        "counted.\n\n" + "\n".join(texts) + "\n"
    )
