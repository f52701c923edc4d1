"""The comparison with the paper as compare_with_paper.csv and as Markdown for readers.

The Markdown has the compared cells first, then the reduced runs apart from them, then what was not
run. All take the frames of `wholepool.paper.comparison.compare`.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from wholepool.grid.cells import INITIAL
from wholepool.grid.protocol import FULL, as_yaml
from wholepool.grid.readings import BEFORE_SEMI, READINGS
from wholepool.job.files import write_text
from wholepool.paper.comparison import NOT_COMPARED, NOT_RUN, REDUCED, UNDECIDED, VERDICTS
from wholepool.report.names import ALL_STRATEGIES, block_name, method_name, strategy_name
from wholepool.report.render import markdown_escape, mean_and_std, pipes, two_decimals

_HOW_TO_READ = """\
Test accuracy in percent, mean ± sample standard deviation over seeds; the difference is ours minus
the paper's, with its standard error (s.e.). **within**: the difference lies in Welch's two-sided
95 % interval around 0, so this many seeds cannot tell the two apart; **above**, **below**: it lies
outside. At 95 %, one cell in twenty falls outside by chance. A run counts as the paper's cell only
with the whole pool and test set, all that the paper fixes, and, where its text is silent or its
public code differs, one of the readings below; "other settings" names those that are not
`workflow/grids/paper.yaml`'s, and whose they are.
"""
_REDUCED = """\
Trainings on the paper's data sets and budgets, but smaller or otherwise than the paper's, as each
row says. They are no measurement of the paper's cells, so no difference is given.
"""
_READINGS = """\
Where the paper's text is silent, or its public code does otherwise, either is the paper's cell:
`docs/deviations.md` says why the first is the default. [5] is DeepCluster, whose settings the paper
follows.
"""
_PRINTED_AGAIN = """\
Cycle 0 precedes any acquisition, so it is one cell, whose row is above; the paper trained SEMI \
again for these strategies and prints that too. Not compared, not counted.
"""


def write_comparison(table: pd.DataFrame, others: pd.DataFrame, out_dir: str | Path) -> None:
    """Write compare_with_paper.csv and .md. Equal frames give equal bytes."""
    out_dir = Path(out_dir)
    text = table.to_csv(index=False, lineterminator="\n")
    write_text(out_dir / "compare_with_paper.csv", text)
    write_text(out_dir / "compare_with_paper.md", to_markdown(table, others))


def to_markdown(table: pd.DataFrame, others: pd.DataFrame) -> str:
    """The whole page."""
    rows = rows_of(table)
    parts = ["# Comparison with the paper", summary(table), _HOW_TO_READ, "## Cells that both have"]
    compared = [row for row in rows if row.verdict in VERDICTS]
    parts += _blocks(compared, _compared) or ["None was run yet.\n"]
    reduced = [row for row in rows if row.verdict == REDUCED]
    if reduced:
        parts += ["## Reduced runs: not the paper's cells", _REDUCED, *_blocks(reduced, _reduced)]
    parts += ["## Not run", not_run(rows)]
    parts += ["## Readings", _READINGS, readings_table()]
    again = [row for row in rows if row.verdict == NOT_COMPARED]
    if again:
        parts += ["## Printed again", _PRINTED_AGAIN, "".join(map(_printed_again, again))]
    if len(others):
        texts = (f"{r.n_runs} of {block_name(r.dataset, r.budget)}" for r in others.itertuples())
        parts.append(
            f"Runs that have no cell in the paper, and are not shown: {', '.join(texts)}.\n"
        )
    return "\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def summary(table: pd.DataFrame) -> str:
    """How many cells were run, and how many of them are within, above and below, in a sentence.

    The paper prints some cells of ours twice: cycle 0, for two strategies (docs/paper.md).
    """
    cells = _cells(row for row in rows_of(table) if row.verdict not in (REDUCED, NOT_COMPARED))
    run = _cells(row for row in rows_of(table) if row.verdict in VERDICTS)
    shared = {cell for cell in cells if cell[-1] == 0 and cell[2] != FULL}
    ours = len(cells - shared) + len({(*cell[:3], 0) for cell in shared})
    counts = Counter(table["verdict"])
    were = "was" if len(run) == 1 else "were"
    text = f"Of the {len(cells)} numbers that the paper prints, of {ours} cells of ours, "
    text += f"{len(run)} {were} run"
    if run:
        n_rows = sum(counts[name] for name in VERDICTS)
        if n_rows > len(run):
            text += f", in {n_rows} settings"
        shown = [name for name in VERDICTS if name != UNDECIDED or counts[name]]
        text += ": " + ", ".join(f"{counts[name]} {name}" for name in shown)
    if counts[REDUCED] == 1:
        text += ". 1 reduced cell of smaller runs stands beside them and is not compared"
    elif counts[REDUCED]:
        text += f". {counts[REDUCED]} reduced cells of smaller runs stand beside them and are not "
        text += "compared"
    return text + ".\n"


def _strategy(row: Any) -> str:
    """A row's strategy as printed: cycle 0 has all of them, full supervision has none."""
    if row.method == FULL:
        return "–"
    return ALL_STRATEGIES if row.strategy == INITIAL else strategy_name(row.strategy)


def _cells(rows: Iterable[Any]) -> set[tuple[Any, ...]]:
    return {(row.dataset, str(row.budget), row.method, row.strategy, row.cycle) for row in rows}


