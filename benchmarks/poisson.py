"""Poisson learning beside label propagation and the package graphlearning, on the same graphs.

    python benchmarks/poisson.py --write benchmarks/README.md

The features are made without training: centered pixels, their first principal components, unit
length. The pool is the largest component of the reciprocal graph of `--n` images: graphlearning
knows no other. Its Poisson learning, the authors' own, is not needed: without it ours is measured
alone. Labels are drawn at random; a seed has its own pool and labels. Told are the accuracy on the
unlabeled images, also with `balance: auto`; the share of the pool that both Poisson learnings give
the same class; and processor time of the solve and all that follows, without the search.
"""

import argparse
import datetime
import importlib.metadata
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from balance import defaults
from bench import on_threads
from scipy import sparse
from sklearn.decomposition import PCA

from wholepool.graph.affinity import normalized_graph
from wholepool.graph.poisson import components, poisson
from wholepool.graph.propagation import propagate
from wholepool.job import registry
from wholepool.job.hardware import processor

WAYS = ("propagation", "poisson", "propagation, auto", "poisson, auto", "graphlearning")
TIMED = (0, 1, 4)
MEASURED = "<!-- poisson -->"
PEER = importlib.util.find_spec("graphlearning") is not None


def main() -> None:
    """Measure on each data set; print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--sources", nargs="+", default=["mnist", "fashion_mnist"])
    parser.add_argument("--n", nargs="+", type=int, default=[3000], help="images in a pool")
    parser.add_argument("--labels", nargs="+", type=int, default=[10, 20, 50, 100])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--write", type=Path, help="put the table where this page has it")
    options = parser.parse_args()
    if not PEER:
        print("graphlearning is not installed: ours are measured alone")
    lines = []
    for name in options.sources:
        read = registry.get("source", name).load().read({}, options.data_dir)
        images, truth = np.asarray(read.train), np.asarray(read.train_labels, dtype=np.int64)
        for n in options.n:
            found = [measure(images, truth, n, seed, options) for seed in range(options.seeds)]
            for count in options.labels:
                got = np.array([each[count] for each in found])
                lines.append(line(name, n, count, got))
                print(lines[-1], flush=True)
    told = table(lines, options)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, _, after = page.split(MEASURED)
        options.write.write_text(f"{before}{MEASURED}\n{told}\n{MEASURED}{after}", encoding="utf-8")


def measure(
    images: np.ndarray, truth: np.ndarray, n: int, seed: int, options: argparse.Namespace
) -> dict[int, list[float]]:
    """For each number of labels: accuracy and seconds of each of the WAYS, and what is alike."""
    rng = np.random.default_rng(seed)
    pool = rng.choice(len(images), min(n, len(images)), replace=False)
    flat = images[pool].reshape(len(pool), -1) / 255
    found = PCA(min(options.dimensions, *flat.shape), random_state=0).fit_transform(flat)
    rows = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    settings = defaults("propagation")["propagation"]
    settings["k"] = min(settings["k"], len(rows) // 10)
    graph = normalized_graph(rows, settings)
    labels = truth[pool][np.unique(graph.node, return_index=True)[1]]
    _, component = components(graph.adjacency)
    kept = np.flatnonzero(component == np.bincount(component).argmax())
    adjacency = sparse.csr_array(graph.adjacency[kept][:, kept])
    labels, degree, classes = labels[kept], graph.degree[kept], int(truth.max()) + 1
    roots = sparse.diags_array(np.sqrt(degree))
    weights = sparse.csr_matrix(roots @ adjacency @ roots)
    result = {}
    for count in options.labels:
        known = rng.choice(len(kept), count, replace=False)
        rest = np.setdiff1d(np.arange(len(kept)), known)
        ours = adjacency, known, labels[known], classes, settings, "cpu", degree
        balanced = *ours[:4], {**settings, "balance": "auto"}, *ours[5:]
        ways: list[Callable[[], np.ndarray]] = [
            lambda ours=ours: propagate(*ours).labels,
            lambda ours=ours: poisson(*ours).labels,
            lambda ours=balanced: propagate(*ours).labels,
            lambda ours=balanced: poisson(*ours).labels,
            lambda known=known: theirs(weights, known, labels[known]),
        ]
        told, answers = [], []
        for way in ways:
            began = time.process_time()
            answers.append(way())
            told += [100 * np.mean((answers[-1] == labels)[rest]), time.process_time() - began]
        result[count] = [*told, 100 * np.mean(answers[1] == answers[-1]), len(kept)]
    return result


def theirs(weights: sparse.csr_matrix, known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The classes by graphlearning, which counts those with a label from 0; -1 without it."""
    if not PEER:
        return np.full(weights.shape[0], -1)
    import graphlearning

    names, numbers = np.unique(labels, return_inverse=True)
    scores = graphlearning.ssl.poisson(weights).fit(known, numbers)
    answer: np.ndarray = names[scores.argmax(axis=1)]
    return answer


def line(name: str, n: int, count: int, got: np.ndarray) -> str:
    """A row of the table; `got` is (seeds, 2 * WAYS + 2)."""
    means, middle = got.mean(axis=0), np.median(got, axis=0)
    accuracies = [f"{means[2 * way]:.1f}" for way in range(len(WAYS))]
    seconds = [f"{1000 * middle[2 * way + 1]:.0f}" for way in TIMED]
    same = f"{means[-2]:.1f}"
    if not PEER:
        accuracies[-1] = seconds[-1] = same = "–"
    cells = [name, f"{n:,}", f"{means[-1]:.0f}", str(count)]
    return f"| {' | '.join([*cells, *accuracies, same, *seconds])} |"


def table(lines: list[str], options: argparse.Namespace) -> str:
    """The rows below what made them."""
    sizes = " ".join(map(str, options.n))
    command = f"python benchmarks/poisson.py --n {sizes} --seeds {options.seeds}"
    peer = f"graphlearning {importlib.metadata.version('graphlearning')}" if PEER else "no peer"
    head = [
        f"{datetime.date.today()}, {processor()}, one thread, `{command}`, {peer}: accuracies are "
        f"means over {options.seeds} seeds, in %, milliseconds are medians.",
        "",
        f"| images of | n | in the component | labels | {' | '.join(WAYS)} | same class | "
        f"{' | '.join(f'{WAYS[way]}, ms' for way in TIMED)} |",
        "|---" + "|---:" * (len(WAYS) + len(TIMED) + 4) + "|",
    ]
    return "\n".join([*head, *lines])


if __name__ == "__main__":
    with on_threads(1):
        main()
