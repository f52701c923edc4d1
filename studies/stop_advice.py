"""The advice when to stop, given at each cycle of recorded runs, beside what came next.

    python studies/stop_advice.py evidence/modern_cpu
    python studies/stop_advice.py evidence/stop_advice/long_cpu --figure docs/images/stop-advice.png

The runs hold the accuracy on thousands of test images. An audit of a few is drawn at it: of each
image one normal draw stands for how hard it is, in all cycles, and one for each cycle; their
weights make right and wrong of two cycles correlate by advice.ALIKE where half is right. The
numbers of `labeling/advice.py` were chosen on a part of two grids, CHOSEN: what is told is of the
other part, and of the whole of any other grid. No kappa is recorded, so none is given.
"""

import argparse
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from wholepool.labeling import advice
from wholepool.report import style
from wholepool.report.effects import runs_of, signed, table

#: images of the audit
SIZES = (20, 100)
#: the runs of a grid on which the numbers were chosen
CHOSEN = {"modern_cpu": "seed < 5", "long_cpu": "experiment == 'cifar_random'"}
#: the chances below which to stop that `thresholds` compares
UNLIKELY = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
CELL = ["experiment", "method", "strategy"]
Row = dict[str, Any]


def trajectories(runs: pd.DataFrame) -> Iterator[tuple[Row, np.ndarray, np.ndarray]]:
    """A cell's names, its labels and its accuracies (0 to 1) from the first cycle on.

    Of three cycles or more: advice takes two. What is the same for all seeds is one run, and is
    left out.
    """
    first = runs[runs["strategy"] == "initial"]
    for names, cell in runs[~runs["strategy"].isin(["initial", "all"])].groupby(CELL, sort=False):
        experiment, method, _ = names
        mine = first[(first["experiment"] == experiment) & (first["method"] == method)]
        both = pd.concat([mine, cell]).sort_values(["seed", "cycle"])
        if both["seed"].nunique() > 1 and both.groupby("cycle")["accuracy"].nunique().max() == 1:
            continue
        for seed, one in both.groupby("seed"):
            if len(one) > advice.LEAST_CYCLES:
                told = dict(zip(CELL, names, strict=True)) | {"seed": seed}
                yield told, one["n_labels"].to_numpy(), one["accuracy"].to_numpy() / 100


def audits(accuracy: np.ndarray, asked: int, rng: np.random.Generator) -> np.ndarray:
    """How many of the same `asked` images are right in each cycle, int (cycles,)."""
    common = np.sin(np.pi / 2 * advice.ALIKE)  # Sheppard 1899: of normal draws cut at their middle
    hard = np.sqrt(common) * rng.standard_normal(asked)
    each = np.sqrt(1 - common) * rng.standard_normal((len(accuracy), asked))
    right: np.ndarray = (hard + each < ndtri(accuracy)[:, None]).sum(axis=1)
    return right


@functools.cache
def back_test(path: str, chosen: bool = False) -> pd.DataFrame:
    """A row an audit's size, a run and a cycle that has a next one; `chosen` asks for the part on
    which the numbers were chosen."""
    runs = runs_of(path)
    if part := CHOSEN.get(Path(path).name):
        runs = runs.query(part if chosen else f"not ({part})")
    rows, rng = [], np.random.default_rng(0)
    for names, labels, accuracy in trajectories(runs):
        for asked in SIZES:
            right = audits(accuracy, asked, rng)
            cycles = [
                advice.Cycle(int(n), int(hits), asked)
                for n, hits in zip(labels, right, strict=True)
            ]
            for at in range(advice.LEAST_CYCLES - 1, len(labels) - 1):
                found = advice.advise(cycles[: at + 1], int(labels[at + 1] - labels[at]))
                rows.append(
                    names
                    | {"asked": asked, "labels": labels[at], "word": found.word}
                    | vars(found.gain)
                    | {"next": 100 * (accuracy[at + 1] - accuracy[at])}
                    | {
                        "rest": 100 * (accuracy[-1] - accuracy[at]),
                        "saved": labels[-1] - labels[at],
                    }
                )
    return pd.DataFrame(rows)


def given(found: pd.DataFrame) -> str:
    """A row an audit's size, a method and a number of labels."""
    head = [
        *("audit", "method", "labels", "runs", "stop", "your choice", "go on", "expected"),
        *("next batch gained", "all later ones", "inside", "below", "above"),
    ]
    lines = [head]
    for (asked, method, labels), part in found.groupby(["asked", "method", "labels"]):
        words = part["word"].value_counts(normalize=True)
        shares = [words.get(word, 0) for word in (advice.STOP, advice.YOUR_CHOICE, advice.GO_ON)]
        below, above = part["next"] < part["low"], part["next"] > part["high"]
        lines.append(
            [*map(str, (asked, method, labels, len(part))), *map(percent, shares)]
            + [signed(part["expected"].mean()), spread(part["next"]), spread(part["rest"])]
            + [*map(percent, (1 - below.mean() - above.mean(), below.mean(), above.mean()))]
        )
    return (
        "Gains in points of test accuracy: mean (10 % to 90 % of the runs). The last three: how "
        f"often the next batch's gain lay inside its interval of {percent(advice.LEVEL)}, below it "
        f"and above it.\n\n{table(lines)}"
    )


