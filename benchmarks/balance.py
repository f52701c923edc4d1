"""What balance is worth: label propagation on pools of equal and of unequal classes.

    python benchmarks/balance.py --write docs/frozen-features.md

The features are made without training: centered pixels, their first principal components, unit
length. Random, or TypiClust from zero labels, chooses what is labeled. Told is the accuracy on the
unlabeled images: of a linear classifier on the labels alone; of propagation's pseudo-labels without
balance and with `auto`; and of the classifier on the labels and on `auto`'s pseudo-labels, weighted
by their certainty. A seed has its own pool, and all have the same labels: differences are paired.
"""

import argparse
import datetime
from pathlib import Path
from typing import Any

import numpy as np
from bench import on_threads
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from wholepool.graph.affinity import normalized_graph
from wholepool.graph.propagation import propagate
from wholepool.grid import sections
from wholepool.grid.config import fill
from wholepool.job import registry
from wholepool.job.hardware import processor
from wholepool.statistics.effects import interval
from wholepool.strategies import Query

#: the largest class's images over the smallest's, or the share of one class
POOLS = ("1:1", "5:1", "20:1", "60 %")
STARTS = ("random", "typiclust")
WAYS = ("classifier", "none", "auto", "classifier+auto")
SCALE, PENALTY = 10, 1e-3
MEASURED = "<!-- balance -->"


def main() -> None:
    """Measure on each data set; print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--sources", nargs="+", default=["mnist", "fashion_mnist"])
    parser.add_argument("--n", type=int, default=3000, help="images in a pool")
    parser.add_argument("--labels", nargs="+", type=int, default=[20, 50, 100])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--write", type=Path, help="put the table where this page has it")
    options = parser.parse_args()
    rows = []
    for name in options.sources:
        read = registry.get("source", name).load().read({}, options.data_dir)
        images, truth = np.asarray(read.train), np.asarray(read.train_labels, dtype=np.int64)
        for kind in POOLS:
            found = [measure(images, truth, kind, seed, options) for seed in range(options.seeds)]
            for start in STARTS:
                for count in options.labels:
                    got = np.array([each[start, count] for each in found])
                    rows.append((name, kind, start, count, got))
                    print(line(*rows[-1]), flush=True)
    told = table(rows, options)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, _, after = page.split(MEASURED)
        options.write.write_text(f"{before}{MEASURED}\n{told}\n{MEASURED}{after}", encoding="utf-8")


def shares_of(kind: str, classes: int) -> np.ndarray:
    """The classes' shares of a pool: 60 % of one class, or a geometric series of a ratio."""
    if kind.endswith("%"):
        one = float(kind[:-1]) / 100
        return np.array([one] + [(1 - one) / (classes - 1)] * (classes - 1))
    series = float(kind.split(":")[0]) ** -np.linspace(0, 1, classes)
    return series / series.sum()


def measure(
    images: np.ndarray, truth: np.ndarray, kind: str, seed: int, options: argparse.Namespace
) -> dict[tuple[str, int], list[list[float]]]:
    """For each start and number of labels: [accuracy, balanced accuracy] of each of the WAYS."""
    rng = np.random.default_rng(seed)
    classes = int(truth.max()) + 1
    counts = np.round(options.n * shares_of(kind, classes)[rng.permutation(classes)]).astype(int)
    parts = [rng.choice(np.flatnonzero(truth == c), counts[c], False) for c in range(classes)]
    pool = rng.permutation(np.concatenate(parts))
    labels = truth[pool]
    flat = images[pool].reshape(len(pool), -1) / 255
    found = PCA(min(options.dimensions, *flat.shape), random_state=0).fit_transform(flat)
    rows = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    settings = defaults("propagation")["propagation"]
    settings["k"] = min(settings["k"], len(rows) // 10)
    graph = normalized_graph(rows, settings)
    result = {}
    for start in STARTS:
        for count in options.labels:
            known = first_labels(rows, start, count, seed, classes)
            rest = np.setdiff1d(np.arange(len(rows)), known)
            pseudo = {
                way: propagate(
                    graph.adjacency,
                    graph.node[known],
                    labels[known],
                    classes,
                    {**settings, "balance": way},
                )
                for way in ("none", "auto")
            }
            given, weights = pseudo["auto"].labels[graph.node], pseudo["auto"].weights[graph.node]
            both, sure = np.where(np.isin(np.arange(len(rows)), known), labels, given), weights
            sure[known] = 1
            answers = {
                "classifier": classify(rows[known], labels[known], np.ones(count), rows[rest]),
                "none": pseudo["none"].labels[graph.node][rest],
                "auto": given[rest],
                "classifier+auto": classify(rows, both, sure, rows[rest]),
            }
            result[start, count] = [
                [
                    100 * np.mean(answers[way] == labels[rest]),
                    100 * balanced_accuracy_score(labels[rest], answers[way]),
                ]
                for way in WAYS
            ]
    return result


def defaults(*names: str) -> dict[str, Any]:
    """Sections of the config at their defaults."""
    schema = sections.schema()["$defs"]
    return {name: fill({}, schema[name]) for name in names}


def first_labels(rows: np.ndarray, start: str, count: int, seed: int, classes: int) -> np.ndarray:
    """The images that a strategy chooses from zero labels, all at once."""
    plugin = registry.get("strategy", start)
    query = Query(
        n=len(rows),
        labeled=np.empty(0, dtype=np.int64),
        budget=count,
        cycle=0,
        rng=np.random.default_rng(seed),
        options=defaults(*sections.reads(plugin)),
        classes=classes,
        **({"embeddings": rows} if "embeddings" in plugin["NEEDS"] else {}),
    )
    return np.asarray(plugin.load().acquire(query).indices)


def classify(
    rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """What multinomial logistic regression on weighted rows says of the rows `asked`."""
    if len(np.unique(labels)) == 1:
        return np.full(len(asked), labels[0])
    model = LogisticRegression(C=1 / (PENALTY * weights.sum()), max_iter=1000, tol=1e-3)
    answer: np.ndarray = model.fit(SCALE * rows, labels, weights).predict(SCALE * asked)
    return answer


def line(name: str, kind: str, start: str, count: int, got: np.ndarray) -> str:
    """A row of the table; `got` is (seeds, WAYS, 2)."""
    means = [f"{plain:.1f} ({fair:.1f})" for plain, fair in got.mean(axis=0)]
    gains = got[:, WAYS.index("classifier+auto"), 0] - got[:, 0, 0]
    low, high = interval(gains)
    gain = f"{gains.mean():+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"| {' | '.join([name, kind, start, str(count), *means, gain])} |"


def table(rows: list[tuple[Any, ...]], options: argparse.Namespace) -> str:
    """The rows below what made them."""
    command = f"python benchmarks/balance.py --n {options.n} --seeds {options.seeds}"
    head = [
        f"{datetime.date.today()}, {processor()}, one thread, `{command}`: means over "
        f"{options.seeds} seeds, in brackets the balanced accuracy; last, how much the classifier "
        "on labels and pseudo-labels is above the one on the labels, with its 95 % "
        "interval (paired by seed, not corrected for the "
        "number of rows).",
        "",
        "| pool | classes | first labels | labels | classifier | propagated, none | propagated, "
        "auto | classifier + auto | − classifier |",
        "|---|---|---|---:|---:|---:|---:|---:|---|",
    ]
    return "\n".join([*head, *(line(*row) for row in rows)])


if __name__ == "__main__":
    with on_threads(1):  # the number of threads moves last bits, and so a row of the table
        main()
