"""jLP, joint label propagation: the least manifold similarity to the labeled set, (11), (12)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wholepool.strategies import Acquisition, Query

if TYPE_CHECKING:
    from scipy import sparse

TITLE = "jLP"
SOURCE = "the paper, (11), (12)"
COST = (
    "O(n² d) for the graph (above 100,000 images fewer pairs: `propagation.search`), then at most "
    "b solves of O(32 t n k), t iterations each; memory O(n (d + k + 32))"
)
VERSION = 2
NEEDS = ("embeddings",)
READS = (
    "propagation.k",
    "propagation.search",
    "propagation.recall",
    "propagation.gamma",
    "propagation.clip",
    "propagation.alpha",
    "propagation.tolerance",
    "propagation.max_iterations",
)
GPU = True
COLD = True

BLOCK = 32  # likeliest next picks whose influence is solved at once


def acquire(query: Query) -> Acquisition:
    """b times the unlabeled image least similar, on the manifold, to labeled and acquired ones.

    Images of equal embeddings are one node of the graph: of these, one is asked for, and the others
    last, in the order of their indices, once every node has a label.
    """
    # it imports SciPy: half a second that only jLP pays
    from wholepool.graph.affinity import normalized_graph

    settings = query.options["propagation"]
    how = settings | {"graph": query.options["jlp"]["graph"]}
    graph = normalized_graph(query.embeddings, how, query.device)
    labeled = np.unique(graph.node[query.labeled])
    budget = min(query.budget, graph.adjacency.shape[0] - len(labeled))
    nodes, scores = least_similar(graph.adjacency, labeled, budget, settings, query.device)
    of_node = np.unique(graph.node, return_index=True)[1]  # a node's image of the lowest index
    picks = of_node[nodes]
    copies = np.setdiff1d(query.unlabeled, picks)[: query.budget - budget]
    return Acquisition(
        np.concatenate([picks, copies]),
        np.concatenate([scores, np.full(len(copies), scores.max(initial=0))]),
    )


def least_similar(
    graph: "sparse.csr_array",
    labeled: np.ndarray,
    budget: int,
    settings: Mapping[str, Any],
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """`budget` nodes of a normalized adjacency, int64 (b,), first pick first, and their scores.

    The manifold similarity h(delta(L)) is linear in delta(L): acquiring node i adds h(delta({i})).
    So the influence of the likeliest next picks is solved in one block, and picks are read off
    while they stay inside it. This is exact, up to the solver's tolerance.

    The score is the similarity at the time of the pick. Equal similarities (as among nodes that
    no label reaches, which all have 0 and come first, for nothing is known of them) go to the node
    of largest degree in the normalized graph, for it stands for most others, then to the lower
    index. So a node without edges comes last among them.
    """
    from wholepool.graph.conjugate_gradients import solver

    n, alpha = graph.shape[0], settings["alpha"]
    solve = solver(graph, alpha, BLOCK, device)

    def similarity(sources: np.ndarray) -> np.ndarray:
        y = np.zeros((n, sources.shape[1]))
        y[sources, np.arange(sources.shape[1])] = 1
        x = solve(y, settings["tolerance"], settings["max_iterations"]).x
        return np.maximum((1 - alpha) * x, 0)

    current = similarity(labeled[:, None]).sum(axis=1)
    current[labeled] = np.inf  # and of what is acquired: only open nodes are compared
    degree = np.asarray(graph.sum(axis=1)).ravel()
    influence: dict[int, np.ndarray] = {}
    picks: list[int] = []
    scores: list[float] = []
    while len(picks) < budget:
        pick = int(least(current, degree, 1)[0])
        if pick not in influence:
            block = least(current, degree, BLOCK)
            influence = dict(zip(block.tolist(), similarity(block[None, :]).T, strict=True))
        picks.append(pick)
        scores.append(current[pick])
        current += influence[pick]
        current[pick] = np.inf
    return np.array(picks, dtype=np.int64), np.array(scores)


def least(current: np.ndarray, degree: np.ndarray, count: int) -> np.ndarray:
    """The `count` open nodes (finite in `current`, (n,)) least similar, in the order of picks."""
    count = min(count, int(np.isfinite(current).sum()))
    border = current.min() if count == 1 else np.partition(current, count - 1)[count - 1]
    found = np.flatnonzero(current <= border)  # more than `count` where similarities are equal
    return found[np.lexsort((found, -degree[found], current[found]))[:count]]