def rows_of(table: pd.DataFrame) -> list[Any]:
    """The rows with attributes, None where a value is missing."""
    return list(table.astype(object).where(table.notna(), None).itertuples())


def _blocks(rows: Sequence[Any], cells: Callable[[Any], dict[str, str]]) -> list[str]:
    """A heading and a table for each data set and budget among the rows, in their order."""
    parts = []
    for (dataset, budget), block in itertools.groupby(rows, _block):
        body = [cells(row) for row in block]
        lines = [pipes(body[0]), pipes([":---"] * len(body[0]))]
        lines += [pipes(map(markdown_escape, row.values())) for row in body]
        parts += [f"### {block_name(dataset, budget)}", "\n".join(lines)]
    return parts


def _block(row: Any) -> tuple[str, int | None]:
    return row.dataset, row.budget


def _cell(row: Any) -> dict[str, str]:
    return {
        "Labels": str(row.n_labels),
        "Cycle": str(row.cycle),
        "Method": method_name(row.method),
        "Strategy": _strategy(row),
    }


def _compared(row: Any) -> dict[str, str]:
    size = two_decimals(abs(row.difference))
    sign = "" if size == "0.00" else "−" if row.difference < 0 else "+"
    return {
        **_cell(row),
        "Paper": mean_and_std(row.paper_mean, row.paper_std),
        "Ours": mean_and_std(row.mean, row.std),
        "Seeds": str(row.n_seeds),
        "Difference": sign + size,
        "s.e.": "–" if row.standard_error is None else two_decimals(row.standard_error),
        "Verdict": row.verdict,
        "Deviation used": row.deviation_used,
        **_settings(row),
    }


def _reduced(row: Any) -> dict[str, str]:
    return {
        **_cell(row),
        "Reduced by": row.reduced_by,
        "Accuracy of the reduced run": mean_and_std(row.mean, row.std),
        "Seeds": str(row.n_seeds),
        **_settings(row),
    }


def _settings(row: Any) -> dict[str, str]:
    epochs = (row.sup_epochs, row.semi_epochs, row.pre_epochs)
    batches = (row.sup_batch, row.semi_batch)
    return {
        "Pool": row.pool,
        "Test set": row.test_set,
        "Width": f"{row.width:g}",
        "Epochs SUP / SEMI / PRE": " / ".join("–" if n is None else str(n) for n in epochs),
        "Batch SUP / SEMI": " / ".join("–" if n is None else str(n) for n in batches),
        "Augmentation": f"± {row.translate} pixels, {'flips' if row.flip else 'no flips'}",
        "Other settings": row.other_settings or "–",
        "Evidence": row.evidence,
    }


def not_run(rows: Sequence[Any]) -> str:
    """The cells that were not run, a line per data set and budget: methods, strategies, cycles."""
    lines = [
        pipes(["Data set", "Run", "Not run", "Cells that were not run (cycles)"]),
        pipes([":---", ":---:", ":---:", ":---"]),
    ]
    considered = (row for row in rows if row.verdict not in (REDUCED, NOT_COMPARED))
    for (dataset, budget), group in itertools.groupby(considered, _block):
        block = list(group)
        missing = [row for row in block if row.verdict == NOT_RUN]
        methods: dict[str, dict[str, list[int]]] = {}
        for row in missing:
            by_strategy = methods.setdefault(method_name(row.method), {})
            by_strategy.setdefault(_strategy(row), []).append(row.cycle)
        texts = []
        for method, by_strategy in methods.items():
            inner = [f"{s} {_ranges(cycles)}" for s, cycles in by_strategy.items() if s != "–"]
            texts.append(f"{method}: {', '.join(inner)}" if inner else method)
        n_run = str(len(_cells(block)) - len(missing))
        cells = [block_name(dataset, budget), n_run, str(len(missing)), "; ".join(texts) or "none"]
        lines.append(pipes(map(markdown_escape, cells)))
    return "\n".join(lines) + "\n"


def readings_table() -> str:
    """Every key with more than one reading: that of the paper's grid, and the others."""
    lines = [pipes(["Key", "workflow/grids/paper.yaml", "As good"]), pipes([":---"] * 3)]
    before_semi = {f"{key}, before SEMI": values for key, values in BEFORE_SEMI.items()}
    for key, readings in {**READINGS, **before_semi}.items():
        first, *others = (f"{as_yaml(one.value)} ({one.whose})" for one in readings)
        lines.append(pipes([key, first, ", ".join(others)]))
    lines.append(pipes(["pool.mean, pool.std", "the public code's constants", "the pool's own"]))
    return "\n".join(lines) + "\n"


def _ranges(cycles: Sequence[int]) -> str:
    """ "0, 2-4" for 0, 2, 3, 4."""
    texts = []
    # within a run of cycles, the distance to the place is the same
    for _, run in itertools.groupby(enumerate(sorted(set(cycles))), lambda item: item[1] - item[0]):
        numbers = [str(cycle) for _, cycle in run]
        texts.append("-".join(dict.fromkeys((numbers[0], numbers[-1]))))
    return ", ".join(texts)


def _printed_again(row: Any) -> str:
    return (
        f"- {block_name(row.dataset, row.budget)}, {method_name(row.method)}, "
        f"cycle {row.cycle}, {_strategy(row)}: {mean_and_std(row.paper_mean, row.paper_std)} "
        f"({row.source})\n"
    )