def stops(found: pd.DataFrame) -> str:
    """A row an audit's size and a method: what came of following the advice to stop."""
    lines = [["audit", "method", "runs", "stopped early", "points lost", "labels saved"]]
    for (asked, method), part in found.groupby(["asked", "method"]):
        ended = outcome(part, part["word"] == advice.STOP)
        early = ended[ended["saved"] > 0]
        cells = [spread(early["rest"]), f"{early['saved'].mean():.0f}"] if len(early) else ["–"] * 2
        lines.append(
            [str(asked), str(method), str(len(ended)), percent(len(early) / len(ended)), *cells]
        )
    return (
        "Of the runs that were told to stop before their end: what the later batches would have "
        "gained, mean (10 % to 90 %), and the labels that they took. Below 0 it was well to stop."
        f"\n\n{table(lines)}"
    )


def outcome(found: pd.DataFrame, stop: pd.Series) -> pd.DataFrame:
    """A row a run: what was lost (rest) and saved by its first `stop`, 0 without one."""
    runs = [*CELL, "seed", "asked"]
    first = found[stop].drop_duplicates(runs)
    rest = found.drop_duplicates(runs)[runs].merge(first[[*runs, "rest", "saved"]], how="left")
    return rest.fillna({"rest": 0.0, "saved": 0})


def thresholds(found: pd.DataFrame) -> str:
    """A row an audit's size and a chance below which to stop, on the part to choose by."""
    lines = [
        ["audit", "stop below", "stopped early", "next batch gained", "points lost", "labels saved"]
    ]
    for asked, part in found.groupby("asked"):
        for least in UNLIKELY:
            stop = part["chance"] < least
            ended = outcome(part, stop)
            early = ended[ended["saved"] > 0]
            cells = ["–"] * 3
            if len(early):
                next_one = spread(part[stop]["next"])
                cells = [next_one, spread(early["rest"]), f"{early['saved'].mean():.0f}"]
            lines.append([str(asked), percent(least), percent(len(early) / len(ended)), *cells])
    return (
        "Stopping where the chance of a gain of a point or more is below a threshold, on the runs "
        f"that the numbers were chosen on.\n\n{table(lines)}"
    )


def percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def spread(values: pd.Series) -> str:
    low, high = np.quantile(values, (0.1, 0.9))
    return f"{signed(values.mean())} ({signed(low)} to {signed(high)})"


TABLES = {"given": given, "stops": stops, "thresholds": thresholds}


def text(path: str, *names: str) -> str:
    """The tables of these names, all of them without names."""
    return "\n\n".join(
        TABLES[name](back_test(path, chosen=name == "thresholds")) for name in names or TABLES
    )


def write_figure(path: str, out: Path) -> None:
    """Expected against true gain of the next batch, a panel an audit's size, as PNG."""
    from matplotlib.figure import Figure

    found = back_test(path)
    with style.style():
        figure = Figure(figsize=(6.3, 3.1), layout="constrained")
        panels = figure.subplots(1, len(SIZES), sharex=True, sharey=True)
        for axes, asked in zip(panels, SIZES, strict=True):
            part = found[found["asked"] == asked]
            for word, color in zip(
                (advice.GO_ON, advice.YOUR_CHOICE, advice.STOP), COLORS, strict=True
            ):
                mine = part[part["word"] == word]
                axes.plot(mine["expected"], mine["next"], "o", color=color, ms=3, mew=0, label=word)
            ends = found["expected"].min(), found["expected"].max()
            axes.plot(ends, ends, color=style.GRAY, lw=0.8)
            axes.set(title=f"An audit of {asked} images", xlabel="expected gain (points)")
        panels[0].set_ylabel("gain of the next batch (points)")
        panels[-1].legend(loc="upper right")
        figure.savefig(out, dpi=200)


#: of go on, your choice and stop
COLORS = ("#009E73", "#E69F00", "#D55E00")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("evidence", help="a folder of evidence, or results/NAME")
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(TABLES)}; all without")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="write the figure, as PNG")
    args = parser.parse_args()
    if unknown := set(args.tables) - TABLES.keys():
        parser.error(f"no table {min(unknown)}; there are {', '.join(TABLES)}")
    if args.figure:
        write_figure(args.evidence, args.figure)
    print(text(args.evidence, *args.tables))
