"""Label propagation beside the peers' way: the solve alone, and the whole stage."""

import argparse
import functools
from typing import Any

import embeddings
import numpy as np
import peers
from timing import in_turn, interleaved, row, timed

from wholepool.graph.affinity import normalized_graph
from wholepool.graph.conjugate_gradients import solver
from wholepool.graph.neighbors import nearest_neighbors
from wholepool.graph.propagation import label_matrix, propagate

#: what the peers compute, as settings of ours
SETTINGS = {
    "k": 50,
    "gamma": 3,
    "clip": False,
    "graph": "union",
    "labels": "class_mean",
    "alpha": peers.ALPHA,
    "tolerance": 1e-6,
    "max_iterations": peers.ITERATIONS,
    "normalize_weights": True,
    "search": "exact",
    "recall": 0.99,
}
#: data set, labels: 10 and 100 classes
PROBLEMS = (("cifar10", 100), ("cifar100", 1000))


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows."""
    rows = []
    for source, labels in PROBLEMS:
        if source not in options.sources:
            continue
        for stage in options.stages:
            points, truth = embeddings.load(options.cache, options.data, source, stage)
            points, truth = points[: options.n], truth[: options.n]
            labeled = np.random.default_rng(0).choice(len(points), labels, replace=False)
            late = stage == embeddings.STAGES[-1]
            if not late and labels > 100:
                continue  # a hundred classes take the peer ten times as long
            for kind in ("union", "reciprocal") if late else ("union",):
                rows += [solve(points, truth, labeled, source, stage, kind, options)]
            if late:
                rows += stages(points, truth, labeled, source, options)
    return rows


def solve(
    points: np.ndarray,
    truth: np.ndarray,
    labeled: np.ndarray,
    source: str,
    stage: str,
    kind: str,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """The solve alone, on one graph, at the peers' cap of iterations."""
    classes = int(truth.max()) + 1
    graph = normalized_graph(points, SETTINGS | {"graph": kind}, options.device).adjacency
    b = label_matrix(len(points), classes, labeled, truth[labeled], class_mean=True)

    def ours() -> np.ndarray:
        solve = solver(graph, peers.ALPHA, classes, options.device)
        return solve(b, 1e-6, peers.ITERATIONS).x

    times = interleaved(lambda: peers.solve(graph, b), ours, options.repetitions)
    exact = solver(graph, peers.ALPHA, classes)(b, 1e-10, 2000).x
    rest = np.setdiff1d(np.arange(len(points)), labeled)
    residual = [
        np.linalg.norm(b - x + peers.ALPHA * (graph @ x), axis=0) / np.linalg.norm(b, axis=0)
        for x in times[2:]
    ]
    best = [x[rest].argmax(axis=1) for x in (*times[2:], exact)]
    equal = (
        f"arg-max {share(best[0], best[1])} the peer's; residual {residual[1].max():.1e} "
        f"(peer {residual[0].max():.1e}); converged arg-max {share(best[1], best[2])} "
        f"(peer {share(best[0], best[2])})"
    )
    size = f"{source}, {stage}, n = {len(points):,}, c = {classes}, {kind} graph"
    size += f" of {graph.nnz / 1e6:.1f} M entries"
    return row("LP solve, 20 iterations", size, "SciPy's cg, a class at a time", *times[:2], equal)


def stages(
    points: np.ndarray,
    truth: np.ndarray,
    labeled: np.ndarray,
    source: str,
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    """From embeddings to pseudo-labels and the draw; exact search, then approximate."""
    n, classes = len(points), int(truth.max()) + 1
    asked = max(1, n // 25)  # of the peer's loop over images; the rest is extrapolated
    found: dict[str, Any] = {}

    def peer() -> tuple[np.ndarray, np.ndarray]:
        indices, similarities = peers.neighbors(points, SETTINGS["k"])
        graph = peers.graph(indices, similarities)
        b = label_matrix(n, classes, labeled, truth[labeled], class_mean=True)
        labels, weights = peers.pseudo_labels(peers.solve(graph, b))
        rng = np.random.default_rng(0)
        found["loop"], _ = timed(lambda: peers.bookkeeping(labels, weights, labeled, rng, asked))
        found["indices"] = indices
        return labels, weights

    def ours(search: str, recall: float) -> tuple[np.ndarray, np.ndarray]:
        from wholepool.learn.training import draw

        how = SETTINGS | {"search": search, "recall": recall}
        graph = normalized_graph(points, how, options.device).adjacency
        result = propagate(graph, labeled, truth[labeled], classes, SETTINGS, options.device)
        rest = np.setdiff1d(np.arange(n), labeled)
        draw(result.weights[rest], len(rest) // 2, "distinct", np.random.default_rng(0))
        return result.labels, result.weights

    searches = (("exact", 1.0), ("approximate", 0.99), ("approximate", 0.9995))
    runs = [peer, *(functools.partial(ours, *search) for search in searches)]
    times, results = in_turn(runs, options.repetitions)
    more = found["loop"] * (n / asked - 1)  # the loop over the images that were left out
    rest = np.setdiff1d(np.arange(n), labeled)
    sample = np.random.default_rng(1).choice(n, min(n, 2000), replace=False)
    rows = []
    for place, (search, recall) in enumerate(searches, 1):
        near = nearest_neighbors(points, SETTINGS["k"], options.device, search, recall).indices
        common = [len(np.intersect1d(near[i], found["indices"][i])) for i in sample]
        labels, weights = zip(results[0], results[place], strict=True)
        equal = (
            f"neighbors {100 * np.mean(common) / SETTINGS['k']:.2f} %, pseudo-labels "
            f"{share(labels[0][rest], labels[1][rest])}, weights apart by "
            f"{np.abs(weights[0] - weights[1])[rest].mean():.1e} in the mean"
        )
        rows.append(
            row(
                f"LP stage, {search} search" + (f", recall {recall:g}" if place > 1 else ""),
                f"{source}, late, n = {n:,}, c = {classes}",
                f"flat search, SciPy graph, cg a class, loop over images ({more:.1f} s of it "
                "extrapolated)",
                [seconds + more for seconds in times[0]],
                times[place],
                equal,
            )
        )
    return rows


def share(first: np.ndarray, second: np.ndarray) -> str:
    """How many entries agree, in percent."""
    return f"{100 * float((first == second).mean()):.2f} %"
