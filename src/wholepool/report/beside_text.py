"""What a comparison of two tables of runs says: for a terminal, as Markdown, or as CSV."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wholepool.job.errors import UserError
from wholepool.job.files import write_text
from wholepool.report.accuracy import to_csv
from wholepool.report.beside import LAST, Beside
from wholepool.report.effects import p_text, signed
from wholepool.report.names import NOT_RUN, method_name, strategy_name
from wholepool.report.render import pipes
from wholepool.statistics.effects import LEVEL

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 110
HEAD = (
    *("method", "strategy", "of", "seeds", "A", "B", "B − A", "95 % interval", "p", "p, Holm"),
    "equal",
)
FEW = 3  # cells, or values, that are named
#: what a difference in how runs were made means, by the column that differs
FLAGS = {
    "device": "other devices: another GPU model can change the order of strategies "
    "(eval-al, WACV 2023)",
    "fingerprint": "other pools (fingerprint): the images differ, and a difference may be theirs",
    "settings_digest": "other settings (settings_digest): see what differs below",
    "precision": "another precision",
    "threads": "other threads: sums end in other last digits",
    "wholepool": "other versions of wholepool: the same settings may mean other work",
    "torch": "other versions of torch: training makes another draw of its last digits",
    "numpy": "other versions of numpy",
    "scipy": "other versions of scipy",
    "python": "other versions of Python",
    "commit": "other commits of the code",
}
Lines = Sequence[Sequence[str]]


def check_out(out: Path) -> None:
    """Raise UserError unless `out` is a new file that ends in .md or .csv."""
    if out.suffix not in (".md", ".csv"):
        raise UserError(f"--out is {out}, but must end in .md or .csv: name the file so")
    if out.exists():
        raise UserError(f"--out {out} is there already and is not overwritten: name a new file")


def write(found: Beside, out: Path) -> None:
    """Write a comparison as its ending says; UserError as `check_out`."""
    check_out(out)
    write_text(out, to_csv(found.table) if out.suffix == ".csv" else markdown(found))


def terminal(found: Beside) -> str:
    """Text of lines of at most WIDTH characters."""
    return _text(found, _aligned, _wrapped, "")


def markdown(found: Beside) -> str:
    """The same in Markdown, with whole lines."""
    return _text(found, _piped, str, "## ")


def _text(
    found: Beside, table: Callable[[Lines], str], line: Callable[[str], str], mark: str
) -> str:
    parts = ["\n".join([line(f"A: {found.names[0]}"), line(f"B: {found.names[1]}")])]
    parts.append("\n".join(line(f"- {text}") for text in sentences(found)))
    for experiment, own in found.table.groupby("experiment", sort=False):
        parts += [f"{mark}{experiment}", table([HEAD, *map(_cells, own.itertuples())])]
    if len(found.table):
        parts.append(line(_caption(found.table)))
    if found.made:
        parts.append(f"{mark}What the runs were made with")
        rows = [(name, *map(_few, values)) for name, values in found.made.items()]
        parts.append(table([("column", "A", "B"), *rows]))
    parts.append(f"{mark}Settings")
    if found.settings:
        parts.append(table([("key", "A", "B"), *found.settings]))
    elif found.settings is None:
        parts.append(line("Not compared: a settings.json is not beside both runs.csv."))
    else:
        parts.append("All are equal.")
    return "\n\n".join(parts) + "\n"


def sentences(found: Beside) -> list[str]:
    """What is to be known before the table is read."""
    said = []
    if found.cells:
        said.append(
            f"{found.cells:,} cells are in both, paired by seed; {found.equal:,} of them are equal "
            "to the last digit."
        )
    else:
        said.append("No cell of the same seed is in both.")
    if not len(found.table):
        said.append("There is no accuracy to compare: a data set without test images has none.")
    elif not found.table["paired"].all():
        said.append(
            "Where seeds differ, cells are no pairs: the interval is Welch's, wider than that of "
            "as many pairs."
        )
    for name, only in zip("AB", found.only, strict=True):
        if only:
            more = f" and {len(only) - FEW:,} more" if len(only) > FEW else ""
            said.append(f"Only {name} has {len(only):,} cells: {', '.join(only[:FEW])}{more}.")
    if len(found.table):
        said.append(_verdict(found.table))
    said += [f"Made with {text}." for name, text in FLAGS.items() if name in found.made]
    if found.equal < found.cells and not found.made and not found.settings:
        said.append(
            "All that the runs tell of how they were made is equal, but their bits are not: "
            "something else differs, as a CPU's model, or repeats itself badly, as a GPU does."
        )
    return said


def _verdict(table: pd.DataFrame) -> str:
    zero = (table["low"] == 0) & (table["high"] == 0)
    tests = int((table["p"].notna() & ~zero).sum())
    sure = table[(table["p_holm"] < LEVEL) & ~zero]
    if not tests:
        return "Nothing is tested: every difference is exactly 0, or of one seed."
    if not len(sure):
        return f"No difference is told from 0 after Holm's correction over {tests} tests."
    above = int((sure["difference"] > 0).sum())
    return (
        f"Of {tests} tests, after Holm's correction, B is above A in {above} and below in "
        f"{len(sure) - above}."
    )


def _caption(table: pd.DataFrame) -> str:
    text = (
        "A and B: mean test accuracy in percent. B − A in points: mean over seeds, 95 % interval "
        "and p of the t test of the pairs"
    )
    text += "" if table["paired"].all() else " (x/y seeds: unpaired, Welch's)"
    return (
        f"{text}; Holm's correction over the whole table. Equal: cells that are equal to the last "
        "digit, of those paired, over all cycles. Not tested (–): one seed, or the same difference "
        "at every seed, which is one observation."
    )


def _cells(row: Any) -> tuple[str, ...]:
    at = f"cycle {row.last_cycle}"
    of = at if row.measure == LAST else f"mean {row.first_cycle}-{row.last_cycle}"
    seeds = str(row.seeds_a) if row.paired else f"{row.seeds_a}/{row.seeds_b}"
    means = f"{row.mean_a:.2f}", f"{row.mean_b:.2f}"
    names = method_name(row.method), strategy_name(row.strategy)
    zero = row.low == row.high == 0
    if row.p != row.p or zero:  # one seed, or no test
        tested = ("exactly" if zero else NOT_RUN, NOT_RUN, NOT_RUN)
    else:
        interval = f"{signed(row.low, 2)} to {signed(row.high, 2)}"
        tested = (interval, p_text(row.p), p_text(row.p_holm))
    difference = signed(row.difference, 2)
    equal = f"{row.equal}/{row.cells}" if row.cells else NOT_RUN
    return (*names, of, seeds, *means, difference, *tested, equal)


def _few(values: list[str]) -> str:
    short = [value[:12] if len(value) > 32 else value for value in values]  # digests, commits
    more = f" and {len(short) - FEW} more" if len(short) > FEW else ""
    return (", ".join(short[:FEW]) or NOT_RUN) + more


def _piped(lines: Lines) -> str:
    head, *rows = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join([pipes(head), pipes(["---"] * len(head)), *map(pipes, rows)])


def _wrapped(text: str) -> str:
    hanging = "  " if text.startswith("- ") else ""
    return textwrap.fill(text, WIDTH, subsequent_indent=hanging, break_on_hyphens=False)


def _aligned(lines: Lines) -> str:
    """Columns side by side; the longest are cut until a line has at most WIDTH characters."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        widths[widths.index(max(widths))] -= 1
    shown = []
    for line in lines:
        cells = zip(line, widths, strict=True)
        cut = [(t if len(t) <= w else t[: w - 1] + "…").ljust(w) for t, w in cells]
        shown.append("  ".join(cut).rstrip())
    return "\n".join(shown)
