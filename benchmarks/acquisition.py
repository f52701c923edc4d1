"""jLP and CoreSet beside the peers' way, and DeepCluster's k-means beside faiss."""

import argparse
from typing import Any

import embeddings
import numpy as np
import peers
from timing import interleaved, row

from wholepool.graph.affinity import normalized_graph
from wholepool.strategies import Query, coreset, jlp

SETTINGS = {"k": 50, "gamma": 3, "clip": True, "graph": "union", "search": "exact", "recall": 0.99}
#: picks of the peer that are timed; the others are extrapolated, as each takes the same time
TIMED = 20


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows, on the late embeddings of CIFAR-10."""
    points, _ = embeddings.load(options.cache, options.data, "cifar10", "late")
    points = points[: options.n]
    labeled = np.sort(np.random.default_rng(0).choice(len(points), 100, replace=False))
    rows = []
    for budget in options.budgets:
        rows += jlp_rows(points, labeled, budget, options)
    for peer in COVERS:
        rows.append(coreset_row(points, labeled, 1000, peer, options))
    for k in (100, 500):
        rows.append(kmeans(points, k, options))
    return rows


def jlp_rows(
    points: np.ndarray, labeled: np.ndarray, budget: int, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Against solves to the same tolerance, and against the peers' 20 iterations: other picks."""
    graph = normalized_graph(points, SETTINGS, options.device).adjacency
    limits = {"alpha": peers.ALPHA, "tolerance": 1e-6, "max_iterations": 1000}
    rows = []
    for cap, how in ((1000, "to 1e-6"), (peers.ITERATIONS, "20 iterations")):
        times = interleaved(
            lambda cap=cap: peers.jlp(graph, labeled, TIMED, cap),
            lambda: jlp.least_similar(graph, labeled, budget, limits, options.device)[0].tolist(),
            options.repetitions,
        )
        checked = min(budget, options.checked)
        theirs = peers.jlp(graph, labeled, checked, cap)
        rows.append(
            row(
                f"jLP, b = {budget:,}",
                f"n = {len(points):,}, cold solves {how}",
                "a cold solve and two argsorts a pick",
                *times[:2],
                agreement(theirs, times[3][:checked]),
                scale=budget / TIMED,
            )
        )
    return rows


#: how the peers write CoreSet's distances: the authors' way, and a plain product
COVERS = {
    "SciPy's distance_matrix, float64": peers.coreset,
    "a NumPy product a pick, float64": peers.coreset_by_product,
}


def coreset_row(
    points: np.ndarray, labeled: np.ndarray, budget: int, how: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Without the first distances, to the labeled set, which both make alike."""
    query = query_of(points, labeled[:1], budget, {}, embeddings=points)
    times = interleaved(
        lambda: COVERS[how](points, labeled[:1], TIMED),
        lambda: coreset.acquire(query).indices.tolist(),
        options.repetitions,
    )
    checked = min(budget, options.checked)
    theirs = COVERS[how](points, labeled[:1], checked)
    return row(
        f"CoreSet, b = {budget:,}",
        f"n = {len(points):,}, d = {points.shape[1]}",
        how,
        *times[:2],
        agreement(theirs, times[3][:checked]),
        scale=budget / TIMED,
    )


def kmeans(points: np.ndarray, k: int, options: argparse.Namespace) -> dict[str, Any]:
    """Ten Lloyd iterations from random points; ours on the device."""
    import torch

    from wholepool.graph.kmeans import kmeans

    table = torch.as_tensor(points, device=options.device)
    objectives: dict[str, list[float]] = {"peer": [], "ours": []}

    def peer() -> None:
        objectives["peer"].append(peers.kmeans(points, k, 10, seed=len(objectives["peer"]) + 1))

    def ours() -> None:
        rng = np.random.default_rng(len(objectives["ours"]))
        objectives["ours"].append(kmeans(table, k, 10, rng).objective[-1])

    times = interleaved(peer, ours, max(options.repetitions, 9))
    mean = {name: float(np.mean(values)) for name, values in objectives.items()}
    return row(
        f"k-means, k = {k}",
        f"n = {len(points):,}, d = {points.shape[1]}, 10 iterations",
        "faiss-cpu",
        *times[:2],
        f"objective {100 * (mean['ours'] / mean['peer'] - 1):+.2f} % of the peer's, "
        f"mean of {len(objectives['ours'])} starts",
    )


def query_of(
    points: np.ndarray, labeled: np.ndarray, budget: int, options: dict[str, Any], **arrays: Any
) -> Query:
    """A query as the acquire stage makes it."""
    rng = np.random.default_rng(0)
    return Query(len(points), labeled, budget, 0, rng, options, **arrays)


def agreement(theirs: list[int], ours: list[int]) -> str:
    """Whether the picks are the same, in the same order."""
    same = next(
        (i for i, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1]), None
    )
    if same is None:
        return f"the same {len(ours):,} picks in the same order"
    common = len(set(theirs) & set(ours))
    return f"{common} of {len(ours):,} picks in common, the first {same} in the same order"
