"""Label propagation: pseudo-labels and their certainty, equations (1), (8), (9) and (10).

After (9), `balance` scales the masses of the classes to a prior: see graph/balance.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from wholepool.graph.affinity import Graph, normalized_graph
from wholepool.graph.balance import balanced, prior
from wholepool.graph.certainty import certainty
from wholepool.graph.conjugate_gradients import Solve, solver

ROWS = 1024  # of probabilities that are made at a time


def label_matrix(
    n: int, classes: int, labeled: np.ndarray, labels: np.ndarray, class_mean: bool = False
) -> np.ndarray:
    """Y of (8), float64 (n, c): one-hot rows on the labeled set, zero rows elsewhere.

    `class_mean` divides each class's column by its number of labels, as the public code does.
    """
    y = np.zeros((n, classes))
    y[labeled, labels] = 1
    return y / np.maximum(y.sum(axis=0), 1) if class_mean else y


@dataclass(frozen=True)
class Propagation:
    """What propagation answers for every node, and how well its system was solved.

    `probabilities` float64 (n, c); `labels` int32 (n,); `weights` float32 (n,) in [0, 1];
    `reached` bool (n,): whether any label reaches the node. Where none does, and wherever the
    weight is 0, the label says nothing. `residual` is the worst relative one; `recall` is that of
    the search for neighbors.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    reached: np.ndarray
    residual: float
    iterations: int
    recall: float = 1.0


def propagate(
    graph: sparse.csr_array,
    labeled: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: Mapping[str, Any],
    device: str = "cpu",
    degree: np.ndarray | None = None,
) -> Propagation:
    """P = eta[h(Y)] by (9), its pseudo-labels by (1) and their certainty by (10).

    `graph` is the normalized adjacency (n, n); `labeled` and `labels` are int (|L|,); `settings`
    is the config's section `propagation`; a `balance` that is not there is none. All classes are
    solved for at once, a large graph on the `device`. A node that no label reaches gets uniform
    probabilities and weight 0. A tie between classes goes to the lower class, if rounding leaves
    it a tie. The nodes' `degree` float64 (n,) is of no account: another `Spread` reads it.
    """
    class_mean = settings["labels"] == "class_mean"
    y = label_matrix(graph.shape[0], classes, labeled, labels, class_mean)
    solve = solver(graph, settings["alpha"], classes, device)
    solution = solve(y, settings["tolerance"], settings["max_iterations"])

    def masses(rows: slice) -> np.ndarray:
        # truncated conjugate gradients may leave tiny negative values
        scores: np.ndarray = np.maximum((1 - settings["alpha"]) * solution.x[rows], 0)
        return scores

    return answered(solution, masses, labels, settings)


def answered(
    solution: Solve,
    masses: Callable[[slice], np.ndarray],
    labels: np.ndarray,
    settings: Mapping[str, Any],
) -> Propagation:
    """Probabilities, balanced where `settings` ask for it, pseudo-labels (1) and certainty (10).

    `masses` gives those of the classes at a slice of the nodes, float64 (rows, c), at least 0; all
    0 where no label reaches. The probabilities take the place of `solution.x` (n, c). `labels`
    int (|L|,) are the known ones.
    """
    probabilities = solution.x
    classes = probabilities.shape[1]
    weights = np.empty(len(probabilities))
    reached = np.empty(len(probabilities), dtype=bool)
    for start in range(0, len(probabilities), ROWS):  # a block stays in the cache
        rows = slice(start, start + ROWS)
        scores = masses(rows)
        mass = scores.sum(axis=1, keepdims=True)
        reached[rows] = mass[:, 0] > 0
        uniform = np.full_like(scores, 1 / classes)
        probabilities[rows] = np.divide(scores, mass, out=uniform, where=mass > 0)
        weights[rows] = np.where(reached[rows], certainty(probabilities[rows]), 0.0)
    balance = settings.get("balance", "none")
    if balance != "none" and reached.any():
        shares = prior(np.bincount(labels, minlength=classes), balance)
        probabilities[reached] = balanced(probabilities[reached], shares)
        weights[reached] = certainty(probabilities[reached])
    if settings["normalize_weights"]:
        weights = weights / (weights.max() or 1.0)
    return Propagation(
        probabilities,
        probabilities.argmax(axis=1).astype(np.int32),
        weights.astype(np.float32),
        reached,
        float(solution.residuals.max(initial=0)),
        solution.iterations,
    )


#: `propagate`, or `poisson`: (adjacency, labeled, labels, classes, settings, device, degree)
Spread = Callable[
    [sparse.csr_array, np.ndarray, np.ndarray, int, Mapping[str, Any], str, np.ndarray], Propagation
]


def propagate_images(
    embeddings: np.ndarray,
    labeled: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: Mapping[str, Any],
    device: str = "cpu",
    spread: Spread = propagate,
    graph: Graph | None = None,
) -> Propagation:
    """`spread` over the graph of `embeddings` (n, d): the answer for every image.

    Images of equal embeddings are one node (`normalized_graph`): a label of one is a label of all.
    A `graph` that is given is theirs: nothing is searched.
    """
    if graph is None:
        graph = normalized_graph(embeddings, settings, device)
    sources = graph.node[labeled]
    found = spread(graph.adjacency, sources, labels, classes, settings, device, graph.degree)
    of_nodes = ("probabilities", "labels", "weights", "reached")
    of_images = {name: getattr(found, name)[graph.node] for name in of_nodes}
    return replace(found, recall=graph.recall, **of_images)
