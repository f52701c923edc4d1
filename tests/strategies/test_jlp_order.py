"""jLP adds up its solves; the public code solves anew at each pick (docs/deviations.md)."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import cg
from sklearn.datasets import load_digits

from wholepool.graph.affinity import normalized_graph
from wholepool.strategies import jlp

SETTINGS = {
    **{"k": 50, "search": "exact", "recall": 0.99, "gamma": 3, "clip": True, "graph": "union"},
    **{"alpha": 0.99, "tolerance": 1e-6},
}
BUDGET = 30


def solved_once_a_pick(graph, labeled, cap):
    """The public code's way: all sources at once, from zero, at each pick."""
    matrix = sparse.eye_array(graph.shape[0]) - SETTINGS["alpha"] * graph
    sources = np.zeros(graph.shape[0])
    sources[labeled] = 1
    picks = []
    for _ in range(BUDGET):
        similarity, _ = cg(matrix, sources, rtol=SETTINGS["tolerance"], maxiter=cap)
        similarity[sources == 1] = np.inf
        picks.append(int(similarity.argmin()))
        sources[picks[-1]] = 1
    return picks


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_the_authors_where_the_solver_converges_and_not_at_their_cap(seed):
    rng = np.random.default_rng(seed)
    images = load_digits().data[rng.permutation(1797)[:1000]]
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    graph = normalized_graph(images.astype(np.float32), SETTINGS).adjacency
    labeled = np.sort(rng.choice(1000, 10, replace=False))
    same = {}
    for cap in (20, 400):
        settings = {**SETTINGS, "max_iterations": cap}
        ours = jlp.least_similar(graph, labeled, BUDGET, settings)[0].tolist()
        theirs = solved_once_a_pick(graph, labeled, cap)
        same[cap] = sum(one == other for one, other in zip(ours, theirs, strict=True))
    assert same[400] == BUDGET
    assert 20 <= same[20] < BUDGET
